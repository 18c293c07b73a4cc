//! Laying the options of a file over a configuration of ours, field by field.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// `base` with every field that `lookup` knows replaced by what it gives.
///
/// # Errors
/// The first field whose value is of another type, with the value.
pub(super) fn overlay<T: Serialize + DeserializeOwned>(
    base: &T,
    lookup: impl Fn(&str) -> Option<Value>,
) -> Result<T, String> {
    let mut fields = serde_json::to_value(base).expect("configurations are JSON objects");
    let names: Vec<String> = fields
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys().cloned())
        .collect();
    for name in names {
        if let Some(value) = lookup(&name) {
            let text = value.to_string();
            // fairseq has some counts as floating-point numbers.
            let whole = value
                .as_f64()
                .filter(|number| number.fract() == 0.0 && *number >= 0.0);
            fields[name.as_str()] = value;
            if let Err(error) = serde_json::from_value::<T>(fields.clone()) {
                let whole = whole.ok_or_else(|| format!("option `{name}` = {text}: {error}"))?;
                fields[name.as_str()] = (whole as u64).into();
                serde_json::from_value::<T>(fields.clone())
                    .map_err(|_| format!("option `{name}` = {text}: {error}"))?;
            }
        }
    }
    serde_json::from_value(fields).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use burnseq_model::TransformerConfig;
    use serde_json::json;

    use super::*;

    #[test]
    fn known_fields_are_replaced_and_wrong_types_named() {
        let base = TransformerConfig::default();
        let found = overlay(&base, |name| (name == "encoder_layers").then(|| json!(3))).unwrap();
        assert_eq!((found.encoder_layers, found.decoder_layers), (3, 6));
        let whole = overlay(&base, |name| (name == "encoder_layers").then(|| json!(3.0))).unwrap();
        assert_eq!(whole, found);
        overlay(&base, |name| (name == "encoder_layers").then(|| json!(2.5))).unwrap_err();
        let error = overlay(&base, |name| (name == "encoder_layers").then(|| json!("three"))).unwrap_err();
        assert!(error.contains("`encoder_layers` = \"three\""), "{error}");
    }
}
