//! Settings and presets of encoders.

use burnseq_text::Vocab;
use serde::{Deserialize, Serialize};

use super::{
    Classifier, SentencePairHead, TransformerEncoder, hugging_face::HUGGING_FACE, settings::SETTINGS,
};
use crate::{
    DropoutModule, FamilyConfig, Init, ModelError, Preset,
    families::Setting,
    families::checks::{
        MAX_INNER_WIDTH, MAX_LAYERS, MAX_POSITIONS, MAX_WIDTH, check, check_heads, check_probabilities,
        check_sizes, check_vocab, fields,
    },
    families::hugging_face::HuggingFace,
    layers::{ActivationFn, LayerNorm},
};

/// Encoder of texts.
///
/// Field names are those of fairseq's RoBERTa where it has them; the default is its `roberta_base`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderConfig {
    /// Width of the layers, `d_model` in shapes.
    pub encoder_embed_dim: usize,
    /// Width of the embeddings; none: that of the layers.
    pub encoder_input_dim: Option<usize>,
    /// Inner width of the feed-forward blocks.
    pub encoder_ffn_embed_dim: usize,
    /// Layers that a text passes; with [`encoder_group_len`](Self::encoder_group_len), groups that it passes.
    pub encoder_layers: usize,
    /// Attention heads; divides `encoder_embed_dim`.
    pub encoder_attention_heads: usize,
    /// Groups of layers with weights of their own, each of which is applied several times in a row (Lan et al. 2020); none:
    /// as many as there are layers.
    pub encoder_layer_groups: Option<usize>,
    /// Layers of a group, applied after each other.
    pub encoder_group_len: usize,
    /// Normalise before each sub-layer instead of after it.
    pub encoder_normalize_before: bool,
    /// Normalise the sum of embeddings.
    pub layernorm_embedding: bool,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// Non-linearity of the feed-forward blocks, of the masked language model and of the head over replaced tokens.
    pub activation_fn: ActivationFn,
    /// Non-linearity of the pooler and of RoBERTa's classifier.
    pub pooler_activation_fn: ActivationFn,
    /// Drop probability after embeddings and after every sub-layer.
    pub dropout: f64,
    /// Drop probability of attention probabilities.
    pub attention_dropout: f64,
    /// Drop probability after the non-linearity of the feed-forward blocks.
    pub activation_dropout: f64,
    /// Drop probability in heads over texts and tokens.
    pub pooler_dropout: f64,
    /// Probability that a layer is left out of a training pass (LayerDrop, Fan et al. 2020).
    pub encoder_layerdrop: f64,
    /// Longest text in tokens.
    pub max_source_positions: usize,
    /// Row of the first column in the table of positions, padding counted; none: of the first token, and padding does not
    /// count, as in fairseq, where it is the one after the id of padding.
    pub position_offset: Option<usize>,
    /// Kinds of segments; 0: they are not told apart.
    pub segment_types: usize,
    /// Masked language model.
    pub masked_lm_head: bool,
    /// The masked language model has an output projection beside the embeddings.
    pub untie_weights_roberta: bool,
    /// Layer over the first vector of a text.
    pub pooler: bool,
    /// Head over pairs of texts; reads what the pooler gives.
    pub sentence_pair_head: SentencePairHead,
    /// Head over each token: whether it was replaced.
    pub replaced_token_head: bool,
    /// What is classified.
    pub classifier: Classifier,
    /// Classes of the classifier.
    pub num_classes: usize,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self::sized(768, 3072, 12, 12)
    }
}

/// What BERT and what was made after it add to the variance.
const BERT_EPS: f64 = 1e-12;

impl EncoderConfig {
    /// RoBERTa of this width, inner width, layers and heads.
    pub fn sized(width: usize, ffn_dim: usize, layers: usize, heads: usize) -> Self {
        Self {
            encoder_embed_dim: width,
            encoder_input_dim: None,
            encoder_ffn_embed_dim: ffn_dim,
            encoder_layers: layers,
            encoder_attention_heads: heads,
            encoder_layer_groups: None,
            encoder_group_len: 1,
            encoder_normalize_before: false,
            layernorm_embedding: true,
            layer_norm_eps: LayerNorm::FAIRSEQ_EPS,
            activation_fn: ActivationFn::Gelu,
            pooler_activation_fn: ActivationFn::Tanh,
            dropout: 0.1,
            attention_dropout: 0.1,
            activation_dropout: 0.0,
            pooler_dropout: 0.0,
            encoder_layerdrop: 0.0,
            max_source_positions: 512,
            position_offset: None,
            segment_types: 0,
            masked_lm_head: true,
            untie_weights_roberta: false,
            pooler: false,
            sentence_pair_head: SentencePairHead::None,
            replaced_token_head: false,
            classifier: Classifier::None,
            num_classes: 2,
        }
    }

