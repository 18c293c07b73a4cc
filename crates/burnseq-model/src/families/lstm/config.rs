//! Settings and presets of the LSTM.

use burnseq_text::Vocab;
use serde::{Deserialize, Serialize};

use super::{LstmDecoder, LstmEncoder, LstmModel, fairseq::FAIRSEQ, settings::SETTINGS};
use crate::{
    DropoutModule, Init, ModelError,
    families::{
        Fairseq, FamilyConfig, Preset, Setting,
        checks::{
            MAX_LAYERS, MAX_POSITIONS, MAX_WIDTH, check, check_output_width, check_probabilities,
            check_shared_embeddings, check_sizes, check_vocab, fields,
        },
    },
};

/// Encoder-decoder of LSTM with attention and input feeding (Luong et al. 2015).
///
/// Field names are fairseq's; the default is its `lstm`. Its `--adaptive-softmax-cutoff`, which acts with the criterion
/// `adaptive_loss` alone, is not supported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LstmConfig {
    /// Drop probability where no other is given.
    pub dropout: f64,
    /// Width of the source embeddings.
    pub encoder_embed_dim: usize,
    /// Do not train the source embeddings.
    pub encoder_freeze_embed: bool,
    /// Width of the encoder's states, in each direction; none: `encoder_embed_dim`.
    pub encoder_hidden_size: Option<usize>,
    /// Encoder layers; as many as `decoder_layers`.
    pub encoder_layers: usize,
    /// Read the source in both directions.
    pub encoder_bidirectional: bool,
    /// Drop probability of the source embeddings; none: `dropout`.
    pub encoder_dropout_in: Option<f64>,
    /// Drop probability of the output of the encoder's layers; none: `dropout`.
    pub encoder_dropout_out: Option<f64>,
    /// Width of the target embeddings.
    pub decoder_embed_dim: usize,
    /// Do not train the target embeddings.
    pub decoder_freeze_embed: bool,
    /// Width of the decoder's states; none: `decoder_embed_dim`.
    pub decoder_hidden_size: Option<usize>,
    /// Decoder layers.
    pub decoder_layers: usize,
    /// Width of what the output layer reads.
    pub decoder_out_embed_dim: usize,
    /// Attend to the source.
    pub decoder_attention: bool,
    /// Drop probability of the target embeddings; none: `dropout`.
    pub decoder_dropout_in: Option<f64>,
    /// Drop probability of the output of the decoder's layers and of attention; none: `dropout`.
    pub decoder_dropout_out: Option<f64>,
    /// Use the decoder's embeddings as the output layer, without bias.
    pub share_decoder_input_output_embed: bool,
    /// Use one table for source, target and output; needs a joined dictionary.
    pub share_all_embeddings: bool,
    /// Longest source in tokens, the end of sentence included.
    pub max_source_positions: usize,
    /// Longest target in tokens, the end of sentence included.
    pub max_target_positions: usize,
}

impl Default for LstmConfig {
    fn default() -> Self {
        Self {
            dropout: 0.1,
            encoder_embed_dim: 512,
            encoder_freeze_embed: false,
            encoder_hidden_size: None,
            encoder_layers: 1,
            encoder_bidirectional: false,
            encoder_dropout_in: None,
            encoder_dropout_out: None,
            decoder_embed_dim: 512,
            decoder_freeze_embed: false,
            decoder_hidden_size: None,
            decoder_layers: 1,
            decoder_out_embed_dim: 512,
            decoder_attention: true,
            decoder_dropout_in: None,
            decoder_dropout_out: None,
            share_decoder_input_output_embed: false,
            share_all_embeddings: false,
            max_source_positions: 1024,
            max_target_positions: 1024,
        }
    }
}

impl LstmConfig {
    /// IWSLT'14 German-English (Wiseman and Rush 2016, section 5).
    fn wiseman_iwslt_de_en() -> Self {
        Self {
            encoder_embed_dim: 256,
            encoder_dropout_in: Some(0.0),
            encoder_dropout_out: Some(0.0),
            decoder_embed_dim: 256,
            decoder_out_embed_dim: 256,
            decoder_dropout_in: Some(0.0),
            ..Self::default()
        }
    }

