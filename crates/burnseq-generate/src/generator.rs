//! A batch of sources through the model and the search.

use burn::tensor::{Device, Tensor, TensorData};
use burnseq_model::EncoderDecoder;

use crate::search::{self, BeamSearch};
use crate::{GenerateError, GenerateOptions, Hypothesis, ModelNextToken};

/// Decodes batches of sources with one set of options.
#[derive(Debug, Clone)]
pub struct Generator {
    options: GenerateOptions,
}

impl Generator {
    /// Checks the options.
    ///
    /// # Errors
    /// The first option that is out of range.
    pub fn new(options: GenerateOptions) -> Result<Self, GenerateError> {
        options.validate()?;
        Ok(Self { options })
    }

    /// The options.
    pub fn options(&self) -> &GenerateOptions {
        &self.options
    }

    /// The `nbest` best hypotheses of each source, best first; fewer where the search found fewer, at least one.
    ///
    /// Sources are token ids that end with `</s>`; an empty sentence is `</s>` alone. They share one batch, so pass
    /// sentences of similar length, as many as memory allows. `model` must be on `device` and off autodiff.
    ///
    /// # Errors
    /// A source that is too long, does not end with `</s>` or holds unknown ids; weights that give no probabilities.
    pub fn generate<M: EncoderDecoder>(
        &self,
        model: &M,
        sources: &[Vec<u32>],
        device: &Device,
    ) -> Result<Vec<Vec<Hypothesis>>, GenerateError> {
        let vocab = model.vocab();
        let (max_source, max_target) = model.max_positions();
        for (sentence, source) in sources.iter().enumerate() {
            let tokens = source.len();
            if tokens > max_source {
                return Err(GenerateError::SourceTooLong {
                    sentence,
                    tokens,
                    limit: max_source,
                });
            }
            if let Some(&id) = source.iter().find(|&&id| id as usize >= vocab.src) {
                return Err(GenerateError::UnknownId {
                    sentence,
                    id,
                    vocab: vocab.src,
                });
            }
            if source.last().is_none_or(|&last| last as usize != vocab.eos) {
                return Err(GenerateError::NoEos {
                    sentence,
                    eos: vocab.eos,
                });
            }
        }
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let src_len = sources.iter().map(Vec::len).max().unwrap_or(0);
        let mut src_tokens = vec![vocab.pad as i32; sources.len() * src_len]; // [batch, src_len]
        for (row, source) in src_tokens.chunks_exact_mut(src_len).zip(sources) {
            let padding = src_len - source.len();
            row[padding..]
                .iter_mut()
                .zip(source)
                .for_each(|(place, &id)| *place = id as i32);
        }
        let src_tokens = Tensor::from_data(TensorData::new(src_tokens, [sources.len(), src_len]), device);
        let max_lens: Vec<usize> = sources
            .iter()
            .map(|source| self.options.max_len(source.len(), max_target))
            .collect();

        let mut next_token = ModelNextToken::new(model, src_tokens, self.options.temperature);
        let beam = BeamSearch::new(&self.options, &vocab, &max_lens);
        let hypotheses = search::run(beam, &mut next_token);
        match hypotheses.iter().position(Vec::is_empty) {
            Some(sentence) => Err(GenerateError::NoHypothesis { sentence }),
            None => Ok(hypotheses),
        }
    }
}
