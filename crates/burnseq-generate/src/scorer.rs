//! Scores of translations that are given: what a search would have said, had it found them.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burnseq_model::EncoderDecoder;
use burnseq_search::{
    Attention, GenerateOptions, Hypothesis, Limits, LogProbs, SearchError, SentenceRows, Source,
};
use burnseq_text::Vocab;
use rayon::prelude::*;

use crate::encoder_decoder::{left_padded, limits};
use crate::retained_dropout::RetainedDropout;

/// Most logits of one pass (256 MiB), so that a large vocabulary does not fill the memory.
const MAX_LOGITS: usize = 1 << 26;

/// Scores given translations in one pass over whole sentences, without a search.
///
/// Scores are those of a search with the same options as far as these say how to score: `lenpen`, `unnormalized` and
/// `temperature`. Penalties are left aside: they steer a search.
#[derive(Debug, Clone)]
pub struct Scorer {
    options: GenerateOptions,
    dropout: RetainedDropout,
}

impl Scorer {
    /// Checks the options.
    ///
    /// # Errors
    /// The first option that is out of range.
    pub fn new(options: GenerateOptions) -> Result<Self, SearchError> {
        options.validate()?;
        let dropout = RetainedDropout::new(&options)?;
        Ok(Self { options, dropout })
    }

    /// Scores `targets[i]`, which ends with `</s>`, as translation of `sources[i]`. Several models are an ensemble: their
    /// probabilities are averaged. With `attention` the hypotheses come with theirs, averaged as well.
    ///
    /// Neighbours share batches, so pass sentences of similar length together. The models must be on `device` and off
    /// autodiff.
    ///
    /// # Errors
    /// Models that do not share their dictionaries; a source or target that is too long, does not end with `</s>` or
    /// holds unknown ids; weights that give no probabilities.
    ///
    /// # Panics
    /// Without any model, or when there is not one target for each source.
    pub fn score<M: EncoderDecoder>(
        &self,
        models: &[M],
        sources: &[Source],
        targets: &[Vec<u32>],
        attention: bool,
        device: &Device,
    ) -> Result<Vec<Hypothesis>, SearchError> {
        assert_eq!(sources.len(), targets.len(), "one target for each source");
        let limits = limits(models)?;
        for (source, target) in sources.iter().zip(targets) {
            source.check_tokens(&limits.vocab, limits.max_source_positions)?;
            check_target(source.id, target, &limits)?;
        }

        let mut hypotheses = Vec::with_capacity(sources.len());
        while hypotheses.len() < sources.len() {
            let start = hypotheses.len();
            let end = start + self.batch_len(&targets[start..], limits.vocab.tgt);
            let (sources, targets) = (&sources[start..end], &targets[start..end]);
            hypotheses.extend(self.score_batch(models, sources, targets, attention, device));
        }
        match hypotheses
            .iter()
            .position(|hypothesis| !hypothesis.score.is_finite())
        {
            Some(index) => Err(SearchError::Target {
                sentence: sources[index].id,
                problem: "got no finite probability\nhint: the weights or the 'temperature' are out of range"
                    .to_owned(),
            }),
            None => Ok(hypotheses),
        }
    }

    /// Gives hypotheses that a search found, those of `sources[i]` in `hypotheses[i]`, their attention: that of the search
    /// itself, whose steps keep none.
    ///
    /// # Errors
    /// See [`score`](Self::score).
    pub fn attend<M: EncoderDecoder>(
        &self,
        models: &[M],
        sources: &[Source],
        hypotheses: &mut [Vec<Hypothesis>],
        device: &Device,
    ) -> Result<(), SearchError> {
        let of_each: Vec<Source> = sources
            .iter()
            .zip(hypotheses.iter())
            .flat_map(|(source, hypotheses)| vec![source.clone(); hypotheses.len()])
            .collect();
        let mut hypotheses: Vec<&mut Hypothesis> = hypotheses.iter_mut().flatten().collect();
        let targets: Vec<Vec<u32>> = hypotheses
            .iter()
            .map(|hypothesis| hypothesis.tokens.clone())
            .collect();
        let scored = self.score(models, &of_each, &targets, true, device)?;
        for (hypothesis, scored) in hypotheses.iter_mut().zip(scored) {
            hypothesis.attention = scored.attention;
        }
        Ok(())
    }

    /// How many of the next `targets`, at least one, go through the model together.
    fn batch_len(&self, targets: &[Vec<u32>], vocab: usize) -> usize {
        if self.options.retain_dropout {
            // Masks are laid over whole batches, and no sentence may depend on its neighbours.
            return 1;
        }
        let mut longest = 0;
        let fit = targets.iter().enumerate().take_while(|(number, target)| {
            longest = longest.max(target.len());
            (number + 1) * longest * vocab <= MAX_LOGITS
        });
        fit.count().max(1)
    }

