//! The tokens around texts, and how long texts with them may be.
//!
//! Every post-processor of `tokenizer.json` is a template here: special tokens and the places of the texts.

use super::encoding::{HfEncoding, Side, Truncation, TruncationStrategy};
use super::form::{PostProcessor, Sequence, TemplatePiece};

/// A token of a text, before anything is put around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: u32,
    pub(super) token: String,
    /// In characters of the text.
    pub(super) offsets: (usize, usize),
    pub(super) word: Option<u32>,
}

/// A place of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A token that is added.
    Special { id: u32, token: String, type_id: u32 },
    /// The first text (0) or the second one (1).
    Text { number: u8, type_id: u32 },
}

/// What stands around one text and around two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) single: Vec<Place>,
    pub(super) pair: Vec<Place>,
    /// Whether white space at the ends of tokens of bytes is no part of their offsets; with the setting
    /// `add_prefix_space`.
    pub(super) trim_offsets: Option<bool>,
}

impl Default for Template {
    /// Texts as they are.
    fn default() -> Self {
        let text = |number: u8| Place::Text {
            number,
            type_id: u32::from(number),
        };
        Self {
            single: vec![text(0)],
            pair: vec![text(0), text(1)],
            trim_offsets: None,
        }
    }
}

impl Template {
    /// The template of a post-processor that was checked.
    ///
    /// # Errors
    /// For sequences in which two parts add tokens.
    pub(super) fn new(processor: Option<&PostProcessor>) -> Result<Self, String> {
        let special = |(token, id): &(String, u32), type_id| Place::Special {
            id: *id,
            token: token.clone(),
            type_id,
        };
        let text = |number, type_id| Place::Text { number, type_id };
        Ok(match processor {
            None => Self::default(),
            Some(PostProcessor::ByteLevel(part)) => Self {
                trim_offsets: part.trim_offsets.then_some(part.add_prefix_space),
                ..Self::default()
            },
            Some(PostProcessor::BertProcessing { sep, cls }) => {
                let single = vec![special(cls, 0), text(0, 0), special(sep, 0)];
                let pair = [single.clone(), vec![text(1, 1), special(sep, 1)]].concat();
                Self {
                    single,
                    pair,
                    trim_offsets: None,
                }
            }
            Some(PostProcessor::RobertaProcessing {
                sep,
                cls,
                trim_offsets,
                add_prefix_space,
            }) => {
                let single = vec![special(cls, 0), text(0, 0), special(sep, 0)];
                let pair = vec![special(sep, 0), text(1, 0), special(sep, 0)];
                Self {
                    pair: [single.clone(), pair].concat(),
                    single,
                    trim_offsets: trim_offsets.then_some(*add_prefix_space),
                }
            }
            Some(PostProcessor::TemplateProcessing {
                single,
                pair,
                special_tokens,
            }) => {
                let places = |pieces: &[TemplatePiece]| {
                    let places = pieces.iter().flat_map(|piece| match piece {
                        TemplatePiece::Sequence { id, type_id } => {
                            vec![text(u8::from(*id == Sequence::B), *type_id)]
                        }
                        TemplatePiece::SpecialToken { id, type_id } => {
                            let token = &special_tokens[id];
                            let tokens = token.tokens.iter().cloned().zip(token.ids.iter().copied());
                            tokens.map(|token| special(&token, *type_id)).collect()
                        }
                    });
                    places.collect()
                };
                Self {
                    single: places(single),
                    pair: places(pair),
                    trim_offsets: None,
                }
            }
            Some(PostProcessor::Sequence { processors }) => {
                let mut whole = Self::default();
                for part in processors {
                    let part = Self::new(Some(part))?;
                    let trim_offsets = part.trim_offsets.or(whole.trim_offsets);
                    let plain = |template: &Self| template.single.len() == 1;
                    whole = match (plain(&whole), plain(&part)) {
                        (_, true) => whole,
                        (true, false) => part,
                        (false, false) => {
                            return Err("two post-processors add tokens, which is not supported".to_owned());
                        }
                    };
                    whole.trim_offsets = trim_offsets;
                }
                whole
            }
        })
    }

