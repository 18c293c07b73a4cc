//! Settings and presets of the Transformer.

use serde::{Deserialize, Serialize};

use super::{
    Transformer, TransformerDecoderLayer, fairseq::FAIRSEQ, hugging_face::HUGGING_FACE, settings::SETTINGS,
    size,
};
pub use crate::layers::ActivationFn;
use crate::{
    DropoutModule, FamilyConfig, Feature, Init, ModelError, Preset,
    families::{
        Fairseq, HuggingFace, Setting,
        checks::{
            MAX_INNER_WIDTH, MAX_LAYERS, MAX_POSITIONS, MAX_WIDTH, check_heads, check_positions,
            check_probabilities, check_shared_embeddings, check_sizes, check_vocab, fields,
        },
        inputs::InputSettings,
        stacks::{DecoderStack, EncoderStack, OwnTables, StackSettings},
    },
    layers::{LayerNorm, LayerSettings, SinusoidFrequencies, TransformerLayer},
};
use burnseq_text::Vocab;

/// Encoder-decoder Transformer (Vaswani et al. 2017).
///
/// Field names are fairseq's; the default is its `transformer`, the base model of the paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformerConfig {
    /// Width of the encoder, `d_model` in shapes.
    pub encoder_embed_dim: usize,
    /// Inner width of the encoder's feed-forward blocks.
    pub encoder_ffn_embed_dim: usize,
    /// Encoder blocks.
    pub encoder_layers: usize,
    /// Attention heads; divides `encoder_embed_dim`.
    pub encoder_attention_heads: usize,
    /// Normalise before each sub-layer of the encoder instead of after it.
    pub encoder_normalize_before: bool,
    /// Learn the encoder's positions instead of using sinusoids.
    pub encoder_learned_pos: bool,
    /// Width of the decoder.
    pub decoder_embed_dim: usize,
    /// Inner width of the decoder's feed-forward blocks.
    pub decoder_ffn_embed_dim: usize,
    /// Decoder blocks.
    pub decoder_layers: usize,
    /// Attention heads; divides `decoder_embed_dim`.
    pub decoder_attention_heads: usize,
    /// Normalise before each sub-layer of the decoder instead of after it.
    pub decoder_normalize_before: bool,
    /// Learn the decoder's positions instead of using sinusoids.
    pub decoder_learned_pos: bool,
    /// Use the decoder's embeddings as the output projection.
    pub share_decoder_input_output_embed: bool,
    /// Use one table for source, target and output; needs a joined dictionary.
    pub share_all_embeddings: bool,
    /// Drop probability after embeddings and after every sub-layer.
    pub dropout: f64,
    /// Drop probability of attention probabilities.
    pub attention_dropout: f64,
    /// Drop probability after the non-linearity of the feed-forward blocks.
    pub activation_dropout: f64,
    /// Probability that an encoder block is left out of a training pass (LayerDrop, Fan et al. 2020).
    pub encoder_layerdrop: f64,
    /// The same of decoder blocks.
    pub decoder_layerdrop: f64,
    /// Non-linearity of the feed-forward blocks.
    pub activation_fn: ActivationFn,
    /// Longest source in tokens, the end of sentence included.
    pub max_source_positions: usize,
    /// Longest target in tokens, the end of sentence included.
    pub max_target_positions: usize,
    /// Leave positions out.
    pub no_token_positional_embeddings: bool,
    /// Do not scale embeddings by the square root of their width.
    pub no_scale_embedding: bool,
    /// Normalise the sum of embedding and position.
    pub layernorm_embedding: bool,
    /// Row of the first token in the tables of positions; none: behind that of padding, as in fairseq.
    pub position_offset: Option<usize>,
    /// Frequencies of sinusoidal positions.
    pub sinusoid_frequencies: SinusoidFrequencies,
    /// Add numbers to the logits that are not trained, as BART and Marian have them in Hugging Face's files.
    pub final_logits_bias: bool,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            encoder_embed_dim: 512,
            encoder_ffn_embed_dim: 2048,
            encoder_layers: 6,
            encoder_attention_heads: 8,
            encoder_normalize_before: false,
            encoder_learned_pos: false,
            decoder_embed_dim: 512,
            decoder_ffn_embed_dim: 2048,
            decoder_layers: 6,
            decoder_attention_heads: 8,
            decoder_normalize_before: false,
            decoder_learned_pos: false,
            share_decoder_input_output_embed: false,
            share_all_embeddings: false,
            dropout: 0.1,
            attention_dropout: 0.0,
            activation_dropout: 0.0,
            encoder_layerdrop: 0.0,
            decoder_layerdrop: 0.0,
            activation_fn: ActivationFn::Relu,
            max_source_positions: 1024,
            max_target_positions: 1024,
            no_token_positional_embeddings: false,
            no_scale_embedding: false,
            layernorm_embedding: false,
            position_offset: None,
            sinusoid_frequencies: SinusoidFrequencies::Fairseq,
            final_logits_bias: false,
        }
    }
}