    /// Pre-norm, without the norm of the embeddings.
    fn prenorm(self) -> Self {
        Self {
            encoder_normalize_before: true,
            layernorm_embedding: false,
            ..self
        }
    }

    /// BERT's body: segments, and positions from 0 (Devlin et al. 2019).
    fn bert_body(width: usize, layers: usize, heads: usize) -> Self {
        Self {
            layer_norm_eps: BERT_EPS,
            position_offset: Some(0),
            segment_types: 2,
            pooler_dropout: 0.1,
            ..Self::sized(width, 4 * width, layers, heads)
        }
    }

    /// BERT as it is pre-trained (Devlin et al. 2019; the smaller ones: Turc et al. 2019).
    fn bert(width: usize, layers: usize, heads: usize) -> Self {
        Self {
            pooler: true,
            sentence_pair_head: SentencePairHead::NextSentence,
            ..Self::bert_body(width, layers, heads)
        }
    }

    /// ALBERT, its second version, which drops nothing (Lan et al. 2020).
    fn albert(width: usize, layers: usize, heads: usize) -> Self {
        Self {
            encoder_input_dim: Some(128),
            encoder_layer_groups: Some(1),
            activation_fn: ActivationFn::GeluAccurate,
            dropout: 0.0,
            attention_dropout: 0.0,
            pooler: true,
            sentence_pair_head: SentencePairHead::SentenceOrder,
            ..Self::bert_body(width, layers, heads)
        }
    }

    /// ELECTRA's discriminator, the part that is used afterwards (Clark et al. 2020).
    fn electra(width: usize, input: usize, layers: usize, heads: usize) -> Self {
        Self {
            encoder_input_dim: Some(input),
            masked_lm_head: false,
            replaced_token_head: true,
            ..Self::bert_body(width, layers, heads)
        }
    }

    /// ELECTRA's generator as it was published: of width 256 in all sizes.
    fn electra_generator(input: usize, layers: usize) -> Self {
        Self {
            encoder_input_dim: Some(input),
            ..Self::bert_body(256, layers, 4)
        }
    }

    /// DistilBERT: half of BERT's layers, no segments (Sanh et al. 2019).
    fn distilbert() -> Self {
        Self {
            segment_types: 0,
            ..Self::bert_body(768, 6, 12)
        }
    }

    /// Width of the embeddings.
    pub fn input_dim(&self) -> usize {
        self.encoder_input_dim.unwrap_or(self.encoder_embed_dim)
    }
}

impl FamilyConfig for EncoderConfig {
    type Model = TransformerEncoder;

    const NAME: &'static str = "Transformer encoder";

    const PHRASE: &'static str = "a Transformer encoder";

    const SETTINGS: &'static [Setting] = SETTINGS;

    const HUGGING_FACE: &'static [HuggingFace<Self>] = HUGGING_FACE;

