//! German inflection: articles, adjective endings, noun cases, verb forms.

use crate::lexicon::nouns::{Name, Noun};
use crate::lexicon::verbs::Verb;
use crate::lexicon::words::Modal;
use crate::lexicon::{Agreement, Case, Gender, Number};
use Case::{Accusative, Dative, Genitive, Nominative};

/// The four columns of every German paradigm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Masculine,
    Feminine,
    Neuter,
    Plural,
}

fn column(gender: Gender, number: Number) -> Column {
    match (number, gender) {
        (Number::Plural, _) => Column::Plural,
        (_, Gender::Masculine) => Column::Masculine,
        (_, Gender::Feminine) => Column::Feminine,
        (_, Gender::Neuter) => Column::Neuter,
    }
}

/// `der`, `die`, `das` in all cases.
pub(crate) fn definite(case: Case, gender: Gender, number: Number) -> &'static str {
    let row = match case {
        Nominative => ["der", "die", "das", "die"],
        Accusative => ["den", "die", "das", "die"],
        Dative => ["dem", "der", "dem", "den"],
        Genitive => ["des", "der", "des", "der"],
    };
    row[column(gender, number) as usize]
}

/// The relative pronoun: the article, but long in some cases.
pub(crate) fn relative(case: Case, gender: Gender, number: Number) -> &'static str {
    match (case, number) {
        (Dative, Number::Plural) => "denen",
        (Genitive, _) => unreachable!("the grammar has no genitive relative clauses"),
        _ => definite(case, gender, number),
    }
}

/// Ending of `dieser`, `jeder`, and of adjectives without an article before them (but for the genitive).
fn strong_ending(case: Case, gender: Gender, number: Number) -> &'static str {
    let row = match case {
        Nominative => ["er", "e", "es", "e"],
        Accusative => ["en", "e", "es", "e"],
        Dative => ["em", "er", "em", "en"],
        Genitive => ["es", "er", "es", "er"],
    };
    row[column(gender, number) as usize]
}

/// `dies` + `er` and the like.
pub(crate) fn der_word(stem: &str, case: Case, gender: Gender, number: Number) -> String {
    format!("{stem}{}", strong_ending(case, gender, number))
}

/// `ein`, `kein`, `mein` and the like: no ending in three places; `euer` drops its second `e` before one.
pub(crate) fn ein_word(stem: &str, case: Case, gender: Gender, number: Number) -> String {
    let bare = number == Number::Singular
        && match gender {
            Gender::Masculine => case == Nominative,
            Gender::Neuter => matches!(case, Nominative | Accusative),
            Gender::Feminine => false,
        };
    if bare {
        return stem.to_owned();
    }
    let stem = if stem == "euer" { "eur" } else { stem };
    der_word(stem, case, gender, number)
}

/// What stands before an adjective decides its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declension {
    /// After `der`, `dieser`, `jeder`, `alle`.
    Weak,
    /// After `ein`, `kein`, `mein`.
    Mixed,
    /// After nothing, a numeral, `viele` or a name.
    Strong,
}

/// An adjective before its noun.
pub(crate) fn adjective(
    adjective: &str,
    declension: Declension,
    case: Case,
    gender: Gender,
    number: Number,
) -> String {
    let stem = match adjective {
        "teuer" => "teur",
        "dunkel" => "dunkl",
        other => other.strip_suffix('e').unwrap_or(other),
    };
    // Where an article word already shows gender and case, the adjective only says `-e` or `-en`.
    let plain = number == Number::Singular
        && (case == Nominative || (case == Accusative && gender != Gender::Masculine));
    let ending = match declension {
        Declension::Weak if plain => "e",
        Declension::Weak => "en",
        Declension::Mixed if plain => strong_ending(case, gender, number),
        Declension::Mixed => "en",
        Declension::Strong
            if case == Genitive && number == Number::Singular && gender != Gender::Feminine =>
        {
            "en"
        }
        Declension::Strong => strong_ending(case, gender, number),
    };
    format!("{stem}{ending}")
}

