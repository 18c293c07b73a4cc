//! Settings and presets of the Transformer as a language model.

use burnseq_text::Vocab;
use serde::{Deserialize, Serialize};

use super::{TransformerLm, fairseq::FAIRSEQ, hugging_face::HUGGING_FACE, settings::SETTINGS};
use crate::{
    DropoutModule, FamilyConfig, Init, ModelError, Preset,
    families::checks::{
        MAX_INNER_WIDTH, MAX_LAYERS, MAX_POSITIONS, MAX_WIDTH, check, check_heads, check_probabilities,
        check_sinusoids, check_sizes, check_vocab_or_no_pad, fields,
    },
    families::{Fairseq, HuggingFace, Setting},
    layers::{ActivationFn, LayerNorm, WeightInit},
};

/// Transformer decoder without a source.
///
/// Field names are fairseq's; the default is its `transformer_lm`, which normalises after each sub-layer. Its character
/// embeddings are not supported. `position_offset` and `weight_init` are what OpenAI's models need beside them.
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
    /// Embeddings that are narrower for rare tokens (Baevski and Auli 2019).
    pub adaptive_input: bool,
    /// First token of each further band of adaptive inputs.
    pub adaptive_input_cutoff: Option<Vec<usize>>,
    /// How many times narrower a band is than the one before it.
    pub adaptive_input_factor: usize,
    /// First token of each band of an adaptive softmax (Grave et al. 2017); none: a softmax over all tokens.
    pub adaptive_softmax_cutoff: Option<Vec<usize>>,
    /// How many times narrower a band is than the one before it.
    pub adaptive_softmax_factor: usize,
    /// Drop probability inside the bands of an adaptive softmax.
    pub adaptive_softmax_dropout: f64,
    /// Use the tables of adaptive inputs in the adaptive softmax.
    pub tie_adaptive_weights: bool,
    /// Use the projections of adaptive inputs in the adaptive softmax.
    pub tie_adaptive_proj: bool,
    /// Row of the first token in the table of positions; none: behind that of padding, as in fairseq.
    pub position_offset: Option<usize>,
    /// How weights are drawn.
    pub weight_init: WeightInit,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
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
            adaptive_input: false,
            adaptive_input_cutoff: None,
            adaptive_input_factor: 4,
            adaptive_softmax_cutoff: None,
            adaptive_softmax_factor: 4,
            adaptive_softmax_dropout: 0.0,
            tie_adaptive_weights: false,
            tie_adaptive_proj: false,
            position_offset: None,
            weight_init: WeightInit::Fairseq,
            layer_norm_eps: LayerNorm::FAIRSEQ_EPS,
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

    /// fairseq's `transformer_lm_wiki103` (Baevski and Auli 2019, section 4.2).
    fn wiki103() -> Self {
        Self {
            no_decoder_final_norm: true,
            dropout: 0.3,
            attention_dropout: 0.1,
            activation_dropout: 0.1,
            adaptive_input: true,
            adaptive_input_cutoff: Some(vec![20_000, 60_000]),
            adaptive_softmax_cutoff: Some(vec![20_000, 60_000]),
            adaptive_softmax_dropout: 0.2,
            tie_adaptive_weights: true,
            tie_adaptive_proj: true,
            ..Self::sized(1024, 4096, 16, 8)
        }
    }

    /// fairseq's `transformer_lm_gbw`.
    fn gbw() -> Self {
        Self {
            no_decoder_final_norm: true,
            attention_dropout: 0.1,
            ..Self::sized(512, 4096, 12, 16)
        }
    }

    /// GPT-2 as OpenAI published it (Radford et al. 2019, table 2): learned positions that begin with row 0, embeddings as
    /// they are and as output projection, GELU by a hyperbolic tangent, 1,024 positions.
    fn openai_gpt2(embed_dim: usize, layers: usize, attention_heads: usize) -> Self {
        Self {
            decoder_learned_pos: true,
            share_decoder_input_output_embed: true,
            attention_dropout: 0.1,
            activation_fn: ActivationFn::GeluAccurate,
            no_scale_embedding: true,
            position_offset: Some(0),
            weight_init: WeightInit::Gpt2,
            ..Self::sized(embed_dim, 4 * embed_dim, layers, attention_heads)
        }
    }

    /// GPT as OpenAI published it (Radford et al. 2018, section 4.1): post-norm, 512 positions.
    fn openai_gpt() -> Self {
        Self {
            decoder_normalize_before: false,
            max_target_positions: 512,
            weight_init: WeightInit::Gpt,
            ..Self::openai_gpt2(768, 12, 12)
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

impl TransformerLmConfig {
    /// The bands of adaptive inputs and of the adaptive softmax.
    fn check_bands(&self, vocab: &Vocab) -> Result<(), ModelError> {
        let input = self.adaptive_input.then_some(&self.adaptive_input_cutoff);
        if let Some(None) = input {
            check(false, "adaptive_input_cutoff", "none", || {
                "must be given with 'adaptive_input', such as 20000,60000".into()
            })?;
        }
        let bands = [
            (
                "adaptive_input_cutoff",
                input.and_then(Option::as_ref),
                self.decoder_input_dim,
                ("adaptive_input_factor", self.adaptive_input_factor),
            ),
            (
                "adaptive_softmax_cutoff",
                self.adaptive_softmax_cutoff.as_ref(),
                self.decoder_output_dim,
                ("adaptive_softmax_factor", self.adaptive_softmax_factor),
            ),
        ];
        for (field, cutoffs, width, (factor_field, factor)) in bands {
            let Some(cutoffs) = cutoffs else { continue };
            let shown = cutoffs.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
            let ordered = cutoffs.is_sorted_by(|a, b| a < b);
            let fits = cutoffs.first().is_some_and(|&first| first > vocab.pad())
                && cutoffs.last().is_some_and(|&last| last < vocab.tgt);
            check(ordered && fits, field, shown, || {
                format!(
                    "must be whole numbers in rising order, above {} and below the {} types of the dictionary",
                    vocab.pad(),
                    vocab.tgt
                )
            })?;
            let narrowest = factor.checked_pow(u32::try_from(cutoffs.len()).unwrap_or(u32::MAX));
            let fits = factor > 0 && narrowest.is_some_and(|narrowest| width / narrowest > 0);
            check(fits, factor_field, factor, || {
                format!(
                    "must leave the last of {} bands a width, from {width}",
                    cutoffs.len() + 1
                )
            })?;
        }
        let softmax = self.adaptive_softmax_cutoff.is_some();
        check(
            !(softmax || self.adaptive_input) || !self.share_decoder_input_output_embed,
            "share_decoder_input_output_embed",
            true,
            || "does not go with adaptive inputs or an adaptive softmax; 'tie_adaptive_weights' does".into(),
        )?;
        let same = softmax
            && self.adaptive_input
            && self.adaptive_input_cutoff == self.adaptive_softmax_cutoff
            && self.adaptive_input_factor == self.adaptive_softmax_factor
            && self.decoder_input_dim == self.decoder_output_dim
            && self.decoder_embed_dim == self.decoder_output_dim;
        for (field, tied) in [
            ("tie_adaptive_weights", self.tie_adaptive_weights),
            ("tie_adaptive_proj", self.tie_adaptive_proj),
        ] {
            check(!tied || same, field, tied, || {
                "needs 'adaptive_input' and 'adaptive_softmax_cutoff' with the same bands, factors and widths"
                    .into()
            })?;
        }
        check(
            !self.tie_adaptive_proj || self.tie_adaptive_weights,
            "tie_adaptive_proj",
            self.tie_adaptive_proj,
            || "needs 'tie_adaptive_weights'".into(),
        )
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
        ("transformer_lm_wiki103", Self::wiki103),
        ("transformer_lm_baevski_wiki103", Self::wiki103),
        ("transformer_lm_gbw", Self::gbw),
        ("transformer_lm_baevski_gbw", Self::gbw),
        ("gpt", Self::openai_gpt),
        ("gpt2", || Self::openai_gpt2(768, 12, 12)),
        ("gpt2_medium", || Self::openai_gpt2(1024, 24, 16)),
        ("gpt2_large", || Self::openai_gpt2(1280, 36, 20)),
        ("gpt2_xl", || Self::openai_gpt2(1600, 48, 25)),
    ];

    const HUGGING_FACE: &'static [HuggingFace<Self>] = HUGGING_FACE;

    const FREE_FIELDS: &'static [&'static str] = &[
        "dropout",
        "attention_dropout",
        "activation_dropout",
        "decoder_layerdrop",
        "adaptive_softmax_dropout",
        "weight_init",
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
        check_vocab_or_no_pad(vocab)?;
        check(
            self.layer_norm_eps.is_finite() && self.layer_norm_eps > 0.0,
            "layer_norm_eps",
            self.layer_norm_eps,
            || "must be a finite number above 0".to_owned(),
        )?;
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
        self.check_bands(vocab)?;
        check_probabilities(
            fields!(self: dropout, attention_dropout, activation_dropout, decoder_layerdrop, adaptive_softmax_dropout),
        )
    }

    fn cut_into_bands_by(&self) -> Option<&'static str> {
        if self.adaptive_input {
            return Some("adaptive_input");
        }
        self.adaptive_softmax_cutoff
            .as_ref()
            .map(|_| "adaptive_softmax_cutoff")
    }

    fn build(&self, vocab: &Vocab, init: &mut Init) -> TransformerLm {
        TransformerLm::new(self, vocab, init)
    }

    fn max_positions(&self) -> (usize, usize) {
        (self.max_target_positions, self.max_target_positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCAB: Vocab = Vocab::fairseq(100, 100);

    fn problem(change: impl FnOnce(&mut TransformerLmConfig)) -> String {
        let mut config = TransformerLmConfig {
            adaptive_input: true,
            adaptive_input_cutoff: Some(vec![20, 60]),
            adaptive_softmax_cutoff: Some(vec![20, 60]),
            tie_adaptive_weights: true,
            ..TransformerLmConfig::sized(32, 32, 1, 2)
        };
        config.validate(&VOCAB).unwrap();
        change(&mut config);
        config.validate(&VOCAB).unwrap_err().to_string()
    }

    #[test]
    fn bands_that_no_model_can_have_are_refused() {
        for cutoffs in [vec![], vec![60, 20], vec![20, 20], vec![1, 20], vec![20, 100]] {
            let found = problem(|config| config.adaptive_softmax_cutoff = Some(cutoffs));
            assert!(found.starts_with("'adaptive_softmax_cutoff'"), "{found}");
        }
        let found = problem(|config| config.adaptive_input_cutoff = None);
        assert!(found.contains("must be given with 'adaptive_input'"), "{found}");
        for factor in [0, 6] {
            let found = problem(|config| config.adaptive_input_factor = factor);
            assert!(found.starts_with("'adaptive_input_factor'"), "{found}");
        }
        let found = problem(|config| config.share_decoder_input_output_embed = true);
        assert!(found.contains("'tie_adaptive_weights' does"), "{found}");
        let found = problem(|config| config.adaptive_softmax_cutoff = Some(vec![20, 70]));
        assert!(found.starts_with("'tie_adaptive_weights'"), "{found}");
    }

    #[test]
    fn the_models_of_openai_have_as_many_parameters_as_theirs() {
        for (arch, types, parameters) in [
            ("gpt", 40_478, 116_534_784),
            ("gpt2", 50_257, 124_439_808),
            ("gpt2_medium", 50_257, 354_823_168),
            ("gpt2_large", 50_257, 774_030_080),
            ("gpt2_xl", 50_257, 1_557_611_200),
        ] {
            let mut presets = TransformerLmConfig::ARCHS.iter();
            let (_, preset) = presets.find(|(name, _)| *name == arch).unwrap();
            assert_eq!(
                preset().num_params(&Vocab::fairseq(types, types)),
                parameters,
                "{arch}"
            );
        }
    }
}