impl TransformerConfig {
    /// The same sizes on both sides, the default for everything else: width, inner width of feed-forward blocks, attention
    /// heads, blocks.
    pub fn sized(embed_dim: usize, ffn_embed_dim: usize, attention_heads: usize, layers: usize) -> Self {
        Self {
            encoder_embed_dim: embed_dim,
            encoder_ffn_embed_dim: ffn_embed_dim,
            encoder_attention_heads: attention_heads,
            encoder_layers: layers,
            decoder_embed_dim: embed_dim,
            decoder_ffn_embed_dim: ffn_embed_dim,
            decoder_attention_heads: attention_heads,
            decoder_layers: layers,
            ..Self::default()
        }
    }

    /// For tests: two blocks of width 64.
    pub(in crate::families) fn tiny() -> Self {
        Self::sized(64, 64, 2, 2)
    }

    /// IWSLT'14 German-English: small feed-forward blocks, four heads.
    fn iwslt_de_en() -> Self {
        Self::sized(512, 1024, 4, 6)
    }

    /// The big model of Vaswani et al. 2017, table 3.
    fn vaswani_wmt_en_de_big() -> Self {
        Self {
            dropout: 0.3,
            ..Self::sized(1024, 4096, 16, 6)
        }
    }

    /// The big model with the dropout of English-French (Vaswani et al. 2017, section 6.1).
    fn vaswani_wmt_en_fr_big() -> Self {
        Self {
            dropout: 0.1,
            ..Self::vaswani_wmt_en_de_big()
        }
    }

    /// The big model with dropout of attention probabilities (Ott et al. 2018).
    fn wmt_en_de_big() -> Self {
        Self {
            attention_dropout: 0.1,
            ..Self::vaswani_wmt_en_de_big()
        }
    }

    /// The big model of tensor2tensor: pre-norm and dropout of all three kinds.
    fn wmt_en_de_big_t2t() -> Self {
        Self {
            encoder_normalize_before: true,
            decoder_normalize_before: true,
            attention_dropout: 0.1,
            activation_dropout: 0.1,
            ..Self::vaswani_wmt_en_de_big()
        }
    }
}

impl FamilyConfig for TransformerConfig {
    type Model = Transformer;

    const NAME: &'static str = "Transformer";

    const PHRASE: &'static str = "a Transformer";

