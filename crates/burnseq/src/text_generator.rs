//! Text in, its scores or what follows it out.

use std::path::Path;

use burnseq_data::{SampleBreakMode, Sentences, TokenBlockDataset};
use burnseq_generate::{Continue, ContinueOptions, Prompt};
use burnseq_kernels::Compute;
use burnseq_model::DecoderOnly;
use burnseq_search::{GenerateOptions, Generator, Hypothesis};

use crate::decode::{BlockScorer, BlockScores, BlockScoring, OnBatch, TextModel, after_batch};
use crate::error::{Error, Result};
use crate::tasks::language_modeling::LanguageModelingConfig;

/// Rows of a batch, and hypotheses count.
const MOST_ROWS: usize = 256;
/// Most tokens in a batch of prompts, what is to come included.
const MOST_TOKENS: usize = 24_000;
/// Texts that are scored between two calls.
const CHUNK: usize = 128;

/// A loaded language model that scores and continues raw text.
///
/// A text may have several lines, which `</s>` separates.
#[derive(Debug, Clone)]
pub struct TextGenerator {
    model: TextModel,
    scoring: BlockScoring,
}

/// How texts are continued, beside the options of the search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContinuationFormat {
    /// The text of a hypothesis is what is new, without the prompt.
    pub continuation_only: bool,
    /// A text that reaches the positions of the model goes on from its last half, instead of ending there.
    pub sliding_window: bool,
}

/// A text that begins with a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedText {
    /// The text, detokenised.
    pub text: String,
    /// Ids of the new tokens, `</s>` included.
    pub ids: Vec<u32>,
    /// Log-probability of the new tokens in nats, divided by `n^lenpen` unless scores are unnormalised.
    pub score: f32,
    /// Log-probability of each new token in nats.
    pub positional_scores: Vec<f32>,
}

/// What becomes of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// Best first, at least one.
    pub hypotheses: Vec<GeneratedText>,
    /// The tokens of the prompt, where it is longer than the model reads and was cut from the left.
    pub cut_from: Option<usize>,
}

impl TextGenerator {
    /// Loads the checkpoint folder at `path`.
    ///
    /// # Errors
    /// No checkpoint there, one of another task, or a damaged one.
    pub fn load(path: impl AsRef<Path>, compute: impl Into<Compute>) -> Result<Self> {
        Ok(Self::new(TextModel::load(path, compute)?))
    }

    /// Scores and continues with a model at hand.
    pub fn new(model: TextModel) -> Self {
        let scoring = BlockScoring {
            context_window: 0,
            max_tokens: 36_000,
            max_blocks: usize::MAX,
        };
        Self { model, scoring }
    }

    /// The model with its dictionary.
    pub fn model(&self) -> &TextModel {
        &self.model
    }

    /// The log-probability of each token of each text, in nats, `</s>` behind each line included.
    ///
    /// The model reads a text from its start. One that is longer than its positions is scored in parts, of which each reads
    /// the `context_window` tokens before it.
    ///
    /// # Errors
    /// Text that the subword model cannot take; a window that leaves no position, or with a model whose blocks begin with
    /// `<s>`; [`Error::Interrupted`].
    pub fn score<S: AsRef<str>>(
        &self,
        texts: &[S],
        context_window: usize,
        on_batch: OnBatch<'_>,
    ) -> Result<Vec<BlockScores>> {
        let positions = self.model.model.max_positions();
        if context_window > 0 && self.model.begins_with_bos {
            return Err(Error::Config(
                "'context_window' does not go with a model whose blocks begin with <s>: with a context no block begins a \
                 text\nhint: leave it out"
                    .to_owned(),
            ));
        }
        if context_window >= positions {
            return Err(Error::Config(format!(
                "'context_window' {context_window} leaves nothing of the {positions} positions of the model\nhint: lower it"
            )));
        }
        let scoring = BlockScoring {
            context_window,
            ..self.scoring
        };
        let dictionary = &self.model.dictionary;
        let config = LanguageModelingConfig {
            add_bos_token: self.model.begins_with_bos,
            sample_break_mode: SampleBreakMode::Eos,
            ..LanguageModelingConfig::default()
        };
        // The context of a text is no other text.
        let together = if context_window > 0 { 1 } else { CHUNK };
        let mut scores = Vec::with_capacity(texts.len());
        for chunk in texts.chunks(together) {
            let encoded = chunk.iter().map(|text| self.encode(text.as_ref()));
            let encoded = Sentences::Memory(encoded.collect::<Result<_>>()?);
            let options = config.block_options("test", dictionary);
            let blocks = TokenBlockDataset::new(encoded, dictionary.len(), options)?;
            scores.extend(BlockScorer::new(&self.model, scoring).score(&blocks, 0..chunk.len())?);
            after_batch(on_batch, scores.len(), texts.len())?;
        }
        Ok(scores)
    }