    const ARCHS: &'static [Preset<Self>] = &[
        ("roberta", EncoderConfig::default),
        ("roberta_base", EncoderConfig::default),
        ("roberta_large", || Self::sized(1024, 4096, 24, 16)),
        ("roberta_prenorm", || Self::default().prenorm()),
        ("roberta_base_prenorm", || Self::default().prenorm()),
        ("xlm", || Self::sized(1280, 5120, 16, 16)),
        ("xlm_roberta_base", EncoderConfig::default),
        ("xlm_roberta_large", || Self::sized(1024, 4096, 24, 16)),
        ("xlm_roberta_xl", || Self::sized(2560, 10240, 36, 32).prenorm()),
        ("xlm_roberta_xxl", || Self::sized(4096, 16384, 48, 32).prenorm()),
        ("bert_tiny", || Self::bert(128, 2, 2)),
        ("bert_mini", || Self::bert(256, 4, 4)),
        ("bert_small", || Self::bert(512, 4, 8)),
        ("bert_medium", || Self::bert(512, 8, 8)),
        ("bert_base", || Self::bert(768, 12, 12)),
        ("bert_large", || Self::bert(1024, 24, 16)),
        ("albert_base", || Self::albert(768, 12, 12)),
        ("albert_large", || Self::albert(1024, 24, 16)),
        ("albert_xlarge", || Self::albert(2048, 24, 16)),
        ("albert_xxlarge", || Self::albert(4096, 12, 64)),
        ("electra_small", || Self::electra(256, 128, 12, 4)),
        ("electra_base", || Self::electra(768, 768, 12, 12)),
        ("electra_large", || Self::electra(1024, 1024, 24, 16)),
        ("electra_small_generator", || Self::electra_generator(128, 12)),
        ("electra_base_generator", || Self::electra_generator(768, 12)),
        ("electra_large_generator", || Self::electra_generator(1024, 24)),
        ("distilbert", Self::distilbert),
    ];

    const FREE_FIELDS: &'static [&'static str] = &[
        "dropout",
        "attention_dropout",
        "activation_dropout",
        "pooler_dropout",
        "encoder_layerdrop",
    ];

    const DROPOUT_MODULES: &'static [DropoutModule] = &[
        DropoutModule::TransformerEncoder,
        DropoutModule::TransformerEncoderLayer,
        DropoutModule::MultiheadAttention,
    ];

    const DICTIONARY_TABLES: [&'static [&'static str]; 2] = [
        &[
            "encoder.sentence_encoder.embed_tokens.weight",
            "encoder.lm_head.weight",
            "encoder.lm_head.bias",
        ],
        &[],
    ];

    fn validate(&self, vocab: &Vocab) -> Result<(), ModelError> {
        check_sizes(MAX_WIDTH, fields!(self: encoder_embed_dim))?;
        check_sizes(MAX_WIDTH, &[("encoder_input_dim", self.input_dim())])?;
        check_sizes(MAX_INNER_WIDTH, fields!(self: encoder_ffn_embed_dim))?;
        check_sizes(MAX_LAYERS, fields!(self: encoder_layers, encoder_group_len))?;
        check_sizes(MAX_POSITIONS, fields!(self: max_source_positions))?;
        check_sizes(MAX_WIDTH, fields!(self: num_classes))?;
        check_heads("encoder", self.encoder_attention_heads, self.encoder_embed_dim)?;
        let groups = self.encoder_layer_groups.unwrap_or(self.encoder_layers);
        check(
            (1..=self.encoder_layers).contains(&groups),
            "encoder_layer_groups",
            groups,
            || {
                format!(
                    "must be at least 1 and at most 'encoder_layers' {}",
                    self.encoder_layers
                )
            },
        )?;
        check(
            self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0,
            "layer_norm_eps",
            self.layer_norm_eps,
            || "must be above 0 and below 1".into(),
        )?;
        let offset = self.position_offset.unwrap_or_default();
        check(offset <= MAX_POSITIONS, "position_offset", offset, || {
            format!("must be at most {MAX_POSITIONS}")
        })?;
        check(
            self.segment_types <= MAX_WIDTH,
            "segment_types",
            self.segment_types,
            || format!("must be at most {MAX_WIDTH}"),
        )?;
        check_probabilities(fields!(self:
            dropout, attention_dropout, activation_dropout, pooler_dropout, encoder_layerdrop))?;
        check(
            !self.untie_weights_roberta || self.masked_lm_head,
            "untie_weights_roberta",
            true,
            || "needs 'masked_lm_head'".into(),
        )?;
        let pair = self.sentence_pair_head != SentencePairHead::None;
        check(self.pooler || !pair, "sentence_pair_head", "a head", || {
            "needs 'pooler'".into()
        })?;
        check(
            self.pooler || self.classifier != Classifier::Pooled,
            "classifier",
            "pooled",
            || "needs 'pooler'".into(),
        )?;
        check(
            self.classifier != Classifier::Span || self.num_classes == 2,
            "num_classes",
            self.num_classes,
            || "must be 2 with a 'classifier' of spans: start and end".into(),
        )?;
        check_vocab(vocab)
    }

    fn build(&self, vocab: &Vocab, init: &mut Init) -> TransformerEncoder {
        TransformerEncoder::new(self, vocab, init)
    }

    fn max_positions(&self) -> (usize, usize) {
        (self.max_source_positions, self.max_source_positions)
    }
}

