//! Questions, direct and as part of a sentence.

use super::one_clause;
use crate::Pair;
use crate::clause::{Clause, Object, Order, Slot, Tense};
use crate::lexicon::kind::*;
use crate::lexicon::verbs::Frame;
use crate::lexicon::{Case, Gender, Number};
use crate::noun_phrase::{Determiner, NounPhrase, Phrase};
use crate::sampler::Sampler;

/// `Kauft der Mann ein Buch?`
pub(super) fn yes_no_question(sampler: &mut Sampler) -> Pair {
    let clause = sampler.clause(None);
    one_clause(&clause, Order::First, "?")
}

/// `Wen besucht die Lehrerin?`
pub(super) fn question_word(sampler: &mut Sampler) -> Pair {
    let clause = asked(sampler);
    one_clause(&clause, Order::Second, "?")
}

/// A clause with its question word extracted.
pub(super) fn asked(sampler: &mut Sampler) -> Clause {
    let mut clause = match sampler.rng.below(6) {
        0 => who_does(sampler),
        1 | 2 => whom(sampler),
        3 => whither_or_where(sampler),
        _ => {
            let question = sampler
                .rng
                .weighted(&[(1, ("wann", "when")), (1, ("warum", "why"))]);
            let mut clause = sampler.clause(None);
            if question.0 == "wann" {
                clause.frequency = None;
                clause.time = None;
                if matches!(clause.tense, Tense::Coming | Tense::Since) {
                    clause.tense = Tense::Present;
                }
            }
            clause.question = Some(Phrase::from(question));
            clause.front = Slot::Question;
            clause
        }
    };
    clause.extracted = true;
    clause
}

/// `Wer hilft dem Kind?`
fn who_does(sampler: &mut Sampler) -> Clause {
    let anyone = NounPhrase::First("Peter", Gender::Masculine);
    let mut clause = loop {
        let clause = sampler.clause(Some(&anyone));
        // Without a subject there is no one whose own thing it could be.
        if !clause.german(Order::Second).contains(" sein") {
            break clause;
        }
    };
    clause.subject = Phrase::new("wer", "who");
    clause.front = Slot::Subject;
    clause
}

/// `Was kauft er?`, `Wem hilft sie?`, `Auf wen wartet ihr?`, `Wie viele Äpfel isst du?`
fn whom(sampler: &mut Sampler) -> Clause {
    loop {
        let verb = sampler.verb(|verb| {
            matches!(
                verb.frame,
                Frame::Accusative | Frame::Dative | Frame::DativeAccusative | Frame::Prepositional(..)
            )
        });
        let subject = sampler.short_subject(verb.subjects);
        let tense = sampler.tense(verb, &subject);
        let mut clause = sampler.fill(verb, &subject, tense, false);
        let extracted = |de: &str, en: &str| {
            Some(Object {
                phrase: Phrase::new(de, en),
                pronoun: false,
            })
        };
        match verb.frame {
            Frame::Accusative if verb.objects == PERSON => {
                clause.accusative = extracted("wen", "who");
                clause.front = Slot::Accusative;
            }
            Frame::Accusative if sampler.rng.chance(30) => {
                let mut group = sampler.group(verb.objects & !MASS, Some(&subject));
                if group.name.noun.kinds & MASS != 0 {
                    continue;
                }
                group.determiner = Determiner::Bare;
                group.numeral = None;
                group.number = Number::Plural;
                let group = NounPhrase::Group(Box::new(group)).phrase(Case::Accusative);
                clause.accusative = extracted(
                    &format!("wie viele {}", group.de),
                    &format!("how many {}", group.en),
                );
                clause.front = Slot::Accusative;
            }
            Frame::Accusative => {
                clause.accusative = extracted("was", "what");
                clause.front = Slot::Accusative;
            }
            Frame::Dative | Frame::DativeAccusative => {
                clause.dative = extracted("wem", "who");
                clause.front = Slot::Dative;
            }
            Frame::Prepositional(preposition, case) => {
                let whom = if case == Case::Dative { "wem" } else { "wen" };
                clause.prepositional = Some(Phrase::new(format!("{preposition} {whom}"), "who"));
                clause.front = Slot::Prepositional;
            }
            _ => continue,
        }
        return clause;
    }
}

/// `Wohin fährst du?`, `Wo wohnt dein Bruder?`
fn whither_or_where(sampler: &mut Sampler) -> Clause {
    let verb = sampler.verb(|verb| matches!(verb.frame, Frame::Direction | Frame::Position));
    let subject = sampler.short_subject(verb.subjects);
    let tense = sampler.tense(verb, &subject);
    let mut clause = sampler.fill(verb, &subject, tense, false);
    let question = if verb.frame == Frame::Direction {
        "wohin"
    } else {
        "wo"
    };
    clause.question = Some(Phrase::new(question, "where"));
    clause.direction = None;
    clause.place = None;
    clause.front = Slot::Question;
    clause
}
