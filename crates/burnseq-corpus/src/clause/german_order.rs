//! German word order: the finite verb second, first or last, separable prefixes, participles and infinitives at the
//! end, and any constituent at the front.

use super::{Clause, Object, Order, Slot, Tense, spaced};
use crate::german;
use crate::lexicon::verbs::{BE, HAVE};
use crate::noun_phrase::Phrase;

impl Clause {
    /// In German, with the finite verb where `order` says; without capital letter and full stop.
    pub(crate) fn german(&self, order: Order) -> String {
        let (finite, tail) = self.german_verbs();
        let prefix = if tail.is_empty() { self.verb.prefix() } else { "" };
        let mut words = Vec::new();
        match order {
            Order::Second => {
                words.push(self.at(self.front).de.clone());
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
                words.extend(front.map(|slot| self.at(slot).de.clone()));
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
}
