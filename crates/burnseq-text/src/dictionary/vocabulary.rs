//! Dictionaries in the order of another program's vocabulary, as a JSON file that lists every token.

use std::path::Path;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::{Dictionary, SpecialSymbols};
use crate::error::{Error, Result};

/// What such a file holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vocabulary {
    special_symbols: SpecialSymbols,
    /// Ids of further tokens that are no text.
    #[serde(default)]
    structure: Vec<u32>,
    /// In the order of their ids.
    tokens: Vec<String>,
}

impl Dictionary {
    /// Extension of the files of such dictionaries.
    pub const VOCABULARY: &'static str = "json";

    /// These tokens, in the order of their ids, without counts.
    ///
    /// The ids of padding and of unknown words may be the number of tokens, where no token stands for them.
    ///
    /// # Errors
    /// What is wrong with them: a token that is there twice, a special symbol that is none of them.
    pub fn of_vocabulary(
        tokens: impl IntoIterator<Item = String>,
        special_symbols: SpecialSymbols,
    ) -> std::result::Result<Self, String> {
        let mut dictionary = Self {
            symbols: Vec::new(),
            counts: Vec::new(),
            index: FxHashMap::default(),
            special_symbols,
            nspecial: 0,
            structure: Vec::new(),
        };
        for token in tokens {
            if let Some(id) = dictionary.index_of(&token) {
                let number = dictionary.len();
                return Err(format!("{token:?} has two ids, {id} and {number}"));
            }
            dictionary.push_symbol(&token, 1);
        }
        let types = dictionary.len();
        let SpecialSymbols {
            bos,
            pad,
            eos,
            unk,
            decoder_start,
        } = special_symbols;
        let ids = [
            ("bos", Some(bos), types),
            ("pad", Some(pad), types + 1),
            ("eos", Some(eos), types),
            ("unk", Some(unk), types + 1),
            ("decoder_start", decoder_start, types),
        ];
        for (name, id, below) in ids {
            if let Some(id) = id.filter(|id| *id >= below) {
                return Err(format!(
                    "'{name}' = {id}: must be the id of one of the {types} tokens"
                ));
            }
        }
        Ok(dictionary)
    }

    /// The same dictionary, in which these tokens are no text either.
    #[must_use]
    pub fn with_structure(self, structure: Vec<u32>) -> Self {
        Self { structure, ..self }
    }

    /// Whether the order is not fairseq's, so that the dictionary needs a file of its own kind.
    pub fn is_vocabulary(&self) -> bool {
        self.nspecial == 0
    }

    /// Reads what [`Dictionary::vocabulary_json`] gives; `name` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::Settings`]: JSON of another kind, or see [`Dictionary::of_vocabulary`].
    pub fn parse_vocabulary(json: &[u8], name: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::Settings {
            path: name.to_owned(),
            reason,
        };
        let Vocabulary {
            special_symbols,
            structure,
            tokens,
        } = serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?;
        let dictionary = Self::of_vocabulary(tokens, special_symbols).map_err(wrong)?;
        Ok(dictionary.with_structure(structure))
    }

    /// The content of the file of a dictionary that is in no order of fairseq's.
    pub fn vocabulary_json(&self) -> String {
        let vocabulary = Vocabulary {
            special_symbols: self.special_symbols,
            structure: self.structure.clone(),
            tokens: self.iter().map(|(token, _)| token.to_owned()).collect(),
        };
        let mut json = serde_json::to_string(&vocabulary).expect("plain data is JSON");
        json.push('\n');
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARIAN: SpecialSymbols = SpecialSymbols {
        bos: 0,
        pad: 3,
        eos: 0,
        unk: 1,
        decoder_start: Some(3),
    };

    fn tokens(tokens: &[&str]) -> Vec<String> {
        tokens.iter().map(|&token| token.to_owned()).collect()
    }

    #[test]
    fn special_symbols_may_have_any_ids() {
        let dictionary =
            Dictionary::of_vocabulary(tokens(&["</s>", "<unk>", "\u{2581}a b", "<pad>"]), MARIAN).unwrap();
        assert_eq!(
            (dictionary.eos(), dictionary.pad(), dictionary.decoder_start()),
            (0, 3, 3)
        );
        assert_eq!(dictionary.index("b"), 1);
        assert_eq!(dictionary.symbol(17), "<unk>");
        assert_eq!(dictionary.decode(&[2, 0, 3]), "\u{2581}a b");
        let json = dictionary.vocabulary_json();
        let again = Dictionary::parse_vocabulary(json.as_bytes(), Path::new("dict.json")).unwrap();
        assert_eq!(again, dictionary);
        assert!(again.is_vocabulary() && !Dictionary::new().is_vocabulary());
    }

    #[test]
    fn padding_alone_may_be_no_token() {
        let gpt2 = SpecialSymbols {
            bos: 1,
            pad: 2,
            eos: 1,
            unk: 1,
            decoder_start: None,
        };
        let dictionary = Dictionary::of_vocabulary(tokens(&["a", "<|endoftext|>"]), gpt2).unwrap();
        assert_eq!((dictionary.pad(), dictionary.len()), (2, 2));
        for (wrong, name) in [
            (SpecialSymbols { pad: 3, ..gpt2 }, "pad"),
            (SpecialSymbols { eos: 2, ..gpt2 }, "eos"),
            (
                SpecialSymbols {
                    decoder_start: Some(2),
                    ..gpt2
                },
                "decoder_start",
            ),
        ] {
            let error = Dictionary::of_vocabulary(tokens(&["a", "<|endoftext|>"]), wrong).unwrap_err();
            assert!(error.starts_with(&format!("'{name}'")), "{error}");
        }
    }

    #[test]
    fn a_token_has_one_id_and_a_broken_file_is_named() {
        let error = Dictionary::of_vocabulary(tokens(&["a", "b", "a", "c"]), MARIAN).unwrap_err();
        assert_eq!(error, "\"a\" has two ids, 0 and 2");
        let error = Dictionary::parse_vocabulary(b"{\"tokens\": 3}", Path::new("vocab.json")).unwrap_err();
        assert!(error.to_string().contains("vocab.json"), "{error}");
    }
}
