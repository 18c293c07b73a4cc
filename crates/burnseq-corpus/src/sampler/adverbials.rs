//! Where and when.

use super::Sampler;
use crate::clause::Tense;
use crate::german;
use crate::lexicon::kind::*;
use crate::lexicon::nouns::{Name, Noun};
use crate::lexicon::words::{CITIES, DAYS, SEASONS, TIMES_ANY, TIMES_FUTURE, TIMES_HABIT, TIMES_PAST, UNITS};
use crate::lexicon::{Case, Number, numbers};
use crate::noun_phrase::{Determiner, Group, NounPhrase, Phrase};

impl Sampler {
    pub(super) fn site(&mut self, noun: &'static Noun, preposition: &str, case: Case) -> Phrase {
        let determiner = if noun.kinds & ROOM != 0 && self.rng.chance(20) {
            self.free_possessive()
        } else {
            Determiner::Definite
        };
        let adjective = if self.rng.chance(15) {
            self.adjective(noun)
        } else {
            None
        };
        let name = Name { modifier: None, noun };
        let group = Group {
            determiner,
            numeral: None,
            adjective,
            name,
            number: Number::Singular,
            tail: None,
        };
        let phrase = NounPhrase::Group(Box::new(group)).phrase(case);
        Phrase::new(
            german::contract(&format!("{preposition} {}", phrase.de)),
            phrase.en,
        )
    }

    /// Where something is: dative.
    pub(crate) fn place(&mut self) -> Phrase {
        match self.rng.below(100) {
            0..12 => {
                let &(de, en) = self.rng.pick(CITIES);
                Phrase::new(format!("in {de}"), format!("in {en}"))
            }
            12..20 => Phrase::new("zu Hause", "at home"),
            20..45 => {
                let &(kinds, de, en) = self.rng.pick(&[
                    (FURNITURE, "neben", "next to"),
                    (BUILDING, "hinter", "behind"),
                    (BUILDING, "vor", "in front of"),
                    (SURFACE, "unter", "under"),
                ]);
                let noun = self.noun(kinds);
                let phrase = self.site(noun, de, Case::Dative);
                Phrase::new(phrase.de, format!("{en} {}", phrase.en))
            }
            _ => {
                let noun = self.noun(IN_IT | AT_IT | ON_IT);
                let (de, en) = match noun.kinds {
                    kinds if kinds & IN_IT != 0 => ("in", "in"),
                    kinds if kinds & AT_IT != 0 => ("an", "at"),
                    _ => ("auf", "on"),
                };
                let phrase = self.site(noun, de, Case::Dative);
                Phrase::new(phrase.de, format!("{en} {}", phrase.en))
            }
        }
    }

    /// Where someone goes: `in` with the accusative, `zu` with the dative, `nach` without article.
    pub(super) fn direction(&mut self) -> Phrase {
        match self.rng.below(100) {
            0..20 => {
                let &(de, en) = self.rng.pick(CITIES);
                Phrase::new(format!("nach {de}"), format!("to {en}"))
            }
            20..35 => Phrase::new("nach Hause", "home"),
            _ => {
                let noun = self.noun(IN_IT | AT_IT | ON_IT);
                let inside = noun.kinds & IN_IT != 0 && noun.kinds & (ROOM | OUTDOORS) != 0;
                let (de, case, en) = if inside {
                    ("in", Case::Accusative, "into")
                } else {
                    ("zu", Case::Dative, "to")
                };
                let phrase = self.site(noun, de, case);
                Phrase::new(phrase.de, format!("{en} {}", phrase.en))
            }
        }
    }

    pub(super) fn day(&mut self) -> Phrase {
        if self.rng.chance(65) {
            let &(de, en) = self.rng.pick(DAYS);
            Phrase::new(format!("am {de}"), format!("on {en}"))
        } else {
            let &(de, en) = self.rng.pick(SEASONS);
            Phrase::new(format!("im {de}"), format!("in {en}"))
        }
    }

    pub(super) fn clock(&mut self) -> Phrase {
        let hour = 1 + self.rng.below(12);
        let de = if hour == 1 {
            "ein".to_owned()
        } else {
            numbers::german(hour)
        };
        Phrase::new(
            format!("um {de} Uhr"),
            format!("at {} o'clock", numbers::english(hour)),
        )
    }

    /// `vor`, `in` or `seit`, a number and a unit.
    pub(super) fn span(&mut self, de: &str, en: (&str, &str)) -> Phrase {
        let count = 2 + self.rng.below(11);
        let &(unit_de, unit_en) = self.rng.pick(UNITS);
        let german = format!("{de} {} {unit_de}", numbers::german(count));
        let english = format!("{} {} {unit_en} {}", en.0, numbers::english(count), en.1);
        Phrase::new(german, english.trim())
    }

    /// When, fitting the tense.
    pub(super) fn time(&mut self, tense: Tense) -> Phrase {
        match (tense, self.rng.below(10)) {
            (Tense::Since, _) => self.span("seit", ("for", "")),
            (Tense::Coming, 0..8) => Phrase::from(*self.rng.pick(TIMES_FUTURE)),
            (Tense::Coming, _) => self.span("in", ("in", "")),
            (Tense::Perfect | Tense::Past | Tense::Modal(_, true), 0..4) => {
                Phrase::from(*self.rng.pick(TIMES_PAST))
            }
            (Tense::Perfect | Tense::Past | Tense::Modal(_, true), 4..6) => self.span("vor", ("", "ago")),
            (Tense::Perfect | Tense::Past | Tense::Modal(_, true), 6) => {
                let year = 1990 + self.rng.below(30);
                Phrase::new(format!("im Jahr {year}"), format!("in {year}"))
            }
            (Tense::Present, 0..2) => Phrase::from(*self.rng.pick(TIMES_HABIT)),
            (Tense::Future | Tense::Modal(_, false), 0..3) => Phrase::from(*self.rng.pick(TIMES_FUTURE)),
            (_, 7) => self.clock(),
            (_, 8..) => self.day(),
            _ => Phrase::from(*self.rng.pick(TIMES_ANY)),
        }
    }
}
