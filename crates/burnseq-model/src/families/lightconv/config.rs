//! Settings and presets of LightConv and DynamicConv.

use burnseq_text::Vocab;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    LightConvDecoderLayer, LightConvEncoderLayer, LightConvModel, fairseq::FAIRSEQ, settings::SETTINGS,
};
use crate::{
    DropoutModule, Init, ModelError,
    families::{
        Fairseq, FamilyConfig, Preset, Setting,
        checks::{
            MAX_INNER_WIDTH, MAX_LAYERS, MAX_POSITIONS, MAX_WIDTH, check, check_positions,
            check_probabilities, check_shared_embeddings, check_sizes, check_vocab, fields,
        },
        inputs::InputSettings,
        stacks::{DecoderStack, EncoderStack, OwnTables, StackSettings},
    },
    layers::ConvType,
};

/// Most taps of a filter; attention over the same distance would cost less.
const MAX_KERNEL_SIZE: usize = 1 << 12;

/// Encoder-decoder of lightweight or dynamic convolutions (Wu et al. 2019).
///
/// Field names are fairseq's; the default is its `lightconv`. fairseq's `--adaptive-softmax-cutoff` is not supported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightConvConfig {
    /// Width of the encoder, `d_model` in shapes.
    pub encoder_embed_dim: usize,
    /// Width of the encoder's convolutions; none: `encoder_embed_dim`.
    pub encoder_conv_dim: Option<usize>,
    /// Inner width of the encoder's feed-forward blocks.
    pub encoder_ffn_embed_dim: usize,
    /// Encoder layers.
    pub encoder_layers: usize,
    /// Heads of the encoder's convolutions; divides their width.
    pub encoder_attention_heads: usize,
    /// Normalise before each sub-layer of the encoder instead of after it.
    pub encoder_normalize_before: bool,
    /// Learn the encoder's positions instead of using sinusoids.
    pub encoder_learned_pos: bool,
    /// Gated linear units before the encoder's convolutions.
    pub encoder_glu: bool,
    /// Where the encoder's filters come from.
    pub encoder_conv_type: ConvType,
    /// Taps of the filters of each encoder layer; one number stands for all layers.
    pub encoder_kernel_size_list: Vec<usize>,
    /// Width of the decoder.
    pub decoder_embed_dim: usize,
    /// Width of the decoder's convolutions; none: `decoder_embed_dim`.
    pub decoder_conv_dim: Option<usize>,
    /// Inner width of the decoder's feed-forward blocks.
    pub decoder_ffn_embed_dim: usize,
    /// Decoder layers.
    pub decoder_layers: usize,
    /// Heads of the decoder's convolutions and of its cross-attention; divides both widths.
    pub decoder_attention_heads: usize,
    /// Normalise before each sub-layer of the decoder instead of after it.
    pub decoder_normalize_before: bool,
    /// Learn the decoder's positions instead of using sinusoids.
    pub decoder_learned_pos: bool,
    /// Gated linear units before the decoder's convolutions.
    pub decoder_glu: bool,
    /// Where the decoder's filters come from.
    pub decoder_conv_type: ConvType,
    /// Taps of the filters of each decoder layer; one number stands for all layers.
    pub decoder_kernel_size_list: Vec<usize>,
    /// Use the decoder's embeddings as the output projection.
    pub share_decoder_input_output_embed: bool,
    /// Use one table for source, target and output; needs a joined dictionary.
    pub share_all_embeddings: bool,
    /// Drop probability after embeddings and after every sub-layer.
    pub dropout: f64,
    /// Drop probability of the probabilities of cross-attention.
    pub attention_dropout: f64,
    /// Drop probability after the ReLU of the feed-forward blocks.
    pub relu_dropout: f64,
    /// Drop probability of the input of the convolution's sub-layer.
    pub input_dropout: f64,
    /// Drop probability of the filters' taps (DropConnect).
    pub weight_dropout: f64,
    /// Normalise filters by a softmax.
    pub weight_softmax: bool,
    /// Leave positions out.
    pub no_token_positional_embeddings: bool,
    /// Longest source in tokens, the end of sentence included.
    pub max_source_positions: usize,
    /// Longest target in tokens, the end of sentence included.
    pub max_target_positions: usize,
    /// In training and scoring with dynamic filters, cut the decoder's filters to the length of the batch *before* their
    /// softmax, as fairseq does: see [`LightConv`](crate::layers::LightConv). The score of a sentence that is shorter
    /// than a filter then depends on the longest sentence of its batch, and is not that of stepwise decoding. Only to
    /// reproduce fairseq's training exactly.
    pub cut_filters_to_batch: bool,
}

