//! Clauses in both languages: what is in them. Which word goes where is in `german_order.rs` and `english_order.rs`.

mod english_order;
mod german_order;

use crate::lexicon::Agreement;
use crate::lexicon::verbs::Verb;
use crate::lexicon::words::Modal;
use crate::noun_phrase::Phrase;

/// The German form of the verb, which decides the English one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tense {
    /// `liest`: reads.
    Present,
    /// `liest gerade`: is reading.
    Progressive,
    /// `liest morgen`: will read.
    Coming,
    /// `wohnt seit drei Jahren`: has lived for three years.
    Since,
    /// `hat gelesen`: read.
    Perfect,
    /// `las`: read.
    Past,
    /// `hatte gelesen`: had read.
    PastPerfect,
    /// `wird lesen`: will read.
    Future,
    /// `kann lesen`, `konnte lesen`.
    Modal(&'static Modal, bool),
}

/// Where the German finite verb stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Second: statements and questions with a question word.
    Second,
    /// First: other questions.
    First,
    /// Last: after a conjunction.
    Last,
}

/// What can stand at the front of a German clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Subject,
    Dative,
    Accusative,
    Prepositional,
    Time,
    Place,
    Question,
}

/// An object; pronouns stand elsewhere than nouns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object {
    pub(crate) phrase: Phrase,
    pub(crate) pronoun: bool,
}

/// One clause, its words inflected but not yet in order.
#[derive(Debug, Clone)]
pub(crate) struct Clause {
    pub(crate) subject: Phrase,
    pub(crate) agreement: Agreement,
    pub(crate) verb: &'static Verb,
    pub(crate) tense: Tense,
    /// `sich`, empty for most verbs.
    pub(crate) reflexive: &'static str,
    pub(crate) dative: Option<Object>,
    pub(crate) accusative: Option<Object>,
    /// The German preposition is part of it, the English one is part of the verb.
    pub(crate) prepositional: Option<Phrase>,
    pub(crate) direction: Option<Phrase>,
    /// What something is: `sehr alt`.
    pub(crate) complement: Option<Phrase>,
    pub(crate) frequency: Option<Phrase>,
    pub(crate) manner: Option<Phrase>,
    pub(crate) place: Option<Phrase>,
    pub(crate) time: Option<Phrase>,
    /// `wo`, `wann`, `warum`.
    pub(crate) question: Option<Phrase>,
    /// `gern`: likes to.
    pub(crate) gladly: bool,
    /// `nicht`.
    pub(crate) negated: bool,
    /// `kein` in an object, which negates the verb in English.
    pub(crate) negative_object: bool,
    /// What leads in German.
    pub(crate) front: Slot,
    /// Question words and relative pronouns lead in English too; a stressed object does not.
    pub(crate) extracted: bool,
}

impl Clause {
    pub(crate) fn new(subject: Phrase, agreement: Agreement, verb: &'static Verb, tense: Tense) -> Self {
        Self {
            subject,
            agreement,
            verb,
            tense,
            reflexive: "",
            dative: None,
            accusative: None,
            prepositional: None,
            direction: None,
            complement: None,
            frequency: None,
            manner: None,
            place: None,
            time: None,
            question: None,
            gladly: false,
            negated: false,
            negative_object: false,
            front: Slot::Subject,
            extracted: false,
        }
    }

    /// What stands in a slot.
    fn at(&self, slot: Slot) -> &Phrase {
        let found = match slot {
            Slot::Subject => Some(&self.subject),
            Slot::Dative => self.dative.as_ref().map(|object| &object.phrase),
            Slot::Accusative => self.accusative.as_ref().map(|object| &object.phrase),
            Slot::Prepositional => self.prepositional.as_ref(),
            Slot::Time => self.time.as_ref(),
            Slot::Place => self.place.as_ref(),
            Slot::Question => self.question.as_ref(),
        };
        found.expect("what leads the clause is in it")
    }
}

