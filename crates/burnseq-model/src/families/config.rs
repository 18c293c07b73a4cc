//! Configurations of any family: presets by name, and fields by name.

use serde_json::{Map, Value};

use super::{Family, Feature, ModelConfig, OfConfig};
use crate::ModelError;

/// Names that are told in place of one that there is not.
const NEAREST: usize = 10;

impl ModelConfig {
    /// The preset of that name.
    ///
    /// # Errors
    /// An unknown name, with the known ones that are most alike.
    pub fn from_arch(name: &str) -> Result<Self, ModelError> {
        let mut presets = Self::presets();
        if let Some(at) = presets.iter().position(|(known, _)| *known == name) {
            return Ok(presets.swap_remove(at).1);
        }
        let mut choices: Vec<&str> = presets.into_iter().map(|(known, _)| known).collect();
        choices.sort_by(|a, b| strsim::jaro_winkler(name, b).total_cmp(&strsim::jaro_winkler(name, a)));
        let others = choices.len().saturating_sub(NEAREST);
        choices.truncate(NEAREST);
        Err(ModelError::UnknownArch {
            name: name.to_owned(),
            choices: format!("{}, or one of {others} less alike", choices.join(", ")),
        })
    }

    /// Every name that [`Self::from_arch`] takes.
    pub fn archs() -> Vec<&'static str> {
        Self::presets().into_iter().map(|(name, _)| name).collect()
    }

    /// The families that play the role of the models `M`.
    pub fn families_of<M: OfConfig>() -> Vec<Family> {
        let mut families = Self::families();
        families.retain(|family| family.presets.iter().all(|(_, preset)| M::check(preset).is_ok()));
        families
    }

    /// The presets of all families.
    fn presets() -> Vec<(&'static str, Self)> {
        let families = Self::families().into_iter();
        families.flat_map(|family| family.presets).collect()
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
            model: self.phrase(),
            feature: feature.to_string(),
        })
    }

    /// The error of what needs the models of `role`, and this is none of them.
    pub(super) fn wrong_role(&self, role: &'static str) -> ModelError {
        ModelError::WrongRole {
            model: self.phrase(),
            role,
        }
    }

    /// Every field by name, and `type`, the name of the family.
    pub fn fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => unreachable!("a configuration of plain data is a JSON object"),
        }
    }

    /// The same family with other values of some settings, by their names; texts are read as on a command line.
    ///
    /// # Errors
    /// A setting that the family does not have, or a value that it does not take.
    pub fn with_fields(&self, changes: &Map<String, Value>) -> Result<Self, ModelError> {
        let family = self.family();
        let mut fields = self.fields();
        for (name, value) in changes {
            // A whole configuration names its family.
            if name == "type" && fields.get(name) == Some(value) {
                continue;
            }
            let setting = family.setting(name).ok_or_else(|| ModelError::UnknownField {
                model: self.phrase(),
                field: name.clone(),
            })?;
            let read = setting.read(value).map_err(|rule| ModelError::Config {
                field: setting.field,
                value: match value {
                    Value::String(text) => format!("{text:?}"),
                    other => other.to_string(),
                },
                rule,
            })?;
            fields.insert(setting.field.to_owned(), read);
        }
        let fields = Value::Object(fields);
        let mut model: Self = serde_json::from_value(fields).expect("settings give what their fields take");
        let given = changes
            .iter()
            .filter_map(|(name, value)| Some((family.setting(name)?.field.to_owned(), value.clone())));
        model.settle(&given.collect());
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::Device;
    use burnseq_text::Vocab;

    use super::*;
    use crate::families::{Kind, LanguageModel, Model};
    use crate::state_dict;

    const VOCAB: Vocab = Vocab::fairseq(40, 40);

    #[test]
    fn every_arch_is_found_and_valid() {
        // Adaptive softmaxes are made for dictionaries of words.
        let vocab = Vocab::fairseq(1_000_000, 1_000_000);
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
        let others = ModelConfig::archs().len() - NEAREST;
        assert!(
            error.ends_with(&format!(", or one of {others} less alike")),
            "{error}"
        );
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
        assert_eq!(config.with_fields(&config.fields()).unwrap(), config);
        assert!(config.with_fields(&changes(r#"{"type": "lstm"}"#)).is_err());
        let error = config
            .with_fields(&changes(r#"{"hidden_size": 3}"#))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "unknown field `hidden_size`: a Transformer has none of this name"
        );
        for (wrong, expected) in [
            (
                r#"{"encoder_layers": "three"}"#,
                "'encoder_layers' = \"three\": expected a whole number",
            ),
            (
                r#"{"encoder_layers": 2.5}"#,
                "'encoder_layers' = 2.5: expected a whole number",
            ),
            (
                r#"{"encoder_layers": null}"#,
                "'encoder_layers' = null: expected a whole number",
            ),
            (
                r#"{"encoder_learned_pos": 7}"#,
                "'encoder_learned_pos' = 7: expected True or False",
            ),
        ] {
            let error = config.with_fields(&changes(wrong)).unwrap_err().to_string();
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn every_field_of_a_family_is_one_setting_that_takes_its_values() {
        for family in ModelConfig::families() {
            for (arch, preset) in &family.presets {
                let mut fields = preset.fields();
                fields.remove("type");
                let mut settings: Vec<&str> = family.settings.iter().map(|setting| setting.field).collect();
                settings.sort_unstable();
                let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
                names.sort_unstable();
                assert_eq!(settings, names, "{arch}");
                assert_eq!(preset.with_fields(&fields).unwrap(), *preset, "{arch}");
            }
            let mut names: Vec<&str> = family
                .settings
                .iter()
                .flat_map(|setting| setting.aliases.iter().copied().chain([setting.field]))
                .collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        }
    }

    #[test]
    fn what_a_setting_takes_as_text_its_field_takes() {
        for family in ModelConfig::families() {
            let (_, preset) = &family.presets[0];
            for setting in family.settings {
                let texts: Vec<&str> = match setting.kind {
                    Kind::Switch | Kind::Bool => vec!["True", "False"],
                    Kind::Count => vec!["0", "3"],
                    Kind::Probability | Kind::Number => vec!["0.25", "1"],
                    Kind::Choice(names) => names.to_vec(),
                    Kind::Counts => vec!["[3, 7]", "[3] * 2", "3,7", "5"],
                    Kind::Notation { example, .. } => example.split(" or ").collect(),
                };
                for text in texts {
                    let changes = Map::from_iter([(setting.field.to_owned(), text.into())]);
                    preset.with_fields(&changes).unwrap();
                }
                if setting.optional {
                    let changes = Map::from_iter([(setting.field.to_owned(), Value::Null)]);
                    preset.with_fields(&changes).unwrap();
                }
            }
        }
    }

    #[test]
    fn models_of_another_role_are_refused_by_what_they_are() {
        let config = ModelConfig::from_arch("transformer_lm").unwrap();
        let error = Model::init(&config, &VOCAB, 1, &Device::flex()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a Transformer language model is not an encoder-decoder, which reads one text and writes another"
        );
        let config = ModelConfig::from_arch("lstm").unwrap();
        let error = LanguageModel::check(&config).unwrap_err().to_string();
        assert_eq!(error, "an LSTM is not a language model");
    }

    #[test]
    fn the_weights_of_a_model_have_the_names_of_its_family() {
        let device = Device::flex();
        let config = ModelConfig::from_arch("transformer_tiny").unwrap();
        let model = Model::init(&config, &VOCAB, 3, &device).unwrap();
        assert_eq!(config.num_params(&VOCAB), model.num_params() as u128);
        let weights = state_dict(&model);
        let names: Vec<&str> = weights.iter().map(|(name, _)| name.as_str()).collect();
        assert!(
            names.contains(&"encoder.layers.0.self_attn.q_proj.weight"),
            "{names:?}"
        );
        let weights_by_name = weights.iter().cloned().collect();
        let loaded = Model::load(&config, &VOCAB, &weights_by_name, &device).unwrap();
        assert_eq!(state_dict(&loaded), weights);
    }
}
