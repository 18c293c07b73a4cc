//! Who and what: subjects, objects, and what belongs to them.

use super::Sampler;
use crate::lexicon::adjectives::{ADJECTIVES, Adjective};
use crate::lexicon::kind::*;
use crate::lexicon::nouns::{MODIFIERS, NOUNS, Name, Noun, is_held_out};
use crate::lexicon::words::{FAMILY_NAMES, FIRST_NAMES, PRONOUNS, Pronoun};
use crate::lexicon::{Case, Gender, Kinds, Number};
use crate::noun_phrase::{Determiner, Group, NounPhrase};

impl Sampler {
    pub(super) fn noun(&mut self, kinds: Kinds) -> &'static Noun {
        let nouns: Vec<&'static Noun> = NOUNS.iter().filter(|noun| noun.kinds & kinds != 0).collect();
        self.rng.one_of(&nouns)
    }

    /// A noun of one of the kinds, sometimes as head of a compound.
    pub(super) fn name(&mut self, kinds: Kinds) -> Name {
        let noun = self.noun(kinds);
        let modifiers: Vec<_> = MODIFIERS
            .iter()
            .filter(|modifier| modifier.heads & noun.kinds != 0)
            .filter(|modifier| self.held_out || !is_held_out(modifier, noun))
            .collect();
        let modifier = (!modifiers.is_empty() && self.rng.chance(40)).then(|| *self.rng.pick(&modifiers));
        Name { modifier, noun }
    }

    pub(super) fn adjective(&mut self, noun: &Noun) -> Option<&'static Adjective> {
        let fitting: Vec<_> = ADJECTIVES
            .iter()
            .filter(|adjective| adjective.kinds & noun.kinds != 0)
            .collect();
        (!fitting.is_empty()).then(|| self.rng.one_of(&fitting))
    }

    /// `mein`, `dein`, `sein`, `unser`, `euer`; never `ihr`, which English could render as her or their.
    pub(super) fn free_possessive(&mut self) -> Determiner {
        let (stem, en) = PRONOUNS[self.rng.weighted(&[(4, 0), (3, 1), (2, 2), (3, 4), (1, 5)])].possessive;
        Determiner::Possessive(stem, en)
    }

    /// The subject's own: `der Mann ... seinen Hut`, `die Frau ... ihren Hut`.
    pub(super) fn own(subject: &NounPhrase) -> Option<Determiner> {
        let pronoun = match (subject, subject.agreement().number, subject.gender()) {
            (NounPhrase::Pronoun(pronoun), ..) => pronoun,
            (_, Number::Plural, _) => &PRONOUNS[6],
            (_, _, Some(Gender::Masculine)) => &PRONOUNS[2],
            (_, _, Some(Gender::Feminine)) => &PRONOUNS[3],
            _ => return None,
        };
        Some(Determiner::Possessive(pronoun.possessive.0, pronoun.possessive.1))
    }

    pub(super) fn first_name(&mut self) -> NounPhrase {
        let &(name, gender) = self.rng.pick(FIRST_NAMES);
        NounPhrase::First(name, gender)
    }

    pub(super) fn any_name(&mut self) -> NounPhrase {
        match self.rng.below(10) {
            0..6 => self.first_name(),
            6..8 => {
                let first = self.rng.below(FIRST_NAMES.len());
                let other = (first + 1 + self.rng.below(FIRST_NAMES.len() - 1)) % FIRST_NAMES.len();
                NounPhrase::Both(FIRST_NAMES[first].0, FIRST_NAMES[other].0)
            }
            _ => {
                let gender = if self.rng.chance(50) {
                    Gender::Masculine
                } else {
                    Gender::Feminine
                };
                NounPhrase::Titled(self.rng.one_of(FAMILY_NAMES), gender)
            }
        }
    }

    /// A noun with article and perhaps an adjective. `owner` is the subject, for `sein` and `ihr`.
    pub(crate) fn group(&mut self, kinds: Kinds, owner: Option<&NounPhrase>) -> Group {
        let name = self.name(kinds);
        let is_mass = name.noun.kinds & MASS != 0;
        let plural = name.noun.kinds & (MASS | PARENT) == 0 && self.rng.chance(25);
        let number = if plural { Number::Plural } else { Number::Singular };
        let mut numeral = None;
        // `Peter sucht Peters Hut` would be odd.
        let named =
            owner.is_some_and(|owner| !matches!(owner, NounPhrase::Pronoun(_) | NounPhrase::Group(_)));
        let determiner = match (self.rng.below(100), name.noun.kinds) {
            (0..75, kinds) if kinds & KIN != 0 => self.possessive(owner),
            (75..90, kinds) if kinds & KIN != 0 && !named => Determiner::Of(self.first_name()),
            (0..50, _) if is_mass => Determiner::Bare,
            (0..15, _) if plural => {
                numeral = Some(self.count());
                Determiner::Bare
            }
            (15..22, _) if plural => Determiner::Bare,
            (22..30, _) if plural => Determiner::Many,
            (30..35, _) if plural && owner.is_none() => Determiner::All,
            (0..25, _) if !plural => Determiner::Indefinite,
            (25..29, _) if !plural && owner.is_none() => Determiner::Every,
            (66..73, _) => Determiner::This,
            (73..87, kinds) if kinds & (BUILDING | OUTDOORS) == 0 => self.possessive(owner),
            (87..90, kinds) if kinds & (THING | CLOTHES | VEHICLE | ROOM) != 0 && !named => {
                Determiner::Of(self.first_name())
            }
            (90..95, kinds) if kinds & (THING | CLOTHES | VEHICLE | ROOM | TEXT) != 0 => {
                let noun = self.noun(PERSON);
                let owner = Group::definite(noun);
                Determiner::Of(NounPhrase::Group(Box::new(owner)))
            }
            _ => Determiner::Definite,
        };
        let adjective = if self.rng.chance(30) {
            self.adjective(name.noun)
        } else {
            None
        };
        Group {
            determiner,
            numeral,
            adjective,
            name,
            number,
            tail: None,
        }
    }

    pub(super) fn possessive(&mut self, owner: Option<&NounPhrase>) -> Determiner {
        match owner.and_then(Self::own) {
            Some(own) if self.rng.chance(60) => own,
            _ => self.free_possessive(),
        }
    }

    /// Mostly small, up to 99.
    pub(crate) fn count(&mut self) -> usize {
        if self.rng.chance(60) {
            2 + self.rng.below(11)
        } else {
            13 + self.rng.below(87)
        }
    }

    /// Somebody or something that acts.
    pub(crate) fn subject(&mut self, kinds: Kinds) -> NounPhrase {
        if kinds & PERSON != 0 {
            match self.rng.below(100) {
                0..36 => return NounPhrase::Pronoun(self.rng.pick(PRONOUNS)),
                36..48 => return self.any_name(),
                _ => {}
            }
        }
        let mut group = self.group(kinds, None);
        if matches!(group.determiner, Determiner::Indefinite) && self.rng.chance(15) {
            group.determiner = Determiner::No;
        }
        if matches!(group.determiner, Determiner::Definite) && group.name.noun.kinds & MASS == 0 {
            match self.rng.below(100) {
                0..6 => group.tail = Some(self.place()),
                6..12 => group.tail = Some(self.relative(&group)),
                _ => {}
            }
        }
        NounPhrase::Group(Box::new(group))
    }

    /// What the verb does something to.
    pub(super) fn object(&mut self, kinds: Kinds, case: Case, subject: &NounPhrase) -> NounPhrase {
        if kinds & PERSON != 0 {
            match self.rng.below(100) {
                0..22 => {
                    let fitting: Vec<&'static Pronoun> = PRONOUNS
                        .iter()
                        .filter(|it| !it.de[case as usize].is_empty())
                        .filter(|it| {
                            it.agreement.person != subject.agreement().person || it.agreement.person == 3
                        })
                        .collect();
                    return NounPhrase::Pronoun(self.rng.one_of(&fitting));
                }
                22..32 => return self.any_name(),
                _ => {}
            }
        }
        NounPhrase::Group(Box::new(self.group(kinds, Some(subject))))
    }

    /// A subject without anything that makes clauses nest.
    pub(crate) fn short_subject(&mut self, kinds: Kinds) -> NounPhrase {
        let mut subject = self.subject(kinds);
        if let NounPhrase::Group(group) = &mut subject {
            group.tail = None;
        }
        subject
    }
}