/// A noun in a case, the first part of a compound put before it.
pub(crate) fn noun(name: Name, case: Case, number: Number) -> String {
    let head = head(name.noun, case, number);
    match name.modifier {
        None => head,
        Some(modifier) => {
            let mut letters = head.chars();
            let first = letters.next().expect("nouns are not empty");
            format!("{}{}{}", modifier.de, first.to_lowercase(), letters.as_str())
        }
    }
}

fn head(noun: &Noun, case: Case, number: Number) -> String {
    match number {
        Number::Plural if case == Dative && !noun.plural.ends_with(['n', 's']) => format!("{}n", noun.plural),
        Number::Plural => noun.plural.to_owned(),
        Number::Singular if case == Nominative => noun.de.to_owned(),
        Number::Singular if case == Genitive || is_weak(noun) => noun.genitive.to_owned(),
        Number::Singular => noun.de.to_owned(),
    }
}

/// Nouns like `Junge` end in `-n` in every case but the nominative.
fn is_weak(noun: &Noun) -> bool {
    noun.gender == Gender::Masculine && noun.genitive.ends_with('n')
}

/// Preposition and article grow together: `im`, `zur`.
pub(crate) fn contract(phrase: &str) -> String {
    const CONTRACTIONS: &[(&str, &str)] = &[
        ("in dem ", "im "),
        ("an dem ", "am "),
        ("zu dem ", "zum "),
        ("zu der ", "zur "),
        ("von dem ", "vom "),
        ("in das ", "ins "),
    ];
    for (long, short) in CONTRACTIONS {
        if let Some(rest) = phrase.strip_prefix(long) {
            return format!("{short}{rest}");
        }
    }
    phrase.to_owned()
}

/// Finite present, without the separable prefix.
pub(crate) fn present(verb: &Verb, agreement: Agreement) -> String {
    let (base, third) = (verb.base(), verb.present);
    match (base, agreement.person, agreement.number) {
        ("sein", 1, Number::Singular) => "bin".to_owned(),
        ("sein", 2, Number::Singular) => "bist".to_owned(),
        ("sein", 2, Number::Plural) => "seid".to_owned(),
        ("sein", _, Number::Plural) => "sind".to_owned(),
        ("haben", 2, Number::Singular) => "hast".to_owned(),
        ("wissen", 1, Number::Singular) => "weiß".to_owned(),
        ("wissen", 2, Number::Singular) => "weißt".to_owned(),
        (_, 3, Number::Singular) => third.to_owned(),
        (_, 1, Number::Singular) => first_singular(base),
        (_, 2, Number::Singular) => second_singular(third),
        (_, 2, Number::Plural) => second_plural(base),
        _ => base.to_owned(),
    }
}

fn stem(base: &str) -> &str {
    base.strip_suffix("en")
        .or_else(|| base.strip_suffix('n'))
        .expect("infinitives end in -n")
}

fn first_singular(base: &str) -> String {
    format!("{}e", stem(base))
}

/// From the `er` form, which has the same vowel: `er fährt`, `du fährst`.
fn second_singular(third: &str) -> String {
    let stem = third
        .strip_suffix('t')
        .expect("the er form of a full verb ends in -t");
    let ending = if stem.ends_with(['s', 'ß', 'z', 'x']) {
        "t"
    } else {
        "st"
    };
    format!("{stem}{ending}")
}

fn second_plural(base: &str) -> String {
    let stem = stem(base);
    let helper = if stem.ends_with(['d', 't']) || stem.ends_with("ffn") || stem.ends_with("chn") {
        "e"
    } else {
        ""
    };
    format!("{stem}{helper}t")
}

/// Finite past, without the separable prefix; second persons only of `sein` and weak forms.
pub(crate) fn past(verb: &Verb, agreement: Agreement) -> String {
    finite_past(verb.past, agreement)
}

