//! `burnseq text subword` with a tokenizer of Hugging Face: lines to tokens or ids, and back.

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use burnseq_text::hugging_face::{EncodeOptions, HfTokenizer, Truncation};

use super::args::{DecodeArgs, EncodeArgs};
use super::stream::map_lines;
use crate::exit::usage;

/// Writes the tokens of each line.
///
/// # Errors
/// A tokenizer that cannot be opened, text that cannot be read or written.
pub(super) fn encode(path: &Path, args: &EncodeArgs) -> Result<()> {
    if args.seed.is_some() {
        return Err(usage(anyhow!(
            "--seed is for drawn segmentations, which --tokenizer does not have"
        )));
    }
    if args.max_length == Some(0) {
        return Err(usage(anyhow!("--max-length must be at least 1, got 0")));
    }
    let tokenizer = HfTokenizer::open(path)?;
    let options = EncodeOptions {
        add_special_tokens: args.special_tokens,
        truncation: args.max_length.map(Truncation::new),
    };
    map_lines(&args.stream, || {
        let tokenizer = &tokenizer;
        move |_, line: &str| {
            let encoding = tokenizer.encode(line, &options)?;
            let mut words = Vec::with_capacity(encoding.len());
            for (number, &id) in encoding.ids.iter().enumerate() {
                let mut word = if args.ids {
                    id.to_string()
                } else {
                    name(tokenizer, id)?
                };
                if args.offsets {
                    let (start, end) = encoding.offsets[number];
                    word += &format!(":{start}-{end}");
                }
                words.push(word);
            }
            Ok(words.join(" "))
        }
    })
}

/// The token of an id, for a line in which blanks separate tokens.
fn name(tokenizer: &HfTokenizer, id: u32) -> Result<String> {
    let token = tokenizer.token(id).unwrap_or_default();
    if token.contains(char::is_whitespace) {
        bail!("the token {token:?} holds a blank, so it cannot be told from others\nhint: add --ids");
    }
    Ok(token)
}

/// Writes the text of each line of tokens or ids.
///
/// # Errors
/// As [`encode`], and words that are no ids of the tokenizer.
pub(super) fn decode(path: &Path, args: &DecodeArgs) -> Result<()> {
    let tokenizer = HfTokenizer::open(path)?;
    let size = tokenizer.len();
    map_lines(&args.stream, || {
        let tokenizer = &tokenizer;
        move |_, line: &str| {
            let words = line.split_whitespace();
            if !args.ids {
                return Ok(tokenizer.decode_tokens(&words.collect::<Vec<_>>())?);
            }
            let id = |word: &str| {
                let id = word.parse().ok().filter(|&id: &u32| (id as usize) < size);
                id.ok_or_else(|| anyhow!("{word:?} is no id: they go from 0 to {}", size - 1))
            };
            let ids = words.map(id).collect::<Result<Vec<u32>>>()?;
            Ok(tokenizer.decode(&ids, args.skip_special_tokens)?)
        }
    })
}
