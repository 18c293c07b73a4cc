//! How much a Transformer computes.

use burnseq_text::Vocab;

use super::TransformerConfig;

/// Multiplications and additions in the matrix products of forward and backward passes over a batch of `shape`
/// `[batch, src_len, tgt_len]`, padding included.
///
/// A backward pass has twice the products of a forward pass.
pub(super) fn training_flops(
    config: &TransformerConfig,
    vocab: &Vocab,
    [rows, src_len, tgt_len]: [usize; 3],
) -> f64 {
    let (enc, dec) = (config.encoder_embed_dim, config.decoder_embed_dim);
    let (src, tgt) = (rows * src_len, rows * tgt_len);
    // Queries, keys, values, output and feed-forward; scores and weighted sums.
    let encoder = src * (4 * enc * enc + 2 * enc * config.encoder_ffn_embed_dim) + 2 * src * src_len * enc;
    let decoder = tgt * (6 * dec * dec + 2 * dec * config.decoder_ffn_embed_dim)
        + 2 * src * enc * dec
        + 2 * tgt * (tgt_len + src_len) * dec;
    let output = tgt * dec * vocab.tgt;
    3.0 * 2.0 * (config.encoder_layers * encoder + config.decoder_layers * decoder + output) as f64
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::families::family::assert_counted;
    use crate::{FamilyConfig, ModelError, state_dict};

    const VOCAB: Vocab = Vocab::fairseq(12, 12);

    #[test]
    fn parameters_are_counted_without_a_model() {
        let sizes = TransformerConfig {
            encoder_layers: 1,
            encoder_embed_dim: 12,
            encoder_attention_heads: 3,
            encoder_ffn_embed_dim: 5,
            decoder_layers: 3,
            decoder_embed_dim: 8,
            decoder_attention_heads: 2,
            decoder_ffn_embed_dim: 7,
            max_source_positions: 9,
            max_target_positions: 11,
            ..TransformerConfig::default()
        };
        let learned = TransformerConfig {
            encoder_learned_pos: true,
            decoder_learned_pos: true,
            layernorm_embedding: true,
            encoder_normalize_before: true,
            decoder_normalize_before: true,
            share_decoder_input_output_embed: true,
            ..sizes.clone()
        };
        let shared = TransformerConfig {
            share_all_embeddings: true,
            decoder_embed_dim: 12,
            no_token_positional_embeddings: true,
            ..learned.clone()
        };
        for config in [sizes, learned, shared] {
            assert_counted(&config, &VOCAB);
        }
    }

    #[test]
    fn sizes_out_of_all_proportion_are_refused_before_the_model_is_made() {
        let config = TransformerConfig {
            encoder_layers: 1,
            decoder_layers: 1,
            encoder_embed_dim: 8,
            encoder_ffn_embed_dim: 8,
            decoder_embed_dim: 8,
            decoder_ffn_embed_dim: 8,
            ..TransformerConfig::default()
        };
        let device = Device::flex();
        let tensors = state_dict(&config.init(&VOCAB, 1, &device)).into_iter().collect();
        config.load(&VOCAB, &tensors, &device).unwrap();
        let layers = TransformerConfig {
            decoder_layers: 1000,
            decoder_ffn_embed_dim: 1 << 18,
            ..config.clone()
        };
        let vocab = Vocab {
            src: usize::MAX,
            ..VOCAB
        };
        for (config, vocab) in [(&layers, VOCAB), (&config, vocab)] {
            let error = config.load(&vocab, &tensors, &device).unwrap_err();
            assert!(matches!(error, ModelError::TooFewWeights { .. }), "{error}");
        }
        let mut incomplete = tensors.clone();
        incomplete.remove("encoder.layers.0.fc1.weight");
        let error = config.load(&VOCAB, &incomplete, &device).unwrap_err();
        assert!(matches!(error, ModelError::MissingTensor { .. }), "{error}");
    }
}