    /// The ids of a text, with a `</s>` behind each line.
    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        if self.model.whole_texts {
            return self.model.encode_line(text, false);
        }
        let lines = text.split('\n').map(|line| self.model.encode_line(line, false));
        Ok(lines.collect::<Result<Vec<_>>>()?.concat())
    }

    /// Texts that begin with the prompts, for each the `nbest` best ones, best first.
    ///
    /// `max_len_b` limits the new tokens. A prompt that leaves them no position is cut from the left.
    ///
    /// # Errors
    /// An option that is out of range; text that the subword model cannot take; [`Error::Interrupted`].
    pub fn generate<S: AsRef<str>>(
        &self,
        prompts: &[S],
        options: &GenerateOptions,
        format: ContinuationFormat,
        on_batch: OnBatch<'_>,
    ) -> Result<Vec<Generated>> {
        let generator = Generator::new(options.clone())?;
        let positions = self.model.model.max_positions();
        let start = self.model.start();
        let new = options.max_len(0, positions);
        let mut requests = Vec::with_capacity(prompts.len());
        let mut shown = Vec::with_capacity(prompts.len());
        for (id, prompt) in (0..).zip(prompts) {
            let mut beginning = self.encode(prompt.as_ref())?;
            beginning.pop(); // the last line goes on
            let start = match self.model.whole_texts && !beginning.is_empty() {
                true => &[],
                false => start.as_slice(),
            };
            let mut tokens = [start, &beginning].concat();
            let len = tokens.len();
            let cut = len.saturating_sub(kept(len, positions, options, format.sliding_window));
            tokens.drain(..cut);
            let first_shown = if cut > 0 { 0 } else { start.len() };
            shown.push((tokens[first_shown..].to_vec(), (cut > 0).then_some(len)));
            requests.push(Prompt { tokens, id });
        }
        let settings = ContinueOptions {
            sliding_window: format.sliding_window,
            counted_from: 0,
        };
        let mut order: Vec<usize> = (0..requests.len()).collect();
        order.sort_by_key(|&index| requests[index].tokens.len());
        let most_rows = (MOST_ROWS / options.beam).max(1);
        let mut found: Vec<Vec<Hypothesis>> = vec![Vec::new(); requests.len()];
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let fits = |&(rows, &index): &(usize, &usize)| {
                rows < most_rows && (rows + 1) * (requests[index].tokens.len() + new) <= MOST_TOKENS
            };
            let rows = rest.iter().enumerate().take_while(fits).count().max(1);
            let (batch, others) = rest.split_at(rows);
            let prompts: Vec<Prompt> = batch.iter().map(|&index| requests[index].clone()).collect();
            let models = std::slice::from_ref(&self.model.model);
            let hypotheses = generator.continue_texts(models, &prompts, settings, &self.model.device)?;
            for (&index, hypotheses) in batch.iter().zip(hypotheses) {
                found[index] = hypotheses;
            }
            rest = others;
            after_batch(on_batch, requests.len() - rest.len(), requests.len())?;
        }
        let generated = found
            .into_iter()
            .zip(&shown)
            .map(|(hypotheses, (prompt, cut_from))| {
                let before = if format.continuation_only {
                    &[]
                } else {
                    prompt.as_slice()
                };
                let text = |new: &[u32]| {
                    let text = self.text(&[before, new].concat());
                    match before.is_empty() && self.model.begins_word(prompt, new) {
                        true => format!(" {text}"),
                        false => text,
                    }
                };
                let hypotheses = hypotheses.into_iter().map(|hypothesis| GeneratedText {
                    text: text(&hypothesis.tokens),
                    ids: hypothesis.tokens,
                    score: hypothesis.score,
                    positional_scores: hypothesis.positional_scores,
                });
                Generated {
                    hypotheses: hypotheses.collect(),
                    cut_from: *cut_from,
                }
            });
        Ok(generated.collect())
    }

    /// The text of ids, a line for each `</s>` inside; the end of the last line is no line of its own.
    fn text(&self, ids: &[u32]) -> String {
        if self.model.whole_texts {
            return self.model.text.decode(&self.model.dictionary.decode(ids));
        }
        let eos = self.model.dictionary.eos();
        let ids = ids.strip_suffix(&[eos]).unwrap_or(ids);
        let line = |ids: &[u32]| self.model.text.decode(&self.model.dictionary.decode(ids));
        ids.split(|&id| id == eos)
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// How many of the last tokens of a prompt of `len` tokens are read.
fn kept(len: usize, positions: usize, options: &GenerateOptions, sliding_window: bool) -> usize {
    if len < positions {
        return len;
    }
    // Half of the positions at most are left for new tokens.
    let room = if sliding_window {
        1
    } else {
        options.max_len(0, usize::MAX).clamp(1, (positions / 2).max(1))
    };
    positions - room
}
