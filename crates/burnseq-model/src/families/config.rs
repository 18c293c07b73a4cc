//! Configurations of any family: presets by name, and fields by name.

use serde_json::{Map, Value};

use super::{Feature, ModelConfig};
use crate::ModelError;

impl ModelConfig {
    /// The preset of that name.
    ///
    /// # Errors
    /// An unknown name, with all known ones, nearest first.
    pub fn from_arch(name: &str) -> Result<Self, ModelError> {
        if let Some(preset) = Self::preset(name) {
            return Ok(preset);
        }
        let mut choices = Self::archs();
        choices.sort_by(|a, b| strsim::jaro_winkler(name, b).total_cmp(&strsim::jaro_winkler(name, a)));
        Err(ModelError::UnknownArch {
            name: name.to_owned(),
            choices: choices.join(", "),
        })
    }

    /// Whether the family has `feature`.
    pub fn has(&self, feature: Feature) -> bool {
        self.features().contains(&feature)
    }

    /// Makes sure that the family has `feature`.
    ///
    /// # Errors
    /// The family and the feature.
    pub fn require(&self, feature: Feature) -> Result<(), ModelError> {
        if self.has(feature) {
            return Ok(());
        }
        Err(ModelError::Unsupported {
            family: self.family(),
            feature: feature.to_string(),
        })
    }

    /// Every field by name, and `type`, the name of the family.
    pub fn fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => unreachable!("a configuration of plain data is a JSON object"),
        }
    }

    /// The same family with other values of some fields.
    ///
    /// # Errors
    /// A field that the family does not have, or a value of another type.
    pub fn with_fields(&self, changes: &Map<String, Value>) -> Result<Self, ModelError> {
        let mut fields = self.fields();
        for (field, value) in changes {
            if !fields.contains_key(field) {
                return Err(ModelError::UnknownField {
                    family: self.family(),
                    field: field.clone(),
                });
            }
            fields.insert(field.clone(), value.clone());
        }
        serde_json::from_value(Value::Object(fields)).map_err(|error| ModelError::FieldValue {
            family: self.family(),
            problem: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::Device;
    use burnseq_text::Vocab;

    use super::*;
    use crate::state_dict;

    const VOCAB: Vocab = Vocab::fairseq(40, 40);

    #[test]
    fn every_arch_is_found_and_valid() {
        for name in ModelConfig::archs() {
            ModelConfig::from_arch(name).unwrap().validate(&VOCAB).unwrap();
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

    #[test]
    fn fields_are_changed_by_name_and_others_refused() {
        let config = ModelConfig::from_arch("transformer").unwrap();
        let changes = |json: &str| serde_json::from_str::<Map<String, Value>>(json).unwrap();
        let changed = config
            .with_fields(&changes(r#"{"encoder_layers": 3, "dropout": 0}"#))
            .unwrap();
        assert_eq!(changed.fields()["encoder_layers"], 3);
        assert_eq!(changed.fields()["decoder_layers"], 6);
        assert_eq!(config.with_fields(&Map::new()).unwrap(), config);
        let error = config
            .with_fields(&changes(r#"{"hidden_size": 3}"#))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "unknown field `hidden_size`: a Transformer has none of this name"
        );
        let wrong = config.with_fields(&changes(r#"{"encoder_layers": "three"}"#));
        assert!(matches!(wrong, Err(ModelError::FieldValue { .. })));
    }

    #[test]
    fn the_weights_of_a_model_have_the_names_of_its_family() {
        let device = Device::flex();
        let config = ModelConfig::from_arch("transformer_tiny").unwrap();
        let model = config.init(&VOCAB, 3, &device);
        assert_eq!(config.num_params(&VOCAB), model.num_params() as u128);
        let weights = state_dict(&model);
        let names: Vec<&str> = weights.iter().map(|(name, _)| name.as_str()).collect();
        assert!(
            names.contains(&"encoder.layers.0.self_attn.q_proj.weight"),
            "{names:?}"
        );
        let loaded = config
            .load(&VOCAB, &weights.iter().cloned().collect(), &device)
            .unwrap();
        assert_eq!(state_dict(&loaded), weights);
    }
}
