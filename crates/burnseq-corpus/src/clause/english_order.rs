//! English word order: subject, verb and object in this order, questions and negation with `do`.

use super::{Clause, Object, Slot, Tense, spaced};
use crate::english;
use crate::lexicon::Agreement;
use crate::lexicon::words::ModalEnglish;
use crate::noun_phrase::Phrase;

impl Clause {
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
                words.push(self.at(slot).en.clone());
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
