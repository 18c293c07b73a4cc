//! Settings and presets of the Transformer as a language model.

use burnseq_text::Vocab;
use serde::{Deserialize, Serialize};

use super::{TransformerLm, fairseq::FAIRSEQ, settings::SETTINGS};
use crate::{
    DropoutModule, FamilyConfig, Init, ModelError, Preset,
    families::checks::{
        MAX_INNER_WIDTH, MAX_LAYERS, MAX_POSITIONS, MAX_WIDTH, check, check_heads, check_probabilities,
        check_sinusoids, check_sizes, check_vocab, fields,
    },
    families::{Fairseq, Setting},
    layers::ActivationFn,
};

/// Transformer decoder without a source.
///
/// Field names are fairseq's; the default is its `transformer_lm`, which normalises after each sub-layer. Its adaptive
/// inputs, adaptive softmax and character embeddings are not supported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformerLmConfig {
    /// Width of the blocks, `d_model` in shapes.
    pub decoder_embed_dim: usize,
    /// Width of the embeddings.
    pub decoder_input_dim: usize,
    /// Width of what the output projection reads.
    pub decoder_output_dim: usize,
    /// Inner width of the feed-forward blocks.
    pub decoder_ffn_embed_dim: usize,
    /// Blocks.
    pub decoder_layers: usize,
    /// Attention heads; divides `decoder_embed_dim`.
    pub decoder_attention_heads: usize,
    /// Normalise before each sub-layer instead of after it.
    pub decoder_normalize_before: bool,
    /// Leave out the normalisation after the last block of a pre-norm stack.
    pub no_decoder_final_norm: bool,
    /// Learn positions instead of using sinusoids.
    pub decoder_learned_pos: bool,
    /// Use the embeddings as the output projection.
    pub share_decoder_input_output_embed: bool,
    /// Drop probability after embeddings and after every sub-layer.
    pub dropout: f64,
    /// Drop probability of attention probabilities.
    pub attention_dropout: f64,
    /// Drop probability after the non-linearity of the feed-forward blocks.
    pub activation_dropout: f64,
    /// Probability that a block is left out of a training pass (LayerDrop, Fan et al. 2020).
    pub decoder_layerdrop: f64,
    /// Non-linearity of the feed-forward blocks.
    pub activation_fn: ActivationFn,
    /// Longest text in tokens.
    pub max_target_positions: usize,
    /// Leave positions out.
    pub no_token_positional_embeddings: bool,
    /// Do not scale embeddings by the square root of `decoder_embed_dim`.
    pub no_scale_embedding: bool,
    /// Normalise the sum of embedding and position.
    pub layernorm_embedding: bool,
}

impl Default for TransformerLmConfig {
    fn default() -> Self {
        Self {
            decoder_embed_dim: 512,
            decoder_input_dim: 512,
            decoder_output_dim: 512,
            decoder_ffn_embed_dim: 2048,
            decoder_layers: 6,
            decoder_attention_heads: 8,
            decoder_normalize_before: false,
            no_decoder_final_norm: false,
            decoder_learned_pos: false,
            share_decoder_input_output_embed: false,
            dropout: 0.1,
            attention_dropout: 0.0,
            activation_dropout: 0.0,
            decoder_layerdrop: 0.0,
            activation_fn: ActivationFn::Relu,
            max_target_positions: 1024,
            no_token_positional_embeddings: false,
            no_scale_embedding: false,
            layernorm_embedding: false,
        }
    }
}

impl TransformerLmConfig {
    /// Pre-norm blocks of one width throughout, as every preset but `transformer_lm` has them.
    fn sized(embed_dim: usize, ffn_embed_dim: usize, layers: usize, attention_heads: usize) -> Self {
        Self {
            decoder_embed_dim: embed_dim,
            decoder_input_dim: embed_dim,
            decoder_output_dim: embed_dim,
            decoder_ffn_embed_dim: ffn_embed_dim,
            decoder_layers: layers,
            decoder_attention_heads: attention_heads,
            decoder_normalize_before: true,
            ..Self::default()
        }
    }

    /// fairseq's `transformer_lm_gpt*`. They are neither GPT nor GPT-2: positions are sinusoids, embeddings are scaled, and
    /// the output projection is a table of its own.
    fn gpt(embed_dim: usize, ffn_embed_dim: usize, layers: usize, attention_heads: usize) -> Self {
        Self {
            attention_dropout: 0.1,
            activation_fn: ActivationFn::Gelu,
            ..Self::sized(embed_dim, ffn_embed_dim, layers, attention_heads)
        }
    }

