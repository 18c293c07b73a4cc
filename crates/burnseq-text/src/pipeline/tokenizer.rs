//! How a line falls into words or characters before subwords are applied.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::TextFiles;
use crate::error::{Error, Result};
use crate::moses::{MosesDetokenizer, MosesTokenizer, NonbreakingPrefixes};
use crate::whitespace::{collapse, is_space};

/// Splits lines into tokens and joins tokens to lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "Map<String, Value>")]
pub enum Tokenizer {
    /// Tokens are what blanks separate; lines stay as they are.
    #[default]
    Space,
    /// Every character is a token, and U+2581 stands for a blank.
    Character,
    /// Every byte of UTF-8 is a token, and U+2581 stands for a blank. Bytes that are no printable character of Latin-1 are
    /// written as the character 256 above their number, as in fairseq.
    Byte,
    /// Moses' tokenizer.
    Moses(MosesSettings),
}

impl Tokenizer {
    /// Whether tokens are parts of words, so that subwords have no place.
    pub fn splits_words(&self) -> bool {
        matches!(self, Self::Character | Self::Byte)
    }

    /// The tokens of all bytes, of which every text is made that [`Tokenizer::Byte`] splits.
    pub fn bytes() -> impl Iterator<Item = String> {
        (0..=u8::MAX).map(|byte| match byte_character(byte) {
            ' ' => BLANK.to_string(),
            other => other.to_string(),
        })
    }
}

/// Settings of Moses' tokenizer; the defaults are those of fairseq's `--tokenizer moses`, whose
/// tokenizer follows an older version (see [`MosesTokenizer`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MosesSettings {
    /// Language of the text, named as Moses does (`de`, `en`).
    pub language: String,
    /// Dashes between letters or digits become tokens, written `@-@`.
    #[serde(default = "yes")]
    pub aggressive_dash_splits: bool,
    /// `& | < > ' " [ ]` are written as entities.
    #[serde(default = "yes")]
    pub escape: bool,
    /// Name of the file of abbreviations beside the settings; without it the built-in ones count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonbreaking_prefixes: Option<String>,
}

fn yes() -> bool {
    true
}

impl MosesSettings {
    /// The defaults for a language.
    pub fn new(language: impl Into<String>) -> Self {
        Self {
            language: language.into(),
            aggressive_dash_splits: true,
            escape: true,
            nonbreaking_prefixes: None,
        }
    }
}

/// Settings as JSON, with `type` saying which tokenizer the other keys are for.
impl TryFrom<Map<String, Value>> for Tokenizer {
    type Error = String;

    fn try_from(mut json: Map<String, Value>) -> Result<Self, String> {
        let plain = match json.remove("type") {
            Some(Value::String(name)) => match name.as_str() {
                "space" => Self::Space,
                "character" => Self::Character,
                "byte" => Self::Byte,
                "moses" => {
                    let settings = serde_json::from_value(Value::Object(json));
                    return settings.map(Self::Moses).map_err(|error| error.to_string());
                }
                other => {
                    return Err(format!(
                        "unknown tokenizer `{other}`; choose one of: space, character, byte, moses"
                    ));
                }
            },
            _ => {
                return Err(
                    "the tokenizer lacks its `type`; choose one of: space, character, byte, moses".into(),
                );
            }
        };
        match json.keys().next() {
            None => Ok(plain),
            Some(key) => Err(format!("unknown field `{key}` of the tokenizer")),
        }
    }
}

/// A tokenizer ready for use.
#[derive(Debug, Clone)]
pub(super) enum Tokenization {
    Space,
    Character,
    Byte,
    Moses(Box<MosesTokenizer>, MosesDetokenizer),
}

impl Tokenization {
    /// # Errors
    /// [`Error::MissingFile`], and when the list of abbreviations is not UTF-8.
    pub(super) fn new(settings: &Tokenizer, files: &TextFiles) -> Result<Self> {
        Ok(match settings {
            Tokenizer::Space => Self::Space,
            Tokenizer::Character => Self::Character,
            Tokenizer::Byte => Self::Byte,
            Tokenizer::Moses(settings) => {
                let mut tokenizer = MosesTokenizer::new(&settings.language)
                    .aggressive_dash_splits(settings.aggressive_dash_splits)
                    .escape(settings.escape);
                if let Some(name) = &settings.nonbreaking_prefixes {
                    let content = files
                        .get(name)
                        .ok_or_else(|| Error::MissingFile { name: name.clone() })?;
                    let prefixes = NonbreakingPrefixes::parse(content.as_slice(), name)?;
                    tokenizer = tokenizer.nonbreaking_prefixes(prefixes);
                }
                Self::Moses(Box::new(tokenizer), MosesDetokenizer::new(&settings.language))
            }
        })
    }

    /// The tokens of a line, separated by blanks.
    pub(super) fn tokenize(&self, line: String, blanks: Blanks) -> String {
        match self {
            Self::Space => line,
            Self::Character => apart(blanks.collapse(&line).chars()),
            Self::Byte => apart(blanks.collapse(&line).bytes().map(byte_character)),
            Self::Moses(tokenizer, _) => {
                // A blank at an end is no token.
                let tokens = tokenizer.tokenize(&line);
                tokens.trim_matches(' ').to_owned()
            }
        }
    }

    /// The line that tokens stand for.
    pub(super) fn detokenize(&self, tokens: String) -> String {
        match self {
            Self::Space => tokens,
            Self::Character => tokens.replace(' ', "").replace('\u{2581}', " "),
            Self::Byte => {
                let bytes: Vec<u8> = tokens.chars().filter(|&c| c != ' ').filter_map(byte_of).collect();
                // What is no character of UTF-8 is left out: a text may end within one.
                bytes.utf8_chunks().map(|chunk| chunk.valid()).collect()
            }
            Self::Moses(_, detokenizer) => detokenizer.detokenize(&tokens),
        }
    }
}

