//! Settings and presets of fconv.

use burnseq_text::Vocab;
use serde::{Deserialize, Serialize};

use super::{
    AttentionSpec, ConvLayer, ConvSpec, FConvDecoder, FConvEncoder, FConvModel, fairseq::FAIRSEQ,
    settings::SETTINGS,
};
use crate::{
    DropoutModule, Init, ModelError,
    families::{
        Fairseq, FamilyConfig, Preset, Setting,
        checks::{
            MAX_POSITIONS, MAX_WIDTH, check, check_output_width, check_probabilities, check_sizes,
            check_vocab, fields,
        },
    },
};

/// Most taps of a convolution.
const MAX_KERNEL_SIZE: usize = 1 << 10;

/// Encoder-decoder of convolutions with gated linear units (Gehring et al. 2017).
///
/// Field names are fairseq's; the default is its `fconv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FConvConfig {
    /// Width of the source embeddings.
    pub encoder_embed_dim: usize,
    /// The encoder's convolutions.
    pub encoder_layers: ConvSpec,
    /// Width of the target embeddings; that of the encoder's, as both meet in attention.
    pub decoder_embed_dim: usize,
    /// The decoder's convolutions.
    pub decoder_layers: ConvSpec,
    /// Width of what the output layer reads.
    pub decoder_out_embed_dim: usize,
    /// Which decoder layers attend to the source.
    pub decoder_attention: AttentionSpec,
    /// Drop probability of embeddings, of the input of every convolution and of what the output layer reads.
    pub dropout: f64,
    /// Use the target embeddings as the output layer; needs `decoder_out_embed_dim` to be `decoder_embed_dim`.
    pub share_input_output_embed: bool,
    /// Rows of the table of source positions. The first ones are never used: the longest source has `pad + 1` tokens
    /// less.
    pub max_source_positions: usize,
    /// Rows of the table of target positions; see `max_source_positions`.
    pub max_target_positions: usize,
}

impl Default for FConvConfig {
    fn default() -> Self {
        Self {
            encoder_embed_dim: 512,
            encoder_layers: layers(&[(20, 512, 3)]),
            decoder_embed_dim: 512,
            decoder_layers: layers(&[(20, 512, 3)]),
            decoder_out_embed_dim: 256,
            decoder_attention: AttentionSpec::All(true),
            dropout: 0.1,
            share_input_output_embed: false,
            max_source_positions: 1024,
            max_target_positions: 1024,
        }
    }
}

/// Layers with residual connections from runs of number, channels and taps.
fn layers(runs: &[(usize, usize, usize)]) -> ConvSpec {
    let layer = |&(count, channels, kernel_size): &(usize, usize, usize)| {
        let layer = ConvLayer {
            channels,
            kernel_size,
            residual: 1,
        };
        vec![layer; count]
    };
    ConvSpec(runs.iter().flat_map(layer).collect())
}

impl FConvConfig {
    /// IWSLT'14 German-English: four and three layers of width 256.
    fn iwslt_de_en() -> Self {
        Self {
            encoder_embed_dim: 256,
            encoder_layers: layers(&[(4, 256, 3)]),
            decoder_embed_dim: 256,
            decoder_layers: layers(&[(3, 256, 3)]),
            decoder_out_embed_dim: 256,
            ..Self::default()
        }
    }

    /// WMT'16 English-Romanian (Gehring et al. 2017, section 4.1).
    fn wmt_en_ro() -> Self {
        Self {
            decoder_out_embed_dim: 512,
            ..Self::default()
        }
    }

    /// WMT'14 English-German (Gehring et al. 2017, section 4.1).
    fn wmt_en_de() -> Self {
        let spec = layers(&[(9, 512, 3), (4, 1024, 3), (2, 2048, 1)]);
        Self {
            encoder_embed_dim: 768,
            encoder_layers: spec.clone(),
            decoder_embed_dim: 768,
            decoder_layers: spec,
            decoder_out_embed_dim: 512,
            ..Self::default()
        }
    }

