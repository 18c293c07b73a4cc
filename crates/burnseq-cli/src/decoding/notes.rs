//! What is noticed about lines on their way through a model.

use burnseq::decode::{EncodedLine, TranslationModel};
use burnseq_text::SubwordModel;

use super::format;

/// Long lines that are named one by one; more are counted.
const NAMED: usize = 10;

/// Lines that are longer than the model takes.
#[derive(Debug, Default)]
pub(crate) struct LongLines {
    empty: usize,
    cut: usize,
}

impl LongLines {
    /// Line `number`, from 1, stays empty.
    pub(crate) fn left_empty(&mut self, number: usize, tokens: usize, limit: usize) {
        self.empty += 1;
        if self.empty <= NAMED {
            format::note(&format!(
                "line {number} has {tokens} tokens, at most {limit} can be translated; its translation stays empty \
                 (--truncate-source cuts it)"
            ));
        }
    }

    /// Line `number`, from 1, was translated, perhaps a part of it.
    pub(crate) fn translated(&mut self, number: usize, line: &EncodedLine) {
        let Some(tokens) = line.cut_from else { return };
        self.cut += 1;
        if self.cut <= NAMED {
            let kept = line.source.tokens.len();
            format::note(&format!("line {number} has {tokens} tokens and is cut to {kept}"));
        }
    }

    /// Tells how many there were, where not all were named.
    pub(crate) fn finish(&self) {
        for (count, what) in [
            (self.empty, "are too long and left empty"),
            (self.cut, "are too long and cut"),
        ] {
            if count > NAMED {
                format::note(&format!("{} lines {what}", format::thousands(count)));
            }
        }
    }
}

/// Tokens after which a share of unknown ones says something.
const ENOUGH: usize = 30;

/// How many tokens of the source the model does not know: many where text is segmented in another way than the model
/// was trained on.
#[derive(Debug)]
pub(crate) struct UnknownShare {
    unk: u32,
    /// Whether the model segments raw text itself.
    segments: bool,
    unknown: usize,
    tokens: usize,
    told: bool,
}

impl UnknownShare {
    /// Nothing was counted yet.
    pub(crate) fn new(model: &TranslationModel) -> Self {
        Self {
            unk: model.src_dict.unk(),
            segments: !matches!(model.src_text.subword(), SubwordModel::None),
            unknown: 0,
            tokens: 0,
            told: false,
        }
    }

    /// Counts a line.
    pub(crate) fn add(&mut self, line: &EncodedLine) {
        let (unknown, tokens) = line.unknown_share(self.unk);
        self.unknown += unknown;
        self.tokens += tokens;
    }

    /// Tells it once, when a third or more is unknown.
    pub(crate) fn tell(&mut self) {
        if let Some(note) = self.note() {
            self.told = true;
            format::note(&note);
        }
    }

    fn note(&self) -> Option<String> {
        if self.told || self.tokens < ENOUGH || 3 * self.unknown < self.tokens {
            return None;
        }
        let remedy = if self.segments {
            "is it segmented already, which --tokenized is for, or text of another language?"
        } else {
            "the model was trained on text that was segmented before, and does not know how: segment this text in the \
             same way"
        };
        Some(format!(
            "{} of {} source tokens are unknown to the model; {remedy}",
            format::thousands(self.unknown),
            format::thousands(self.tokens)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_enough_tokens_is_worth_a_line() {
        let share = |unknown, tokens, told| UnknownShare {
            unk: 3,
            segments: false,
            unknown,
            tokens,
            told,
        };
        assert!(
            share(10, 30, false)
                .note()
                .unwrap()
                .starts_with("10 of 30 source tokens")
        );
        assert_eq!(share(9, 30, false).note(), None);
        assert_eq!(share(29, 29, false).note(), None);
        assert_eq!(share(30, 30, true).note(), None);
    }
}