/// Blanks at the ends of a text that are kept, one each, where a blank is a token.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Blanks {
    pub(super) at_start: bool,
    pub(super) at_end: bool,
}

impl Blanks {
    /// The text with runs of white space as one blank.
    fn collapse(self, line: &str) -> String {
        let words = collapse(line);
        if words.is_empty() {
            let between_symbols = self.at_start && self.at_end && !line.is_empty();
            return if between_symbols { " ".to_owned() } else { words };
        }
        let blank = |kept: bool| if kept { " " } else { "" };
        let start = blank(self.at_start && line.starts_with(is_space));
        let end = blank(self.at_end && line.ends_with(is_space));
        [start, &words, end].concat()
    }
}

/// Stands for a blank among tokens.
const BLANK: char = '\u{2581}';

/// Characters as tokens, separated by blanks.
fn apart(characters: impl Iterator<Item = char>) -> String {
    let mut tokens = String::new();
    for c in characters {
        if !tokens.is_empty() {
            tokens.push(' ');
        }
        tokens.push(if c == ' ' { BLANK } else { c });
    }
    tokens
}

/// The character that a byte is written as.
fn byte_character(byte: u8) -> char {
    match byte {
        32..=126 | 161..=172 | 174..=255 => char::from(byte),
        other => char::from_u32(256 + u32::from(other)).expect("they are letters of Latin Extended"),
    }
}

/// The byte that is written as `c`; none where nothing is.
fn byte_of(c: char) -> Option<u8> {
    if c == BLANK {
        return Some(b' ');
    }
    let number = u32::from(c);
    let byte = u8::try_from(number).or_else(|_| u8::try_from(number.checked_sub(256).unwrap_or(u32::MAX)));
    byte.ok().filter(|&byte| byte_character(byte) == c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Tokenizer, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn characters_and_blanks_become_tokens_and_back() {
        let characters = Tokenization::new(&Tokenizer::Character, &TextFiles::new()).unwrap();
        let tokens = characters.tokenize(" ein\u{a0} Hü ".into(), Blanks::default());
        assert_eq!(tokens, "e i n ▁ H ü");
        assert_eq!(characters.detokenize(tokens), "ein Hü");
        assert_eq!(characters.tokenize(String::new(), Blanks::default()), "");
    }

    #[test]
    fn bytes_become_tokens_and_back_and_broken_characters_are_left_out() {
        let bytes = Tokenization::new(&Tokenizer::Byte, &TextFiles::new()).unwrap();
        // ü is C3 BC, 中 is E4 B8 AD; AD is not printable: U+01AD.
        let tokens = bytes.tokenize(" a\u{a0} ü中 ".into(), Blanks::default());
        assert_eq!(tokens, "a ▁ Ã ¼ ä ¸ ƭ");
        assert_eq!(bytes.detokenize(tokens), "a ü中");
        assert_eq!(bytes.detokenize("Ã a ¼ ä ¸".into()), "a");
        let all: String = (1..=0x10_ffff)
            .filter_map(char::from_u32)
            .filter(|&c| !crate::whitespace::is_space(c))
            .collect();
        let round = bytes.detokenize(bytes.tokenize(all.clone(), Blanks::default()));
        assert!(round == all, "every character comes back");
    }

    #[test]
    fn moses_has_the_defaults_of_fairseq() {
        let settings = parse(r#"{"type": "moses", "language": "en"}"#).unwrap();
        assert_eq!(settings, Tokenizer::Moses(MosesSettings::new("en")));
        let moses = Tokenization::new(&settings, &TextFiles::new()).unwrap();
        let tokens = moses.tokenize("It's well-known.".into(), Blanks::default());
        assert_eq!(tokens, "It &apos;s well @-@ known .");
        assert_eq!(moses.detokenize(tokens), "It's well-known.");
    }

    #[test]
    fn moses_takes_abbreviations_from_the_named_file() {
        let settings = Tokenizer::Moses(MosesSettings {
            aggressive_dash_splits: false,
            escape: false,
            nonbreaking_prefixes: Some("prefixes".into()),
            ..MosesSettings::new("en")
        });
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(parse(&json).unwrap(), settings);
        let files = TextFiles::from([("prefixes".to_owned(), b"Foo\n".to_vec())]);
        let moses = Tokenization::new(&settings, &files).unwrap();
        assert_eq!(
            moses.tokenize("Foo. Dr. A-B's.".into(), Blanks::default()),
            "Foo. Dr . A-B 's ."
        );
        let error = Tokenization::new(&settings, &TextFiles::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the text settings name the file \"prefixes\", which is missing"
        );
    }

    #[test]
    fn unknown_names_and_keys_are_refused() {
        for (json, part) in [
            (r#"{"type": "mecab"}"#, "unknown tokenizer `mecab`"),
            (r#"{"language": "de"}"#, "lacks its `type`"),
            (
                r#"{"type": "space", "language": "de"}"#,
                "unknown field `language`",
            ),
            (r#"{"type": "moses"}"#, "missing field `language`"),
            (
                r#"{"type": "moses", "language": "de", "dash": true}"#,
                "unknown field `dash`",
            ),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
        let json = serde_json::to_string(&Tokenizer::Space).unwrap();
        assert_eq!(json, r#"{"type":"space"}"#);
    }
}