#[cfg(test)]
mod tests {
    use burnseq_text::SpecialSymbols;

    use super::*;
    use crate::families::family::assert_counted;

    const VOCAB: Vocab = Vocab::fairseq(100, 100);

    /// Of the models that were published, as transformers counts them.
    #[test]
    fn presets_have_as_many_parameters_as_the_published_models() {
        let special_symbols = SpecialSymbols {
            pad: 0,
            ..SpecialSymbols::FAIRSEQ
        };
        for (arch, types, parameters) in [
            // With all heads of pre-training: 109,482,240 of BertModel + 592,128 + 30,522 + 1,538.
            ("bert_base", 30_522, 110_106_428),
            // 11,683,584 of AlbertModel, heads: 98,432 + 256 + 30,000 + 1,538.
            ("albert_base", 30_000, 11_813_810),
            // 66,362,880 of DistilBertModel, and 590,592 + 1,536 + 30,522.
            ("distilbert", 30_522, 66_985_530),
            // 13,483,008 of ElectraModel, and 66,049.
            ("electra_small", 30_522, 13_549_057),
            // 124,055,040 of RobertaModel without pooler, less its 768 segment vectors, and 592,128 + 50,265.
            ("roberta_base", 50_265, 124_696_665),
        ] {
            let (_, preset) = EncoderConfig::ARCHS
                .iter()
                .find(|(name, _)| *name == arch)
                .unwrap();
            let vocab = Vocab {
                special_symbols: if arch == "roberta_base" {
                    SpecialSymbols::FAIRSEQ
                } else {
                    special_symbols
                },
                ..Vocab::fairseq(types, types)
            };
            assert_eq!(preset().num_params(&vocab), parameters, "{arch}");
        }
    }

    #[test]
    fn parameters_are_counted_as_the_model_has_them() {
        let small = EncoderConfig::sized(16, 32, 4, 2);
        assert_counted(&small, &VOCAB);
        assert_counted(
            &EncoderConfig {
                encoder_input_dim: Some(8),
                encoder_layer_groups: Some(2),
                encoder_group_len: 2,
                segment_types: 2,
                untie_weights_roberta: true,
                pooler: true,
                sentence_pair_head: SentencePairHead::SentenceOrder,
                replaced_token_head: true,
                classifier: Classifier::Electra,
                num_classes: 3,
                ..small.prenorm()
            },
            &VOCAB,
        );
    }

    #[test]
    fn what_no_model_can_be_built_from_is_named() {
        let problem = |change: fn(&mut EncoderConfig)| {
            let mut config = EncoderConfig::sized(16, 32, 4, 2);
            config.validate(&VOCAB).unwrap();
            change(&mut config);
            config.validate(&VOCAB).unwrap_err().to_string()
        };
        for (found, expected) in [
            (
                problem(|c| c.encoder_attention_heads = 3),
                "'encoder_attention_heads' = 3",
            ),
            (
                problem(|c| c.encoder_layer_groups = Some(5)),
                "'encoder_layer_groups' = 5",
            ),
            (
                problem(|c| c.encoder_layer_groups = Some(0)),
                "'encoder_layer_groups' = 0",
            ),
            (
                problem(|c| c.encoder_input_dim = Some(0)),
                "'encoder_input_dim' = 0",
            ),
            (problem(|c| c.layer_norm_eps = 0.0), "'layer_norm_eps' = 0"),
            (
                problem(|c| c.sentence_pair_head = SentencePairHead::NextSentence),
                "needs 'pooler'",
            ),
            (problem(|c| c.classifier = Classifier::Pooled), "needs 'pooler'"),
            (
                problem(|c| (c.classifier, c.num_classes) = (Classifier::Span, 3)),
                "'num_classes' = 3",
            ),
            (
                problem(|c| (c.masked_lm_head, c.untie_weights_roberta) = (false, true)),
                "needs 'masked_lm_head'",
            ),
        ] {
            assert!(found.contains(expected), "{found}");
        }
    }
}
