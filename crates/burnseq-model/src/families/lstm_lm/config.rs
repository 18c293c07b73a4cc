//! Settings and the preset of the LSTM as a language model.

use burnseq_text::Vocab;
use serde::{Deserialize, Serialize};

use super::{LstmLm, fairseq::FAIRSEQ, settings::SETTINGS};
use crate::{
    DropoutModule, FamilyConfig, Init, ModelError, Preset,
    families::checks::{
        MAX_LAYERS, MAX_POSITIONS, MAX_WIDTH, check_output_width, check_probabilities, check_sizes,
        check_vocab, fields,
    },
    families::{Fairseq, Setting},
};

/// LSTM without a source. Field names are fairseq's; the default is its `lstm_lm`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LstmLmConfig {
    /// Width of the embeddings.
    pub decoder_embed_dim: usize,
    /// Width of the states; none: `decoder_embed_dim`.
    pub decoder_hidden_size: Option<usize>,
    /// Layers.
    pub decoder_layers: usize,
    /// Width of what the output layer reads.
    pub decoder_out_embed_dim: usize,
    /// Drop probability of the embeddings; none: `dropout`.
    pub decoder_dropout_in: Option<f64>,
    /// Drop probability of the output of layers; none: `dropout`.
    pub decoder_dropout_out: Option<f64>,
    /// Use the embeddings as the output layer.
    pub share_decoder_input_output_embed: bool,
    /// Drop probability wherever none of its own is given.
    pub dropout: f64,
    /// Longest text in tokens; nothing in the model depends on it.
    pub max_target_positions: usize,
}

impl Default for LstmLmConfig {
    fn default() -> Self {
        Self {
            decoder_embed_dim: 512,
            decoder_hidden_size: None,
            decoder_layers: 1,
            decoder_out_embed_dim: 512,
            decoder_dropout_in: None,
            decoder_dropout_out: None,
            share_decoder_input_output_embed: false,
            dropout: 0.1,
            max_target_positions: 100_000,
        }
    }
}

impl LstmLmConfig {
    /// Width of the states.
    pub fn hidden(&self) -> usize {
        self.decoder_hidden_size.unwrap_or(self.decoder_embed_dim)
    }
}

impl FamilyConfig for LstmLmConfig {
    type Model = LstmLm;

    const NAME: &'static str = "LSTM language model";

    const PHRASE: &'static str = "an LSTM language model";

    const ARCHS: &'static [Preset<Self>] = &[("lstm_lm", Self::default)];

    const SETTINGS: &'static [Setting] = SETTINGS;

    const FAIRSEQ: Option<&'static Fairseq<Self>> = Some(&FAIRSEQ);

    const FREE_FIELDS: &'static [&'static str] = &[
        "dropout",
        "decoder_dropout_in",
        "decoder_dropout_out",
        "max_target_positions",
    ];

    const DROPOUT_MODULES: &'static [DropoutModule] = &[DropoutModule::LstmDecoder];

    const DICTIONARY_TABLES: [&'static [&'static str]; 2] = [
        &[],
        &[
            "decoder.embed_tokens.weight",
            "decoder.fc_out.weight",
            "decoder.fc_out.bias",
        ],
    ];

    fn validate(&self, vocab: &Vocab) -> Result<(), ModelError> {
        check_sizes(MAX_WIDTH, fields!(self: decoder_embed_dim, decoder_out_embed_dim))?;
        check_sizes(MAX_WIDTH, &[("decoder_hidden_size", self.hidden())])?;
        check_sizes(MAX_LAYERS, fields!(self: decoder_layers))?;
        check_sizes(MAX_POSITIONS, fields!(self: max_target_positions))?;
        check_vocab(vocab)?;
        check_probabilities(&[
            ("dropout", self.dropout),
            (
                "decoder_dropout_in",
                self.decoder_dropout_in.unwrap_or(self.dropout),
            ),
            (
                "decoder_dropout_out",
                self.decoder_dropout_out.unwrap_or(self.dropout),
            ),
        ])?;
        if self.share_decoder_input_output_embed {
            check_output_width(self.decoder_embed_dim, self.decoder_out_embed_dim)?;
        }
        Ok(())
    }

    fn build(&self, vocab: &Vocab, init: &mut Init) -> LstmLm {
        LstmLm::new(self, vocab, init)
    }

    fn max_positions(&self) -> (usize, usize) {
        (self.max_target_positions, self.max_target_positions)
    }

    fn resolved(&self) -> Self {
        Self {
            decoder_hidden_size: Some(self.hidden()),
            decoder_dropout_in: self.decoder_dropout_in.or(Some(self.dropout)),
            decoder_dropout_out: self.decoder_dropout_out.or(Some(self.dropout)),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::family::assert_counted;

    #[test]
    fn parameters_are_counted_without_a_model() {
        let vocab = Vocab::fairseq(14, 14);
        let config = LstmLmConfig {
            decoder_embed_dim: 6,
            decoder_hidden_size: Some(8),
            decoder_layers: 2,
            decoder_out_embed_dim: 6,
            ..LstmLmConfig::default()
        };
        let shared = LstmLmConfig {
            share_decoder_input_output_embed: true,
            ..config.clone()
        };
        for config in [config, shared] {
            assert_counted(&config, &vocab);
        }
    }
}
