//! English inflection: plurals, verb forms, `a` or `an`.

use crate::lexicon::nouns::{Name, Noun};
use crate::lexicon::verbs::Verb;
use crate::lexicon::{Agreement, Number};

/// A noun, the first part of a compound before it.
pub(crate) fn noun(name: Name, number: Number) -> String {
    let head = head(name.noun, number);
    match name.modifier {
        None => head,
        Some(modifier) => format!("{} {head}", modifier.en),
    }
}

fn head(noun: &Noun, number: Number) -> String {
    match (noun.en.split_once('/'), number) {
        (Some((singular, _)), Number::Singular) => singular.to_owned(),
        (Some((_, plural)), Number::Plural) => plural.to_owned(),
        (None, Number::Singular) => noun.en.to_owned(),
        (None, Number::Plural) => with_s(noun.en),
    }
}

/// The regular `-s`, of nouns and verbs alike.
fn with_s(word: &str) -> String {
    match consonant_y(word) {
        Some(stem) => format!("{stem}ies"),
        None if ["s", "sh", "ch", "x", "z", "o"]
            .iter()
            .any(|end| word.ends_with(end)) =>
        {
            format!("{word}es")
        }
        None => format!("{word}s"),
    }
}

/// `tid` of `tidy`.
fn consonant_y(word: &str) -> Option<&str> {
    let stem = word.strip_suffix('y')?;
    (!stem.ends_with(['a', 'e', 'o', 'u'])).then_some(stem)
}

/// Verbs that double their last letter, besides those with an irregular past.
fn doubled(base: &str) -> String {
    const DOUBLING: &[&str] = &[
        "begin", "forget", "get", "hop", "put", "run", "shop", "sit", "travel",
    ];
    match base.chars().last() {
        Some(last) if DOUBLING.contains(&base) => format!("{base}{last}"),
        _ => base.to_owned(),
    }
}

/// `-ed`, unless irregular.
pub(crate) fn past(verb: &Verb) -> String {
    verb.en_past()
        .map_or_else(|| with_ed(verb.en_base()), str::to_owned)
}

/// Past participle.
pub(crate) fn participle(verb: &Verb) -> String {
    verb.en_participle()
        .map_or_else(|| with_ed(verb.en_base()), str::to_owned)
}

fn with_ed(base: &str) -> String {
    match consonant_y(base) {
        Some(stem) => format!("{stem}ied"),
        None if base.ends_with('e') => format!("{base}d"),
        None => format!("{}ed", doubled(base)),
    }
}

/// The `-ing` form.
pub(crate) fn progressive(verb: &Verb) -> String {
    let base = verb.en_base();
    match (base.strip_suffix("ie"), base.strip_suffix('e')) {
        (Some(stem), _) => format!("{stem}ying"),
        (None, Some(stem)) if !stem.ends_with('e') => format!("{stem}ing"),
        _ => format!("{}ing", doubled(base)),
    }
}

/// Finite present of a full verb.
pub(crate) fn present(base: &str, agreement: Agreement) -> String {
    match (agreement.is_third_singular(), base) {
        (true, "have") => "has".to_owned(),
        (true, _) => with_s(base),
        (false, _) => base.to_owned(),
    }
}

/// `am`, `is`, `are`, `was`, `were`.
pub(crate) fn be(past: bool, agreement: Agreement) -> &'static str {
    match (past, agreement.person, agreement.number) {
        (false, 1, Number::Singular) => "am",
        (false, 3, Number::Singular) => "is",
        (false, _, _) => "are",
        (true, 1 | 3, Number::Singular) => "was",
        (true, _, _) => "were",
    }
}

/// Writes `an` where the next word starts with a vowel sound; the grammar says `a` everywhere.
pub(crate) fn choose_articles(words: &mut [String]) {
    for index in 1..words.len() {
        let vowel = words[index].starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
        let article = &mut words[index - 1];
        if vowel && (article == "a" || article == "A") {
            article.push('n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::nouns::NOUNS;
    use crate::lexicon::verbs::VERBS;

    #[test]
    fn plurals_are_spelled_right() {
        let plural = |de: &str| {
            let noun = NOUNS
                .iter()
                .find(|noun| noun.de == de)
                .expect("a noun of the lexicon");
            head(noun, Number::Plural)
        };
        let words = [
            "Kind",
            "Stadt",
            "Birne",
            "Kartoffel",
            "Radio",
            "Regal",
            "Kirche",
            "Bus",
            "Junge",
            "Messer",
        ];
        let plurals = [
            "children", "cities", "pears", "potatoes", "radios", "shelves", "churches", "buses", "boys",
            "knives",
        ];
        assert_eq!(words.map(plural), plurals);
    }

    #[test]
    fn verb_forms_are_spelled_right() {
        let forms = |infinitive: &str| {
            let verb = VERBS
                .iter()
                .find(|verb| verb.infinitive() == infinitive)
                .expect("a verb of the lexicon");
            let third = present(verb.en_base(), Agreement::third(Number::Singular));
            format!(
                "{third} {} {} {}",
                past(verb),
                participle(verb),
                progressive(verb)
            )
        };
        for (verb, expected) in [
            ("aufräumen", "tidies tidied tidied tidying"),
            ("waschen", "washes washed washed washing"),
            ("legen", "lays laid laid laying"),
            ("liegen", "lies lay lain lying"),
            ("fahren", "travels travelled travelled travelling"),
            ("einkaufen", "shops shopped shopped shopping"),
            ("sehen", "sees saw seen seeing"),
            ("gehen", "goes went gone going"),
            ("weinen", "cries cried cried crying"),
            ("tanzen", "dances danced danced dancing"),
            ("spielen", "plays played played playing"),
            ("sitzen", "sits sat sat sitting"),
        ] {
            assert_eq!(forms(verb), expected);
        }
    }

    #[test]
    fn articles_fit_the_next_word() {
        let mut words: Vec<String> = "a old man eats a apple and a pear"
            .split(' ')
            .map(str::to_owned)
            .collect();
        choose_articles(&mut words);
        assert_eq!(words.join(" "), "an old man eats an apple and a pear");
    }
}
