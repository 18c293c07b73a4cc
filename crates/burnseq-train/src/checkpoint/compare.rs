//! Whether two checkpoints hold the same model.

use burnseq_model::ModelConfig;
use serde_json::Value;

/// Fields of a model that may change between runs: they shape no weight.
const FREE_FIELDS: [&str; 5] = [
    "dropout",
    "attention_dropout",
    "activation_dropout",
    "encoder_layerdrop",
    "decoder_layerdrop",
];

/// Fields that differ, as `encoder_layers 6 there, 3 here`.
pub(crate) fn differences(there: &ModelConfig, here: &ModelConfig) -> Vec<String> {
    let object = |config: &ModelConfig| match serde_json::to_value(config) {
        Ok(Value::Object(fields)) => fields,
        _ => unreachable!("a model's configuration is a JSON object"),
    };
    let (there, here) = (object(there), object(here));
    here.iter()
        .filter(|(name, _)| !FREE_FIELDS.contains(&name.as_str()))
        .filter_map(|(name, value)| {
            let saved = there.get(name).unwrap_or(&Value::Null);
            (saved != value).then(|| format!("{name} {saved} there, {value} here"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_fields_are_listed_but_dropout_is_free() {
        let here = ModelConfig::from_arch("transformer_tiny").unwrap();
        let ModelConfig::Transformer(mut changed) = here.clone();
        changed.dropout = 0.5;
        assert!(differences(&ModelConfig::Transformer(changed.clone()), &here).is_empty());
        changed.encoder_layers = 5;
        assert_eq!(
            differences(&ModelConfig::Transformer(changed), &here),
            ["encoder_layers 5 there, 2 here"]
        );
    }
}
