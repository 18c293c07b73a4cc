//! Relative clauses: a clause around a gap that a noun fills.

use super::Sampler;
use crate::clause::{Object, Order, Slot};
use crate::german;
use crate::lexicon::Case;
use crate::lexicon::kind::PERSON;
use crate::lexicon::verbs::Frame;
use crate::noun_phrase::{Group, NounPhrase, Phrase};

/// Which relation the relative pronoun has in its clause.
#[derive(Debug, Clone, Copy)]
enum Gap {
    Subject,
    Accusative,
    Dative,
}

impl Sampler {
    /// `, der das Auto repariert,`: a clause around a gap that the noun fills.
    pub(crate) fn relative(&mut self, head: &Group) -> Phrase {
        let noun = head.name.noun;
        let is_person = noun.kinds & PERSON != 0;
        let gap = match self.rng.below(10) {
            0..5 if is_person => Gap::Subject,
            5..7 if is_person => Gap::Dative,
            _ => Gap::Accusative,
        };
        let is_simple = |frame: Frame| {
            matches!(
                frame,
                Frame::Intransitive | Frame::Accusative | Frame::Direction | Frame::Position
            )
        };
        let verb = self.verb(|verb| match gap {
            Gap::Subject => verb.subjects & PERSON != 0 && is_simple(verb.frame),
            Gap::Dative => verb.frame == Frame::Dative,
            Gap::Accusative => verb.frame == Frame::Accusative && verb.objects & noun.kinds != 0,
        });
        let case = match gap {
            Gap::Subject => Case::Nominative,
            Gap::Accusative => Case::Accusative,
            Gap::Dative => Case::Dative,
        };
        let english = if is_person { "who" } else { "that" };
        let pronoun = Phrase::new(german::relative(case, noun.gender, head.number), english);
        let itself = NounPhrase::Group(Box::new(Group {
            tail: None,
            ..head.clone()
        }));
        let subject = match gap {
            Gap::Subject => itself,
            Gap::Accusative | Gap::Dative => self.short_subject(verb.subjects),
        };
        let tense = self.tense(verb, &subject);
        let mut clause = self.fill(verb, &subject, tense, false);
        match gap {
            Gap::Subject => clause.subject = pronoun,
            Gap::Accusative => {
                clause.accusative = Some(Object {
                    phrase: pronoun,
                    pronoun: false,
                });
                clause.front = Slot::Accusative;
            }
            Gap::Dative => {
                clause.dative = Some(Object {
                    phrase: pronoun,
                    pronoun: false,
                });
                clause.front = Slot::Dative;
            }
        }
        clause.extracted = true;
        Phrase::new(
            format!(", {} ,", clause.german(Order::Last)),
            clause.english(false),
        )
    }
}
