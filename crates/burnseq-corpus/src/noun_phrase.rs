//! Noun phrases in both languages: who or what, in which case.

use crate::english;
use crate::german::{self, Declension};
use crate::lexicon::adjectives::Adjective;
use crate::lexicon::nouns::{Name, Noun};
use crate::lexicon::words::Pronoun;
use crate::lexicon::{Agreement, Case, Gender, Number, numbers};

/// The same words in both languages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Phrase {
    pub(crate) de: String,
    pub(crate) en: String,
}

impl Phrase {
    pub(crate) fn new(de: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            de: de.into(),
            en: en.into(),
        }
    }
}

impl From<(&str, &str)> for Phrase {
    fn from((de, en): (&str, &str)) -> Self {
        Self::new(de, en)
    }
}

/// Who or what.
#[derive(Debug, Clone)]
pub(crate) enum NounPhrase {
    Pronoun(&'static Pronoun),
    /// A first name.
    First(&'static str, Gender),
    /// Two first names.
    Both(&'static str, &'static str),
    /// `Herr` or `Frau` and a family name.
    Titled(&'static str, Gender),
    Group(Box<Group>),
}

/// A noun with what belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) determiner: Determiner,
    pub(crate) numeral: Option<usize>,
    pub(crate) adjective: Option<&'static Adjective>,
    pub(crate) name: Name,
    pub(crate) number: Number,
    /// A place or relative clause after the noun.
    pub(crate) tail: Option<Phrase>,
}

/// What a noun phrase starts with.
#[derive(Debug, Clone)]
pub(crate) enum Determiner {
    /// Nothing: plurals and mass nouns.
    Bare,
    Definite,
    /// `ein`.
    Indefinite,
    /// `dieser`.
    This,
    /// `jeder`.
    Every,
    /// `alle`.
    All,
    /// `viele`.
    Many,
    /// `kein` of a subject: `no`.
    No,
    /// `kein` of an object: English negates the verb.
    NotAny,
    /// `mein`, `my`.
    Possessive(&'static str, &'static str),
    /// `Annas`, or `... des Lehrers` after the noun.
    Of(NounPhrase),
}

impl NounPhrase {
    pub(crate) fn agreement(&self) -> Agreement {
        match self {
            Self::Pronoun(pronoun) => pronoun.agreement,
            Self::First(..) | Self::Titled(..) => Agreement::third(Number::Singular),
            Self::Both(..) => Agreement::third(Number::Plural),
            Self::Group(group) => Agreement::third(group.number),
        }
    }

    /// Gender, in the third person singular.
    pub(crate) fn gender(&self) -> Option<Gender> {
        match self {
            Self::Pronoun(pronoun) => pronoun.gender,
            Self::First(_, gender) | Self::Titled(_, gender) => Some(*gender),
            Self::Both(..) => None,
            Self::Group(group) => (group.number == Number::Singular).then_some(group.name.noun.gender),
        }
    }

    pub(crate) fn is_pronoun(&self) -> bool {
        matches!(self, Self::Pronoun(_))
    }

    /// In German.
    pub(crate) fn german(&self, case: Case) -> String {
        match self {
            Self::Pronoun(pronoun) => pronoun.de[case as usize].to_owned(),
            Self::First(name, _) if case == Case::Genitive => format!("{name}s"),
            Self::First(name, _) => (*name).to_owned(),
            Self::Both(one, other) => format!("{one} und {other}"),
            Self::Titled(name, Gender::Masculine) if case == Case::Nominative => format!("Herr {name}"),
            Self::Titled(name, Gender::Masculine) => format!("Herrn {name}"),
            Self::Titled(name, _) => format!("Frau {name}"),
            Self::Group(group) => group.german(case),
        }
    }

    /// In English, as a subject or not.
    pub(crate) fn english(&self, subject: bool) -> String {
        match self {
            Self::Pronoun(pronoun) => pronoun.en[usize::from(!subject)].to_owned(),
            Self::First(name, _) => (*name).to_owned(),
            Self::Both(one, other) => format!("{one} and {other}"),
            Self::Titled(name, Gender::Masculine) => format!("Mr. {name}"),
            Self::Titled(name, _) => format!("Ms. {name}"),
            Self::Group(group) => group.english(),
        }
    }

    /// As an object or after a preposition.
    pub(crate) fn phrase(&self, case: Case) -> Phrase {
        Phrase::new(self.german(case), self.english(false))
    }
}

impl Group {
    /// `der Hund`, and no more.
    pub(crate) fn definite(noun: &'static Noun) -> Self {
        Self {
            determiner: Determiner::Definite,
            numeral: None,
            adjective: None,
            name: Name { modifier: None, noun },
            number: Number::Singular,
            tail: None,
        }
    }

    fn german(&self, case: Case) -> String {
        let (gender, number) = (self.name.noun.gender, self.number);
        let (article, declension, owner) = match &self.determiner {
            Determiner::Definite => (
                german::definite(case, gender, number).to_owned(),
                Declension::Weak,
                None,
            ),
            Determiner::This => (
                german::der_word("dies", case, gender, number),
                Declension::Weak,
                None,
            ),
            Determiner::Every => (
                german::der_word("jed", case, gender, number),
                Declension::Weak,
                None,
            ),
            Determiner::All => (
                german::der_word("all", case, gender, number),
                Declension::Weak,
                None,
            ),
            Determiner::Many => (
                german::der_word("viel", case, gender, number),
                Declension::Strong,
                None,
            ),
            Determiner::Indefinite => (
                german::ein_word("ein", case, gender, number),
                Declension::Mixed,
                None,
            ),
            Determiner::No | Determiner::NotAny => (
                german::ein_word("kein", case, gender, number),
                Declension::Mixed,
                None,
            ),
            Determiner::Possessive(stem, _) => (
                german::ein_word(stem, case, gender, number),
                Declension::Mixed,
                None,
            ),
            Determiner::Bare => (String::new(), Declension::Strong, None),
            Determiner::Of(owner @ NounPhrase::First(..)) => {
                (owner.german(Case::Genitive), Declension::Strong, None)
            }
            Determiner::Of(owner) => {
                let article = german::definite(case, gender, number).to_owned();
                (article, Declension::Weak, Some(owner.german(Case::Genitive)))
            }
        };
        let numeral = self.numeral.map(numbers::german);
        let adjective = self
            .adjective
            .map(|it| german::adjective(it.de, declension, case, gender, number));
        let noun = german::noun(self.name, case, number);
        let tail = self.tail.as_ref().map(|tail| tail.de.clone());
        join([Some(article), numeral, adjective, Some(noun), owner, tail])
    }

    fn english(&self) -> String {
        let singular = self.number == Number::Singular;
        let mass = self.name.noun.plural.is_empty();
        let determiner = match &self.determiner {
            Determiner::Definite => "the".to_owned(),
            Determiner::This if singular => "this".to_owned(),
            Determiner::This => "these".to_owned(),
            Determiner::Every => "every".to_owned(),
            Determiner::All => "all".to_owned(),
            Determiner::Many => "many".to_owned(),
            Determiner::No => "no".to_owned(),
            Determiner::NotAny if mass || !singular => "any".to_owned(),
            Determiner::Indefinite | Determiner::NotAny => "a".to_owned(),
            Determiner::Bare => String::new(),
            Determiner::Possessive(_, en) => (*en).to_owned(),
            Determiner::Of(owner) => {
                let name = owner.english(false);
                if name.ends_with('s') && owner.agreement().number == Number::Plural {
                    format!("{name}'")
                } else {
                    format!("{name}'s")
                }
            }
        };
        let numeral = self.numeral.map(numbers::english);
        let adjective = self.adjective.map(|it| it.en.to_owned());
        let noun = english::noun(self.name, self.number);
        let tail = self.tail.as_ref().map(|tail| tail.en.clone());
        join([Some(determiner), numeral, adjective, Some(noun), tail])
    }
}

/// The non-empty parts with spaces between them.
pub(crate) fn join<const N: usize>(parts: [Option<String>; N]) -> String {
    parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::adjectives::ADJECTIVES;
    use crate::lexicon::nouns::NOUNS;
    use Number::{Plural, Singular};

    fn group(determiner: Determiner, adjective: &str, noun: &str, number: Number) -> Group {
        Group {
            determiner,
            numeral: None,
            adjective: ADJECTIVES.iter().find(|entry| entry.de == adjective),
            name: Name {
                modifier: None,
                noun: NOUNS.iter().find(|entry| entry.de == noun).expect("a known noun"),
            },
            number,
            tail: None,
        }
    }

    #[test]
    fn owners_follow_in_german_and_lead_in_english() {
        let teacher = NounPhrase::Group(Box::new(group(Determiner::Definite, "alt", "Lehrer", Singular)));
        let car = group(Determiner::Of(teacher), "neu", "Auto", Singular);
        assert_eq!(car.german(Case::Dative), "dem neuen Auto des alten Lehrers");
        assert_eq!(car.english(), "the old teacher's new car");
        let car = group(
            Determiner::Of(NounPhrase::First("Anna", Gender::Feminine)),
            "neu",
            "Auto",
            Singular,
        );
        assert_eq!(car.german(Case::Dative), "Annas neuem Auto");
        let parents = NounPhrase::Group(Box::new(group(Determiner::Definite, "", "Nachbar", Plural)));
        let house = group(Determiner::Of(parents), "", "Haus", Singular);
        assert_eq!(house.german(Case::Nominative), "das Haus der Nachbarn");
        assert_eq!(house.english(), "the neighbours' house");
    }

    #[test]
    fn negation_is_any_in_english_where_a_does_not_go() {
        let english = |noun, number| group(Determiner::NotAny, "", noun, number).english();
        assert_eq!(
            [english("Apfel", Plural), english("Tee", Singular)],
            ["any apples", "any tea"]
        );
        assert_eq!(english("Apfel", Singular), "a apple"); // `an` is chosen once the sentence stands
        assert_eq!(
            group(Determiner::NotAny, "rot", "Apfel", Singular).german(Case::Accusative),
            "keinen roten Apfel"
        );
    }

    #[test]
    fn numerals_and_quantities_take_strong_adjectives() {
        let mut friends = group(Determiner::Bare, "alt", "Freund", Plural);
        friends.numeral = Some(3);
        assert_eq!(friends.german(Case::Dative), "drei alten Freunden");
        friends.determiner = Determiner::Definite;
        assert_eq!(friends.german(Case::Nominative), "die drei alten Freunde");
        let many = group(Determiner::Many, "alt", "Freund", Plural);
        assert_eq!(many.german(Case::Accusative), "viele alte Freunde");
        let all = group(Determiner::All, "alt", "Freund", Plural);
        assert_eq!(all.german(Case::Accusative), "alle alten Freunde");
    }

    #[test]
    fn mister_is_declined() {
        let name = NounPhrase::Titled("Weber", Gender::Masculine);
        assert_eq!(
            [name.german(Case::Nominative), name.german(Case::Dative)],
            ["Herr Weber", "Herrn Weber"]
        );
        assert_eq!(name.english(true), "Mr. Weber");
    }
}
