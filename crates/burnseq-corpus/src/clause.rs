//! Clauses in both languages: which word goes where.
//!
//! German puts the finite verb second, first or last, separable prefixes, participles and infinitives to the end, and
//! any constituent to the front. English keeps subject, verb and object in order, and asks and negates with `do`.

use crate::english;
use crate::german;
use crate::lexicon::Agreement;
use crate::lexicon::verbs::{BE, HAVE, Verb};
use crate::lexicon::words::{Modal, ModalEnglish};
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

    /// In German, with the finite verb where `order` says; without capital letter and full stop.
    pub(crate) fn german(&self, order: Order) -> String {
        let (finite, tail) = self.german_verbs();
        let prefix = if tail.is_empty() { self.verb.prefix() } else { "" };
        let mut words = Vec::new();
        match order {
            Order::Second => {
                words.push(self.german_at(self.front));
                words.push(finite);
                self.german_middle(&mut words, Some(self.front), true);
                words.extend([tail, prefix.to_owned()]);
            }
            Order::First => {
                words.push(finite);
                self.german_middle(&mut words, None, true);
                words.extend([tail, prefix.to_owned()]);
            }
            Order::Last => {
                // Only question words and relative pronouns move to the front here.
                let front = self.extracted.then_some(self.front);
                words.extend(front.map(|slot| self.german_at(slot)));
                self.german_middle(&mut words, front, true);
                words.extend([tail, format!("{prefix}{finite}")]);
            }
        }
        spaced(words)
    }

    /// The German clause after `um` or a verb like `versuchen`: no subject, `zu` before the infinitive.
    pub(crate) fn german_infinitive(&self) -> String {
        let mut words = Vec::new();
        self.german_middle(&mut words, None, false);
        words.push(self.verb.zu_infinitive());
        spaced(words)
    }

    /// A German order to a friend.
    pub(crate) fn german_imperative(&self, polite: bool) -> String {
        let mut words = vec![german::imperative(self.verb)];
        self.german_middle(&mut words, None, false);
        words.push(self.verb.prefix().to_owned());
        if polite {
            // Pronouns come first: `Hilf mir bitte!`
            let is_pronoun = |object: &Option<Object>| object.as_ref().is_some_and(|object| object.pronoun);
            let pronouns = [
                !self.reflexive.is_empty(),
                is_pronoun(&self.accusative),
                is_pronoun(&self.dative),
            ];
            words.retain(|word| !word.is_empty());
            words.insert(
                1 + pronouns.iter().filter(|&&there| there).count(),
                "bitte".to_owned(),
            );
        }
        spaced(words)
    }

    /// The finite verb without prefix, and what stands at the end of the clause.
    fn german_verbs(&self) -> (String, String) {
        let agreement = self.agreement;
        let auxiliary = if self.verb.moves { &BE } else { &HAVE };
        match self.tense {
            Tense::Present | Tense::Progressive | Tense::Coming | Tense::Since => {
                (german::present(self.verb, agreement), String::new())
            }
            Tense::Past => (german::past(self.verb, agreement), String::new()),
            Tense::Perfect => (german::present(auxiliary, agreement), self.verb.participle()),
            Tense::PastPerfect => (german::past(auxiliary, agreement), self.verb.participle()),
            Tense::Future => (german::will(agreement).to_owned(), self.verb.infinitive()),
            Tense::Modal(modal, past) => (german::modal(modal, past, agreement), self.verb.infinitive()),
        }
    }

    fn german_at(&self, slot: Slot) -> String {
        let object = |object: &Option<Object>| object.as_ref().map(|object| object.phrase.de.clone());
        let phrase = |phrase: &Option<Phrase>| phrase.as_ref().map(|phrase| phrase.de.clone());
        let found = match slot {
            Slot::Subject => Some(self.subject.de.clone()),
            Slot::Dative => object(&self.dative),
            Slot::Accusative => object(&self.accusative),
            Slot::Prepositional => phrase(&self.prepositional),
            Slot::Time => phrase(&self.time),
            Slot::Place => phrase(&self.place),
            Slot::Question => phrase(&self.question),
        };
        found.expect("what leads the clause is in it")
    }

    /// All between the finite verb and the end: subject, pronouns, time, objects, `nicht`, manner, place.
    fn german_middle(&self, words: &mut Vec<String>, front: Option<Slot>, subject: bool) {
        let mut push = |slot: Option<Slot>, text: Option<&str>| {
            if slot.is_none() || slot != front {
                words.extend(text.map(str::to_owned));
            }
        };
        let noun = |object: &Option<Object>| {
            object
                .as_ref()
                .filter(|it| !it.pronoun)
                .map(|it| it.phrase.de.clone())
        };
        let pronoun = |object: &Option<Object>| {
            object
                .as_ref()
                .filter(|it| it.pronoun)
                .map(|it| it.phrase.de.clone())
        };
        let de = |phrase: &Option<Phrase>| phrase.as_ref().map(|phrase| phrase.de.clone());

        push(Some(Slot::Subject), subject.then_some(self.subject.de.as_str()));
        push(None, Some(self.reflexive));
        push(Some(Slot::Accusative), pronoun(&self.accusative).as_deref());
        push(Some(Slot::Dative), pronoun(&self.dative).as_deref());
        push(None, (self.tense == Tense::Progressive).then_some("gerade"));
        push(Some(Slot::Time), de(&self.time).as_deref());
        push(None, de(&self.frequency).as_deref());
        push(None, (self.gladly && self.negated).then_some("nicht"));
        push(None, self.gladly.then_some("gern"));
        push(Some(Slot::Dative), noun(&self.dative).as_deref());
        push(Some(Slot::Accusative), noun(&self.accusative).as_deref());
        push(None, (self.negated && !self.gladly).then_some("nicht"));
        push(None, de(&self.manner).as_deref());
        push(Some(Slot::Place), de(&self.place).as_deref());
        push(Some(Slot::Prepositional), de(&self.prepositional).as_deref());
        push(None, de(&self.direction).as_deref());
        push(None, de(&self.complement).as_deref());
    }

    /// In English, as a question or not; without capital letter and full stop.
    pub(crate) fn english(&self, asks: bool) -> String {
        let leads =
            |slot: Slot| self.front == slot && (self.extracted || matches!(slot, Slot::Time | Slot::Place));
        let inverted = asks && !leads(Slot::Subject);
        let negated = self.negated || self.negative_object;
        let (auxiliary, main) = self.english_verbs(inverted || negated);
        let mut words = Vec::new();

        for slot in [
            Slot::Dative,
            Slot::Accusative,
            Slot::Prepositional,
            Slot::Time,
            Slot::Place,
            Slot::Question,
        ] {
            if leads(slot) {
                words.push(self.english_at(slot));
            }
        }
        let auxiliary = auxiliary.unwrap_or_default();
        let not = if negated { "not" } else { "" };
        let frequency = self
            .frequency
            .as_ref()
            .map(|phrase| phrase.en.clone())
            .unwrap_or_default();
        if inverted {
            words.extend([auxiliary, self.subject.en.clone(), not.to_owned()]);
        } else if auxiliary == "can" && negated {
            words.extend([self.subject.en.clone(), "cannot".to_owned()]);
        } else {
            words.extend([self.subject.en.clone(), auxiliary, not.to_owned()]);
        }
        words.extend([frequency, main]);
        self.english_rest(&mut words);
        spaced(words)
    }

    /// `to read the book`.
    pub(crate) fn english_infinitive(&self) -> String {
        format!("to {}", self.english_base())
    }

    /// `please read the book`.
    pub(crate) fn english_imperative(&self, polite: bool) -> String {
        let negated = self.negated || self.negative_object;
        let words = [
            if polite { "please" } else { "" },
            if negated { "do not" } else { "" },
            &self.english_base(),
        ];
        spaced(words.map(str::to_owned).to_vec())
    }

    fn english_base(&self) -> String {
        let mut words = vec![self.verb.en_base().to_owned()];
        self.english_rest(&mut words);
        spaced(words)
    }

    fn english_at(&self, slot: Slot) -> String {
        let object = |object: &Option<Object>| object.as_ref().map(|object| object.phrase.en.clone());
        let phrase = |phrase: &Option<Phrase>| phrase.as_ref().map(|phrase| phrase.en.clone());
        let found = match slot {
            Slot::Subject => Some(self.subject.en.clone()),
            Slot::Dative => object(&self.dative),
            Slot::Accusative => object(&self.accusative),
            Slot::Prepositional => phrase(&self.prepositional),
            Slot::Time => phrase(&self.time),
            Slot::Place => phrase(&self.place),
            Slot::Question => phrase(&self.question),
        };
        found.expect("what leads the clause is in it")
    }

    /// Objects and adverbials behind the English verb; what leads the clause leaves its preposition behind.
    fn english_rest(&self, words: &mut Vec<String>) {
        let stays = |slot: Slot| !(self.extracted && self.front == slot);
        let object = |slot: Slot, object: &Option<Object>| {
            let text = object.as_ref().map(|object| object.phrase.en.clone());
            text.filter(|_| stays(slot)).unwrap_or_default()
        };
        let phrase = |phrase: &Option<Phrase>| {
            phrase
                .as_ref()
                .map(|phrase| phrase.en.clone())
                .unwrap_or_default()
        };

        let accusative = object(Slot::Accusative, &self.accusative);
        let dative = object(Slot::Dative, &self.dative);
        let particle = self.verb.en_particle().to_owned();
        let preposition = self.verb.en_preposition().to_owned();
        let short = self.accusative.as_ref().is_some_and(|object| object.pronoun);
        match (&self.accusative, &self.dative) {
            (Some(_), Some(_)) => words.extend([particle, accusative, "to".to_owned(), dative]),
            (Some(_), None) if short => words.extend([preposition, accusative, particle]),
            (Some(_), None) => words.extend([particle, preposition, accusative]),
            (None, _) => words.extend([particle, preposition, dative]),
        }
        if stays(Slot::Prepositional) {
            words.push(phrase(&self.prepositional));
        }
        words.extend([
            phrase(&self.complement),
            phrase(&self.direction),
            phrase(&self.manner),
        ]);
        if self.front != Slot::Place {
            words.push(phrase(&self.place));
        }
        if self.front != Slot::Time {
            words.push(phrase(&self.time));
        }
    }

    /// The auxiliary, if there is one or one is needed, and the rest of the verb.
    fn english_verbs(&self, needs_auxiliary: bool) -> (Option<String>, String) {
        let agreement = self.agreement;
        let base = self.verb.en_base().to_owned();
        let with = |auxiliary: &str, main: String| (Some(auxiliary.to_owned()), main);
        let is_be = base == "be";
        match self.tense {
            Tense::Present if is_be => with(english::be(false, agreement), String::new()),
            Tense::Perfect | Tense::Past if is_be => with(english::be(true, agreement), String::new()),
            Tense::Present if self.gladly => finite(
                "like",
                "liked",
                &format!(" to {base}"),
                false,
                agreement,
                needs_auxiliary,
            ),
            Tense::Present => finite(&base, "", "", false, agreement, needs_auxiliary),
            Tense::Perfect | Tense::Past => finite(
                &base,
                &english::past(self.verb),
                "",
                true,
                agreement,
                needs_auxiliary,
            ),
            Tense::Progressive => with(english::be(false, agreement), english::progressive(self.verb)),
            Tense::Since => with(
                &english::present("have", agreement),
                english::participle(self.verb),
            ),
            Tense::PastPerfect => with("had", english::participle(self.verb)),
            Tense::Coming | Tense::Future => with("will", base),
            Tense::Modal(modal, past) => {
                let negated = self.negated || self.negative_object;
                match (modal.en, past) {
                    (ModalEnglish::Can, false) => with("can", base),
                    (ModalEnglish::Can, true) => with("could", base),
                    (ModalEnglish::Must, false) if !negated => with("must", base),
                    (ModalEnglish::Must, _) => finite(
                        "have",
                        "had",
                        &format!(" to {base}"),
                        past,
                        agreement,
                        needs_auxiliary,
                    ),
                    (ModalEnglish::Want, _) => finite(
                        "want",
                        "wanted",
                        &format!(" to {base}"),
                        past,
                        agreement,
                        needs_auxiliary,
                    ),
                    (ModalEnglish::May, false) if negated => with("must", base),
                    (ModalEnglish::May, false) => with("may", base),
                    (ModalEnglish::May, true) => {
                        with(english::be(true, agreement), format!("allowed to {base}"))
                    }
                    (ModalEnglish::Should, _) => with("should", base),
                    (ModalEnglish::WouldLike, _) => with("would", format!("like to {base}")),
                }
            }
        }
    }
}

