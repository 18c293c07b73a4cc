//! Sentences of one clause: statements, descriptions, orders.

use super::{one_clause, pair};
use crate::clause::{Clause, Object, Order, Slot, Tense};
use crate::lexicon::adjectives::ADJECTIVES;
use crate::lexicon::kind::*;
use crate::lexicon::nouns::NOUNS;
use crate::lexicon::verbs::{BE, Frame};
use crate::lexicon::words::PRONOUNS;
use crate::lexicon::{Agreement, Case, Number, numbers};
use crate::noun_phrase::{Determiner, NounPhrase, Phrase};
use crate::sampler::Sampler;
use crate::{Pair, english};

/// `Heute kauft der Mann ein Buch.`
pub(super) fn statement(sampler: &mut Sampler) -> Pair {
    let mut clause = sampler.clause(None);
    if sampler.rng.chance(45) {
        if clause.time.is_some() {
            clause.front = Slot::Time;
        } else if clause.place.is_some() && clause.verb.frame != Frame::Position {
            clause.front = Slot::Place;
        }
    }
    one_clause(&clause, Order::Second, ".")
}

/// `Den Apfel isst das Kind.`: only the case says who eats whom.
pub(super) fn stressed_object(sampler: &mut Sampler) -> Pair {
    loop {
        let verb = sampler.verb(|verb| {
            matches!(
                verb.frame,
                Frame::Accusative | Frame::DativeAccusative | Frame::Dative
            )
        });
        let subject = sampler.short_subject(verb.subjects);
        let tense = sampler.tense(verb, &subject);
        let mut clause = sampler.fill(verb, &subject, tense, false);
        let leads = |object: &Option<Object>, articles: &[&str]| {
            let object = object
                .as_ref()
                .filter(|it| !it.pronoun && !it.phrase.de.contains(','));
            object.is_some_and(|it| articles.iter().any(|article| it.phrase.de.starts_with(article)))
        };
        if leads(&clause.accusative, &["den ", "diesen ", "einen "]) {
            clause.front = Slot::Accusative;
        } else if leads(&clause.dative, &["dem ", "diesem ", "meinem ", "unserem "]) {
            clause.front = Slot::Dative;
        } else {
            continue;
        }
        return one_clause(&clause, Order::Second, ".");
    }
}

pub(super) fn is(subject: &NounPhrase, past: bool, complement: Phrase) -> Clause {
    let phrase = Phrase::new(subject.german(Case::Nominative), subject.english(true));
    let tense = if past { Tense::Past } else { Tense::Present };
    let mut clause = Clause::new(phrase, subject.agreement(), &BE, tense);
    clause.complement = Some(complement);
    clause
}

/// `Das Haus ist sehr alt.`, `War das Haus teuer?`
pub(super) fn description(sampler: &mut Sampler) -> Pair {
    let clause = described(sampler);
    if sampler.rng.chance(20) {
        return one_clause(&clause, Order::First, "?");
    }
    one_clause(&clause, Order::Second, ".")
}

pub(super) fn described(sampler: &mut Sampler) -> Clause {
    let adjective = sampler.rng.pick(ADJECTIVES);
    let mut subject = sampler.subject(adjective.kinds);
    if let NounPhrase::Group(group) = &mut subject {
        group.adjective = None;
        if matches!(
            group.determiner,
            Determiner::Bare | Determiner::Indefinite | Determiner::No
        ) {
            group.determiner = Determiner::Definite;
        }
    }
    let has_degrees = usize::from(!adjective.comparative.0.is_empty());
    let degree = sampler.rng.weighted(&[
        (5, ("", "")),
        (3 * has_degrees, ("sehr", "very")),
        (has_degrees, ("zu", "too")),
    ]);
    let complement = Phrase::new(
        format!("{} {}", degree.0, adjective.de).trim(),
        format!("{} {}", degree.1, adjective.en).trim(),
    );
    let mut clause = is(&subject, sampler.rng.chance(35), complement);
    let quantified = match &subject {
        NounPhrase::Group(group) => matches!(group.determiner, Determiner::Every | Determiner::All),
        _ => false,
    };
    clause.negated = !quantified && sampler.rng.chance(15);
    clause
}

/// `Der Tisch ist älter als der Stuhl.`
pub(super) fn comparison(sampler: &mut Sampler) -> Pair {
    let adjective = loop {
        let adjective = sampler.rng.pick(ADJECTIVES);
        if !adjective.comparative.0.is_empty() {
            break adjective;
        }
    };
    let mut side = |kinds| loop {
        let mut group = sampler.group(kinds, None);
        let definite = matches!(
            group.determiner,
            Determiner::Definite | Determiner::This | Determiner::Possessive(..)
        );
        if definite {
            group.adjective = None;
            return group;
        }
    };
    let one = side(adjective.kinds);
    let other = NounPhrase::Group(Box::new(side(adjective.kinds & one.name.noun.kinds)));
    let one = NounPhrase::Group(Box::new(one));
    let complement = Phrase::new(
        format!(
            "{} als {}",
            adjective.comparative.0,
            other.german(Case::Nominative)
        ),
        format!("{} than {}", adjective.comparative.1, other.english(false)),
    );
    let clause = is(&one, sampler.rng.chance(25), complement);
    let order = if sampler.rng.chance(20) {
        Order::First
    } else {
        Order::Second
    };
    one_clause(&clause, order, if order == Order::First { "?" } else { "." })
}

