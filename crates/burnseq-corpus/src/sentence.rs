//! Sentence patterns: statements, questions, orders, and how clauses combine.

use crate::clause::{Clause, Object, Order, Slot, Tense, capitalise, finish};
use crate::lexicon::kind::*;
use crate::lexicon::nouns::NOUNS;
use crate::lexicon::verbs::{BE, Frame, SAYING, TRYING, Verb};
use crate::lexicon::words::{PRONOUNS, WEATHER};
use crate::lexicon::{Agreement, Case, Gender, Number, numbers};
use crate::noun_phrase::{Determiner, NounPhrase, Phrase};
use crate::sampler::Sampler;
use crate::{Pair, english, german};

/// A sentence pattern.
type Pattern = fn(&mut Sampler) -> Pair;

/// Patterns and how often they occur, out of 100.
const PATTERNS: &[(usize, Pattern)] = &[
    (23, statement),
    (5, stressed_object),
    (7, description),
    (3, comparison),
    (3, measure),
    (8, yes_no_question),
    (10, question_word),
    (7, reported),
    (9, subordinate),
    (6, described_person),
    (6, infinitive),
    (4, order),
    (3, contrast),
    (2, existence),
    (3, liking),
    (1, quotation),
    (2, sequence),
];

/// One random sentence in both languages.
pub(crate) fn sentence(sampler: &mut Sampler) -> Pair {
    let pattern = sampler.rng.weighted(PATTERNS);
    pattern(sampler)
}

fn pair(de: &str, en: &str, mark: &str) -> Pair {
    Pair {
        de: finish(&format!("{de} {mark}"), false),
        en: finish(&format!("{en} {mark}"), true),
    }
}

fn one_clause(clause: &Clause, order: Order, mark: &str) -> Pair {
    pair(&clause.german(order), &clause.english(mark == "?"), mark)
}

/// `Heute kauft der Mann ein Buch.`
fn statement(sampler: &mut Sampler) -> Pair {
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
fn stressed_object(sampler: &mut Sampler) -> Pair {
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

fn is(subject: &NounPhrase, past: bool, complement: Phrase) -> Clause {
    let phrase = Phrase::new(subject.german(Case::Nominative), subject.english(true));
    let tense = if past { Tense::Past } else { Tense::Present };
    let mut clause = Clause::new(phrase, subject.agreement(), &BE, tense);
    clause.complement = Some(complement);
    clause
}

/// `Das Haus ist sehr alt.`, `War das Haus teuer?`
fn description(sampler: &mut Sampler) -> Pair {
    let clause = described(sampler);
    if sampler.rng.chance(20) {
        return one_clause(&clause, Order::First, "?");
    }
    one_clause(&clause, Order::Second, ".")
}

fn described(sampler: &mut Sampler) -> Clause {
    let adjective = sampler.rng.pick(crate::lexicon::adjectives::ADJECTIVES);
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
fn comparison(sampler: &mut Sampler) -> Pair {
    let adjective = loop {
        let adjective = sampler.rng.pick(crate::lexicon::adjectives::ADJECTIVES);
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
fn measure(sampler: &mut Sampler) -> Pair {
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

/// `Kauft der Mann ein Buch?`
fn yes_no_question(sampler: &mut Sampler) -> Pair {
    let clause = sampler.clause(None);
    one_clause(&clause, Order::First, "?")
}

/// `Wen besucht die Lehrerin?`
fn question_word(sampler: &mut Sampler) -> Pair {
    let clause = asked(sampler);
    one_clause(&clause, Order::Second, "?")
}

/// A clause with its question word extracted.
fn asked(sampler: &mut Sampler) -> Clause {
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
fn reported(sampler: &mut Sampler) -> Pair {
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
fn subordinate(sampler: &mut Sampler) -> Pair {
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
fn sequence(sampler: &mut Sampler) -> Pair {
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
fn described_person(sampler: &mut Sampler) -> Pair {
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
    let fitting: Vec<_> = crate::lexicon::adjectives::ADJECTIVES
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
fn infinitive(sampler: &mut Sampler) -> Pair {
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

/// `Öffne bitte das Fenster!`
fn order(sampler: &mut Sampler) -> Pair {
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

/// `Der Vater kocht, aber die Kinder schlafen.`
fn contrast(sampler: &mut Sampler) -> Pair {
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

/// `In der Stadt gibt es ein Museum.`
fn existence(sampler: &mut Sampler) -> Pair {
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
fn liking(sampler: &mut Sampler) -> Pair {
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

/// `Anna sagt: „Ich kaufe ein Buch.“`
fn quotation(sampler: &mut Sampler) -> Pair {
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
