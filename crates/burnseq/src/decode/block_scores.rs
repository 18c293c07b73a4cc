//! Scores of text in blocks, as a language model reads it.

use std::ops::Range;

use burnseq_data::{Dataset, TokenBlockDataset};
use burnseq_generate::{ReadText, score_texts};
use burnseq_model::DecoderOnly;

use super::TextModel;
use crate::error::Result;

/// Most logits of one pass (256 MiB), so that a large vocabulary does not fill the memory.
const MAX_LOGITS: usize = 1 << 26;

/// How blocks go through the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockScoring {
    /// Tokens before each block that the model has read and that are not scored again.
    pub context_window: usize,
    /// Most tokens in a batch, padding included.
    pub max_tokens: usize,
    /// Most blocks in a batch.
    pub max_blocks: usize,
}

/// A block, and what the model says to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BlockScores {
    /// Its tokens, without the `<s>` that `add_bos_token` puts before them.
    pub tokens: Vec<u32>,
    /// Log-probability of each in nats.
    pub scores: Vec<f32>,
    /// Whether it was longer than the positions of the model, and scored in parts.
    pub cut: bool,
}

/// Scores blocks in order, some at a time.
#[derive(Debug)]
pub struct BlockScorer<'a> {
    model: &'a TextModel,
    scoring: BlockScoring,
    /// What was read before the next block, at most a context.
    context: Vec<u32>,
}

impl<'a> BlockScorer<'a> {
    /// Begins with the first block.
    pub fn new(model: &'a TextModel, scoring: BlockScoring) -> Self {
        Self {
            model,
            scoring,
            context: Vec::new(),
        }
    }

    /// Scores the blocks of this range, which follow those that were scored before.
    ///
    /// # Errors
    /// A token that the dictionary does not have.
    ///
    /// # Panics
    /// When there is no such block, or no position beside the context.
    pub fn score(&mut self, blocks: &TokenBlockDataset, range: Range<usize>) -> Result<Vec<BlockScores>> {
        let positions = self.model.model.max_positions();
        assert!(
            positions > self.scoring.context_window,
            "no position beside the context"
        );
        let has_bos = blocks.options().add_bos_token;
        let mut found = Vec::with_capacity(range.len());
        let mut texts = Vec::with_capacity(range.len());
        for index in range {
            let batch = blocks.collate(&[index], 0)?;
            let len = batch.lengths[0];
            let ids = |tokens: &[i64]| -> Vec<u32> { tokens[..len].iter().map(|&id| id as u32).collect() };
            let (read, mut tokens) = (ids(&batch.src_tokens), ids(&batch.target));
            if has_bos {
                tokens.remove(0);
            }
            let parts = texts.len();
            self.add_parts(read, &tokens, positions, &mut texts);
            let block = BlockScores {
                tokens,
                scores: Vec::new(),
                cut: texts.len() - parts > 1,
            };
            found.push((block, parts..texts.len()));
        }
        let max_tokens = (MAX_LOGITS / self.model.dictionary.len())
            .max(1)
            .min(self.scoring.max_tokens);
        let (model, device) = (&self.model.model, &self.model.device);
        let scores = score_texts(model, &texts, max_tokens, self.scoring.max_blocks, device);
        let with_scores = |(block, parts): (BlockScores, Range<usize>)| BlockScores {
            scores: scores[parts].concat(),
            ..block
        };
        Ok(found.into_iter().map(with_scores).collect())
    }