/// The non-empty words with spaces between them.
fn spaced(words: Vec<String>) -> String {
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::Number;
    use crate::lexicon::verbs::VERBS;
    use crate::lexicon::words::MODALS;

    fn verb(infinitive: &str) -> &'static Verb {
        VERBS
            .iter()
            .find(|verb| verb.infinitive() == infinitive)
            .expect("a verb of the lexicon")
    }

    fn clause(infinitive: &str, tense: Tense) -> Clause {
        let subject = Phrase::new("der Arzt", "the doctor");
        let mut clause = Clause::new(
            subject,
            Agreement::third(Number::Singular),
            verb(infinitive),
            tense,
        );
        clause.accusative = Some(Object {
            phrase: Phrase::new("die Frau", "the woman"),
            pronoun: false,
        });
        clause
    }

    fn both(clause: &Clause, order: Order) -> [String; 2] {
        [clause.german(order), clause.english(order == Order::First)]
    }

    #[test]
    fn separable_prefixes_go_last_and_rejoin_in_subordinate_clauses() {
        let call = clause("anrufen", Tense::Present);
        assert_eq!(
            both(&call, Order::Second),
            ["der Arzt ruft die Frau an", "the doctor calls the woman"]
        );
        assert_eq!(
            both(&call, Order::First),
            ["ruft der Arzt die Frau an", "does the doctor call the woman"]
        );
        assert_eq!(call.german(Order::Last), "der Arzt die Frau anruft");
        assert_eq!(call.german_infinitive(), "die Frau anzurufen");
        assert_eq!(call.german_imperative(true), "rufe bitte die Frau an");
        let me = Object {
            phrase: Phrase::new("mich", "me"),
            pronoun: true,
        };
        let call_me = Clause {
            accusative: Some(me),
            ..call
        };
        assert_eq!(call_me.german_imperative(true), "rufe mich bitte an");
        assert_eq!(call_me.english_imperative(true), "please call me");
        let called = clause("anrufen", Tense::Perfect);
        assert_eq!(
            both(&called, Order::Second),
            ["der Arzt hat die Frau angerufen", "the doctor called the woman"]
        );
        assert_eq!(called.german(Order::Last), "der Arzt die Frau angerufen hat");
    }

    #[test]
    fn pronouns_come_before_english_particles() {
        let mut fetch = clause("abholen", Tense::Future);
        assert_eq!(
            both(&fetch, Order::Second),
            [
                "der Arzt wird die Frau abholen",
                "the doctor will pick up the woman"
            ]
        );
        fetch.accusative = Some(Object {
            phrase: Phrase::new("mich", "me"),
            pronoun: true,
        });
        fetch.time = Some(Phrase::new("bald", "soon"));
        assert_eq!(
            both(&fetch, Order::Second),
            [
                "der Arzt wird mich bald abholen",
                "the doctor will pick me up soon"
            ]
        );
    }

    #[test]
    fn what_leads_pushes_the_german_subject_behind_the_verb() {
        let mut call = clause("anrufen", Tense::Modal(&MODALS[1], false));
        call.time = Some(Phrase::new("heute", "today"));
        call.front = Slot::Time;
        let today = [
            "heute muss der Arzt die Frau anrufen",
            "today the doctor must call the woman",
        ];
        assert_eq!(both(&call, Order::Second), today);
        call.front = Slot::Accusative;
        let stressed = [
            "die Frau muss der Arzt heute anrufen",
            "the doctor must call the woman today",
        ];
        assert_eq!(both(&call, Order::Second), stressed);
        call.extracted = true;
        call.accusative = Some(Object {
            phrase: Phrase::new("wen", "who"),
            pronoun: false,
        });
        assert_eq!(call.german(Order::Second), "wen muss der Arzt heute anrufen");
        assert_eq!(call.english(true), "who must the doctor call today");
        assert_eq!(
            [call.german(Order::Last), call.english(false)],
            [
                "wen der Arzt heute anrufen muss",
                "who the doctor must call today"
            ]
        );
    }

    #[test]
    fn negation_finds_its_place() {
        let mut visit = clause("besuchen", Tense::Past);
        visit.negated = true;
        visit.place = Some(Phrase::new("in Wien", "in Vienna"));
        let not = [
            "der Arzt besuchte die Frau nicht in Wien",
            "the doctor did not visit the woman in Vienna",
        ];
        assert_eq!(both(&visit, Order::Second), not);
        visit.tense = Tense::Modal(&MODALS[0], false);
        visit.place = None;
        assert_eq!(
            both(&visit, Order::Second),
            [
                "der Arzt kann die Frau nicht besuchen",
                "the doctor cannot visit the woman"
            ]
        );
        visit.tense = Tense::Modal(&MODALS[1], false);
        assert_eq!(
            visit.english(false),
            "the doctor does not have to visit the woman"
        );
        visit.tense = Tense::Modal(&MODALS[3], false);
        assert_eq!(visit.english(false), "the doctor must not visit the woman");
    }
}