    /// How many tokens are added.
    pub(super) fn added(&self, pair: bool) -> usize {
        let places = if pair { &self.pair } else { &self.single };
        let added = places
            .iter()
            .filter(|place| matches!(place, Place::Special { .. }));
        added.count()
    }

    /// Puts the tokens of one or two texts in their places.
    ///
    /// # Errors
    /// When they cannot be shortened as asked.
    pub(super) fn apply(
        &self,
        mut first: Vec<Row>,
        mut second: Option<Vec<Row>>,
        add_special_tokens: bool,
        truncation: Option<&Truncation>,
        ties: Ties,
    ) -> Result<Assembled, String> {
        if let Some(add_prefix_space) = self.trim_offsets {
            trim_offsets(&mut first, add_prefix_space);
            if let Some(second) = &mut second {
                trim_offsets(second, add_prefix_space);
            }
        }
        let lengths = (first.len(), second.as_ref().map(Vec::len));
        let added = if add_special_tokens {
            self.added(second.is_some())
        } else {
            0
        };
        let windows = match truncation {
            None => (whole(lengths.0), whole(lengths.1.unwrap_or(0))),
            Some(truncation) => windows(lengths, added, truncation, ties)?,
        };
        Ok(Assembled {
            first,
            second,
            windows,
        })
    }

    /// The encoding of one combination of windows.
    fn fill(
        &self,
        assembled: &Assembled,
        ranges: (&Range, &Range),
        add_special_tokens: bool,
        bytes: &[CharacterBytes; 2],
    ) -> HfEncoding {
        let places = match assembled.second {
            None => &self.single,
            Some(_) => &self.pair,
        };
        let mut encoding = HfEncoding::default();
        for place in places {
            match place {
                Place::Special { id, token, type_id } if add_special_tokens => {
                    encoding.ids.push(*id);
                    encoding.tokens.push(token.clone());
                    encoding.type_ids.push(*type_id);
                    encoding.special_tokens_mask.push(true);
                    encoding.offsets.push((0, 0));
                    encoding.byte_offsets.push((0, 0));
                    encoding.words.push(None);
                    encoding.sequence_ids.push(None);
                }
                Place::Special { .. } => {}
                Place::Text { number, type_id } => {
                    let (rows, range) = match number {
                        0 => (assembled.first.as_slice(), ranges.0),
                        _ => (assembled.second.as_deref().unwrap_or(&[]), ranges.1),
                    };
                    let bytes = &bytes[usize::from(*number)];
                    for row in &rows[range.clone()] {
                        encoding.ids.push(row.id);
                        encoding.tokens.push(row.token.clone());
                        encoding.type_ids.push(*type_id);
                        encoding.special_tokens_mask.push(false);
                        encoding.offsets.push(row.offsets);
                        encoding
                            .byte_offsets
                            .push((bytes.at(row.offsets.0), bytes.at(row.offsets.1)));
                        encoding.words.push(row.word);
                        encoding.sequence_ids.push(Some(*number));
                    }
                }
            }
        }
        encoding
    }

    /// The encoding, with what was cut off.
    pub(super) fn encoding(
        &self,
        assembled: &Assembled,
        add_special_tokens: bool,
        texts: (&str, Option<&str>),
    ) -> HfEncoding {
        let bytes = [
            CharacterBytes::new(texts.0),
            CharacterBytes::new(texts.1.unwrap_or("")),
        ];
        let (first, second) = &assembled.windows;
        let fill =
            |a: usize, b: usize| self.fill(assembled, (&first[a], &second[b]), add_special_tokens, &bytes);
        let mut encoding = fill(0, 0);
        // In the order of the library: windows of the first text come first, each with all of the second one.
        for a in 1..first.len() {
            encoding.overflowing.extend((0..second.len()).map(|b| fill(a, b)));
        }
        encoding.overflowing.extend((1..second.len()).map(|b| fill(0, b)));
        encoding
    }
}