    /// fairseq's `transformer_lm_gpt3_*`, in the sizes of Brown et al. 2020, table 2.1.
    fn gpt3(embed_dim: usize, layers: usize, attention_heads: usize) -> Self {
        Self {
            decoder_learned_pos: true,
            share_decoder_input_output_embed: true,
            dropout: 0.0,
            activation_fn: ActivationFn::Gelu,
            ..Self::sized(embed_dim, 4 * embed_dim, layers, attention_heads)
        }
    }
}

impl FamilyConfig for TransformerLmConfig {
    type Model = TransformerLm;

    const NAME: &'static str = "Transformer language model";

    const PHRASE: &'static str = "a Transformer language model";

    const SETTINGS: &'static [Setting] = SETTINGS;

    const FAIRSEQ: Option<&'static Fairseq<Self>> = Some(&FAIRSEQ);

    const ARCHS: &'static [Preset<Self>] = &[
        ("transformer_lm", TransformerLmConfig::default),
        ("transformer_lm_big", || Self::sized(1024, 4096, 12, 16)),
        ("transformer_lm_gpt", || Self::gpt(768, 3072, 12, 12)),
        ("transformer_lm_gpt2_tiny", || Self::gpt(64, 64, 2, 1)),
        ("transformer_lm_gpt2_small", || Self::gpt(1024, 4096, 24, 16)),
        ("transformer_lm_gpt2_medium", || Self::gpt(1280, 5120, 36, 20)),
        ("transformer_lm_gpt2_big", || Self::gpt(1600, 6400, 48, 25)),
        ("transformer_lm_gpt2_big_wide", || Self::gpt(2048, 8192, 24, 32)),
        ("transformer_lm_gpt2_bigger", || Self::gpt(2048, 8192, 48, 32)),
        ("transformer_lm_gpt3_small", || Self::gpt3(768, 12, 12)),
        ("transformer_lm_gpt3_medium", || Self::gpt3(1024, 24, 16)),
        ("transformer_lm_gpt3_large", || Self::gpt3(1536, 24, 16)),
        ("transformer_lm_gpt3_xl", || Self::gpt3(2048, 24, 32)),
        ("transformer_lm_gpt3_2_7", || Self::gpt3(2560, 32, 32)),
        ("transformer_lm_gpt3_6_7", || Self::gpt3(4096, 32, 32)),
        ("transformer_lm_gpt3_13", || Self::gpt3(5120, 40, 40)),
        ("transformer_lm_gpt3_175", || Self::gpt3(12288, 96, 96)),
    ];

    const FREE_FIELDS: &'static [&'static str] = &[
        "dropout",
        "attention_dropout",
        "activation_dropout",
        "decoder_layerdrop",
    ];

    const DROPOUT_MODULES: &'static [DropoutModule] = &[
        DropoutModule::TransformerDecoder,
        DropoutModule::TransformerDecoderLayer,
        DropoutModule::MultiheadAttention,
    ];

    const DICTIONARY_TABLES: [&'static [&'static str]; 2] = [
        &[],
        &["decoder.embed_tokens.weight", "decoder.output_projection.weight"],
    ];

    fn validate(&self, vocab: &Vocab) -> Result<(), ModelError> {
        check_sizes(
            MAX_WIDTH,
            fields!(self: decoder_embed_dim, decoder_input_dim, decoder_output_dim, decoder_attention_heads),
        )?;
        check_sizes(MAX_INNER_WIDTH, fields!(self: decoder_ffn_embed_dim))?;
        check_sizes(MAX_LAYERS, fields!(self: decoder_layers))?;
        check_sizes(MAX_POSITIONS, fields!(self: max_target_positions))?;
        check_vocab(vocab)?;
        check_heads("decoder", self.decoder_attention_heads, self.decoder_embed_dim)?;
        let sinusoids = !self.decoder_learned_pos && !self.no_token_positional_embeddings;
        check_sinusoids("decoder_embed_dim", self.decoder_embed_dim, sinusoids)?;
        check(
            !self.share_decoder_input_output_embed || self.decoder_input_dim == self.decoder_output_dim,
            "decoder_output_dim",
            self.decoder_output_dim,
            || {
                format!(
                    "must be 'decoder_input_dim' {}, as 'share_decoder_input_output_embed' uses one table",
                    self.decoder_input_dim
                )
            },
        )?;
        check_probabilities(fields!(self: dropout, attention_dropout, activation_dropout, decoder_layerdrop))
    }

    fn build(&self, vocab: &Vocab, init: &mut Init) -> TransformerLm {
        TransformerLm::new(self, vocab, init)
    }

    fn max_positions(&self) -> (usize, usize) {
        (self.max_target_positions, self.max_target_positions)
    }
}
