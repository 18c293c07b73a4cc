//! Log-probabilities that a language model gives to the tokens of given texts.

use burn::tensor::{DType, Device, Tensor, TensorData};
use burnseq_model::{DecoderOnly, Dropout};
use burnseq_search::LogProbs;
use rayon::prelude::*;

/// Tokens that are read, of which the last ones are scored by what follows each of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadText {
    /// What the model reads.
    pub tokens: Vec<u32>,
    /// What follows the last tokens, one after another; as many as `tokens`, or fewer behind a context.
    pub target: Vec<u32>,
}

/// Log-probabilities in nats of the target of each text, in their order.
///
/// Texts of similar length go through the model together, padded on the right; `max_tokens` limits places, padding
/// included, whose logits are in memory at once, `max_texts` the rows. A text alone may be longer. Neither changes a bit of
/// the result on the processor.
///
/// # Panics
/// When a text has more targets than tokens, or more tokens than the model has positions.
pub fn score_texts<M: DecoderOnly>(
    model: &M,
    texts: &[ReadText],
    max_tokens: usize,
    max_texts: usize,
    device: &Device,
) -> Vec<Vec<f32>> {
    let mut order: Vec<usize> = (0..texts.len())
        .filter(|&index| !texts[index].target.is_empty())
        .collect();
    order.sort_by_key(|&index| texts[index].tokens.len());
    let mut scores = vec![Vec::new(); texts.len()];
    let mut rest = order.as_slice();
    while !rest.is_empty() {
        // In order of length: the last one of a batch is the longest.
        let fits = |&(rows, &index): &(usize, &usize)| {
            rows < max_texts && (rows + 1).saturating_mul(texts[index].tokens.len()) <= max_tokens
        };
        let rows = rest.iter().enumerate().take_while(fits).count().max(1);
        let (batch, others) = rest.split_at(rows);
        let found = score_batch(
            model,
            &batch.iter().map(|&index| &texts[index]).collect::<Vec<_>>(),
            device,
        );
        for (&index, found) in batch.iter().zip(found) {
            scores[index] = found;
        }
        rest = others;
    }
    scores
}

fn score_batch<M: DecoderOnly>(model: &M, texts: &[&ReadText], device: &Device) -> Vec<Vec<f32>> {
    let width = texts.iter().map(|text| text.tokens.len()).max().unwrap_or(0);
    let mut tokens = vec![model.vocab().pad() as i32; texts.len() * width];
    for (row, text) in tokens.chunks_exact_mut(width).zip(texts) {
        row.iter_mut()
            .zip(&text.tokens)
            .for_each(|(place, &token)| *place = token as i32);
    }
    let tokens = Tensor::from_data(TensorData::new(tokens, [texts.len(), width]), device);
    let logits = model.forward(tokens, &Dropout::off()); // [batch, width, vocab]
    let [_, _, vocab] = logits.dims();
    let logits = logits
        .into_data_dtype(DType::F32)
        .try_into_vec()
        .expect("the data was asked for as f32");
    let mut log_probs = LogProbs::from_logits(logits, vocab, 1.0);
    log_probs
        .par_sentences(width)
        .zip(texts)
        .map(|(mut rows, text)| {
            let context = text.tokens.len() - text.target.len();
            let targets = text.target.iter().enumerate();
            targets
                .map(|(place, &token)| rows.row(context + place).log_prob(token as usize))
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use burnseq_model::{FamilyConfig, families::transformer_lm::TransformerLmConfig};
    use burnseq_text::Vocab;

    use super::*;

    #[test]
    fn batch_mates_and_limits_change_nothing_and_a_context_is_read_only() {
        let device = Device::flex();
        let config = TransformerLmConfig {
            decoder_embed_dim: 16,
            decoder_input_dim: 16,
            decoder_output_dim: 16,
            decoder_ffn_embed_dim: 16,
            decoder_layers: 2,
            decoder_attention_heads: 2,
            ..TransformerLmConfig::default()
        };
        let model = config.init(&Vocab::fairseq(12, 12), 3, &device);
        let text = |len: usize| ReadText {
            tokens: (0..len).map(|place| 2 + (place * 5 % 9) as u32).collect(),
            target: (1..=len).map(|place| 2 + (place * 5 % 9) as u32).collect(),
        };
        let mut texts: Vec<ReadText> = [7, 1, 30, 12, 7].map(text).to_vec();
        let short = ReadText {
            target: texts[2].target[20..].to_vec(),
            ..texts[2].clone()
        };
        texts.push(short);
        texts.push(ReadText::default());
        let whole = score_texts(&model, &texts, usize::MAX, usize::MAX, &device);
        assert_eq!(
            whole.iter().map(Vec::len).collect::<Vec<_>>(),
            [7, 1, 30, 12, 7, 10, 0]
        );
        for (max_tokens, max_texts) in [(1, 9), (1000, 1), (40, 2)] {
            assert_eq!(score_texts(&model, &texts, max_tokens, max_texts, &device), whole);
        }
        assert_eq!(whole[5], whole[2][20..]);
        assert!(whole.iter().flatten().all(|&score| score < 0.0));
    }
}
