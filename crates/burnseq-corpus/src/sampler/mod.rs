//! Chooses words that go together and builds clauses from them.

mod adverbials;
mod noun_phrases;
mod relative;

use crate::clause::{Clause, Object, Tense};
use crate::german;
use crate::lexicon::kind::*;
use crate::lexicon::verbs::{Frame, HAVE, VERBS, Verb};
use crate::lexicon::words::{FREQUENCIES, MANNERS, MANNERS_OF_ACTION, MODALS, ModalEnglish};
use crate::lexicon::{Case, Kinds, Number};
use crate::noun_phrase::{Determiner, NounPhrase, Phrase};
use crate::rng::Rng;

/// Source of random sentence parts.
#[derive(Debug, Clone)]
pub(crate) struct Sampler {
    pub(crate) rng: Rng,
    /// Compounds kept from training are allowed.
    pub(crate) held_out: bool,
}

impl Sampler {
    /// A verb that fits.
    pub(crate) fn verb(&mut self, fits: impl Fn(&Verb) -> bool) -> &'static Verb {
        let fitting: Vec<&'static Verb> = VERBS.iter().filter(|verb| fits(verb)).collect();
        self.rng.one_of(&fitting)
    }

    /// A tense that verb and subject allow.
    pub(crate) fn tense(&mut self, verb: &Verb, subject: &NounPhrase) -> Tense {
        let agreement = subject.agreement();
        if verb.infinitive() == HAVE.infinitive() {
            return self.rng.weighted(&[(7, Tense::Present), (3, Tense::Past)]);
        }
        let can_last = ["wohnen", "arbeiten", "warten"].contains(&verb.base());
        loop {
            let modal = self.rng.pick(MODALS);
            let tense = self.rng.weighted(&[
                (34, Tense::Present),
                (28, Tense::Perfect),
                (8, Tense::Past),
                (5, Tense::Future),
                (4, Tense::Coming),
                (5, Tense::Progressive),
                (4, Tense::Since),
                (12, Tense::Modal(modal, false)),
                (4, Tense::Modal(modal, true)),
            ]);
            let fits = match tense {
                // In the second person the past of full verbs is bookish.
                Tense::Past => agreement.person != 2,
                Tense::Progressive => !verb.is_involuntary() && verb.frame != Frame::Position,
                Tense::Since => can_last,
                Tense::Modal(modal, past) => {
                    let acts = !verb.is_involuntary() && verb.subjects & PERSON != 0;
                    (acts || modal.en == ModalEnglish::Can) && !(past && modal.past.is_empty())
                }
                _ => true,
            };
            if fits {
                return tense;
            }
        }
    }

    /// A clause with what the verb takes; `negated` is a wish that not every object allows.
    pub(crate) fn fill(
        &mut self,
        verb: &'static Verb,
        subject: &NounPhrase,
        tense: Tense,
        negated: bool,
    ) -> Clause {
        let phrase = Phrase::new(subject.german(Case::Nominative), subject.english(true));
        let mut clause = Clause::new(phrase, subject.agreement(), verb, tense);
        let mut negated = negated && allows_negation(subject, tense);
        match verb.frame {
            Frame::Intransitive => {}
            Frame::Reflexive => clause.reflexive = reflexive(subject),
            Frame::Accusative | Frame::DativeAccusative | Frame::Put => {
                if verb.frame == Frame::DativeAccusative {
                    clause.dative = Some(self.receiver(subject));
                }
                let mut object = self.object(verb.objects, Case::Accusative, subject);
                if let NounPhrase::Group(group) = &mut object {
                    let countless = group.numeral.is_some() || matches!(group.determiner, Determiner::Many);
                    let kein = matches!(group.determiner, Determiner::Indefinite | Determiner::Bare);
                    if negated && kein && !countless {
                        group.determiner = Determiner::NotAny;
                        clause.negative_object = true;
                    }
                    negated &= !kein && !countless;
                    if matches!(group.determiner, Determiner::Definite) && self.rng.chance(7) {
                        let simple = group.name.noun.kinds & MASS == 0 && verb.frame == Frame::Accusative;
                        group.tail = simple.then(|| self.relative(group));
                    }
                }
                clause.accusative = Some(as_object(&object, Case::Accusative));
                if verb.frame == Frame::Put {
                    let surface = self.noun(SURFACE);
                    let surface = self.site(surface, "auf", Case::Accusative);
                    clause.direction = Some(Phrase::new(surface.de, format!("on {}", surface.en)));
                }
            }
            Frame::Dative => clause.dative = Some(self.dative_object(verb.objects, subject)),
            Frame::Prepositional(preposition, case) => {
                let object = self.object(verb.objects, case, subject).phrase(case);
                let german = german::contract(&format!("{preposition} {}", object.de));
                clause.prepositional = Some(Phrase::new(german, object.en));
            }
            Frame::Direction => clause.direction = Some(self.direction()),
            Frame::Position => clause.place = Some(self.place()),
        }
        clause.negated = negated;
        if tense == Tense::Since || tense == Tense::Coming {
            clause.time = Some(self.time(tense));
        }
        clause
    }

    fn receiver(&mut self, subject: &NounPhrase) -> Object {
        self.dative_object(PERSON, subject)
    }

    fn dative_object(&mut self, kinds: Kinds, subject: &NounPhrase) -> Object {
        as_object(&self.object(kinds, Case::Dative, subject), Case::Dative)
    }

    /// Adds up to two of time, place, manner and frequency.
    pub(crate) fn decorate(&mut self, clause: &mut Clause) {
        let verb = clause.verb;
        let acts = !verb.is_involuntary() && verb.subjects & PERSON != 0;
        let negated = clause.negated || clause.negative_object;
        let mut room = 2;
        if verb.base() == "fahren" && verb.frame == Frame::Direction && self.rng.chance(45) {
            let vehicle = self.noun(TRANSPORT);
            let article = german::definite(Case::Dative, vehicle.gender, Number::Singular);
            clause.manner = Some(Phrase::new(
                format!("mit {article} {}", vehicle.de),
                format!("by {}", vehicle.en),
            ));
            room -= 1;
        }
        if clause.time.is_none() && self.rng.chance(40) && clause.tense != Tense::Progressive {
            clause.time = Some(self.time(clause.tense));
            room -= 1;
        }
        let is_habit = matches!(clause.tense, Tense::Present | Tense::Perfect | Tense::Past);
        if room > 0 && is_habit && !negated && clause.time.is_none() && self.rng.chance(16) {
            clause.frequency = Some(Phrase::from(*self.rng.pick(FREQUENCIES)));
            room -= 1;
        } else if clause.tense == Tense::Present
            && acts
            && self.rng.chance(8)
            && clause.verb.base() != "haben"
        {
            clause.gladly = true;
            room -= 1;
        }
        let can_be_somewhere = clause.place.is_none()
            && clause.direction.is_none()
            && !["verlieren", "vergessen", "kennen", "brauchen", "lieben", "haben"].contains(&verb.base());
        if room > 0 && can_be_somewhere && self.rng.chance(26) {
            clause.place = Some(self.place());
            room -= 1;
        }
        let has_manner = matches!(
            verb.frame,
            Frame::Intransitive | Frame::Accusative | Frame::Direction
        ) && acts;
        if room > 0 && has_manner && clause.manner.is_none() && self.rng.chance(14) {
            let acts = verb.frame != Frame::Intransitive && self.rng.chance(60);
            clause.manner = Some(Phrase::from(*self.rng.pick(if acts {
                MANNERS_OF_ACTION
            } else {
                MANNERS
            })));
        }
    }

    /// A whole clause around a given or any subject, the finite verb still movable.
    pub(crate) fn clause(&mut self, subject: Option<&NounPhrase>) -> Clause {
        let verb = if subject.is_none_or(|it| it.agreement().person == 3) && self.rng.chance(4) {
            &HAVE
        } else {
            self.verb(|verb| subject.is_none() || verb.subjects & PERSON != 0)
        };
        let subject = match subject {
            Some(subject) => subject.clone(),
            None => self.subject(verb.subjects),
        };
        let tense = self.tense(verb, &subject);
        let negated = self.rng.chance(14);
        let mut clause = self.fill(verb, &subject, tense, negated);
        self.decorate(&mut clause);
        clause
    }

    /// A clause in one of the tenses, with little besides what the verb takes.
    pub(crate) fn short_clause(&mut self, subject: &NounPhrase, tenses: &[Tense]) -> Clause {
        let second = subject.agreement().person == 2;
        let verb = self.verb(|verb| verb.subjects & PERSON != 0);
        let tense = loop {
            let tense = *self.rng.pick(tenses);
            if !(second && tense == Tense::Past) {
                break tense;
            }
        };
        let negated = self.rng.chance(10);
        let mut clause = self.fill(verb, subject, tense, negated);
        if clause.place.is_none() && clause.direction.is_none() && self.rng.chance(15) {
            clause.place = Some(self.place());
        }
        clause
    }
}

/// `mich`, `sich` and so on.
fn reflexive(subject: &NounPhrase) -> &'static str {
    match subject {
        NounPhrase::Pronoun(pronoun) => pronoun.reflexive,
        _ => "sich",
    }
}

fn as_object(phrase: &NounPhrase, case: Case) -> Object {
    Object {
        phrase: phrase.phrase(case),
        pronoun: phrase.is_pronoun(),
    }
}

/// `every`, `all` and `no` change their meaning under negation; two tenses do not take it.
fn allows_negation(subject: &NounPhrase, tense: Tense) -> bool {
    let quantified = match subject {
        NounPhrase::Group(group) => matches!(
            group.determiner,
            Determiner::Every | Determiner::All | Determiner::No
        ),
        _ => false,
    };
    !quantified && !matches!(tense, Tense::Progressive | Tense::Since)
}
