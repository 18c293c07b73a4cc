//! Sentences of several clauses: reported speech, subordinate and relative clauses, infinitives.

use super::questions::asked;
use super::simple::{described, is};
use super::{one_clause, pair};
use crate::clause::{Clause, Order, Slot, Tense};
use crate::lexicon::adjectives::ADJECTIVES;
use crate::lexicon::kind::*;
use crate::lexicon::verbs::{Frame, SAYING, TRYING, Verb};
use crate::lexicon::words::{PRONOUNS, WEATHER};
use crate::lexicon::{Case, Gender};
use crate::noun_phrase::{Determiner, NounPhrase, Phrase};
use crate::punctuation::{capitalise, finish};
use crate::sampler::Sampler;
use crate::{Pair, english, german};

/// A verb of saying and the like in the main clause.
fn matrix(sampler: &mut Sampler, verb: &'static Verb, negated: bool) -> Clause {
    let subject = loop {
        let subject = sampler.short_subject(PERSON);
        let no_one =
            matches!(&subject, NounPhrase::Group(group) if matches!(group.determiner, Determiner::No));
        if !(negated && no_one) {
            break subject;
        }
    };
    let phrase = Phrase::new(subject.german(Case::Nominative), subject.english(true));
    let past = subject.agreement().person != 2 && verb.base() == "wissen" || verb.base() == "hoffen";
    let gone = if past { Tense::Past } else { Tense::Perfect };
    let tense = if sampler.rng.chance(70) || (subject.agreement().person == 2 && gone == Tense::Past) {
        Tense::Present
    } else {
        gone
    };
    let mut clause = Clause::new(phrase, subject.agreement(), verb, tense);
    clause.negated = negated;
    clause
}

/// `Ich weiß, dass er kommt.`, `Sie weiß nicht, wo er wohnt.`
pub(super) fn reported(sampler: &mut Sampler) -> Pair {
    if sampler.rng.chance(60) {
        let verb = sampler.rng.pick(SAYING);
        let main = matrix(sampler, verb, false);
        let inner = if sampler.rng.chance(25) {
            described(sampler)
        } else {
            sampler.clause(None)
        };
        return pair(
            &format!(
                "{} , dass {}",
                main.german(Order::Second),
                inner.german(Order::Last)
            ),
            &format!("{} that {}", main.english(false), inner.english(false)),
            ".",
        );
    }
    let main = matrix(sampler, &SAYING[0], true);
    let (de, en) = if sampler.rng.chance(50) {
        let inner = sampler.clause(None);
        (
            format!("ob {}", inner.german(Order::Last)),
            format!("whether {}", inner.english(false)),
        )
    } else {
        let inner = asked(sampler);
        (inner.german(Order::Last), inner.english(false))
    };
    pair(
        &format!("{} , {de}", main.german(Order::Second)),
        &format!("{} {en}", main.english(false)),
        ".",
    )
}

/// Somebody, and the pronoun for them.
fn person_and_pronoun(sampler: &mut Sampler) -> (NounPhrase, NounPhrase) {
    let subject = loop {
        let subject = sampler.short_subject(PERSON);
        // `das Mädchen` is `es` in German and no pronoun is safe for `no one` and `every child`.
        let vague = match &subject {
            NounPhrase::Group(group) => matches!(
                group.determiner,
                Determiner::No | Determiner::Every | Determiner::Indefinite
            ),
            _ => false,
        };
        if subject.gender() != Some(Gender::Neuter) && !vague {
            break subject;
        }
    };
    let pronoun = match (&subject, subject.gender()) {
        (NounPhrase::Pronoun(_), _) => subject.clone(),
        (_, Some(Gender::Masculine)) => NounPhrase::Pronoun(&PRONOUNS[2]),
        (_, Some(_)) => NounPhrase::Pronoun(&PRONOUNS[3]),
        (_, None) => NounPhrase::Pronoun(&PRONOUNS[6]),
    };
    (subject, pronoun)
}

const NOW: &[Tense] = &[Tense::Present];

const THEN: &[Tense] = &[Tense::Perfect, Tense::Perfect, Tense::Past];

/// `Weil es regnet, bleibt er zu Hause.`
pub(super) fn subordinate(sampler: &mut Sampler) -> Pair {
    let tenses = if sampler.rng.chance(50) { NOW } else { THEN };
    let conjunctions = [
        (4, ("weil", "because")),
        (3, ("obwohl", "although")),
        (2, ("bevor", "before")),
        (2, ("während", "while")),
        (if tenses == NOW { 4 } else { 0 }, ("wenn", "when")),
    ];
    let (de, en) = sampler.rng.weighted(&conjunctions);
    let (first, second) = match person_and_pronoun(sampler) {
        (subject, pronoun) if sampler.rng.chance(50) => (subject, pronoun),
        (subject, _) => (subject, sampler.short_subject(PERSON)),
    };
    let leads = sampler.rng.chance(45);
    let weather = tenses == NOW && de != "bevor" && de != "während" && sampler.rng.chance(15);
    let (inner_subject, main_subject) = if leads {
        (&first, &second)
    } else {
        (&second, &first)
    };
    let inner = if weather {
        Phrase::from(*sampler.rng.pick(WEATHER))
    } else {
        let inner = sampler.short_clause(inner_subject, tenses);
        Phrase::new(inner.german(Order::Last), inner.english(false))
    };
    let mut main = sampler.short_clause(main_subject, tenses);
    main.place = main.place.filter(|_| main.verb.frame == Frame::Position);
    let (inner_de, inner_en) = (inner.de, inner.en);
    if leads {
        let german = format!("{de} {inner_de} , {}", main.german(Order::First));
        pair(
            &german,
            &format!("{en} {inner_en} , {}", main.english(false)),
            ".",
        )
    } else {
        let german = format!("{} , {de} {inner_de}", main.german(Order::Second));
        pair(&german, &format!("{} {en} {inner_en}", main.english(false)), ".")
    }
}