impl Default for LightConvConfig {
    fn default() -> Self {
        Self {
            encoder_embed_dim: 512,
            encoder_conv_dim: None,
            encoder_ffn_embed_dim: 2048,
            encoder_layers: 7,
            encoder_attention_heads: 8,
            encoder_normalize_before: false,
            encoder_learned_pos: false,
            encoder_glu: true,
            encoder_conv_type: ConvType::Dynamic,
            encoder_kernel_size_list: vec![3, 7, 15, 31, 31, 31, 31],
            decoder_embed_dim: 512,
            decoder_conv_dim: None,
            decoder_ffn_embed_dim: 2048,
            decoder_layers: 6,
            decoder_attention_heads: 8,
            decoder_normalize_before: false,
            decoder_learned_pos: false,
            decoder_glu: true,
            decoder_conv_type: ConvType::Dynamic,
            decoder_kernel_size_list: vec![3, 7, 15, 31, 31, 31],
            share_decoder_input_output_embed: false,
            share_all_embeddings: false,
            dropout: 0.1,
            attention_dropout: 0.0,
            relu_dropout: 0.0,
            input_dropout: 0.1,
            weight_dropout: 0.0,
            weight_softmax: true,
            no_token_positional_embeddings: false,
            max_source_positions: 1024,
            max_target_positions: 1024,
            cut_filters_to_batch: false,
        }
    }
}

impl LightConvConfig {
    /// IWSLT'14 German-English (Wu et al. 2019, section 5): small feed-forward blocks, four heads, no gated linear units.
    fn iwslt_de_en() -> Self {
        Self {
            encoder_ffn_embed_dim: 1024,
            encoder_attention_heads: 4,
            encoder_glu: false,
            decoder_ffn_embed_dim: 1024,
            decoder_attention_heads: 4,
            decoder_glu: false,
            attention_dropout: 0.1,
            weight_dropout: 0.1,
            input_dropout: 0.0,
            ..Self::default()
        }
    }

    /// WMT'16 English-German, big (Wu et al. 2019, section 5).
    fn wmt_en_de_big() -> Self {
        Self {
            encoder_embed_dim: 1024,
            encoder_ffn_embed_dim: 4096,
            encoder_attention_heads: 16,
            decoder_embed_dim: 1024,
            decoder_ffn_embed_dim: 4096,
            decoder_attention_heads: 16,
            dropout: 0.3,
            attention_dropout: 0.1,
            weight_dropout: 0.1,
            ..Self::default()
        }
    }

    /// WMT'14 English-French, big (Wu et al. 2019, section 5).
    fn wmt_en_fr_big() -> Self {
        Self {
            dropout: 0.1,
            ..Self::wmt_en_de_big()
        }
    }

    /// WMT'17 Chinese-English, big (Wu et al. 2019, section 5).
    fn wmt_zh_en_big() -> Self {
        Self {
            dropout: 0.2,
            attention_dropout: 0.2,
            weight_dropout: 0.2,
            ..Self::wmt_en_de_big()
        }
    }

    /// Width of the encoder's convolutions.
    pub fn encoder_conv_width(&self) -> usize {
        self.encoder_conv_dim.unwrap_or(self.encoder_embed_dim)
    }

    /// Width of the decoder's convolutions.
    pub fn decoder_conv_width(&self) -> usize {
        self.decoder_conv_dim.unwrap_or(self.decoder_embed_dim)
    }

    /// Taps of the filters of each encoder layer.
    pub(super) fn encoder_kernel_sizes(&self) -> Vec<usize> {
        for_all_layers(&self.encoder_kernel_size_list, self.encoder_layers)
    }

    /// Taps of the filters of each decoder layer.
    pub(super) fn decoder_kernel_sizes(&self) -> Vec<usize> {
        for_all_layers(&self.decoder_kernel_size_list, self.decoder_layers)
    }
}

/// One number for each of `layers` layers.
fn for_all_layers(list: &[usize], layers: usize) -> Vec<usize> {
    match list {
        [one] => vec![*one; layers],
        list => list.to_vec(),
    }
}

impl FamilyConfig for LightConvConfig {
    type Model = LightConvModel;

    const NAME: &'static str = "LightConv";

    const PHRASE: &'static str = "LightConv";