fn finite_past(first: &str, agreement: Agreement) -> String {
    match (agreement.person, agreement.number) {
        (1 | 3, Number::Singular) => first.to_owned(),
        (2, Number::Singular) => format!("{first}st"),
        (2, Number::Plural) => format!("{first}t"),
        _ if first.ends_with('e') => format!("{first}n"),
        _ => format!("{first}en"),
    }
}

/// Finite form of a modal verb.
pub(crate) fn modal(modal: &Modal, past: bool, agreement: Agreement) -> String {
    match (agreement.person, agreement.number) {
        _ if past => finite_past(modal.past, agreement),
        (1 | 3, Number::Singular) => modal.singular.to_owned(),
        (2, Number::Singular) => modal.second.to_owned(),
        (2, Number::Plural) => second_plural(modal.infinitive),
        _ => modal.infinitive.to_owned(),
    }
}

/// Finite form of `werden`, for the future.
pub(crate) fn will(agreement: Agreement) -> &'static str {
    match (agreement.person, agreement.number) {
        (1, Number::Singular) => "werde",
        (2, Number::Singular) => "wirst",
        (3, Number::Singular) => "wird",
        (2, Number::Plural) => "werdet",
        _ => "werden",
    }
}

/// What one says to a friend (`Nimm!`, `Öffne!`).
pub(crate) fn imperative(verb: &Verb) -> String {
    let regular = first_singular(verb.base());
    let short = second_singular_stem(verb.present);
    // Verbs that change e to i do so here too and take no ending; those that change a to ä do not.
    let changes_to_i = !regular.starts_with(short) && verb.base().contains('e') && short.contains('i');
    if changes_to_i && !verb.base().contains("ei") && !verb.base().contains("ie") {
        short.to_owned()
    } else {
        regular
    }
}

