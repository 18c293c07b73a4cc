//! Whether two checkpoints hold the same model.

use burnseq_model::ModelConfig;
use serde_json::Value;

/// Fields that differ, as `encoder_layers 6 there, 3 here`; those that shape no weight may differ between runs.
pub(crate) fn differences(there: &ModelConfig, here: &ModelConfig) -> Vec<String> {
    let free = here.free_fields();
    let (there, here) = (there.resolved().fields(), here.resolved().fields());
    here.iter()
        .filter(|(name, _)| !free.contains(&name.as_str()))
        .filter_map(|(name, value)| {
            let saved = there.get(name).unwrap_or(&Value::Null);
            (saved != value).then(|| format!("{name} {saved} there, {value} here"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn what_is_left_open_is_what_it_stands_for() {
        let open = ModelConfig::from_arch("lstm").unwrap();
        let written = Map::from_iter([("encoder_hidden_size".to_owned(), json!(512))]);
        let written = open.with_fields(&written).unwrap();
        assert_ne!(open, written);
        assert!(differences(&open, &written).is_empty());
    }

    #[test]
    fn differing_fields_are_listed_but_dropout_is_free() {
        let here = ModelConfig::from_arch("transformer_tiny").unwrap();
        let changed = |field: &str, value: Value| {
            here.with_fields(&Map::from_iter([(field.to_owned(), value)]))
                .unwrap()
        };
        assert!(differences(&changed("dropout", json!(0.5)), &here).is_empty());
        assert_eq!(
            differences(&changed("encoder_layers", json!(5)), &here),
            ["encoder_layers 5 there, 2 here"]
        );
    }
}