    /// Adds a block that is read as `read`, of which the last places are followed by `target`: at once where the positions
    /// reach, else in parts.
    fn add_parts(&mut self, read: Vec<u32>, target: &[u32], positions: usize, texts: &mut Vec<ReadText>) {
        let window = self.scoring.context_window;
        let all = [std::mem::take(&mut self.context), read].concat();
        let first = all.len() - target.len();
        let longest = if all.len() <= positions {
            target.len()
        } else {
            positions - window.max(first.min(1))
        };
        for (number, part) in target.chunks(longest.max(1)).enumerate() {
            let start = first + number * longest.max(1);
            let end = start + part.len();
            let begin = if end <= positions {
                0
            } else {
                start.saturating_sub(window)
            };
            texts.push(ReadText {
                tokens: all[begin..end].to_vec(),
                target: part.to_vec(),
            });
        }
        self.context = all[all.len().saturating_sub(window)..].to_vec();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use burn::tensor::Device;
    use burnseq_data::{SampleBreakMode, Sentences, TokenBlockOptions};
    use burnseq_model::families::transformer_lm::TransformerLmConfig;
    use burnseq_model::{LanguageModel, ModelConfig, OfConfig};
    use burnseq_text::{Dictionary, TextFiles, TextPipeline, TextSettings, Vocab};

    use super::*;

    fn model(positions: usize) -> TextModel {
        let mut dictionary = Dictionary::new();
        for word in 0..8 {
            dictionary.add_symbol(&format!("w{word}"), 1);
        }
        let config = ModelConfig::from(TransformerLmConfig {
            decoder_embed_dim: 8,
            decoder_input_dim: 8,
            decoder_output_dim: 8,
            decoder_ffn_embed_dim: 8,
            decoder_layers: 1,
            decoder_attention_heads: 2,
            max_target_positions: positions,
            ..TransformerLmConfig::default()
        });
        let (vocab, device) = (Vocab::of(&dictionary, &dictionary), Device::flex());
        TextModel {
            model: LanguageModel::init(&config, &vocab, 5, &device).unwrap(),
            device,
            dictionary: Arc::new(dictionary),
            text: TextPipeline::new(TextSettings::default(), &TextFiles::new()).unwrap(),
            whole_texts: false,
            generation: None,
            begins_with_bos: false,
            path: "x".into(),
        }
    }

    fn blocks(tokens_per_sample: usize, add_bos_token: bool) -> TokenBlockDataset {
        let line = |len: u32| (0..len).map(|place| 4 + place * 3 % 8).chain([2]).collect();
        let sentences = Sentences::Memory([9, 4, 14].map(line).to_vec());
        let options = TokenBlockOptions {
            sample_break_mode: SampleBreakMode::None,
            tokens_per_sample,
            add_bos_token,
            ..TokenBlockOptions::default()
        };
        TokenBlockDataset::new(sentences, 12, options).unwrap()
    }

    fn scored(model: &TextModel, blocks: &TokenBlockDataset, context_window: usize) -> Vec<BlockScores> {
        let scoring = BlockScoring {
            context_window,
            max_tokens: 64,
            max_blocks: 3,
        };
        let mut scorer = BlockScorer::new(model, scoring);
        let mut found = scorer.score(blocks, 0..1).unwrap();
        found.extend(scorer.score(blocks, 1..blocks.len()).unwrap());
        found
    }

    #[test]
    fn with_all_that_was_read_as_context_blocks_score_as_the_whole_text() {
        let model = model(64);
        let whole = scored(&model, &blocks(64, false), 0);
        let cut = scored(&model, &blocks(10, false), 54);
        let joined: Vec<f32> = cut.iter().flat_map(|block| block.scores.clone()).collect();
        assert_eq!((whole.len(), cut.len()), (1, 3));
        assert_eq!(joined, whole[0].scores);
        assert_ne!(scored(&model, &blocks(10, false), 0)[1].scores, cut[1].scores);
        assert_ne!(scored(&model, &blocks(10, false), 2)[1].scores, cut[1].scores);
    }

    #[test]
    fn a_block_that_is_longer_than_the_positions_is_scored_in_parts() {
        let found = scored(&model(16), &blocks(30, false), 6);
        assert_eq!(found.iter().map(|block| block.cut).collect::<Vec<_>>(), [true]);
        assert_eq!(found[0].scores.len(), 30);
        // The first part is that of a text of ten tokens.
        let first = scored(&model(16), &blocks(10, false), 0);
        assert_eq!(found[0].scores[..10], first[0].scores);
    }

    #[test]
    fn the_beginning_that_every_block_gets_is_not_scored() {
        let model = model(64);
        let with_bos = scored(&model, &blocks(10, true), 0);
        let without = scored(&model, &blocks(10, false), 0);
        for (with_bos, without) in with_bos.iter().zip(&without) {
            assert_eq!(with_bos.tokens, without.tokens);
            assert_eq!(with_bos.scores.len(), without.scores.len());
            assert_ne!(with_bos.scores, without.scores);
        }
    }
}
