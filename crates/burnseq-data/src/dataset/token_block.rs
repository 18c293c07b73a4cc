//! Text as one stream of tokens, cut into blocks: what language models learn from.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::plan::{self, PlanStats};
use super::{Batch, Dataset};
use crate::error::{Error, Result};
use crate::mt19937::Mt19937;
use crate::numpy_seed::numpy_seed;
use crate::sentences::Sentences;

/// Where blocks end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleBreakMode {
    /// After every `tokens_per_sample` tokens, in the middle of sentences too; the last block is shorter.
    #[default]
    None,
    /// At ends of sentences: as many sentences as fit. A longer sentence is a block of its own.
    Complete,
    /// As [`Complete`](Self::Complete), and at ends of documents, which are empty lines and in no block. Documents of one
    /// token are left out.
    CompleteDoc,
    /// At each end of a sentence.
    Eos,
}

/// What becomes of sentences that are longer than a block, before blocks are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortenMethod {
    /// They stay as they are.
    #[default]
    None,
    /// Only their first tokens are kept.
    Truncate,
    /// Only a random part of them is kept, another one in each epoch.
    RandomCrop,
}

/// How text is cut into blocks, and blocks become batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBlockOptions {
    /// Where blocks end.
    pub sample_break_mode: SampleBreakMode,
    /// Longest block, its `<s>` not counted.
    pub tokens_per_sample: usize,
    /// Every block begins with `<s>`, which is also its first target.
    pub add_bos_token: bool,
    /// What becomes of sentences longer than a block.
    pub shorten_method: ShortenMethod,
    /// Seed of the random parts of sentences.
    pub seed: u64,
    /// Tokens of an empty line: 1 where it has its `</s>`.
    pub document_sep_len: usize,
    /// Id of `<s>`.
    pub bos: u32,
    /// Id of the padding.
    pub pad: u32,
    /// Id of the end of a sentence.
    pub eos: u32,
    /// Widths are rounded up to a multiple of this; 1 leaves them alone.
    pub required_seq_len_multiple: usize,
}

impl Default for TokenBlockOptions {
    /// fairseq's defaults.
    fn default() -> Self {
        Self {
            sample_break_mode: SampleBreakMode::None,
            tokens_per_sample: 1024,
            add_bos_token: false,
            shorten_method: ShortenMethod::None,
            seed: 1,
            document_sep_len: 1,
            bos: 0,
            pad: 1,
            eos: 2,
            required_seq_len_multiple: 1,
        }
    }
}

/// Where a block lies in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    /// Sentence of its first token.
    sentence: usize,
    /// Place of that token in the sentence.
    offset: usize,
    /// Tokens.
    len: usize,
}

/// Blocks of a stream of sentences, each predicted from the tokens before it (fairseq's `TokenBlockDataset` and
/// `MonolingualDataset`).
///
/// The input of a block is the block moved right by one: its first token is `</s>` where the block begins with a
/// sentence, else the token before the block.
#[derive(Debug)]
pub struct TokenBlockDataset {
    sentences: Sentences,
    vocab: usize,
    options: TokenBlockOptions,
    blocks: Vec<Block>,
}

impl TokenBlockDataset {
    /// Cuts `sentences`; `vocab` is the size of the dictionary.
    ///
    /// # Errors
    /// An option out of range.
    pub fn new(sentences: Sentences, vocab: usize, options: TokenBlockOptions) -> Result<Self> {
        for (value, field) in [
            (options.tokens_per_sample, "tokens_per_sample"),
            (options.required_seq_len_multiple, "required_seq_len_multiple"),
        ] {
            if value == 0 {
                return Err(Error::Config(format!("'{field}' must be at least 1")));
            }
        }
        let len = |index| shortened(sentences.size(index), &options);
        let lengths = (0..sentences.len()).map(len);
        let blocks = match options.sample_break_mode {
            SampleBreakMode::None => equal_blocks(lengths, options.tokens_per_sample),
            SampleBreakMode::Complete => whole_sentences(lengths, options.tokens_per_sample, None),
            SampleBreakMode::CompleteDoc => {
                let separator = Some(options.document_sep_len);
                whole_sentences(lengths, options.tokens_per_sample, separator)
            }
            SampleBreakMode::Eos => lengths.enumerate().map(sentence_block).collect(),
        };
        Ok(Self {
            sentences,
            vocab,
            options,
            blocks,
        })
    }

    /// The stream.
    pub fn sentences(&self) -> &Sentences {
        &self.sentences
    }

    /// How it is cut.
    pub fn options(&self) -> &TokenBlockOptions {
        &self.options
    }

