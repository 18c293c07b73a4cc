//! Sentences of a dataset through the model, batch by batch.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use burnseq_data::Sentences;
use burnseq_generate::{Generator, Hypothesis};
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
/// gives the time that the model and the search took.
///
/// # Errors
/// What [`Generator::generate`] refuses, and errors of `each`.
pub fn translate_batches<M: EncoderDecoder>(
    model: &M,
    src: &Sentences,
    batches: &[Vec<usize>],
    generator: &Generator,
    device: &Device,
    mut each: impl FnMut(Vec<Decoded>) -> Result<()>,
) -> Result<Duration> {
    let mut time = Duration::ZERO;
    for batch in batches {
        let mut ids = batch.clone();
        ids.sort_by_key(|&id| std::cmp::Reverse(src.size(id)));
        let sources: Vec<Vec<u32>> = ids.iter().map(|&id| src.sentence(id)).collect();
        let started = Instant::now();
        let found = generator.generate(model, &sources, device)?;
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