/// `Nachdem sie gegessen hatte, ging sie nach Hause.`
pub(super) fn sequence(sampler: &mut Sampler) -> Pair {
    let (subject, pronoun) = person_and_pronoun(sampler);
    let first = sampler.short_clause(&subject, &[Tense::PastPerfect]);
    let then = sampler.short_clause(&pronoun, THEN);
    let german = format!(
        "nachdem {} , {}",
        first.german(Order::Last),
        then.german(Order::First)
    );
    pair(
        &german,
        &format!("after {} , {}", first.english(false), then.english(false)),
        ".",
    )
}

/// `Der Mann, der das Auto repariert, ist müde.`
pub(super) fn described_person(sampler: &mut Sampler) -> Pair {
    let kinds = *sampler.rng.pick(&[PERSON, PERSON, TEXT | CLOTHES | THING]);
    let mut group = loop {
        let group = sampler.group(kinds & !MASS, None);
        if matches!(group.determiner, Determiner::Definite) && group.name.noun.kinds & MASS == 0 {
            break group;
        }
    };
    let relative = sampler.relative(&group);
    group.tail = Some(relative);
    let noun = group.name.noun;
    let subject = NounPhrase::Group(Box::new(group));
    if kinds == PERSON && sampler.rng.chance(60) {
        let clause = sampler.short_clause(&subject, &[Tense::Present, Tense::Perfect]);
        return one_clause(&clause, Order::Second, ".");
    }
    let fitting: Vec<_> = ADJECTIVES
        .iter()
        .filter(|adjective| adjective.kinds & noun.kinds != 0)
        .collect();
    let adjective = sampler.rng.pick(&fitting);
    let mut clause = is(
        &subject,
        sampler.rng.chance(25),
        Phrase::new(adjective.de, adjective.en),
    );
    clause.negated = sampler.rng.chance(15);
    one_clause(&clause, Order::Second, ".")
}

/// `Er versucht, das Fenster zu öffnen.`, `Sie geht in die Stadt, um ein Buch zu kaufen.`
pub(super) fn infinitive(sampler: &mut Sampler) -> Pair {
    let purpose = sampler.rng.chance(45);
    let subject = sampler.short_subject(PERSON);
    let (mut main, link) = if purpose {
        let verb = sampler.verb(|verb| verb.frame == Frame::Direction && verb.subjects & PERSON != 0);
        let tense = sampler.tense(verb, &subject);
        (sampler.fill(verb, &subject, tense, false), " um")
    } else {
        let verb = sampler.rng.pick(TRYING);
        let phrase = Phrase::new(subject.german(Case::Nominative), subject.english(true));
        let tense = if sampler.rng.chance(50) {
            Tense::Present
        } else {
            Tense::Perfect
        };
        (Clause::new(phrase, subject.agreement(), verb, tense), "")
    };
    if main.time.is_some() && sampler.rng.chance(50) {
        main.front = Slot::Time;
    }
    let verb = sampler.verb(|verb| {
        verb.subjects & PERSON != 0
            && !verb.is_involuntary()
            && !matches!(verb.frame, Frame::Direction | Frame::Position)
    });
    let inner = sampler.fill(verb, &subject, Tense::Present, false);
    let german = format!(
        "{} ,{link} {}",
        main.german(Order::Second),
        inner.german_infinitive()
    );
    pair(
        &german,
        &format!("{} {}", main.english(false), inner.english_infinitive()),
        ".",
    )
}

/// `Der Vater kocht, aber die Kinder schlafen.`
pub(super) fn contrast(sampler: &mut Sampler) -> Pair {
    let tenses = if sampler.rng.chance(50) { NOW } else { THEN };
    let (one, other) = (sampler.short_subject(PERSON), sampler.short_subject(PERSON));
    let (one, other) = (
        sampler.short_clause(&one, tenses),
        sampler.short_clause(&other, tenses),
    );
    let (de, en) = if sampler.rng.chance(50) {
        (", aber", ", but")
    } else {
        ("und", "and")
    };
    let german = format!(
        "{} {de} {}",
        one.german(Order::Second),
        other.german(Order::Second)
    );
    pair(
        &german,
        &format!("{} {en} {}", one.english(false), other.english(false)),
        ".",
    )
}

/// `Anna sagt: „Ich kaufe ein Buch.“`
pub(super) fn quotation(sampler: &mut Sampler) -> Pair {
    let speaker = loop {
        let speaker = sampler.short_subject(PERSON);
        if !speaker.is_pronoun() {
            break speaker;
        }
    };
    let subject = NounPhrase::Pronoun(&PRONOUNS[*sampler.rng.pick(&[0, 4])]);
    let said = one_clause(
        &sampler.short_clause(&subject, &[Tense::Present, Tense::Perfect]),
        Order::Second,
        ".",
    );
    let verb = &SAYING[1];
    let says = german::present(verb, speaker.agreement());
    let opening = format!(
        "{} {}:",
        speaker.english(true),
        english::present("say", speaker.agreement())
    );
    Pair {
        de: format!(
            "{} {says}: „{}“",
            capitalise(&speaker.german(Case::Nominative)),
            said.de
        ),
        en: format!("{} \"{}\"", finish(&opening, true), said.en),
    }
}