/// Ages and prices.
pub(super) fn measure(sampler: &mut Sampler) -> Pair {
    let count = sampler.count();
    let (de, en) = (numbers::german(count), numbers::english(count));
    if sampler.rng.chance(50) {
        let subject = sampler.short_subject(PERSON);
        let mut clause = is(
            &subject,
            false,
            Phrase::new(format!("{de} Jahre alt"), format!("{en} years old")),
        );
        if sampler.rng.chance(25) {
            clause.complement = None;
            clause.question = Some(Phrase::new("wie alt", "how old"));
            clause.front = Slot::Question;
            clause.extracted = true;
            return one_clause(&clause, Order::Second, "?");
        }
        return one_clause(&clause, Order::Second, ".");
    }
    let mut group = sampler.group(THING | CLOTHES | FURNITURE | DEVICE, None);
    if !matches!(group.determiner, Determiner::This | Determiner::Possessive(..)) {
        group.determiner = Determiner::Definite;
    }
    if group.name.noun.kinds & MASS != 0 {
        group.name.noun = NOUNS
            .iter()
            .find(|noun| noun.de == "Mantel")
            .expect("the lexicon has coats");
        group.adjective = None;
    }
    let subject = NounPhrase::Group(Box::new(group));
    let costs = if subject.agreement().number == Number::Singular {
        ("kostet", "costs")
    } else {
        ("kosten", "cost")
    };
    let german = format!("{} {} {de} Euro", subject.german(Case::Nominative), costs.0);
    pair(
        &german,
        &format!("{} {} {en} euros", subject.english(true), costs.1),
        ".",
    )
}

/// `Öffne bitte das Fenster!`
pub(super) fn order(sampler: &mut Sampler) -> Pair {
    let you = NounPhrase::Pronoun(&PRONOUNS[1]);
    let verb = sampler
        .verb(|verb| verb.subjects & PERSON != 0 && (!verb.is_involuntary() || verb.base() == "vergessen"));
    let negated = verb.base() == "vergessen" || sampler.rng.chance(15);
    let mut clause = sampler.fill(verb, &you, Tense::Present, negated);
    if clause.place.is_none() && clause.direction.is_none() && sampler.rng.chance(20) {
        clause.place = Some(sampler.place());
    }
    let polite = !(clause.negated || clause.negative_object) && sampler.rng.chance(65);
    pair(
        &clause.german_imperative(polite),
        &clause.english_imperative(polite),
        "!",
    )
}

/// `In der Stadt gibt es ein Museum.`
pub(super) fn existence(sampler: &mut Sampler) -> Pair {
    let place = sampler.place();
    let mut group = loop {
        let group = sampler.group(FURNITURE | BUILDING | ANIMAL | DEVICE, None);
        if group.name.noun.kinds & MASS == 0 {
            break group;
        }
    };
    let plural = group.number == Number::Plural;
    let none = !plural && sampler.rng.chance(20);
    group.determiner = match (plural, none) {
        (true, _) if group.numeral.is_none() => Determiner::Many,
        (true, _) => Determiner::Bare,
        (false, true) => Determiner::No,
        (false, false) => Determiner::Indefinite,
    };
    let thing = NounPhrase::Group(Box::new(group)).phrase(Case::Accusative);
    let verb = english::be(
        false,
        Agreement::third(if plural { Number::Plural } else { Number::Singular }),
    );
    match sampler.rng.below(4) {
        0 if !none => pair(
            &format!("gibt es {} {}", place.de, thing.de),
            &format!("{verb} there {} {}", thing.en, place.en),
            "?",
        ),
        _ => pair(
            &format!("{} gibt es {}", place.de, thing.de),
            &format!("there {verb} {} {}", thing.en, place.en),
            ".",
        ),
    }
}

/// `Mir gefällt das Bild.`: what German makes the subject is the English object.
pub(super) fn liking(sampler: &mut Sampler) -> Pair {
    let mut thing = sampler.group(THING | CLOTHES | BUILDING | OUTDOORS | TEXT, None);
    let definite = matches!(
        thing.determiner,
        Determiner::Definite | Determiner::This | Determiner::Possessive(..) | Determiner::Of(_)
    );
    if !definite {
        thing.determiner = Determiner::Definite;
    }
    let plural = thing.number == Number::Plural;
    let thing = NounPhrase::Group(Box::new(thing));
    let person = loop {
        let person = sampler.short_subject(PERSON);
        let quantified = matches!(&person, NounPhrase::Group(group)
            if matches!(group.determiner, Determiner::No | Determiner::Every | Determiner::All));
        if !quantified {
            break person;
        }
    };
    let (subject, object) = (thing.german(Case::Nominative), person.german(Case::Dative));
    let verb = if plural { "gefallen" } else { "gefällt" };
    let negated = sampler.rng.chance(20);
    let nicht = if negated { "nicht" } else { "" };
    let german = match sampler.rng.below(3) {
        0 => format!("{object} {verb} {subject} {nicht}"),
        _ => format!("{subject} {verb} {object} {nicht}"),
    };
    let likes = if negated {
        format!("{} not like", english::present("do", person.agreement()))
    } else {
        english::present("like", person.agreement())
    };
    pair(
        &german,
        &format!("{} {likes} {}", person.english(true), thing.english(false)),
        ".",
    )
}