type Range = std::ops::Range<usize>;

/// Which token is removed first when both texts of a pair have the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ties {
    /// That of the first text, as in the fast tokenizers.
    First,
    /// That of the second text, as in the tokenizers that transformers has in Python only.
    Second,
}

/// The tokens of texts, and which of them are taken: the first windows, and those that follow.
#[derive(Debug)]
pub(super) struct Assembled {
    first: Vec<Row>,
    second: Option<Vec<Row>>,
    windows: (Vec<Range>, Vec<Range>),
}

/// One window with everything.
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
fn whole(length: usize) -> Vec<Range> {
    vec![0..length]
}

/// The windows of both texts.
fn windows(
    (first, second): (usize, Option<usize>),
    added: usize,
    truncation: &Truncation,
    ties: Ties,
) -> Result<(Vec<Range>, Vec<Range>), String> {
    let Truncation {
        max_length, strategy, ..
    } = *truncation;
    let most = max_length.checked_sub(added).ok_or_else(|| {
        format!("'max_length' is {max_length}, but the model needs {added} special tokens around the text")
    })?;
    let total = first + second.unwrap_or(0);
    let remove = total.saturating_sub(most);
    let (mut kept_first, mut kept_second) = (first, second.unwrap_or(0));
    if remove > 0 {
        match strategy {
            _ if most == 0 => (kept_first, kept_second) = (0, 0),
            TruncationStrategy::LongestFirst => {
                (kept_first, kept_second) = longest_first(kept_first, second, most, ties);
            }
            TruncationStrategy::OnlyFirst | TruncationStrategy::OnlySecond => {
                let kept = match (strategy, second) {
                    (TruncationStrategy::OnlyFirst, _) => &mut kept_first,
                    (_, Some(_)) => &mut kept_second,
                    (_, None) => {
                        return Err(
                            "the second text is to be shortened, but there is one text only".to_owned()
                        );
                    }
                };
                if *kept <= remove {
                    let (there, which) = match strategy {
                        TruncationStrategy::OnlyFirst => (*kept, "first"),
                        _ => (*kept, "second"),
                    };
                    return Err(format!(
                        "the {which} text has {there} tokens, and {remove} would have to be removed for a 'max_length' of \
                         {max_length}"
                    ));
                }
                *kept -= remove;
            }
        }
    }
    Ok((
        cut(first, kept_first, truncation)?,
        cut(second.unwrap_or(0), kept_second, truncation)?,
    ))
}

/// How many tokens of each text stay when the longer one loses tokens first.
fn longest_first(first: usize, second: Option<usize>, most: usize, ties: Ties) -> (usize, usize) {
    let Some(second) = second else {
        return (most, 0);
    };
    let shorter = first.min(second);
    let kept = most.saturating_sub(shorter).max(shorter);
    if shorter + kept <= most {
        // Only the longer one is cut.
        return if first <= second {
            (shorter, kept)
        } else {
            (kept, shorter)
        };
    }
    let (less, more) = (most / 2, most - most / 2);
    match ties {
        Ties::First if first <= second => (less, more),
        Ties::First => (more, less),
        Ties::Second => (more, less),
    }
}

/// The windows of a text of which `kept` tokens stay.
fn cut(length: usize, kept: usize, truncation: &Truncation) -> Result<Vec<Range>, String> {
    if kept >= length {
        return Ok(whole(length));
    }
    if kept == 0 {
        // The rest is one window.
        return Ok(vec![0..0, 0..length]);
    }
    let stride = truncation.stride;
    if stride >= kept {
        return Err(format!(
            "'stride' is {stride}, but only {kept} tokens of a text stay; it must be less"
        ));
    }
    let mut windows = Vec::new();
    let mut skipped = 0;
    loop {
        let end = (skipped + kept).min(length);
        windows.push(match truncation.side {
            Side::Right => skipped..end,
            Side::Left => length - end..length - skipped,
        });
        if end == length {
            return Ok(windows);
        }
        skipped += kept - stride;
    }
}

