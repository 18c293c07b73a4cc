//! Configurations as lists of names and values, and where those of several runs differ.

use std::collections::BTreeMap;

use serde_json::Value;

/// Settings by dotted name: `train.optimizer.type`, with values as JSON writes them.
pub type Settings = BTreeMap<String, String>;

/// The values of a configuration by dotted name; `null` and empty objects as well, lists as one value.
pub fn settings(config: &Value) -> Settings {
    let mut found = Settings::new();
    flatten("", config, &mut found);
    found
}

fn flatten(name: &str, value: &Value, found: &mut Settings) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                let name = if name.is_empty() {
                    field.clone()
                } else {
                    format!("{name}.{field}")
                };
                flatten(&name, value, found);
            }
        }
        Value::String(text) => {
            found.insert(name.to_owned(), text.clone());
        }
        other => {
            found.insert(name.to_owned(), other.to_string());
        }
    }
}

/// A setting that is not the same in all runs, and its value in each; `None` where a run has no such setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its dotted name.
    pub name: String,
    /// One for each run.
    pub values: Vec<Option<String>>,
}

/// Settings that differ between runs, by name; `ignored` are names that differ in any case, such as folders.
pub fn differences(runs: &[&Settings], ignored: &[&str]) -> Vec<Difference> {
    let mut names: Vec<&String> = runs.iter().flat_map(|settings| settings.keys()).collect();
    names.sort();
    names.dedup();
    let differing = names.into_iter().filter_map(|name| {
        let values: Vec<Option<String>> = runs.iter().map(|settings| settings.get(name).cloned()).collect();
        let differs = values.windows(2).any(|pair| pair[0] != pair[1]);
        (differs && !ignored.contains(&name.as_str())).then(|| Difference {
            name: name.clone(),
            values,
        })
    });
    differing.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_listed_with_the_value_of_each_run() {
        let a = settings(
            &json!({"model": {"layers": 2, "kernels": [3, 5]}, "train": {"lr": [0.001], "dir": "a"}}),
        );
        let b = settings(
            &json!({"model": {"layers": 2, "kernels": [3, 7], "type": "x"}, "train": {"lr": [0.001], "dir": "b"}}),
        );
        assert_eq!(a["model.kernels"], "[3,5]");
        let found = differences(&[&a, &b], &["train.dir"]);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                Difference {
                    name: "model.kernels".to_owned(),
                    values: vec![some("[3,5]"), some("[3,7]")]
                },
                Difference {
                    name: "model.type".to_owned(),
                    values: vec![None, some("x")]
                },
            ]
        );
        assert_eq!(differences(&[&a], &[]), []);
    }
}
