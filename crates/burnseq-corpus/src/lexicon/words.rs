//! Everything that is not a noun, verb, adjective or number: pronouns, names, adverbs, conjunctions, times.

use super::{Agreement, Gender, Number};

/// A personal pronoun.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pronoun {
    /// Nominative, accusative, dative. Forms that English could render in two ways (`sie` as an object, say) are empty.
    pub(crate) de: [&'static str; 3],
    /// Subject, object.
    pub(crate) en: [&'static str; 2],
    pub(crate) agreement: Agreement,
    /// Gender of the third person singular.
    pub(crate) gender: Option<Gender>,
    /// Its possessive, German stem and English.
    pub(crate) possessive: (&'static str, &'static str),
    /// Reflexive, accusative.
    pub(crate) reflexive: &'static str,
}

const fn pronoun(
    de: [&'static str; 3],
    en: [&'static str; 2],
    person: u8,
    number: Number,
    gender: Option<Gender>,
    possessive: (&'static str, &'static str),
    reflexive: &'static str,
) -> Pronoun {
    Pronoun {
        de,
        en,
        agreement: Agreement { person, number },
        gender,
        possessive,
        reflexive,
    }
}

/// The personal pronouns.
#[rustfmt::skip]
pub(crate) const PRONOUNS: &[Pronoun] = &[
    pronoun(["ich", "mich", "mir"], ["I", "me"], 1, Number::Singular, None, ("mein", "my"), "mich"),
    pronoun(["du", "dich", "dir"], ["you", "you"], 2, Number::Singular, None, ("dein", "your"), "dich"),
    pronoun(["er", "ihn", "ihm"], ["he", "him"], 3, Number::Singular, Some(Gender::Masculine), ("sein", "his"), "sich"),
    pronoun(["sie", "", "ihr"], ["she", "her"], 3, Number::Singular, Some(Gender::Feminine), ("ihr", "her"), "sich"),
    pronoun(["wir", "uns", "uns"], ["we", "us"], 1, Number::Plural, None, ("unser", "our"), "uns"),
    pronoun(["ihr", "euch", "euch"], ["you", "you"], 2, Number::Plural, None, ("euer", "your"), "euch"),
    pronoun(["sie", "", "ihnen"], ["they", "them"], 3, Number::Plural, None, ("ihr", "their"), "sich"),
];

/// First names; none ends in `s`, so that all take a genitive `-s`.
pub(crate) const FIRST_NAMES: &[(&str, Gender)] = &[
    ("Anna", Gender::Feminine),
    ("Maria", Gender::Feminine),
    ("Julia", Gender::Feminine),
    ("Lena", Gender::Feminine),
    ("Peter", Gender::Masculine),
    ("Paul", Gender::Masculine),
    ("Martin", Gender::Masculine),
    ("Stefan", Gender::Masculine),
];

/// Family names, after `Herr` and `Frau`.
pub(crate) const FAMILY_NAMES: &[&str] = &["Müller", "Weber", "Schneider", "König"];

/// Cities and countries.
pub(crate) const CITIES: &[(&str, &str)] = &[
    ("Berlin", "Berlin"),
    ("Hamburg", "Hamburg"),
    ("München", "Munich"),
    ("Köln", "Cologne"),
    ("Wien", "Vienna"),
    ("Zürich", "Zurich"),
    ("Italien", "Italy"),
    ("Österreich", "Austria"),
];

/// How often: after the finite verb.
pub(crate) const FREQUENCIES: &[(&str, &str)] = &[
    ("immer", "always"),
    ("oft", "often"),
    ("nie", "never"),
    ("manchmal", "sometimes"),
    ("selten", "rarely"),
];

/// In which way one does nearly everything.
pub(crate) const MANNERS: &[(&str, &str)] = &[("allein", "alone"), ("leise", "quietly")];

/// In which way one handles things or moves.
pub(crate) const MANNERS_OF_ACTION: &[(&str, &str)] = &[
    ("schnell", "quickly"),
    ("langsam", "slowly"),
    ("vorsichtig", "carefully"),
];

/// Times that leave the tense open.
pub(crate) const TIMES_ANY: &[(&str, &str)] = &[
    ("heute", "today"),
    ("am Morgen", "in the morning"),
    ("am Abend", "in the evening"),
    ("in der Nacht", "at night"),
    ("am Wochenende", "at the weekend"),
    ("nach dem Essen", "after the meal"),
];

/// Times for habits, in the present.
pub(crate) const TIMES_HABIT: &[(&str, &str)] = &[
    ("jeden Tag", "every day"),
    ("jeden Morgen", "every morning"),
    ("jede Woche", "every week"),
    ("jedes Jahr", "every year"),
];

/// Times gone by.
pub(crate) const TIMES_PAST: &[(&str, &str)] = &[
    ("gestern", "yesterday"),
    ("letzte Woche", "last week"),
    ("letztes Jahr", "last year"),
    ("letzten Sommer", "last summer"),
];

/// Times to come; German uses the present with them, English `will`.
pub(crate) const TIMES_FUTURE: &[(&str, &str)] = &[
    ("morgen", "tomorrow"),
    ("bald", "soon"),
    ("nächste Woche", "next week"),
    ("nächstes Jahr", "next year"),
];

/// Days and seasons: `am Montag`, `im Sommer`.
pub(crate) const DAYS: &[(&str, &str)] = &[
    ("Montag", "Monday"),
    ("Dienstag", "Tuesday"),
    ("Mittwoch", "Wednesday"),
    ("Donnerstag", "Thursday"),
    ("Freitag", "Friday"),
    ("Samstag", "Saturday"),
    ("Sonntag", "Sunday"),
];
pub(crate) const SEASONS: &[(&str, &str)] = &[
    ("Frühling", "spring"),
    ("Sommer", "summer"),
    ("Herbst", "autumn"),
    ("Winter", "winter"),
];

/// Units of time: dative plural, English singular and plural.
pub(crate) const UNITS: &[(&str, &str)] = &[
    ("Stunden", "hours"),
    ("Tagen", "days"),
    ("Wochen", "weeks"),
    ("Monaten", "months"),
    ("Jahren", "years"),
];

/// The weather: a whole clause whose order is the same everywhere.
pub(crate) const WEATHER: &[(&str, &str)] =
    &[("es regnet", "it is raining"), ("es schneit", "it is snowing")];

/// A modal verb.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Modal {
    pub(crate) infinitive: &'static str,
    /// `ich` and `er`; `du` adds the ending.
    pub(crate) singular: &'static str,
    pub(crate) second: &'static str,
    /// `ich` and `er` of the past, empty where English has no single past.
    pub(crate) past: &'static str,
    pub(crate) en: ModalEnglish,
}

/// How English says a modal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModalEnglish {
    Can,
    Must,
    Want,
    May,
    Should,
    WouldLike,
}

const fn modal(
    infinitive: &'static str,
    singular: &'static str,
    second: &'static str,
    past: &'static str,
    en: ModalEnglish,
) -> Modal {
    Modal {
        infinitive,
        singular,
        second,
        past,
        en,
    }
}

/// The modal verbs; `möchten` counts as one.
pub(crate) const MODALS: &[Modal] = &[
    modal("können", "kann", "kannst", "konnte", ModalEnglish::Can),
    modal("müssen", "muss", "musst", "musste", ModalEnglish::Must),
    modal("wollen", "will", "willst", "wollte", ModalEnglish::Want),
    modal("dürfen", "darf", "darfst", "durfte", ModalEnglish::May),
    modal("sollen", "soll", "sollst", "", ModalEnglish::Should),
    modal("möchten", "möchte", "möchtest", "", ModalEnglish::WouldLike),
];
