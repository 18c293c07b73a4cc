//! How large a Transformer is, told without making it.

use burnseq_text::Vocab;

use super::TransformerConfig;

/// How many numbers a model learns, tied ones once; `u128::MAX` when there are more.
pub(super) fn num_params(config: &TransformerConfig, vocab: &Vocab) -> u128 {
    let (encoder_width, decoder_width) = (config.encoder_embed_dim, config.decoder_embed_dim);
    let positions = |learned: bool, longest: usize, width: usize| {
        let rows = if learned && !config.no_token_positional_embeddings {
            longest as u128 + vocab.pad() as u128 + 1
        } else {
            0
        };
        product(rows, width)
    };
    let norm = |is_there: bool, width: usize| if is_there { product(2, width) } else { 0 };
    let feed_forward = |width, ffn_dim| sum([linear(width, ffn_dim), linear(ffn_dim, width)]);

    let encoder_layer = sum([
        attention(encoder_width, encoder_width),
        feed_forward(encoder_width, config.encoder_ffn_embed_dim),
        product(4, encoder_width),
    ]);
    let encoder = sum([
        product(vocab.src as u128, encoder_width),
        positions(
            config.encoder_learned_pos,
            config.max_source_positions,
            encoder_width,
        ),
        norm(config.layernorm_embedding, encoder_width),
        product(encoder_layer, config.encoder_layers),
        norm(config.encoder_normalize_before, encoder_width),
    ]);
    let decoder_layer = sum([
        attention(decoder_width, decoder_width),
        attention(decoder_width, encoder_width),
        feed_forward(decoder_width, config.decoder_ffn_embed_dim),
        product(6, decoder_width),
    ]);
    let tables = match (
        config.share_all_embeddings,
        config.share_decoder_input_output_embed,
    ) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    };
    let decoder = sum([
        product(product(tables, vocab.tgt), decoder_width),
        positions(
            config.decoder_learned_pos,
            config.max_target_positions,
            decoder_width,
        ),
        norm(config.layernorm_embedding, decoder_width),
        product(decoder_layer, config.decoder_layers),
        norm(config.decoder_normalize_before, decoder_width),
    ]);
    sum([encoder, decoder])
}

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

/// Numbers of an attention whose keys have `key_width`.
fn attention(width: usize, key_width: usize) -> u128 {
    sum([
        linear(key_width, width).saturating_mul(2),
        linear(width, width).saturating_mul(2),
    ])
}

/// Numbers of a projection with its bias.
fn linear(from: usize, to: usize) -> u128 {
    product(from as u128 + 1, to)
}

fn product(a: u128, b: usize) -> u128 {
    a.saturating_mul(b as u128)
}

fn sum<const N: usize>(parts: [u128; N]) -> u128 {
    parts.into_iter().fold(0, u128::saturating_add)
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::Device;

    use super::*;
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
            config.validate(&VOCAB).unwrap();
            let model = config.init(&VOCAB, 1, &Device::flex());
            assert_eq!(
                config.num_params(&VOCAB),
                model.num_params() as u128,
                "{config:?}"
            );
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
            decoder_layers: usize::MAX,
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
