//! The words: what a German lemma is in English, and which words go together.
//!
//! Every German lemma has one translation, so that the corpus is learnable; which inflected form is right depends on the sentence.

pub(crate) mod adjectives;
pub(crate) mod nouns;
pub(crate) mod numbers;
pub(crate) mod verbs;
pub(crate) mod words;

/// A set of the `kinds` below; a verb names the kinds it takes, a noun those it belongs to.
pub(crate) type Kinds = u32;

/// The kinds of things in this small world.
pub(crate) mod kind {
    use super::Kinds;

    pub(crate) const PERSON: Kinds = 1 << 0;
    pub(crate) const KIN: Kinds = 1 << 1;
    pub(crate) const ANIMAL: Kinds = 1 << 2;
    pub(crate) const FOOD: Kinds = 1 << 3;
    pub(crate) const DRINK: Kinds = 1 << 4;
    pub(crate) const TEXT: Kinds = 1 << 5;
    pub(crate) const THING: Kinds = 1 << 6;
    pub(crate) const CLOTHES: Kinds = 1 << 7;
    pub(crate) const FURNITURE: Kinds = 1 << 8;
    pub(crate) const VEHICLE: Kinds = 1 << 9;
    pub(crate) const DEVICE: Kinds = 1 << 10;
    pub(crate) const OPENABLE: Kinds = 1 << 11;
    pub(crate) const BUILDING: Kinds = 1 << 12;
    pub(crate) const ROOM: Kinds = 1 << 13;
    pub(crate) const OUTDOORS: Kinds = 1 << 14;
    /// Has no plural and no indefinite article: water, money.
    pub(crate) const MASS: Kinds = 1 << 15;
    /// Things lie on it: `auf dem Tisch`.
    pub(crate) const SURFACE: Kinds = 1 << 16;
    /// One is `in` it, goes `in` it (accusative) or `zu` it.
    pub(crate) const IN_IT: Kinds = 1 << 17;
    /// One is `an` it: `am Bahnhof`.
    pub(crate) const AT_IT: Kinds = 1 << 18;
    /// One is `auf` it: `auf der Brücke`.
    pub(crate) const ON_IT: Kinds = 1 << 19;
    /// Head of compounds with a place: `Küchentür`.
    pub(crate) const OF_PLACE: Kinds = 1 << 20;
    /// Head of compounds with a season or cloth: `Winterjacke`.
    pub(crate) const OF_CLOTH: Kinds = 1 << 21;
    /// Head of compounds with a material: `Holzlöffel`.
    pub(crate) const OF_MATERIAL: Kinds = 1 << 22;
    /// One travels with it: `mit dem Zug`.
    pub(crate) const TRANSPORT: Kinds = 1 << 23;
    /// Stories and the like, which one tells.
    pub(crate) const TALE: Kinds = 1 << 24;

    /// Head of compounds with what houses are made of: `Steinbrücke`.
    pub(crate) const OF_STONE: Kinds = 1 << 25;
    /// One has only one of them: `Vater`.
    pub(crate) const PARENT: Kinds = 1 << 26;

    /// What shops sell.
    pub(crate) const GOODS: Kinds = THING | CLOTHES | FURNITURE | FOOD | TEXT | DEVICE;
    /// What one can hold.
    pub(crate) const PORTABLE: Kinds = THING | CLOTHES | TEXT;
    /// Whatever one can visit.
    pub(crate) const SITE: Kinds = BUILDING | ROOM | OUTDOORS;
}

/// Grammatical gender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gender {
    Masculine,
    Feminine,
    Neuter,
}

/// Grammatical number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    Singular,
    Plural,
}

/// German case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Nominative,
    Accusative,
    Dative,
    Genitive,
}

/// What a subject demands of its verb: person 1, 2 or 3, and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) person: u8,
    pub(crate) number: Number,
}

impl Agreement {
    pub(crate) const fn third(number: Number) -> Self {
        Self { person: 3, number }
    }

    /// English `-s`, German `-t`.
    pub(crate) fn is_third_singular(self) -> bool {
        self.person == 3 && self.number == Number::Singular
    }
}
