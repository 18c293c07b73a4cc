//! Tokenizers of BLEU: the same tokens as sacreBLEU's of the same name.

pub mod char;
pub mod intl;
pub mod mteval_13a;
pub mod tercom;
pub mod zh;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::whitespace::words;

/// How BLEU splits a line into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Tokenizer {
    /// mteval-v13a, WMT's standard and the default.
    #[default]
    #[serde(rename = "13a")]
    Mteval13a,
    /// The line's own words: for text that is tokenised already.
    #[serde(rename = "none")]
    None,
    /// mteval-v14's international mode: all Unicode punctuation and symbols.
    #[serde(rename = "intl")]
    Intl,
    /// Every character.
    #[serde(rename = "char")]
    Char,
    /// Chinese characters one by one, the rest as in 13a.
    #[serde(rename = "zh")]
    Zh,
}

impl Tokenizer {
    /// The names that [`Tokenizer::from_str`] knows.
    pub const NAMES: &'static str = "13a, none, intl, char, zh";

    /// The tokens of `line`; none of them is empty or holds a blank.
    pub fn tokenize(self, line: &str) -> Vec<String> {
        match self {
            Self::Mteval13a => mteval_13a::tokenize(line),
            Self::None => words(line).map(str::to_owned).collect(),
            Self::Intl => intl::tokenize(line),
            Self::Char => char::tokenize(line),
            Self::Zh => zh::tokenize(line),
        }
    }

    /// Name in configurations and signatures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mteval13a => "13a",
            Self::None => "none",
            Self::Intl => "intl",
            Self::Char => "char",
            Self::Zh => "zh",
        }
    }
}

impl fmt::Display for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Tokenizer {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let all = [Self::Mteval13a, Self::None, Self::Intl, Self::Char, Self::Zh];
        all.into_iter()
            .find(|tokenizer| tokenizer.name() == name)
            .ok_or_else(|| {
                let (what, choices) = ("tokenizer", Self::NAMES);
                Error::UnknownName {
                    what,
                    name: name.to_owned(),
                    choices,
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_tokenizer() {
        for name in Tokenizer::NAMES.split(", ") {
            assert_eq!(name.parse::<Tokenizer>().map(Tokenizer::name), Ok(name));
        }
        assert!("moses".parse::<Tokenizer>().is_err());
    }
}