    fn score_batch<M: EncoderDecoder>(
        &self,
        models: &[M],
        sources: &[Source],
        targets: &[Vec<u32>],
        attention: bool,
        device: &Device,
    ) -> Vec<Hypothesis> {
        let vocab = models[0].vocab();
        let src_tokens = left_padded(sources, vocab.pad(), device);
        let prev_output_tokens = prev_output_tokens(targets, &vocab, device);
        let lenpen = (!self.options.unnormalized).then_some(self.options.lenpen);

        // Of each model, by sentence.
        let (mut scores, mut attentions) = (Vec::new(), Vec::new());
        for (number, model) in models.iter().enumerate() {
            let (src_tokens, prev_output_tokens) = (src_tokens.clone(), prev_output_tokens.clone());
            let dropout = self.dropout.of(sources[0].id, number);
            let logits = if attention {
                let (logits, attention) =
                    model.forward_with_attention(src_tokens, prev_output_tokens, &dropout);
                attentions.push(by_sentence(attention, sources, targets));
                logits
            } else {
                model.forward(src_tokens, prev_output_tokens, &dropout)
            };
            scores.push(self.token_scores(logits, targets));
        }

        let hypothesis = |(sentence, target): (usize, &Vec<u32>)| {
            let token_score = |token: usize| {
                log_mean_exp(
                    scores
                        .iter()
                        .map(|scores: &Vec<Vec<f32>>| scores[sentence][token]),
                )
            };
            let scores = (0..target.len()).map(token_score).collect();
            let mut hypothesis = Hypothesis::from_positional_scores(target.clone(), scores, lenpen);
            if attention {
                let of_models = attentions
                    .iter()
                    .map(|attentions: &Vec<Attention>| &attentions[sentence]);
                hypothesis.attention = Some(Attention::mean(&of_models.collect::<Vec<_>>()));
            }
            hypothesis
        };
        targets.iter().enumerate().map(hypothesis).collect()
    }

    /// Log-probabilities in nats of the tokens of each target, from logits `[batch, tgt_len, vocab]`.
    fn token_scores(&self, logits: Tensor<3>, targets: &[Vec<u32>]) -> Vec<Vec<f32>> {
        let [_, tgt_len, vocab] = logits.dims();
        let mut log_probs = LogProbs::from_logits(on_host(logits), vocab, self.options.temperature as f32);
        let scores = |(mut rows, target): (SentenceRows<'_>, &Vec<u32>)| {
            let tokens = target.iter().enumerate();
            tokens
                .map(|(row, &token)| rows.row(row).log_prob(token as usize))
                .collect()
        };
        log_probs
            .par_sentences(tgt_len)
            .zip(targets)
            .map(scores)
            .collect()
    }
}

/// Makes sure that the target of sentence `sentence` can be fed to models of these limits.
pub(crate) fn check_target(sentence: u64, target: &[u32], limits: &Limits) -> Result<(), SearchError> {
    let (vocab, limit) = (limits.vocab, limits.max_target_positions);
    let problem = if target.len() > limit {
        format!("has {} tokens, the model takes {limit}", target.len())
    } else if let Some(id) = target.iter().find(|&&id| id as usize >= vocab.tgt) {
        format!(
            "holds token {id}, the model knows {}\nhint: the dictionary is not the one that the model was trained with",
            vocab.tgt
        )
    } else if target.last().is_none_or(|&last| last as usize != vocab.eos()) {
        format!("does not end with the end-of-sentence token {}", vocab.eos())
    } else {
        return Ok(());
    };
    Err(SearchError::Target { sentence, problem })
}

/// The targets shifted right, `[batch, tgt_len]`, padded on the right.
pub(crate) fn prev_output_tokens(targets: &[Vec<u32>], vocab: &Vocab, device: &Device) -> Tensor<2, Int> {
    let tgt_len = targets.iter().map(Vec::len).max().unwrap_or(0);
    let mut tokens = vec![vocab.pad() as i32; targets.len() * tgt_len];
    for (row, target) in tokens.chunks_exact_mut(tgt_len).zip(targets) {
        row[0] = vocab.decoder_start() as i32;
        for (place, &id) in row[1..].iter_mut().zip(&target[..target.len() - 1]) {
            *place = id as i32;
        }
    }
    Tensor::from_data(TensorData::new(tokens, [targets.len(), tgt_len]), device)
}

/// Each sentence's part of an attention `[batch, tgt_len, src_len]`, whose sources are padded on the left and whose
/// targets on the right.
fn by_sentence(attention: Tensor<3>, sources: &[Source], targets: &[Vec<u32>]) -> Vec<Attention> {
    let [_, tgt_len, src_len] = attention.dims();
    let values = on_host(attention);
    let sentences = values.chunks_exact(tgt_len * src_len).zip(sources).zip(targets);
    let unpadded = |((values, source), target): ((&[f32], &Source), &Vec<u32>)| {
        let tokens = source.tokens.len();
        let rows = values.chunks_exact(src_len).take(target.len());
        let values = rows.flat_map(|row| &row[src_len - tokens..]).copied();
        Attention::new(values.collect(), tokens)
    };
    sentences.map(unpadded).collect()
}

fn on_host(tensor: Tensor<3>) -> Vec<f32> {
    tensor
        .into_data_dtype(DType::F32)
        .try_into_vec()
        .expect("the data was asked for as f32")
}

/// Log of the mean of the probabilities whose logs are given.
fn log_mean_exp(log_probs: impl ExactSizeIterator<Item = f32> + Clone) -> f32 {
    let n = log_probs.len();
    if n == 1 {
        return log_probs.sum();
    }
    let max = log_probs.clone().fold(f32::NEG_INFINITY, f32::max);
    if max == f32::NEG_INFINITY {
        return max;
    }
    let sum: f32 = log_probs.map(|log_prob| (log_prob - max).exp()).sum();
    max + (sum / n as f32).ln()
}
