//! A batch of sources through the models and the search.

use burn::tensor::{Device, Int, Tensor, TensorData};
use burnseq_model::{EncoderDecoder, Stepping, Vocab};

use crate::search::{self, Request};
use crate::{
    Ensemble, GenerateError, GenerateOptions, Hypothesis, ModelNextToken, NextToken, Scorer, ShallowFusion,
    Source,
};

/// Decodes batches of sources with one set of options.
#[derive(Debug, Clone)]
pub struct Generator {
    options: GenerateOptions,
}

impl Generator {
    /// Checks the options.
    ///
    /// # Errors
    /// The first option that is out of range or does not go with another.
    pub fn new(options: GenerateOptions) -> Result<Self, GenerateError> {
        options.validate()?;
        Ok(Self { options })
    }

    /// The options.
    pub fn options(&self) -> &GenerateOptions {
        &self.options
    }

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

    /// The `nbest` best hypotheses of each source, best first; fewer where the search found fewer, at least one.
    ///
    /// Several models are an [`Ensemble`]. The sources share one batch, so pass sentences of similar length, as many
    /// as memory allows. Models must be on `device` and off autodiff.
    ///
    /// # Errors
    /// Models that do not share their dictionaries; a source that is too long, does not end with `</s>`, holds unknown
    /// ids, or asks for what no hypothesis can have; weights that give no probabilities.
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
                option: "--lm-weight",
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
        let limits = Limits::of(models)?;
        let requests = self.requests(sources, &limits)?;
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        // Dropout's masks are laid over whole batches, and no sentence may depend on its neighbours.
        let together = if self.options.retain_dropout {
            1
        } else {
            sources.len()
        };
        let mut hypotheses = Vec::with_capacity(sources.len());
        for (sources, requests) in sources.chunks(together).zip(requests.chunks(together)) {
            let mut model = next_token(self.start(models, sources, device), sources);
            hypotheses.extend(search::run_options(
                &self.options,
                &limits.vocab,
                requests,
                &mut model,
            ));
        }
        if let Some(index) = hypotheses.iter().position(Vec::is_empty) {
            return Err(GenerateError::NoHypothesis {
                sentence: sources[index].id,
            });
        }
        if self.options.attention {
            Scorer::new(self.options.clone())?.attend(models, sources, &mut hypotheses, device)?;
        }
        Ok(hypotheses)
    }

    /// Checks the sources and says how long their hypotheses may be.
    fn requests<'a>(
        &self,
        sources: &'a [Source],
        limits: &Limits,
    ) -> Result<Vec<Request<'a>>, GenerateError> {
        let request = |source: &'a Source| {
            let max_len = self
                .options
                .max_len(source.tokens.len(), limits.max_target_positions);
            source.check(&limits.vocab, limits.max_source_positions, max_len, &self.options)?;
            Ok(Request { source, max_len })
        };
        sources.iter().map(request).collect()
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

/// What models that decode together have in common.
pub(crate) struct Limits {
    pub vocab: Vocab,
    pub max_source_positions: usize,
    pub max_target_positions: usize,
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
