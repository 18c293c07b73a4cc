//! How a line falls into words or characters before subwords are applied.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::whitespace::collapse;

/// Splits lines into tokens and joins tokens to lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "Named")]
pub enum Tokenizer {
    /// Tokens are what blanks separate; lines stay as they are.
    #[default]
    Space,
    /// Every character is a token, and U+2581 stands for a blank.
    Character,
}

impl Tokenizer {
    /// The tokens of a line, separated by blanks.
    pub(super) fn tokenize(self, line: String) -> String {
        match self {
            Self::Space => line,
            Self::Character => {
                let mut tokens = String::with_capacity(line.len() * 2);
                for c in collapse(&line).chars() {
                    if !tokens.is_empty() {
                        tokens.push(' ');
                    }
                    tokens.push(if c == ' ' { '\u{2581}' } else { c });
                }
                tokens
            }
        }
    }

    /// The line that tokens stand for.
    pub(super) fn detokenize(self, tokens: String) -> String {
        match self {
            Self::Space => tokens,
            Self::Character => tokens.replace(' ', "").replace('\u{2581}', " "),
        }
    }
}

/// The value of `--tokenizer`.
impl FromStr for Tokenizer {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Named {
            r#type: name.to_owned(),
        }
        .try_into()
    }
}

/// A tokenizer as settings name it, known or not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    r#type: String,
}

impl TryFrom<Named> for Tokenizer {
    type Error = Error;

    fn try_from(named: Named) -> Result<Self, Error> {
        match named.r#type.as_str() {
            "space" => Ok(Self::Space),
            "character" => Ok(Self::Character),
            "moses" => Err(Error::InvalidSettings(
                "the tokenizer `moses` is not available yet; choose one of: space, character\n\
                 hint: tokenize the text with Moses' tokenizer.perl first and use `space`"
                    .to_owned(),
            )),
            other => Err(Error::InvalidSettings(format!(
                "unknown tokenizer `{other}`; choose one of: space, character"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_and_blanks_become_tokens_and_back() {
        let tokens = Tokenizer::Character.tokenize(" ein\u{a0} Hü ".into());
        assert_eq!(tokens, "e i n ▁ H ü");
        assert_eq!(Tokenizer::Character.detokenize(tokens), "ein Hü");
        assert_eq!(Tokenizer::Character.tokenize(String::new()), "");
    }

    #[test]
    fn moses_and_unknown_names_are_refused() {
        let parse = |json: &str| serde_json::from_str::<Tokenizer>(json).map_err(|e| e.to_string());
        assert_eq!(parse(r#"{"type": "character"}"#), Ok(Tokenizer::Character));
        assert_eq!("space".parse::<Tokenizer>().unwrap(), Tokenizer::Space);
        assert!(
            parse(r#"{"type": "moses"}"#)
                .unwrap_err()
                .contains("`moses` is not available yet")
        );
        assert!(
            parse(r#"{"type": "mecab"}"#)
                .unwrap_err()
                .contains("unknown tokenizer `mecab`")
        );
        assert!(
            parse(r#"{"type": "space", "language": "de"}"#)
                .unwrap_err()
                .contains("language")
        );
        let json = serde_json::to_string(&Tokenizer::Space).unwrap();
        assert_eq!(json, r#"{"type":"space"}"#);
    }
}