/// White space at the ends of tokens is no part of their offsets.
///
/// A blank that was put before the text is not in it, so nothing is taken away for it.
fn trim_offsets(rows: &mut [Row], add_prefix_space: bool) {
    let blank = |c: &char| *c == '\u{120}' || c.is_whitespace();
    for (number, row) in rows.iter_mut().enumerate() {
        let mut leading = row.token.chars().take_while(blank).count();
        let trailing = row.token.chars().rev().take_while(blank).count();
        let (start, end) = &mut row.offsets;
        if leading > 0 {
            let is_first = number == 0 || *start == 0;
            if is_first && add_prefix_space && leading == 1 {
                leading = 0;
            }
            *start = (*start + leading).min(*end);
        }
        if trailing > 0 && *end >= trailing {
            *end = (*end - trailing).max(*start);
        }
    }
}

/// Where the characters of a text begin, in bytes.
enum CharacterBytes {
    /// Each has one byte.
    Ascii,
    /// One place for each character, and one for the end.
    Places(Vec<usize>),
}

impl CharacterBytes {
    fn new(text: &str) -> Self {
        if text.is_ascii() {
            return Self::Ascii;
        }
        let starts = text.char_indices().map(|(at, _)| at);
        Self::Places(starts.chain([text.len()]).collect())
    }

    fn at(&self, character: usize) -> usize {
        match self {
            Self::Ascii => character,
            Self::Places(places) => places
                .get(character)
                .or(places.last())
                .copied()
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(strategy: TruncationStrategy, max_length: usize, stride: usize, side: Side) -> Truncation {
        Truncation {
            max_length,
            strategy,
            side,
            stride,
        }
    }

    #[test]
    fn windows_overlap_by_the_stride() {
        let right = with(TruncationStrategy::OnlyFirst, 4, 1, Side::Right);
        let windows = cut(9, 4, &right).unwrap();
        assert_eq!(windows, [0..4, 3..7, 6..9]);
        let left = Truncation {
            side: Side::Left,
            ..right
        };
        assert_eq!(cut(9, 4, &left).unwrap(), [5..9, 2..6, 0..3]);
        assert!(cut(9, 1, &right).unwrap_err().contains("'stride' is 1"));
        assert_eq!(cut(2, 0, &right).unwrap(), [0..0, 0..2]);
        assert_eq!(cut(4, 4, &right).unwrap(), vec![0..4; 1]);
    }

    #[test]
    fn the_longer_text_loses_tokens_first() {
        let kept = |first, second, most, ties| longest_first(first, Some(second), most, ties);
        assert_eq!(kept(10, 3, 8, Ties::First), (5, 3));
        assert_eq!(kept(3, 10, 8, Ties::Second), (3, 5));
        assert_eq!(kept(5, 5, 7, Ties::First), (3, 4));
        assert_eq!(kept(5, 5, 7, Ties::Second), (4, 3));
        assert_eq!(kept(9, 5, 7, Ties::First), (4, 3));
        assert_eq!(longest_first(9, None, 7, Ties::First), (7, 0));
    }

    #[test]
    fn what_cannot_be_shortened_is_an_error() {
        let error = |lengths, added, truncation: Truncation| {
            windows(lengths, added, &truncation, Ties::First).unwrap_err()
        };
        let second = with(TruncationStrategy::OnlySecond, 5, 0, Side::Right);
        assert!(error((9, None), 0, second).contains("one text only"));
        assert!(error((9, Some(2)), 3, second).contains("the second text has 2 tokens, and 9 would"));
        assert!(error((1, None), 6, second).contains("needs 6 special tokens"));
    }
}