/// A full verb, finite or after `do`.
fn finite(
    base: &str,
    past_form: &str,
    rest: &str,
    past: bool,
    agreement: Agreement,
    needs_auxiliary: bool,
) -> (Option<String>, String) {
    match (needs_auxiliary, past) {
        (true, true) => (Some("did".to_owned()), format!("{base}{rest}")),
        (true, false) => (Some(english::present("do", agreement)), format!("{base}{rest}")),
        (false, true) => (None, format!("{past_form}{rest}")),
        (false, false) => (None, format!("{}{rest}", english::present(base, agreement))),
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

/// A sentence from a clause or several: capital letter, punctuation, `an` for `a`.
///
/// Marks are words of their own until here; a comma gives way to the mark after it.
pub(crate) fn finish(text: &str, english: bool) -> String {
    let mut words: Vec<String> = text
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if english {
        english::choose_articles(&mut words);
    }
    let mut sentence = String::new();
    for (index, word) in words.iter().enumerate() {
        let is_mark = |word: &str| matches!(word, "," | "." | "?" | "!");
        if word == "," && words.get(index + 1).is_some_and(|next| is_mark(next)) {
            continue;
        }
        if !sentence.is_empty() && !is_mark(word) {
            sentence.push(' ');
        }
        sentence.push_str(word);
    }
    capitalise(&sentence)
}

/// With a capital first letter.
pub(crate) fn capitalise(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
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

    #[test]
    fn sentences_end_with_one_mark() {
        assert_eq!(
            finish("der Mann , der liest , ist alt .", false),
            "Der Mann, der liest, ist alt."
        );
        assert_eq!(
            finish("ich kenne den Mann , der liest , .", false),
            "Ich kenne den Mann, der liest."
        );
        assert_eq!(finish("a old man sees a dog .", true), "An old man sees a dog.");
    }
}