    /// Number of the sentence that block `index` begins in, and the place of its first token there.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Dataset::len).
    pub fn start(&self, index: usize) -> (usize, usize) {
        let block = self.blocks[index];
        (block.sentence, block.offset)
    }

    /// Tokens of block `index` behind its first input: `[len + 1]`, of which all but the last are the input and all but
    /// the first the target.
    fn tokens(&self, index: usize, epoch: u32) -> Result<Vec<i64>> {
        let Block {
            mut sentence,
            mut offset,
            len,
        } = self.blocks[index];
        let mut tokens = Vec::with_capacity(len + 2);
        if self.options.add_bos_token {
            tokens.push(self.options.bos);
        }
        if offset == 0 {
            tokens.push(self.options.eos);
        } else {
            offset -= 1; // the token before the block
        }
        let end = tokens.len() + len + usize::from(self.blocks[index].offset > 0);
        while tokens.len() < end {
            let size = shortened(self.sentences.size(sentence), &self.options);
            let taken = offset..size.min(offset + end - tokens.len());
            let crop = self.crop(sentence, epoch);
            let before = tokens.len();
            let range = crop + taken.start..crop + taken.end;
            self.sentences
                .for_each_token_of(sentence, range, |token| tokens.push(token));
            if let Some(&id) = tokens[before..].iter().find(|&&id| id as usize >= self.vocab) {
                return Err(Error::UnknownId {
                    sentence,
                    side: self.sentences.name("text"),
                    id,
                    vocab: self.vocab,
                });
            }
            sentence += 1;
            offset = 0;
        }
        Ok(tokens.into_iter().map(i64::from).collect())
    }

    /// Tokens that are left out at the beginning of a sentence.
    fn crop(&self, sentence: usize, epoch: u32) -> usize {
        let excess = self
            .sentences
            .size(sentence)
            .saturating_sub(self.options.tokens_per_sample);
        if self.options.shorten_method != ShortenMethod::RandomCrop || excess == 0 {
            return 0;
        }
        let seed = numpy_seed(&[self.options.seed, u64::from(epoch), sentence as u64]);
        Mt19937::new(seed).interval(excess as u64 - 1) as usize
    }

    /// Width of a batch whose longest block has `len` tokens.
    fn width(&self, len: usize) -> usize {
        let bos = usize::from(self.options.add_bos_token && len > 0);
        (len + bos).next_multiple_of(self.options.required_seq_len_multiple)
    }
}

impl Dataset for TokenBlockDataset {
    type Batch = TokenBlockBatch;

    fn len(&self) -> usize {
        self.blocks.len()
    }

    fn sizes(&self, index: usize) -> [usize; 2] {
        [self.blocks[index].len; 2]
    }

    /// A block is read and written at once, so that one limit is enough; `<s>` takes a position of its own.
    fn limits(&self, (_, max_positions): (usize, usize)) -> (usize, usize) {
        let bos = usize::from(self.options.add_bos_token);
        (usize::MAX, max_positions.saturating_sub(bos))
    }

    fn seq_len_multiple(&self) -> usize {
        self.options.required_seq_len_multiple
    }

    /// As fairseq orders blocks: among equal lengths by their numbers in a permutation, where sentence pairs are in the
    /// order of the permutation.
    fn ordered(&self, shard: Range<usize>, seed: Option<u32>) -> Vec<usize> {
        let permutation = seed.map(|seed| Mt19937::new(seed).permutation(shard.len()));
        let mut order: Vec<usize> = shard.clone().collect();
        order.sort_by_cached_key(|&index| {
            let place = permutation.as_ref().map(|places| places[index - shard.start]);
            (self.blocks[index].len, place)
        });
        order
    }

    fn collate(&self, indices: &[usize], epoch: u32) -> Result<TokenBlockBatch> {
        let bos = usize::from(self.options.add_bos_token);
        let lengths: Vec<usize> = indices
            .iter()
            .map(|&index| self.blocks[index].len + bos)
            .collect();
        let width = self.width(lengths.iter().map(|len| len - bos).max().unwrap_or(0));
        let pad = i64::from(self.options.pad);
        let mut batch = TokenBlockBatch {
            ids: indices.to_vec(),
            src_tokens: vec![pad; indices.len() * width],
            target: vec![pad; indices.len() * width],
            width,
            seq_len_multiple: self.options.required_seq_len_multiple,
            lengths,
        };
        for (row, &index) in indices.iter().enumerate() {
            let tokens = self.tokens(index, epoch)?;
            let (start, len) = (row * width, batch.lengths[row]);
            batch.src_tokens[start..start + len].copy_from_slice(&tokens[..len]);
            batch.target[start..start + len].copy_from_slice(&tokens[tokens.len() - len..]);
            if self.options.add_bos_token {
                batch.target[start] = i64::from(self.options.bos);
            }
        }
        Ok(batch)
    }

