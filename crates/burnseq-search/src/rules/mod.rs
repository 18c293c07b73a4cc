//! Rules: edits of the log-probabilities before a search chooses from them.

mod forbidden;
mod forced_bos;
mod forced_prefix;
mod max_length;
mod min_length;
mod no_repeat_ngram;
mod repetition_penalty;
mod source_length;
mod unk_penalty;

pub use forbidden::Forbidden;
pub use forced_bos::ForcedBos;
pub use forced_prefix::ForcedPrefix;
pub use max_length::MaxLength;
pub use min_length::MinLength;
pub use no_repeat_ngram::NoRepeatNgram;
pub use repetition_penalty::RepetitionPenalty;
pub use source_length::SourceLength;
pub use unk_penalty::UnkPenalty;

use burnseq_text::Vocab;

use crate::{AtMaxLen, GenerateOptions, Row};

/// Where in the search a row stands.
#[derive(Debug, Clone, Copy)]
pub struct Position<'a> {
    /// Tokens that the hypothesis continues: a prompt, or what the decoder starts from.
    pub context: &'a [u32],
    /// Tokens of the hypothesis so far, without the leading `</s>`.
    pub tokens: &'a [u32],
    /// Most tokens that the hypothesis may have without its `</s>`.
    pub max_len: usize,
    /// First tokens of the hypothesis, where they are forced.
    pub prefix: &'a [u32],
    /// Tokens that the search needs next, to meet a constraint.
    pub wanted: &'a [u32],
}

impl Position<'_> {
    /// The next token where the prefix forces it; the longest length comes first.
    pub fn forced(&self) -> Option<u32> {
        let place = self.tokens.len();
        self.prefix.get(place).copied().filter(|_| place < self.max_len)
    }
}

/// An edit of one row's log-probabilities.
pub trait Rule: std::fmt::Debug + Send + Sync {
    /// Changes what `row` offers as continuation of the hypothesis at `position`.
    fn apply(&self, position: &Position<'_>, row: &mut Row<'_>);

    /// This rule, where it is about one token. A search with another rule has to see all tokens.
    fn as_token_rule(&self) -> Option<&dyn TokenRule> {
        None
    }
}

/// A rule that changes one token, or leaves it alone possible, and looks at lengths only unless a prefix forces the next
/// token. What it does is so simple that a device can do it.
pub trait TokenRule: std::fmt::Debug + Send + Sync {
    /// The token.
    fn token(&self) -> usize;

    /// Whether nothing is changed where a prefix forces the next token.
    fn yields_to_prefix(&self) -> bool {
        false
    }

    /// What becomes of it in a hypothesis of `len` tokens, which may have `max_len` without its `</s>`.
    fn change(&self, len: usize, max_len: usize) -> Option<Change>;
}

impl<T: TokenRule> Rule for T {
    fn apply(&self, position: &Position<'_>, row: &mut Row<'_>) {
        if self.yields_to_prefix() && position.forced().is_some() {
            return;
        }
        let token = self.token();
        match self.change(position.tokens.len(), position.max_len) {
            Some(Change::Forbid) => row.forbid(token),
            Some(Change::Force) => row.force(token),
            Some(Change::Decide) => row.decide(token),
            Some(Change::Add(nats)) => row.add(token, nats),
            None => {}
        }
    }

    fn as_token_rule(&self) -> Option<&dyn TokenRule> {
        Some(self)
    }
}

/// What becomes of a token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// It is impossible: [`Row::forbid`].
    Forbid,
    /// Every other one is impossible: [`Row::force`].
    Force,
    /// Every other one is impossible, and it costs nothing: [`Row::decide`].
    Decide,
    /// Its log-probability rises by so many nats: [`Row::add`].
    Add(f32),
}

/// The rules that `options` ask for, in the order in which fairseq applies them; `prefixes` tells whether any sentence
/// has one.
pub fn from_options(options: &GenerateOptions, vocab: &Vocab, prefixes: bool) -> Vec<Box<dyn Rule>> {
    let mut rules: Vec<Box<dyn Rule>> = Vec::new();
    if vocab.pad() < vocab.tgt {
        rules.push(Box::new(Forbidden { token: vocab.pad() }));
    }
    if options.unkpen != 0.0 && vocab.tgt > vocab.unk() {
        rules.push(Box::new(UnkPenalty {
            unk: vocab.unk(),
            nats: options.unkpen as f32,
        }));
    }
    let eos = vocab.eos();
    if options.ignore_eos {
        // Lengths say when a hypothesis ends, and nothing is asked of `</s>`.
    } else if options.match_source_len {
        rules.push(Box::new(SourceLength { eos }));
    } else {
        if options.min_len > 0 {
            rules.push(Box::new(MinLength {
                eos,
                min_len: options.min_len,
            }));
        }
        if options.at_max_len != AtMaxLen::Cut {
            let free = options.at_max_len == AtMaxLen::FreeEnd;
            rules.push(Box::new(MaxLength { eos, free }));
        }
    }
    if let Some(token) = options.forced_bos.filter(|&token| (token as usize) < vocab.tgt) {
        let token = token as usize;
        rules.push(Box::new(ForcedBos { token }));
    }
    if prefixes {
        rules.push(Box::new(ForcedPrefix));
    }
    if options.no_repeat_ngram_size > 0 {
        rules.push(Box::new(NoRepeatNgram {
            eos,
            size: options.no_repeat_ngram_size,
        }));
    }
    if options.repetition_penalty != 1.0 {
        rules.push(Box::new(RepetitionPenalty {
            penalty: options.repetition_penalty as f32,
            of_logits: options.sampling || options.beam == 1,
        }));
    }
    rules
}

#[cfg(test)]
impl<'a> Position<'a> {
    /// A position that nothing is asked of.
    fn plain(tokens: &'a [u32], max_len: usize) -> Self {
        Self {
            context: &[2],
            tokens,
            max_len,
            prefix: &[],
            wanted: &[],
        }
    }
}
