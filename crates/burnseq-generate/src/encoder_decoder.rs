//! Decoding with encoder-decoders: sources are encoded, and what they become is searched.

use burn::tensor::{Device, Int, Tensor, TensorData};
use burnseq_model::{Dropout, EncoderDecoder, Stepping, Vocab};

use crate::{
    Ensemble, GenerateError, Generator, Hypothesis, Limits, ModelNextToken, NextToken, Scorer, ShallowFusion,
    Source,
};

impl<'a, M: EncoderDecoder> ModelNextToken<'a, M> {
    /// Encodes the sources `[batch, src_len]`; one row per sentence. Logits are divided by `temperature`, and `dropout`
    /// is [off](Dropout::off) unless samples of the model are wanted.
    pub fn new(
        model: &'a M,
        src_tokens: Tensor<2, Int>,
        temperature: f64,
        dropout: Dropout,
        stepping: Stepping,
    ) -> Self {
        let device = src_tokens.device();
        let state = model.start(src_tokens, dropout, stepping);
        Self::from_state(model, state, temperature, device, stepping)
    }
}

impl Generator {
    /// Makes sure that `models` take `source` and can meet what it asks for, as [`generate`](Self::generate) does.
    ///
    /// # Errors
    /// Those of [`generate`](Self::generate) that are known before it decodes.
    ///
    /// # Panics
    /// Without any model.
    pub fn check<M: EncoderDecoder>(&self, models: &[M], source: &Source) -> Result<(), GenerateError> {
        self.requests(std::slice::from_ref(source), &Limits::of(models)?)?;
        Ok(())
    }

    /// As [`search`](Self::search) with encoder-decoders, of which several are an [`Ensemble`]. Models must be on
    /// `device` and off autodiff.
    ///
    /// # Errors
    /// Also models that do not share their dictionaries.
    ///
    /// # Panics
    /// Without any model.
    pub fn generate<M: EncoderDecoder>(
        &self,
        models: &[M],
        sources: &[Source],
        device: &Device,
    ) -> Result<Vec<Vec<Hypothesis>>, GenerateError> {
        if self.options.lm_weight != 0.0 {
            return Err(GenerateError::Alone {
                option: "'lm_weight'",
                other: "a language model",
            });
        }
        self.decode(models, sources, device, |models, _| models)
    }

    /// As [`generate`](Self::generate), with `lm_weight` times the log-probabilities of a language model added to those
    /// of the models: [`ShallowFusion`]. `lm` begins decoding a batch with one row per source, over the target
    /// dictionary of the models.
    ///
    /// # Errors
    /// As [`generate`](Self::generate).
    ///
    /// # Panics
    /// Without any model.
    pub fn generate_with_lm<M: EncoderDecoder, L: NextToken>(
        &self,
        models: &[M],
        lm: impl Fn(&[Source]) -> L,
        sources: &[Source],
        device: &Device,
    ) -> Result<Vec<Vec<Hypothesis>>, GenerateError> {
        self.decode(models, sources, device, |models, sources| {
            ShallowFusion::new(models, lm(sources), self.options.lm_weight)
        })
    }

    /// Searches with what `next_token` makes of the models that have encoded a batch.
    fn decode<'a, M: EncoderDecoder, N: NextToken>(
        &self,
        models: &'a [M],
        sources: &[Source],
        device: &Device,
        next_token: impl Fn(Ensemble<ModelNextToken<'a, M>>, &[Source]) -> N,
    ) -> Result<Vec<Vec<Hypothesis>>, GenerateError> {
        let start = |sources: &[Source]| next_token(self.start(models, sources, device), sources);
        let mut hypotheses = self.search(&Limits::of(models)?, sources, start)?;
        if self.options.attention && !sources.is_empty() {
            Scorer::new(self.options.clone())?.attend(models, sources, &mut hypotheses, device)?;
        }
        Ok(hypotheses)
    }

    /// The models with the sources encoded.
    fn start<'a, M: EncoderDecoder>(
        &self,
        models: &'a [M],
        sources: &[Source],
        device: &Device,
    ) -> Ensemble<ModelNextToken<'a, M>> {
        let src_tokens = left_padded(sources, models[0].vocab().pad, device);
        let member = |(number, model)| {
            let dropout = self.options.dropout(sources[0].id, number);
            ModelNextToken::new(
                model,
                src_tokens.clone(),
                self.options.temperature,
                dropout,
                Stepping::on(device),
            )
        };
        Ensemble::new(models.iter().enumerate().map(member).collect())
    }
}

impl Limits {
    /// The dictionaries of all `models`, and the positions that every one of them reaches.
    pub fn of<M: EncoderDecoder>(models: &[M]) -> Result<Self, GenerateError> {
        let describe = |vocab: Vocab| format!("{} source and {} target tokens", vocab.src, vocab.tgt);
        let vocab = models.first().expect("there is a model to decode with").vocab();
        let mut limits = Self {
            vocab,
            max_source_positions: usize::MAX,
            max_target_positions: usize::MAX,
        };
        for (index, model) in models.iter().enumerate() {
            if model.vocab() != vocab {
                return Err(GenerateError::Ensemble {
                    number: index + 1,
                    theirs: describe(model.vocab()),
                    ours: describe(vocab),
                });
            }
            let (max_source, max_target) = model.max_positions();
            limits.max_source_positions = limits.max_source_positions.min(max_source);
            limits.max_target_positions = limits.max_target_positions.min(max_target);
        }
        Ok(limits)
    }
}

/// The sources as one tensor `[batch, src_len]`, padded on the left.
pub(crate) fn left_padded(sources: &[Source], pad: usize, device: &Device) -> Tensor<2, Int> {
    let src_len = sources
        .iter()
        .map(|source| source.tokens.len())
        .max()
        .unwrap_or(0);
    let mut src_tokens = vec![pad as i32; sources.len() * src_len];
    for (row, source) in src_tokens.chunks_exact_mut(src_len).zip(sources) {
        let padding = src_len - source.tokens.len();
        row[padding..]
            .iter_mut()
            .zip(&source.tokens)
            .for_each(|(place, &id)| *place = id as i32);
    }
    Tensor::from_data(TensorData::new(src_tokens, [sources.len(), src_len]), device)
}
