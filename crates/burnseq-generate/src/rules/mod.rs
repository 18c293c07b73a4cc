//! Rules: edits of the log-probabilities before a search chooses from them.

mod forbidden;
mod max_length;
mod min_length;
mod unk_penalty;

pub use forbidden::Forbidden;
pub use max_length::MaxLength;
pub use min_length::MinLength;
pub use unk_penalty::UnkPenalty;

use burnseq_model::Vocab;

use crate::{GenerateOptions, Row};

/// Id of `<unk>`; fairseq's dictionaries have it in this place.
pub const UNK: usize = 3;

/// Where in the search a row stands.
#[derive(Debug, Clone, Copy)]
pub struct Position<'a> {
    /// Tokens of the hypothesis so far, without the leading `</s>`.
    pub tokens: &'a [u32],
    /// Most tokens that the hypothesis may have without its `</s>`.
    pub max_len: usize,
}

/// An edit of one row's log-probabilities.
pub trait Rule: std::fmt::Debug + Send + Sync {
    /// Changes what `row` offers as continuation of the hypothesis at `position`.
    fn apply(&self, position: &Position<'_>, row: &mut Row<'_>);
}

/// The rules that `options` ask for, in the order in which fairseq applies them.
pub fn from_options(options: &GenerateOptions, vocab: &Vocab) -> Vec<Box<dyn Rule>> {
    let mut rules: Vec<Box<dyn Rule>> = vec![Box::new(Forbidden { token: vocab.pad })];
    if options.unkpen != 0.0 && vocab.tgt > UNK {
        rules.push(Box::new(UnkPenalty {
            unk: UNK,
            nats: options.unkpen as f32,
        }));
    }
    if options.min_len > 0 {
        rules.push(Box::new(MinLength {
            eos: vocab.eos,
            min_len: options.min_len,
        }));
    }
    rules.push(Box::new(MaxLength { eos: vocab.eos }));
    rules
}