    /// WMT'14 English-German (Luong et al. 2015, section 4.1).
    fn luong_wmt_en_de() -> Self {
        Self {
            encoder_embed_dim: 1000,
            encoder_layers: 4,
            encoder_dropout_out: Some(0.0),
            decoder_embed_dim: 1000,
            decoder_layers: 4,
            decoder_out_embed_dim: 1000,
            decoder_dropout_out: Some(0.0),
            ..Self::default()
        }
    }

    /// Width of the encoder's states in each direction.
    pub fn encoder_hidden(&self) -> usize {
        self.encoder_hidden_size.unwrap_or(self.encoder_embed_dim)
    }

    /// Width of the decoder's states.
    pub fn decoder_hidden(&self) -> usize {
        self.decoder_hidden_size.unwrap_or(self.decoder_embed_dim)
    }

    fn directions(&self) -> usize {
        if self.encoder_bidirectional { 2 } else { 1 }
    }

    /// Width of the encoder's vectors, both directions together.
    pub fn source_width(&self) -> usize {
        self.encoder_hidden().saturating_mul(self.directions())
    }
}

impl FamilyConfig for LstmConfig {
    type Model = LstmModel;

    const NAME: &'static str = "LSTM";

    const PHRASE: &'static str = "an LSTM";

    /// What `--arch` can name.
    const ARCHS: &'static [Preset<Self>] = &[
        ("lstm", LstmConfig::default),
        ("lstm_wiseman_iwslt_de_en", LstmConfig::wiseman_iwslt_de_en),
        ("lstm_luong_wmt_en_de", LstmConfig::luong_wmt_en_de),
    ];

    const SETTINGS: &'static [Setting] = SETTINGS;

    const FAIRSEQ: Option<&'static Fairseq<Self>> = Some(&FAIRSEQ);

    const FREE_FIELDS: &'static [&'static str] = &[
        "dropout",
        "encoder_dropout_in",
        "encoder_dropout_out",
        "decoder_dropout_in",
        "decoder_dropout_out",
    ];

    const DROPOUT_MODULES: &'static [DropoutModule] =
        &[DropoutModule::LstmEncoder, DropoutModule::LstmDecoder];

    const DICTIONARY_TABLES: [&'static [&'static str]; 2] = [
        &["encoder.embed_tokens.weight"],
        &[
            "decoder.embed_tokens.weight",
            "decoder.fc_out.weight",
            "decoder.fc_out.bias",
        ],
    ];

    fn validate(&self, vocab: &Vocab) -> Result<(), ModelError> {
        check_sizes(
            MAX_WIDTH,
            fields!(self: encoder_embed_dim, decoder_embed_dim, decoder_out_embed_dim),
        )?;
        check_sizes(MAX_LAYERS, fields!(self: encoder_layers, decoder_layers))?;
        check_sizes(
            MAX_POSITIONS,
            fields!(self: max_source_positions, max_target_positions),
        )?;
        check_sizes(
            MAX_WIDTH,
            &[
                ("encoder_hidden_size", self.encoder_hidden()),
                ("decoder_hidden_size", self.decoder_hidden()),
            ],
        )?;
        check_vocab(vocab)?;
        check(
            self.encoder_layers == self.decoder_layers,
            "encoder_layers",
            self.encoder_layers,
            || format!("must equal 'decoder_layers' {}", self.decoder_layers),
        )?;
        let or_dropout = |probability: Option<f64>| probability.unwrap_or(self.dropout);
        check_probabilities(&[
            ("dropout", self.dropout),
            ("encoder_dropout_in", or_dropout(self.encoder_dropout_in)),
            ("encoder_dropout_out", or_dropout(self.encoder_dropout_out)),
            ("decoder_dropout_in", or_dropout(self.decoder_dropout_in)),
            ("decoder_dropout_out", or_dropout(self.decoder_dropout_out)),
        ])?;
        if self.share_all_embeddings {
            check_shared_embeddings(vocab, [self.encoder_embed_dim, self.decoder_embed_dim])?;
        }
        if self.share_all_embeddings || self.share_decoder_input_output_embed {
            check_output_width(self.decoder_embed_dim, self.decoder_out_embed_dim)?;
        }
        Ok(())
    }

    fn build(&self, vocab: &Vocab, init: &mut Init) -> LstmModel {
        LstmModel {
            encoder: LstmEncoder::new(self, vocab, init),
            decoder: LstmDecoder::new(self, vocab, init),
            vocab: *vocab,
            max_source_positions: self.max_source_positions,
            max_target_positions: self.max_target_positions,
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
            encoder_hidden_size: Some(self.encoder_hidden()),
            encoder_dropout_in: self.encoder_dropout_in.or(Some(self.dropout)),
            encoder_dropout_out: self.encoder_dropout_out.or(Some(self.dropout)),
            decoder_hidden_size: Some(self.decoder_hidden()),
            decoder_dropout_in: self.decoder_dropout_in.or(Some(self.dropout)),
            decoder_dropout_out: self.decoder_dropout_out.or(Some(self.dropout)),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::families::family::assert_counted;
    use crate::named_parameters;

    const VOCAB: Vocab = Vocab::fairseq(12, 14);

    fn small() -> LstmConfig {
        LstmConfig {
            encoder_embed_dim: 6,
            encoder_hidden_size: Some(5),
            encoder_layers: 2,
            decoder_embed_dim: 4,
            decoder_hidden_size: Some(7),
            decoder_layers: 2,
            decoder_out_embed_dim: 3,
            ..LstmConfig::default()
        }
    }

    #[test]
    fn every_arch_is_valid() {
        for (_, preset) in LstmConfig::ARCHS {
            preset().validate(&VOCAB).unwrap();
        }
    }

    #[test]
    fn parameters_are_counted_without_a_model() {
        let both = LstmConfig {
            encoder_bidirectional: true,
            decoder_attention: false,
            decoder_out_embed_dim: 4,
            share_decoder_input_output_embed: true,
            ..small()
        };
        let shared = LstmConfig {
            decoder_embed_dim: 6,
            decoder_hidden_size: Some(5),
            decoder_out_embed_dim: 6,
            share_all_embeddings: true,
            ..small()
        };
        let joined = Vocab { tgt: 12, ..VOCAB };
        for (config, vocab) in [(small(), VOCAB), (both, VOCAB), (shared, joined)] {
            assert_counted(&config, &vocab);
        }
    }

    #[test]
    fn names_are_those_of_pytorch() {
        let config = LstmConfig {
            encoder_bidirectional: true,
            ..small()
        };
        let model = config.init(&VOCAB, 1, &Device::flex());
        let names: Vec<String> = named_parameters(&model)
            .into_iter()
            .map(|(name, ..)| name)
            .collect();
        for name in [
            "encoder.lstm.weight_ih_l0",
            "encoder.lstm.bias_hh_l1_reverse",
            "decoder.layers.1.weight_hh",
            "decoder.attention.output_proj.weight",
        ] {
            assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
        }
    }

    #[test]
    fn combinations_that_no_model_can_be_built_from_are_refused() {
        let config = LstmConfig {
            decoder_layers: 3,
            ..small()
        };
        let error = config.validate(&VOCAB).unwrap_err().to_string();
        assert_eq!(error, "'encoder_layers' = 2: must equal 'decoder_layers' 3");
        let config = LstmConfig {
            share_decoder_input_output_embed: true,
            ..small()
        };
        let error = config.validate(&VOCAB).unwrap_err().to_string();
        assert!(error.contains("must equal 'decoder_embed_dim' 4"), "{error}");
        let config = LstmConfig {
            decoder_dropout_in: Some(1.0),
            ..small()
        };
        assert!(config.validate(&VOCAB).is_err());
    }

    #[test]
    fn a_config_survives_json_and_refuses_unknown_keys() {
        let config = LstmConfig::wiseman_iwslt_de_en();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<LstmConfig>(&json).unwrap(), config);
        let bad = json.replace("\"encoder_layers\"", "\"encoder_layer\"");
        assert!(serde_json::from_str::<LstmConfig>(&bad).is_err());
    }
}