    /// What `--arch` can name. All are dynamic, as in fairseq; the lightweight forms differ in `encoder_conv_type` and
    /// `decoder_conv_type` alone.
    const ARCHS: &'static [Preset<Self>] = &[
        ("lightconv", LightConvConfig::default),
        ("lightconv_iwslt_de_en", LightConvConfig::iwslt_de_en),
        ("lightconv_wmt_en_de", LightConvConfig::default),
        ("lightconv_wmt_en_de_big", LightConvConfig::wmt_en_de_big),
        ("lightconv_wmt_en_fr_big", LightConvConfig::wmt_en_fr_big),
        ("lightconv_wmt_zh_en_big", LightConvConfig::wmt_zh_en_big),
    ];

    const SETTINGS: &'static [Setting] = SETTINGS;

    const FAIRSEQ: Option<&'static Fairseq<Self>> = Some(&FAIRSEQ);

    const FREE_FIELDS: &'static [&'static str] = &[
        "dropout",
        "attention_dropout",
        "relu_dropout",
        "input_dropout",
        "weight_dropout",
    ];

    const DROPOUT_MODULES: &'static [DropoutModule] = &[
        DropoutModule::LightConvEncoder,
        DropoutModule::LightConvDecoder,
        DropoutModule::LightConvEncoderLayer,
        DropoutModule::LightConvDecoderLayer,
        DropoutModule::LightweightConv,
        DropoutModule::DynamicConv,
        DropoutModule::MultiheadAttention,
    ];

    const DICTIONARY_TABLES: [&'static [&'static str]; 2] = [
        &["encoder.embed_tokens.weight"],
        &["decoder.embed_tokens.weight", "decoder.output_projection.weight"],
    ];

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
        check_sizes(
            MAX_WIDTH,
            &[
                ("encoder_conv_dim", self.encoder_conv_width()),
                ("decoder_conv_dim", self.decoder_conv_width()),
            ],
        )?;
        check_vocab(vocab)?;
        let check_heads = |field, heads: usize, width_field: &str, width: usize| {
            check(width.is_multiple_of(heads), field, heads, || {
                format!("must divide '{width_field}' {width}")
            })
        };
        let (field, heads) = ("encoder_attention_heads", self.encoder_attention_heads);
        check_heads(field, heads, "encoder_conv_dim", self.encoder_conv_width())?;
        let (field, heads) = ("decoder_attention_heads", self.decoder_attention_heads);
        check_heads(field, heads, "decoder_conv_dim", self.decoder_conv_width())?;
        check_heads(field, heads, "decoder_embed_dim", self.decoder_embed_dim)?;
        for (field, sizes, layers_field, layers) in [
            (
                "encoder_kernel_size_list",
                &self.encoder_kernel_size_list,
                "encoder_layers",
                self.encoder_layers,
            ),
            (
                "decoder_kernel_size_list",
                &self.decoder_kernel_size_list,
                "decoder_layers",
                self.decoder_layers,
            ),
        ] {
            let shown = || format!("{sizes:?}");
            check(sizes.len() == 1 || sizes.len() == layers, field, shown(), || {
                format!("must have one number, or one for each of '{layers_field}' {layers}")
            })?;
            let fits = sizes.iter().all(|size| (1..=MAX_KERNEL_SIZE).contains(size));
            check(fits, field, shown(), || {
                format!("numbers must be at least 1 and at most {MAX_KERNEL_SIZE}")
            })?;
        }
        let widths = [self.encoder_embed_dim, self.decoder_embed_dim];
        if !self.no_token_positional_embeddings {
            check_positions(widths, [self.encoder_learned_pos, self.decoder_learned_pos])?;
        }
        check_probabilities(
            fields!(self: dropout, attention_dropout, relu_dropout, input_dropout, weight_dropout),
        )?;
        if self.share_all_embeddings {
            check_shared_embeddings(vocab, widths)?;
        }
        Ok(())
    }

    fn build(&self, vocab: &Vocab, init: &mut Init) -> LightConvModel {
        let pad = vocab.pad();
        let stack = |inputs, types, learned_pos, normalize_before| StackSettings {
            types,
            inputs: InputSettings {
                learned_pos,
                no_positions: self.no_token_positional_embeddings,
                dropout: self.dropout,
                ..inputs
            },
            layernorm_embedding: false,
            normalize_before,
            layerdrop: 0.0,
        };
        let (module, width) = (DropoutModule::LightConvEncoder, self.encoder_embed_dim);
        let inputs = InputSettings::new(module, width, self.max_source_positions, pad);
        let encoder = stack(
            inputs,
            vocab.src,
            self.encoder_learned_pos,
            self.encoder_normalize_before,
        );
        let (module, width) = (DropoutModule::LightConvDecoder, self.decoder_embed_dim);
        let inputs = InputSettings::new(module, width, self.max_target_positions, pad);
        let decoder = stack(
            inputs,
            vocab.tgt,
            self.decoder_learned_pos,
            self.decoder_normalize_before,
        );
        let own = OwnTables::new(self.share_all_embeddings, self.share_decoder_input_output_embed);
        let (encoder_taps, decoder_taps) = (self.encoder_kernel_sizes(), self.decoder_kernel_sizes());
        let encoder_layer =
            |number: usize, init: &mut Init| LightConvEncoderLayer::new(self, encoder_taps[number], init);
        let decoder_layer =
            |number: usize, init: &mut Init| LightConvDecoderLayer::new(self, decoder_taps[number], init);
        LightConvModel {
            encoder: EncoderStack::new(encoder, encoder_taps.len(), encoder_layer, init),
            decoder: DecoderStack::new(decoder, &own, decoder_taps.len(), decoder_layer, init),
            vocab: *vocab,
        }
    }

    fn max_positions(&self) -> (usize, usize) {
        (self.max_source_positions, self.max_target_positions)
    }

    fn shares_all_embeddings(&self) -> bool {
        self.share_all_embeddings
    }

    fn resolved(&self) -> Self {
        Self {
            encoder_conv_dim: Some(self.encoder_conv_width()),
            encoder_kernel_size_list: self.encoder_kernel_sizes(),
            decoder_conv_dim: Some(self.decoder_conv_width()),
            decoder_kernel_size_list: self.decoder_kernel_sizes(),
            ..self.clone()
        }
    }

    /// The taps of a preset are those of its first layers, as in fairseq.
    fn settle(&mut self, given: &Map<String, Value>) {
        let fits = |list: &str, layers: &str| given.contains_key(layers) && !given.contains_key(list);
        if fits("encoder_kernel_size_list", "encoder_layers") {
            self.encoder_kernel_size_list.truncate(self.encoder_layers);
        }
        if fits("decoder_kernel_size_list", "decoder_layers") {
            self.decoder_kernel_size_list.truncate(self.decoder_layers);
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::families::family::assert_counted;

    const VOCAB: Vocab = Vocab::fairseq(12, 14);

    fn small() -> LightConvConfig {
        LightConvConfig {
            encoder_embed_dim: 12,
            encoder_ffn_embed_dim: 10,
            encoder_layers: 2,
            encoder_attention_heads: 3,
            encoder_kernel_size_list: vec![3, 5],
            decoder_embed_dim: 8,
            decoder_ffn_embed_dim: 6,
            decoder_layers: 3,
            decoder_attention_heads: 2,
            decoder_kernel_size_list: vec![4],
            max_source_positions: 9,
            max_target_positions: 11,
            ..LightConvConfig::default()
        }
    }

    #[test]
    fn every_arch_is_valid() {
        for (_, preset) in LightConvConfig::ARCHS {
            preset().validate(&VOCAB).unwrap();
        }
    }

    #[test]
    fn parameters_are_counted_without_a_model() {
        let learned = LightConvConfig {
            encoder_conv_dim: Some(6),
            encoder_conv_type: ConvType::Lightweight,
            encoder_glu: false,
            encoder_normalize_before: true,
            encoder_learned_pos: true,
            decoder_normalize_before: true,
            decoder_learned_pos: true,
            share_decoder_input_output_embed: true,
            ..small()
        };
        let shared = LightConvConfig {
            decoder_embed_dim: 12,
            decoder_conv_dim: Some(16),
            decoder_conv_type: ConvType::Lightweight,
            share_all_embeddings: true,
            ..small()
        };
        let joined = Vocab { tgt: 12, ..VOCAB };
        for (config, vocab) in [(small(), VOCAB), (learned, VOCAB), (shared, joined)] {
            assert_counted(&config, &vocab);
        }
    }

    #[test]
    fn kernel_sizes_that_do_not_fit_the_layers_are_refused() {
        let config = LightConvConfig {
            encoder_kernel_size_list: vec![3, 7, 15],
            ..small()
        };
        let error = config.validate(&VOCAB).unwrap_err().to_string();
        assert_eq!(
            error,
            "'encoder_kernel_size_list' = [3, 7, 15]: must have one number, or one for each of 'encoder_layers' 2"
        );
        let config = LightConvConfig {
            decoder_kernel_size_list: vec![0],
            ..small()
        };
        assert!(config.validate(&VOCAB).is_err());
        let config = LightConvConfig {
            encoder_conv_dim: Some(8),
            ..small()
        };
        let error = config.validate(&VOCAB).unwrap_err().to_string();
        assert_eq!(
            error,
            "'encoder_attention_heads' = 3: must divide 'encoder_conv_dim' 8"
        );
    }

    #[test]
    fn a_config_survives_json_and_refuses_unknown_keys() {
        let json = serde_json::to_string(&LightConvConfig::iwslt_de_en()).unwrap();
        assert_eq!(
            serde_json::from_str::<LightConvConfig>(&json).unwrap(),
            LightConvConfig::iwslt_de_en()
        );
        let bad = json.replace("\"encoder_glu\"", "\"encoder_gelu\"");
        assert!(serde_json::from_str::<LightConvConfig>(&bad).is_err());
    }
}
