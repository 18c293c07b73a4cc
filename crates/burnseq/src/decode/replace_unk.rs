//! What stands for `<unk>` in a translation: the source word it was made from, or that word's translation.

use std::collections::HashMap;
use std::path::Path;

use burnseq_search::Hypothesis;
use burnseq_text::{LineReader, tokenize_line};

use crate::error::{Error, Result};

/// Replaces `<unk>` by way of the attention (Luong et al. 2015; `--replace-unk`).
#[derive(Debug, Clone, Default)]
pub struct ReplaceUnk {
    /// Translations of source words; a word without one is copied.
    translations: HashMap<String, String>,
}

impl ReplaceUnk {
    /// Reads an alignment dictionary: a source word and its translation in each line.
    ///
    /// # Errors
    /// A file that cannot be read; a line of one word.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let mut reader = LineReader::open(path.as_ref())?;
        let mut translations = HashMap::new();
        while let Some(line) = reader.read_line()?.map(str::to_owned) {
            let mut words = tokenize_line(&line);
            match (words.next(), words.next()) {
                (Some(word), Some(translation)) => {
                    translations.insert(word.to_owned(), translation.to_owned());
                }
                (None, _) => {}
                (Some(_), None) => {
                    return Err(Error::AlignmentLine {
                        path: path.as_ref().to_owned(),
                        line: reader.line_number(),
                        text: line.clone(),
                    });
                }
            }
        }
        Ok(Self { translations })
    }

    /// What each `<unk>` of `hypothesis`, whose id is `unk`, becomes; `source` are the tokens of the source text, `</s>`
    /// left out. Nothing where there is no attention.
    pub fn replacements(&self, hypothesis: &Hypothesis, source: &[&str], unk: u32) -> Vec<String> {
        let aligned = hypothesis
            .attention
            .as_ref()
            .map_or(Vec::new(), |attention| attention.hard());
        let unknown = hypothesis
            .tokens
            .iter()
            .zip(aligned)
            .filter(|&(&token, _)| token == unk);
        unknown
            .map(|(_, place)| {
                let word = source[place];
                self.translations
                    .get(word)
                    .map_or(word, String::as_str)
                    .to_owned()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burnseq_search::Attention;

    #[test]
    fn unknown_tokens_become_what_they_look_at_or_its_translation() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alignment.de-en.txt");
        std::fs::write(&path, "Hund dog\n\nMann man 7\n").unwrap();
        let attention = [[0.1, 0.8, 0.1], [0.6, 0.1, 0.3], [0.7, 0.2, 0.1], [0.0, 0.0, 1.0]];
        let hypothesis = Hypothesis {
            tokens: vec![3, 4, 3, 2],
            score: 0.0,
            positional_scores: vec![0.0; 4],
            attention: Some(Attention::new(attention.concat(), 3)),
        };
        let source = ["Otto", "Hund"];
        let translated = ReplaceUnk::from_file(&path).unwrap();
        assert_eq!(translated.replacements(&hypothesis, &source, 3), ["dog", "Otto"]);
        assert_eq!(
            ReplaceUnk::default().replacements(&hypothesis, &source, 3),
            ["Hund", "Otto"]
        );

        std::fs::write(&path, "Hund dog\nMann\n").unwrap();
        let error = ReplaceUnk::from_file(&path).unwrap_err().to_string();
        assert!(
            error.ends_with("alignment.de-en.txt:2: expected `<source word> <target word>`, got \"Mann\""),
            "{error}"
        );
    }
}
