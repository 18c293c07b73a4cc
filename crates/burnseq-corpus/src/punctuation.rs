//! From words to a sentence: marks, capital letters, `an` for `a`.

use crate::english;

/// A sentence from a clause or several: capital letter, punctuation, `an` for `a`.
///
/// Marks are words of their own until here; a comma gives way to the mark after it.
pub(crate) fn finish(text: &str, english: bool) -> String {
    let mut words: Vec<String> = text
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if english {
        english::choose_articles(&mut words);
    }
    let mut sentence = String::new();
    for (index, word) in words.iter().enumerate() {
        let is_mark = |word: &str| matches!(word, "," | "." | "?" | "!");
        if word == "," && words.get(index + 1).is_some_and(|next| is_mark(next)) {
            continue;
        }
        if !sentence.is_empty() && !is_mark(word) {
            sentence.push(' ');
        }
        sentence.push_str(word);
    }
    capitalise(&sentence)
}

/// With a capital first letter.
pub(crate) fn capitalise(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_with_one_mark() {
        assert_eq!(
            finish("der Mann , der liest , ist alt .", false),
            "Der Mann, der liest, ist alt."
        );
        assert_eq!(
            finish("ich kenne den Mann , der liest , .", false),
            "Ich kenne den Mann, der liest."
        );
        assert_eq!(finish("a old man sees a dog .", true), "An old man sees a dog.");
    }
}
