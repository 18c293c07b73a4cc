//! The model families there are, and the names `--arch` knows them by.

use serde::{Deserialize, Serialize};

use crate::{ModelError, TransformerConfig, Vocab, transformer};

/// The complete configuration of a model, as a checkpoint stores it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ModelConfig {
    /// Encoder-decoder Transformer.
    Transformer(TransformerConfig),
}

impl ModelConfig {
    /// The preset of that name.
    ///
    /// # Errors
    /// An unknown name, with all known ones, nearest first.
    pub fn from_arch(name: &str) -> Result<Self, ModelError> {
        if let Some((_, preset)) = transformer::ARCHS.iter().find(|(known, _)| *known == name) {
            return Ok(Self::Transformer(preset()));
        }
        let mut choices = Self::archs();
        choices.sort_by(|a, b| strsim::jaro_winkler(name, b).total_cmp(&strsim::jaro_winkler(name, a)));
        Err(ModelError::UnknownArch {
            name: name.to_owned(),
            choices: choices.join(", "),
        })
    }

    /// Every name that [`Self::from_arch`] takes.
    pub fn archs() -> Vec<&'static str> {
        transformer::ARCHS.iter().map(|(name, _)| *name).collect()
    }

    /// Longest source and target in tokens.
    pub fn max_positions(&self) -> (usize, usize) {
        match self {
            Self::Transformer(config) => (config.max_source_positions, config.max_target_positions),
        }
    }

    /// Numbers that are learned; saturates where no memory would hold them.
    pub fn num_params(&self, vocab: &Vocab) -> u128 {
        match self {
            Self::Transformer(config) => config.num_params(vocab),
        }
    }

    /// Bytes of a model in float32, tables that are not learned included; saturates.
    pub fn num_bytes(&self, vocab: &Vocab) -> u128 {
        match self {
            Self::Transformer(config) => config.num_bytes(vocab),
        }
    }

    /// Checks ranges and combinations.
    ///
    /// # Errors
    /// The first field that no model can be built from.
    pub fn validate(&self, vocab: &Vocab) -> Result<(), ModelError> {
        match self {
            Self::Transformer(config) => config.validate(vocab),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arch_is_found_and_valid() {
        let vocab = Vocab {
            src: 40,
            tgt: 40,
            pad: 1,
            eos: 2,
        };
        for name in ModelConfig::archs() {
            ModelConfig::from_arch(name).unwrap().validate(&vocab).unwrap();
        }
    }

    #[test]
    fn an_unknown_arch_lists_the_nearest_first() {
        let error = ModelConfig::from_arch("transformer_iwslt_de")
            .unwrap_err()
            .to_string();
        assert!(error.contains("choose one of: transformer_iwslt"), "{error}");
        assert!(error.contains("transformer_wmt_en_de_big_t2t"), "{error}");
    }

    #[test]
    fn a_config_survives_json_and_refuses_unknown_keys() {
        let config = ModelConfig::from_arch("transformer_iwslt").unwrap();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ModelConfig>(&json).unwrap(), config);
        let bad = json.replace("\"encoder_layers\"", "\"encoder_layer\"");
        assert!(serde_json::from_str::<ModelConfig>(&bad).is_err());
    }
}