    /// What is read is predicted as well, and counts once.
    fn stats(&self, batches: &[Vec<usize>]) -> PlanStats {
        PlanStats {
            src_tokens: 0,
            src_places: 0,
            ..plan::stats(|index| self.sizes(index), |batch| self.shape(batch), batches)
        }
    }

    fn shape(&self, indices: &[usize]) -> [usize; 3] {
        let longest = indices.iter().map(|&index| self.blocks[index].len).max();
        let width = self.width(longest.unwrap_or(0));
        [indices.len(), width, width]
    }
}

/// Padded token ids of some blocks, row after row, padding on the right.
///
/// # Shapes
/// `src_tokens`, `target`: `[batch, width]`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenBlockBatch {
    /// Number of the block in each row.
    pub ids: Vec<usize>,
    /// Input.
    pub src_tokens: Vec<i64>,
    /// The tokens to predict: the block.
    pub target: Vec<i64>,
    /// Tokens of each row without padding.
    pub lengths: Vec<usize>,
    /// Places of a row.
    pub width: usize,
    /// Widths are multiples of this.
    seq_len_multiple: usize,
}

impl TokenBlockBatch {
    /// Some of the rows, without the padding that none of them needs.
    fn rows(&self, rows: Range<usize>) -> Self {
        let lengths = self.lengths[rows.clone()].to_vec();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let width = longest.next_multiple_of(self.seq_len_multiple);
        let narrow = |tokens: &[i64]| -> Vec<i64> {
            let rows = rows.clone().map(|row| &tokens[row * self.width..][..width]);
            rows.flatten().copied().collect()
        };
        Self {
            ids: self.ids[rows.clone()].to_vec(),
            src_tokens: narrow(&self.src_tokens),
            target: narrow(&self.target),
            lengths,
            width,
            seq_len_multiple: self.seq_len_multiple,
        }
    }
}

impl Batch for TokenBlockBatch {
    fn ids(&self) -> &[usize] {
        &self.ids
    }

    fn ntokens(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// There are none: what is read is predicted as well.
    fn src_ntokens(&self) -> usize {
        0
    }

    fn places(&self) -> usize {
        self.ids.len() * self.width
    }

    fn widths(&self) -> String {
        format!("{} tokens", self.width)
    }

    fn row_sizes(&self, row: usize) -> String {
        format!("{} tokens", self.lengths[row])
    }

    fn halves(&self) -> Option<[Self; 2]> {
        let rows = self.ids.len();
        let middle = rows.div_ceil(2);
        (rows > 1).then(|| [self.rows(0..middle), self.rows(middle..rows)])
    }
}

/// Tokens of a sentence of `size` tokens that blocks are cut from.
fn shortened(size: usize, options: &TokenBlockOptions) -> usize {
    match options.shorten_method {
        ShortenMethod::None => size,
        ShortenMethod::Truncate | ShortenMethod::RandomCrop => size.min(options.tokens_per_sample),
    }
}

/// A sentence as a block.
fn sentence_block((sentence, len): (usize, usize)) -> Block {
    Block {
        sentence,
        offset: 0,
        len,
    }
}

/// Blocks of `block_size` tokens.
fn equal_blocks(lengths: impl Iterator<Item = usize>, block_size: usize) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut room = 0;
    for (sentence, len) in lengths.enumerate() {
        let mut offset = 0;
        while offset < len {
            if room == 0 {
                blocks.push(Block {
                    sentence,
                    offset,
                    len: 0,
                });
                room = block_size;
            }
            let taken = room.min(len - offset);
            if let Some(block) = blocks.last_mut() {
                block.len += taken;
            }
            offset += taken;
            room -= taken;
        }
    }
    blocks
}

/// Blocks of whole sentences of at most `block_size` tokens together; sentences of `separator` tokens end a document and
/// are in none, and then neither are blocks of one token.
fn whole_sentences(
    lengths: impl Iterator<Item = usize>,
    block_size: usize,
    separator: Option<usize>,
) -> Vec<Block> {
    let shortest = if separator.is_some() { 2 } else { 1 };
    let mut blocks = Vec::new();
    let mut block = sentence_block((0, 0));
    for (sentence, len) in lengths.enumerate() {
        let ends_document = separator == Some(len);
        let fits = block.len == 0 || block.len + len <= block_size;
        if ends_document || !fits {
            blocks.push(block);
            block = sentence_block((sentence, 0));
        }
        if ends_document {
            block.sentence = sentence + 1;
        } else {
            block.len += len;
        }
    }
    blocks.push(block);
    blocks.retain(|block| block.len >= shortest);
    blocks
}
