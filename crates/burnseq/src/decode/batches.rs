//! Sentences of a dataset through the model, batch by batch.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use burnseq_generate::{Generator, Hypothesis, Source};
use burnseq_model::EncoderDecoder;

use crate::error::Result;

/// The translations of one sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Number of the sentence in its dataset.
    pub id: usize,
    /// Best first, at least one.
    pub hypotheses: Vec<Hypothesis>,
}

/// Translates the sentences of `batches` and hands over each batch, longest source first as fairseq prints them;
/// gives the time that the models and the search took.
///
/// Several models are an ensemble; `source` gives the sentence of a number in `batches`.
///
/// # Errors
/// What [`Generator::generate`] refuses, and errors of `each`.
pub fn translate_batches<M: EncoderDecoder>(
    models: &[M],
    source: impl Fn(usize) -> Source,
    batches: &[Vec<usize>],
    generator: &Generator,
    device: &Device,
    mut each: impl FnMut(Vec<Decoded>) -> Result<()>,
) -> Result<Duration> {
    let mut time = Duration::ZERO;
    for batch in batches {
        let mut batch: Vec<(usize, Source)> = batch.iter().map(|&id| (id, source(id))).collect();
        batch.sort_by_key(|(_, source)| std::cmp::Reverse(source.tokens.len()));
        let (ids, sources): (Vec<usize>, Vec<Source>) = batch.into_iter().unzip();
        let started = Instant::now();
        let found = generator.generate(models, &sources, device)?;
        time += started.elapsed();
        each(
            ids.into_iter()
                .zip(found)
                .map(|(id, hypotheses)| Decoded { id, hypotheses })
                .collect(),
        )?;
    }
    Ok(time)
}