fn second_singular_stem(third: &str) -> &str {
    third
        .strip_suffix('t')
        .expect("the er form of a full verb ends in -t")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::nouns::{MODIFIERS, NOUNS};
    use crate::lexicon::verbs::{BE, HAVE, VERBS};
    use crate::lexicon::words::MODALS;
    use Gender::{Feminine, Masculine, Neuter};
    use Number::{Plural, Singular};

    const CASES: [Case; 4] = [Nominative, Accusative, Dative, Genitive];

    fn find(lemma: &str) -> &'static Noun {
        NOUNS
            .iter()
            .find(|noun| noun.de == lemma)
            .expect("a noun of the lexicon")
    }

    fn find_verb(infinitive: &str) -> &'static Verb {
        VERBS
            .iter()
            .find(|verb| verb.infinitive() == infinitive)
            .expect("a verb of the lexicon")
    }

    /// Article, adjective and noun in the four cases.
    fn paradigm(
        article: impl Fn(Case, Gender, Number) -> String,
        declension: Declension,
        lemma: &str,
        number: Number,
    ) -> Vec<String> {
        let entry = find(lemma);
        CASES
            .iter()
            .map(|&case| {
                let article = article(case, entry.gender, number);
                let adjective = adjective("alt", declension, case, entry.gender, number);
                let name = Name {
                    modifier: None,
                    noun: entry,
                };
                format!("{article} {adjective} {}", noun(name, case, number))
                    .trim()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn weak_declension_follows_the_definite_article() {
        let the = |case, gender, number| definite(case, gender, number).to_owned();
        let paradigm = |lemma, number| paradigm(the, Declension::Weak, lemma, number);
        let man = [
            "der alte Mann",
            "den alten Mann",
            "dem alten Mann",
            "des alten Mannes",
        ];
        assert_eq!(paradigm("Mann", Singular), man);
        let woman = [
            "die alte Frau",
            "die alte Frau",
            "der alten Frau",
            "der alten Frau",
        ];
        assert_eq!(paradigm("Frau", Singular), woman);
        let book = [
            "das alte Buch",
            "das alte Buch",
            "dem alten Buch",
            "des alten Buches",
        ];
        assert_eq!(paradigm("Buch", Singular), book);
        let children = [
            "die alten Kinder",
            "die alten Kinder",
            "den alten Kindern",
            "der alten Kinder",
        ];
        assert_eq!(paradigm("Kind", Plural), children);
        let cars = [
            "die alten Autos",
            "die alten Autos",
            "den alten Autos",
            "der alten Autos",
        ];
        assert_eq!(paradigm("Auto", Plural), cars);
        let student = [
            "der alte Student",
            "den alten Studenten",
            "dem alten Studenten",
            "des alten Studenten",
        ];
        assert_eq!(paradigm("Student", Singular), student);
    }

    #[test]
    fn mixed_declension_follows_ein_words() {
        let my = |case, gender, number| ein_word("mein", case, gender, number);
        let paradigm = |lemma, number| paradigm(my, Declension::Mixed, lemma, number);
        let man = [
            "mein alter Mann",
            "meinen alten Mann",
            "meinem alten Mann",
            "meines alten Mannes",
        ];
        assert_eq!(paradigm("Mann", Singular), man);
        let bag = [
            "meine alte Tasche",
            "meine alte Tasche",
            "meiner alten Tasche",
            "meiner alten Tasche",
        ];
        assert_eq!(paradigm("Tasche", Singular), bag);
        let car = [
            "mein altes Auto",
            "mein altes Auto",
            "meinem alten Auto",
            "meines alten Autos",
        ];
        assert_eq!(paradigm("Auto", Singular), car);
        let keys = [
            "meine alten Schlüssel",
            "meine alten Schlüssel",
            "meinen alten Schlüsseln",
            "meiner alten Schlüssel",
        ];
        assert_eq!(paradigm("Schlüssel", Plural), keys);
    }

    #[test]
    fn strong_declension_stands_alone() {
        let none = |_, _, _| String::new();
        let paradigm = |lemma, number| paradigm(none, Declension::Strong, lemma, number);
        assert_eq!(
            paradigm("Käse", Singular),
            ["alter Käse", "alten Käse", "altem Käse", "alten Käses"]
        );
        assert_eq!(
            paradigm("Milch", Singular),
            ["alte Milch", "alte Milch", "alter Milch", "alter Milch"]
        );
        assert_eq!(
            paradigm("Brot", Singular),
            ["altes Brot", "altes Brot", "altem Brot", "alten Brotes"]
        );
        assert_eq!(
            paradigm("Haus", Plural),
            ["alte Häuser", "alte Häuser", "alten Häusern", "alter Häuser"]
        );
    }

    #[test]
    fn stems_lose_their_e() {
        let of = |lemma| adjective(lemma, Declension::Mixed, Nominative, Neuter, Singular);
        assert_eq!(
            [of("teuer"), of("dunkel"), of("müde"), of("sauber")],
            ["teures", "dunkles", "müdes", "sauberes"]
        );
        let your = |case, gender| ein_word("euer", case, gender, Singular);
        assert_eq!(
            [
                your(Nominative, Masculine),
                your(Accusative, Feminine),
                your(Dative, Neuter)
            ],
            ["euer", "eure", "eurem"]
        );
    }

    #[test]
    fn compounds_take_gender_and_endings_of_their_head() {
        let kitchen = MODIFIERS.iter().find(|modifier| modifier.de == "Küchen");
        let compound = Name {
            modifier: kitchen,
            noun: find("Schrank"),
        };
        assert_eq!(noun(compound, Dative, Plural), "Küchenschränken");
        assert_eq!(
            noun(
                Name {
                    modifier: kitchen,
                    noun: find("Uhr")
                },
                Nominative,
                Singular
            ),
            "Küchenuhr"
        );
    }

    #[test]
    fn prepositions_contract_with_short_articles_only() {
        let contracted = [
            "in dem Garten",
            "zu der Schule",
            "an dem See",
            "in das Haus",
            "von dem Arzt",
        ]
        .map(contract);
        assert_eq!(
            contracted,
            ["im Garten", "zur Schule", "am See", "ins Haus", "vom Arzt"]
        );
        assert_eq!(
            ["in der Stadt", "auf dem Tisch", "in den Wald"].map(contract),
            ["in der Stadt", "auf dem Tisch", "in den Wald"]
        );
    }

    #[test]
    fn verbs_agree_with_their_subject() {
        let persons = [
            (1, Singular),
            (2, Singular),
            (3, Singular),
            (1, Plural),
            (2, Plural),
            (3, Plural),
        ];
        let conjugate = |verb: &Verb| {
            persons
                .map(|(person, number)| present(verb, Agreement { person, number }))
                .join(" ")
        };
        for (verb, forms) in [
            (&BE, "bin bist ist sind seid sind"),
            (&HAVE, "habe hast hat haben habt haben"),
            (find_verb("kaufen"), "kaufe kaufst kauft kaufen kauft kaufen"),
            (
                find_verb("arbeiten"),
                "arbeite arbeitest arbeitet arbeiten arbeitet arbeiten",
            ),
            (find_verb("öffnen"), "öffne öffnest öffnet öffnen öffnet öffnen"),
            (
                find_verb("zeichnen"),
                "zeichne zeichnest zeichnet zeichnen zeichnet zeichnen",
            ),
            (find_verb("lesen"), "lese liest liest lesen lest lesen"),
            (find_verb("essen"), "esse isst isst essen esst essen"),
            (
                find_verb("schließen"),
                "schließe schließt schließt schließen schließt schließen",
            ),
            (find_verb("einladen"), "lade lädst lädt laden ladet laden"),
            (find_verb("wegwerfen"), "werfe wirfst wirft werfen werft werfen"),
            (
                find_verb("füttern"),
                "füttere fütterst füttert füttern füttert füttern",
            ),
            (find_verb("sitzen"), "sitze sitzt sitzt sitzen sitzt sitzen"),
            (find_verb("laufen"), "laufe läufst läuft laufen lauft laufen"),
        ] {
            assert_eq!(conjugate(verb), forms);
        }
        let modals = |index: usize| {
            persons
                .map(|(person, number)| modal(&MODALS[index], false, Agreement { person, number }))
                .join(" ")
        };
        assert_eq!(modals(0), "kann kannst kann können könnt können");
        assert_eq!(modals(5), "möchte möchtest möchte möchten möchtet möchten");
        let past = |verb: &Verb| {
            persons
                .map(|(person, number)| past(verb, Agreement { person, number }))
                .join(" ")
        };
        assert_eq!(past(&BE), "war warst war waren wart waren");
        assert_eq!(past(&HAVE), "hatte hattest hatte hatten hattet hatten");
    }

    #[test]
    fn imperatives_change_e_to_i_but_keep_a() {
        let commands = [
            "geben",
            "lesen",
            "wegwerfen",
            "helfen",
            "fahren",
            "kaufen",
            "antworten",
            "öffnen",
            "essen",
            "bieten",
            "füttern",
        ];
        let commands = commands.map(|infinitive| {
            let verb = VERBS
                .iter()
                .find(|verb| verb.base() == infinitive || verb.infinitive() == infinitive);
            imperative(verb.expect("a verb of the lexicon"))
        });
        assert_eq!(
            commands,
            [
                "gib", "lies", "wirf", "hilf", "fahre", "kaufe", "antworte", "öffne", "iss", "biete",
                "füttere"
            ]
        );
    }

    #[test]
    fn separable_verbs_come_apart() {
        let verb = find_verb("anrufen");
        assert_eq!(
            [verb.zu_infinitive(), verb.participle()],
            ["anzurufen", "angerufen"]
        );
        assert_eq!(present(verb, Agreement::third(Singular)), "ruft");
        assert_eq!(find_verb("besuchen").zu_infinitive(), "zu besuchen");
    }
}
