//! Attention probabilities of a sentence and its translation, of every layer and head.

use burn::tensor::{DType, Device, Tensor};
use burnseq_model::EncoderDecoder;
use burnseq_search::{Attention, SearchError, Source};

use crate::encoder_decoder::{left_padded, limits};
use crate::scorer::{check_target, prev_output_tokens};

/// Attention of one sentence on the host, by layer and head: `cross[layer][head]`. Attentions that a model does not have are
/// empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttentionMaps {
    /// Self-attention of the encoder, rows and columns are tokens of the source.
    pub encoder: Vec<Vec<Attention>>,
    /// Self-attention of the decoder: row `t` is the token predicted at `t`, its columns the tokens before it, of which
    /// `</s>` is the first.
    pub decoder: Vec<Vec<Attention>>,
    /// Cross-attention: rows are tokens of the target, columns those of the source.
    pub cross: Vec<Vec<Attention>>,
}

impl AttentionMaps {
    /// Whether the model has no attention at all.
    pub fn is_empty(&self) -> bool {
        self.encoder.is_empty() && self.decoder.is_empty() && self.cross.is_empty()
    }
}

/// Attention of `model`, which must be on `device`, for `source` and its translation `target`, both with `</s>`.
///
/// # Errors
/// A source or target that is too long, does not end with `</s>` or holds unknown ids.
pub fn attention_maps<M: EncoderDecoder>(
    model: &M,
    source: &Source,
    target: &[u32],
    device: &Device,
) -> Result<AttentionMaps, SearchError> {
    let limits = limits(std::slice::from_ref(model))?;
    source.check_tokens(&limits.vocab, limits.max_source_positions)?;
    check_target(source.id, target, &limits)?;
    let src_tokens = left_padded(std::slice::from_ref(source), limits.vocab.pad(), device);
    let prev_output_tokens = prev_output_tokens(&[target.to_vec()], &limits.vocab, device);
    let found = model.attention_probabilities(src_tokens, prev_output_tokens);
    Ok(AttentionMaps {
        encoder: by_head(found.encoder),
        decoder: by_head(found.decoder),
        cross: by_head(found.cross),
    })
}

/// Layers `[1, heads, query_len, key_len]` as maps of each head.
fn by_head(layers: Vec<Tensor<4>>) -> Vec<Vec<Attention>> {
    let heads = |layer: Tensor<4>| {
        let [_, _, query_len, key_len] = layer.dims();
        let values: Vec<f32> = layer
            .into_data_dtype(DType::F32)
            .try_into_vec()
            .expect("the data was asked for as f32");
        let heads = values.chunks_exact(query_len * key_len);
        heads.map(|head| Attention::new(head.to_vec(), key_len)).collect()
    };
    layers.into_iter().map(heads).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burnseq_model::{FamilyConfig, TransformerConfig, families::lstm::LstmConfig};
    use burnseq_text::Vocab;

    const VOCAB: Vocab = Vocab::fairseq(12, 10);

    #[test]
    fn every_layer_and_head_has_a_map_whose_rows_add_up_to_1() {
        let device = Device::flex();
        let config = TransformerConfig {
            encoder_layers: 2,
            decoder_layers: 3,
            encoder_embed_dim: 8,
            decoder_embed_dim: 8,
            encoder_attention_heads: 2,
            decoder_attention_heads: 4,
            ..TransformerConfig::default()
        };
        let model = config.init(&VOCAB, 1, &device);
        let source = Source::new(0, vec![5, 7, 6, 2]);
        let maps = attention_maps(&model, &source, &[4, 9, 2], &device).unwrap();
        let shape = |kind: &[Vec<Attention>]| {
            let first = &kind[0][0];
            let (rows, columns) = (first.rows().len(), first.rows().next().unwrap().len());
            (kind.len(), kind[0].len(), rows, columns)
        };
        assert_eq!(shape(&maps.encoder), (2, 2, 4, 4));
        assert_eq!(shape(&maps.decoder), (3, 4, 3, 3));
        assert_eq!(shape(&maps.cross), (3, 4, 3, 4));
        for kind in [&maps.encoder, &maps.decoder, &maps.cross] {
            for row in kind.iter().flatten().flat_map(Attention::rows) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row:?}");
            }
        }
        // The token at `t` is predicted from those up to `t`.
        for (place, row) in maps.decoder[1][2].rows().enumerate() {
            assert!(
                row[place + 1..].iter().all(|probability| *probability == 0.0),
                "{row:?}"
            );
        }
    }

    #[test]
    fn a_decoder_without_attention_has_no_map() {
        let device = Device::flex();
        let config = |attention: bool| LstmConfig {
            decoder_attention: attention,
            ..LstmConfig::default()
        };
        let source = Source::new(0, vec![5, 7, 2]);
        let maps = |attention: bool| {
            let model = config(attention).init(&VOCAB, 1, &device);
            attention_maps(&model, &source, &[4, 2], &device).unwrap()
        };
        assert!(maps(false).is_empty());
        let with = maps(true);
        assert_eq!(
            (with.encoder.len(), with.cross.len(), with.cross[0].len()),
            (0, 1, 1)
        );
    }

    #[test]
    fn tokens_that_the_model_does_not_know_are_refused() {
        let device = Device::flex();
        let model = LstmConfig::default().init(&VOCAB, 1, &device);
        let source = Source::new(3, vec![5, 2]);
        let error = attention_maps(&model, &source, &[4], &device)
            .unwrap_err()
            .to_string();
        assert!(error.contains("end-of-sentence"), "{error}");
        assert!(attention_maps(&model, &Source::new(3, vec![50, 2]), &[2], &device).is_err());
    }
}