    /// WMT'14 English-French (Gehring et al. 2017, section 4.1).
    fn wmt_en_fr() -> Self {
        let spec = layers(&[(6, 512, 3), (4, 768, 3), (3, 1024, 3), (1, 2048, 1), (1, 4096, 1)]);
        Self {
            encoder_layers: spec.clone(),
            decoder_layers: spec,
            ..Self::wmt_en_de()
        }
    }
}

impl FamilyConfig for FConvConfig {
    type Model = FConvModel;

    const NAME: &'static str = "fconv";

    const PHRASE: &'static str = "fconv";

    /// What `--arch` can name.
    const ARCHS: &'static [Preset<Self>] = &[
        ("fconv", FConvConfig::default),
        ("fconv_iwslt_de_en", FConvConfig::iwslt_de_en),
        ("fconv_wmt_en_ro", FConvConfig::wmt_en_ro),
        ("fconv_wmt_en_de", FConvConfig::wmt_en_de),
        ("fconv_wmt_en_fr", FConvConfig::wmt_en_fr),
    ];

    const SETTINGS: &'static [Setting] = SETTINGS;

    const FAIRSEQ: Option<&'static Fairseq<Self>> = Some(&FAIRSEQ);

    const FREE_FIELDS: &'static [&'static str] = &["dropout"];

    const DROPOUT_MODULES: &'static [DropoutModule] =
        &[DropoutModule::FConvEncoder, DropoutModule::FConvDecoder];

    const DICTIONARY_TABLES: [&'static [&'static str]; 2] = [
        &["encoder.embed_tokens.weight"],
        &[
            "decoder.embed_tokens.weight",
            "decoder.fc3.weight_v",
            "decoder.fc3.weight_g",
            "decoder.fc3.bias",
        ],
    ];

    fn validate(&self, vocab: &Vocab) -> Result<(), ModelError> {
        check_sizes(
            MAX_WIDTH,
            fields!(self: encoder_embed_dim, decoder_embed_dim, decoder_out_embed_dim),
        )?;
        check_sizes(
            MAX_POSITIONS,
            fields!(self: max_source_positions, max_target_positions),
        )?;
        check_vocab(vocab)?;
        for &(field, rows) in fields!(self: max_source_positions, max_target_positions) {
            check(rows > vocab.pad() + 1, field, rows, || {
                format!(
                    "must be at least {}: so many rows come before the first",
                    vocab.pad() + 2
                )
            })?;
        }
        for (field, spec) in [
            ("encoder_layers", &self.encoder_layers),
            ("decoder_layers", &self.decoder_layers),
        ] {
            check(!spec.0.is_empty(), field, spec, || "must have a layer".into())?;
            for (number, layer) in spec.0.iter().enumerate() {
                let at = number + 1;
                check((1..=MAX_WIDTH).contains(&layer.channels), field, spec, || {
                    format!("channels of layer {at} must be at least 1 and at most {MAX_WIDTH}")
                })?;
                check(
                    (1..=MAX_KERNEL_SIZE).contains(&layer.kernel_size),
                    field,
                    spec,
                    || format!("taps of layer {at} must be at least 1 and at most {MAX_KERNEL_SIZE}"),
                )?;
                check(layer.residual <= at, field, spec, || {
                    format!("the residual connection of layer {at} can be at most {at} layers long")
                })?;
            }
        }
        check(
            self.encoder_embed_dim == self.decoder_embed_dim,
            "decoder_embed_dim",
            self.decoder_embed_dim,
            || format!("must equal 'encoder_embed_dim' {}", self.encoder_embed_dim),
        )?;
        let decoder_layers = self.decoder_layers.0.len();
        if let AttentionSpec::Layers(attends) = &self.decoder_attention {
            check(
                attends.len() == decoder_layers,
                "decoder_attention",
                &self.decoder_attention,
                || format!("must have one value for each of {decoder_layers} decoder layers"),
            )?;
        }
        check(
            (0..decoder_layers).any(|layer| self.decoder_attention.attends(layer)),
            "decoder_attention",
            &self.decoder_attention,
            || "must be True for at least one decoder layer".into(),
        )?;
        check_probabilities(fields!(self: dropout))?;
        if self.share_input_output_embed {
            check_output_width(self.decoder_embed_dim, self.decoder_out_embed_dim)?;
        }
        Ok(())
    }

    fn build(&self, vocab: &Vocab, init: &mut Init) -> FConvModel {
        FConvModel {
            encoder: FConvEncoder::new(self, vocab, init),
            decoder: FConvDecoder::new(self, vocab, init),
            vocab: *vocab,
            max_source_positions: self.max_source_positions - vocab.pad() - 1,
            max_target_positions: self.max_target_positions - vocab.pad() - 1,
        }
    }

    /// Of dictionaries whose padding is token 1, as fairseq's is: a table of positions has a row for each token number up to
    /// that of padding, too.
    fn max_positions(&self) -> (usize, usize) {
        let usable = |rows: usize| rows.saturating_sub(2);
        (
            usable(self.max_source_positions),
            usable(self.max_target_positions),
        )
    }

    fn resolved(&self) -> Self {
        Self {
            decoder_attention: self.decoder_attention.shortest(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::families::family::assert_counted;

    const VOCAB: Vocab = Vocab::fairseq(12, 14);

    fn small() -> FConvConfig {
        FConvConfig {
            encoder_embed_dim: 6,
            encoder_layers: "[(5, 3)] * 2 + [(7, 4, 2)]".parse().unwrap(),
            decoder_embed_dim: 6,
            decoder_layers: "[(4, 3), (8, 1, 0), (5, 2, 3)]".parse().unwrap(),
            decoder_out_embed_dim: 3,
            decoder_attention: "[True, False, True]".parse().unwrap(),
            max_source_positions: 9,
            max_target_positions: 11,
            ..FConvConfig::default()
        }
    }

    #[test]
    fn every_arch_is_valid() {
        for (_, preset) in FConvConfig::ARCHS {
            preset().validate(&VOCAB).unwrap();
        }
    }

    #[test]
    fn parameters_are_counted_without_a_model() {
        let shared = FConvConfig {
            decoder_out_embed_dim: 6,
            share_input_output_embed: true,
            decoder_attention: AttentionSpec::All(true),
            ..small()
        };
        for config in [small(), shared] {
            assert_counted(&config, &VOCAB);
        }
    }

    #[test]
    fn specifications_that_no_model_can_be_built_from_are_refused() {
        let refused = |change: fn(&mut FConvConfig)| {
            let mut config = small();
            change(&mut config);
            config.validate(&VOCAB).unwrap_err().to_string()
        };
        let error = refused(|config| config.encoder_layers = "[(5, 3, 2)]".parse().unwrap());
        assert_eq!(
            error,
            "'encoder_layers' = [(5, 3, 2)]: the residual connection of layer 1 can be at most 1 layers long"
        );
        let error = refused(|config| config.decoder_attention = AttentionSpec::All(false));
        assert!(error.contains("at least one decoder layer"), "{error}");
        let error = refused(|config| config.decoder_attention = "[True]".parse().unwrap());
        assert!(error.contains("each of 3 decoder layers"), "{error}");
        let error = refused(|config| config.max_source_positions = 2);
        assert!(error.contains("at least 3"), "{error}");
        let error = refused(|config| config.encoder_embed_dim = 5);
        assert!(error.contains("must equal 'encoder_embed_dim' 5"), "{error}");
    }

    #[test]
    fn a_config_survives_json_and_refuses_unknown_keys() {
        let config = small();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<FConvConfig>(&json).unwrap(), config);
        let bad = json.replace("\"encoder_layers\"", "\"encoder_layer\"");
        assert!(serde_json::from_str::<FConvConfig>(&bad).is_err());
    }
}
