//! Decoding with encoder-decoders: sources are encoded, and what they become is searched.

use burn::tensor::{Device, Int, Tensor, TensorData};
use burnseq_kernels::Stepping;
use burnseq_model::{Dropout, EncoderDecoder};
use burnseq_search::{
    Ensemble, Generator, Hypothesis, Limits, NextToken, SearchError, ShallowFusion, Source,
};
use burnseq_text::Vocab;

use crate::model_next_token::ModelNextToken;
use crate::retained_dropout::RetainedDropout;
use crate::scorer::Scorer;

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

/// A [`Generator`] that decodes with encoder-decoders, of which several are an [`Ensemble`].
///
/// Models must be on `device` and off autodiff.
pub trait Generate {
    /// Makes sure that `models` take `source` and can meet what it asks for, as [`generate`](Self::generate) does.
    ///
    /// # Errors
    /// Those of [`generate`](Self::generate) that are known before it decodes.
    ///
    /// # Panics
    /// Without any model.
    fn check<M: EncoderDecoder>(&self, models: &[M], source: &Source) -> Result<(), SearchError>;

    /// As [`Generator::search`], once the models have encoded the sources.
    ///
    /// # Errors
    /// Also models that do not share their dictionaries, and unknown places of dropout.
    ///
    /// # Panics
    /// Without any model.
    fn generate<M: EncoderDecoder>(
        &self,
        models: &[M],
        sources: &[Source],
        device: &Device,
    ) -> Result<Vec<Vec<Hypothesis>>, SearchError>;

    /// As [`generate`](Self::generate), with `lm_weight` times the log-probabilities of a language model added to those
    /// of the models: [`ShallowFusion`]. `lm` begins decoding a batch with one row per source, over the target
    /// dictionary of the models.
    ///
    /// # Errors
    /// As [`generate`](Self::generate).
    ///
    /// # Panics
    /// Without any model.
    fn generate_with_lm<M: EncoderDecoder, L: NextToken>(
        &self,
        models: &[M],
        lm: impl Fn(&[Source]) -> L,
        sources: &[Source],
        device: &Device,
    ) -> Result<Vec<Vec<Hypothesis>>, SearchError>;
}

impl Generate for Generator {
    fn check<M: EncoderDecoder>(&self, models: &[M], source: &Source) -> Result<(), SearchError> {
        self.requests(std::slice::from_ref(source), &limits(models)?)?;
        Ok(())
    }

    fn generate<M: EncoderDecoder>(
        &self,
        models: &[M],
        sources: &[Source],
        device: &Device,
    ) -> Result<Vec<Vec<Hypothesis>>, SearchError> {
        if self.options().lm_weight != 0.0 {
            return Err(SearchError::Alone {
                option: "'lm_weight'",
                other: "a language model",
            });
        }
        decode(self, models, sources, device, |models, _| models)
    }

    fn generate_with_lm<M: EncoderDecoder, L: NextToken>(
        &self,
        models: &[M],
        lm: impl Fn(&[Source]) -> L,
        sources: &[Source],
        device: &Device,
    ) -> Result<Vec<Vec<Hypothesis>>, SearchError> {
        let weight = self.options().lm_weight;
        decode(self, models, sources, device, |models, sources| {
            ShallowFusion::new(models, lm(sources), weight)
        })
    }
}

/// Searches with what `next_token` makes of the models that have encoded a batch.
fn decode<'a, M: EncoderDecoder, N: NextToken>(
    generator: &Generator,
    models: &'a [M],
    sources: &[Source],
    device: &Device,
    next_token: impl Fn(Ensemble<ModelNextToken<'a, M>>, &[Source]) -> N,
) -> Result<Vec<Vec<Hypothesis>>, SearchError> {
    let options = generator.options();
    let dropout = RetainedDropout::new(options)?;
    let encoded = |sources: &[Source]| {
        let src_tokens = left_padded(sources, models[0].vocab().pad(), device);
        let member = |(number, model)| {
            ModelNextToken::new(
                model,
                src_tokens.clone(),
                options.temperature,
                dropout.of(sources[0].id, number),
                Stepping::on(device),
            )
        };
        Ensemble::new(models.iter().enumerate().map(member).collect())
    };
    let start = |sources: &[Source]| next_token(encoded(sources), sources);
    let mut hypotheses = generator.search(&limits(models)?, sources, start)?;
    if options.attention && !sources.is_empty() {
        Scorer::new(options.clone())?.attend(models, sources, &mut hypotheses, device)?;
    }
    Ok(hypotheses)
}

/// The dictionaries of all `models`, and the positions that every one of them reaches.
pub(crate) fn limits<M: EncoderDecoder>(models: &[M]) -> Result<Limits, SearchError> {
    let describe = |vocab: Vocab| format!("{} source and {} target tokens", vocab.src, vocab.tgt);
    let vocab = models.first().expect("there is a model to decode with").vocab();
    let mut limits = Limits {
        vocab,
        max_source_positions: usize::MAX,
        max_target_positions: usize::MAX,
    };
    for (index, model) in models.iter().enumerate() {
        if model.vocab() != vocab {
            return Err(SearchError::Ensemble {
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