    const ARCHS: &'static [Preset<Self>] = &[
        ("transformer", TransformerConfig::default),
        ("transformer_tiny", TransformerConfig::tiny),
        ("transformer_iwslt", TransformerConfig::iwslt_de_en),
        ("transformer_iwslt_de_en", TransformerConfig::iwslt_de_en),
        ("transformer_wmt_en_de", TransformerConfig::default),
        (
            "transformer_vaswani_wmt_en_de_big",
            TransformerConfig::vaswani_wmt_en_de_big,
        ),
        (
            "transformer_vaswani_wmt_en_fr_big",
            TransformerConfig::vaswani_wmt_en_fr_big,
        ),
        ("transformer_wmt_en_de_big", TransformerConfig::wmt_en_de_big),
        (
            "transformer_wmt_en_de_big_t2t",
            TransformerConfig::wmt_en_de_big_t2t,
        ),
    ];

    const SETTINGS: &'static [Setting] = SETTINGS;

    const FAIRSEQ: Option<&'static Fairseq<Self>> = Some(&FAIRSEQ);

    const HUGGING_FACE: &'static [HuggingFace<Self>] = HUGGING_FACE;

    const FREE_FIELDS: &'static [&'static str] = &[
        "dropout",
        "attention_dropout",
        "activation_dropout",
        "encoder_layerdrop",
        "decoder_layerdrop",
    ];

    const DROPOUT_MODULES: &'static [DropoutModule] = &[
        DropoutModule::TransformerEncoder,
        DropoutModule::TransformerDecoder,
        DropoutModule::TransformerEncoderLayer,
        DropoutModule::TransformerDecoderLayer,
        DropoutModule::MultiheadAttention,
    ];

    const DICTIONARY_TABLES: [&'static [&'static str]; 2] = [
        &["encoder.embed_tokens.weight"],
        &[
            "decoder.embed_tokens.weight",
            "decoder.output_projection.weight",
            "decoder.final_logits_bias",
        ],
    ];

    const FEATURES: &'static [Feature] = &[Feature::RecomputedActivations];

    fn validate(&self, vocab: &Vocab) -> Result<(), ModelError> {
        check_sizes(
            MAX_WIDTH,
            fields!(self: encoder_embed_dim, encoder_attention_heads, decoder_embed_dim, decoder_attention_heads),
        )?;
        check_sizes(
            MAX_INNER_WIDTH,
            fields!(self: encoder_ffn_embed_dim, decoder_ffn_embed_dim),
        )?;
        check_sizes(MAX_LAYERS, fields!(self: encoder_layers, decoder_layers))?;
        check_sizes(
            MAX_POSITIONS,
            fields!(self: max_source_positions, max_target_positions),
        )?;
        check_vocab(vocab)?;
        check_heads("encoder", self.encoder_attention_heads, self.encoder_embed_dim)?;
        check_heads("decoder", self.decoder_attention_heads, self.decoder_embed_dim)?;
        let widths = [self.encoder_embed_dim, self.decoder_embed_dim];
        if !self.no_token_positional_embeddings {
            check_positions(widths, [self.encoder_learned_pos, self.decoder_learned_pos])?;
        }
        check_probabilities(
            fields!(self: dropout, attention_dropout, activation_dropout, encoder_layerdrop, decoder_layerdrop),
        )?;
        if self.share_all_embeddings {
            check_shared_embeddings(vocab, widths)?;
        }
        Ok(())
    }

    fn build(&self, vocab: &Vocab, init: &mut Init) -> Transformer {
        let pad = vocab.pad();
        let inputs = |module, width, max_positions, learned_pos| InputSettings {
            learned_pos,
            no_positions: self.no_token_positional_embeddings,
            scale: !self.no_scale_embedding,
            dropout: self.dropout,
            offset: self.position_offset.unwrap_or(pad + 1),
            sinusoids: self.sinusoid_frequencies,
            ..InputSettings::new(module, width, max_positions, pad)
        };
        let layer = LayerSettings {
            width: self.encoder_embed_dim,
            ffn_dim: self.encoder_ffn_embed_dim,
            heads: self.encoder_attention_heads,
            causal: false,
            normalize_before: self.encoder_normalize_before,
            layer_norm_eps: LayerNorm::FAIRSEQ_EPS,
            std: None,
            activation_fn: self.activation_fn,
            dropout: self.dropout,
            attention_dropout: self.attention_dropout,
            activation_dropout: self.activation_dropout,
            module: DropoutModule::TransformerEncoderLayer,
        };
        let encoder = StackSettings {
            types: vocab.src,
            inputs: inputs(
                DropoutModule::TransformerEncoder,
                self.encoder_embed_dim,
                self.max_source_positions,
                self.encoder_learned_pos,
            ),
            layernorm_embedding: self.layernorm_embedding,
            normalize_before: self.encoder_normalize_before,
            layerdrop: self.encoder_layerdrop,
        };
        let decoder = StackSettings {
            types: vocab.tgt,
            inputs: InputSettings {
                starts_from_pad: vocab.decoder_start() == pad,
                ..inputs(
                    DropoutModule::TransformerDecoder,
                    self.decoder_embed_dim,
                    self.max_target_positions,
                    self.decoder_learned_pos,
                )
            },
            layernorm_embedding: self.layernorm_embedding,
            normalize_before: self.decoder_normalize_before,
            layerdrop: self.decoder_layerdrop,
        };
        let own = OwnTables::new(self.share_all_embeddings, self.share_decoder_input_output_embed);
        Transformer {
            encoder: EncoderStack::new(
                encoder,
                self.encoder_layers,
                |_, init| TransformerLayer::new(layer, init),
                init,
            ),
            decoder: DecoderStack::new(
                decoder,
                &own,
                self.decoder_layers,
                |_, init| TransformerDecoderLayer::new(self, init),
                init,
            )
            .with_logits_bias(self.final_logits_bias, init),
            vocab: *vocab,
        }
    }

    fn max_positions(&self) -> (usize, usize) {
        (self.max_source_positions, self.max_target_positions)
    }

    fn training_flops(&self, vocab: &Vocab, shape: [usize; 3]) -> Option<f64> {
        Some(size::training_flops(self, vocab, shape))
    }

    fn shares_all_embeddings(&self) -> bool {
        self.share_all_embeddings
    }

    /// The base model's decoder is as wide as its encoder, as in fairseq; other presets fix both.
    fn followers(arch: &str) -> &'static [(&'static str, &'static str)] {
        match arch {
            "transformer" | "transformer_wmt_en_de" => &[
                ("decoder_embed_dim", "encoder_embed_dim"),
                ("decoder_ffn_embed_dim", "encoder_ffn_embed_dim"),
            ],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use burnseq_text::SpecialSymbols;

    use super::*;

    const VOCAB: Vocab = Vocab::fairseq(12, 12);

    #[test]
    fn positions_and_ids_beyond_all_bounds_are_refused() {
        let endless = TransformerConfig {
            max_target_positions: usize::MAX,
            ..TransformerConfig::tiny()
        };
        let error = endless.validate(&VOCAB).unwrap_err().to_string();
        assert!(error.contains("must be at most 1000000"), "{error}");
        let special_symbols = SpecialSymbols {
            eos: 12,
            ..SpecialSymbols::FAIRSEQ
        };
        let vocab = Vocab {
            special_symbols,
            ..VOCAB
        };
        let error = TransformerConfig::tiny()
            .validate(&vocab)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "'eos' = 12: must be an id of both dictionaries, which have 12 and 12 types"
        );
    }

    #[test]
    fn heads_that_do_not_divide_the_width_are_refused_with_those_that_do() {
        let config = TransformerConfig {
            encoder_attention_heads: 5,
            ..TransformerConfig::tiny()
        };
        let error = config.validate(&VOCAB).unwrap_err().to_string();
        assert_eq!(
            error,
            "'encoder_attention_heads' = 5: must divide 'encoder_embed_dim' 64; it could be one of: 1, 2, 4, 8, 16, 32, 64"
        );
    }

    #[test]
    fn shared_embeddings_need_one_dictionary() {
        let config = TransformerConfig {
            share_all_embeddings: true,
            ..TransformerConfig::tiny()
        };
        assert!(config.validate(&VOCAB).is_ok());
        assert!(
            config
                .validate(&Vocab { tgt: 16, ..VOCAB })
                .unwrap_err()
                .to_string()
                .contains("'joined_dictionary'")
        );
    }

    #[test]
    fn the_presets_have_the_published_sizes() {
        let device = burn::tensor::Device::flex();
        let count = |config: TransformerConfig, src, tgt| {
            use burn::module::Module;
            config.init(&Vocab::fairseq(src, tgt), 1, &device).num_params()
        };
        let iwslt = TransformerConfig {
            share_decoder_input_output_embed: true,
            ..TransformerConfig::iwslt_de_en()
        };
        assert_eq!(count(iwslt, 8848, 6632), 39_469_056);
    }

    #[test]
    fn sizes_beyond_all_bounds_are_refused() {
        let refused = |change: fn(&mut TransformerConfig)| {
            let mut config = TransformerConfig::tiny();
            change(&mut config);
            config.validate(&VOCAB).unwrap_err().to_string()
        };
        assert!(refused(|c| c.encoder_layers = 1_000_000_000).ends_with("must be at most 1000"));
        assert!(refused(|c| c.decoder_embed_dim = 1_000_000_000).ends_with("must be at most 65536"));
        assert!(refused(|c| c.encoder_ffn_embed_dim = usize::MAX).ends_with("must be at most 262144"));
    }
}
