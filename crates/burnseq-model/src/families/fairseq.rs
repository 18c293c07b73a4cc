//! Models of a family as fairseq describes and stores them: options and what a state dict holds beside parameters.
//!
//! A parameter's path in a model is fairseq's name for it, and the order of the parameters is fairseq's but for
//! [`Fairseq::last`]. Everything else is declared by the family, in [`FamilyConfig::FAIRSEQ`](super::FamilyConfig::FAIRSEQ).

use serde_json::{Map, Value};

use super::{Extra, Family, ModelConfig};

/// How fairseq describes and stores the models of a family.
pub struct Fairseq<C: 'static> {
    /// The name of the model in fairseq, which is one of its architectures as well.
    pub model: &'static str,
    /// Whether the options of a model stand in a namespace of Python with those of the whole run, as those of all models
    /// that have no dataclass do.
    pub in_namespace: bool,
    /// Options that only a model of this family has all of. A checkpoint with them is of the family, whatever its
    /// architecture is called.
    pub signature: &'static [&'static str],
    /// Options that have no field, or whose value is another one than that of the field, for a
    /// [resolved](super::FamilyConfig::resolved) configuration.
    pub options: fn(&C) -> Map<String, Value>,
    /// Fields of the configuration that fairseq has no option for.
    pub ours: &'static [&'static str],
    /// Options that `check` looks at.
    pub checked: &'static [&'static str],
    /// What the options of a checkpoint ask for that there is no support for: an option, and what is wrong with it.
    pub check: fn(&C, &Map<String, Value>) -> Result<(), String>,
    /// The configuration that options give, without what some of them say more than the model needs.
    pub settled: fn(C) -> C,
    /// What a state dict holds beside parameters.
    pub extras: fn(&C) -> Vec<Extra>,
    /// Parameters that fairseq does not train, so that its optimisers do not know them.
    pub frozen: fn(&C) -> Vec<&'static str>,
    /// Parameters that come behind all others in fairseq.
    pub last: &'static [&'static str],
    /// What somebody should know who takes a model to fairseq.
    pub note: fn(&C) -> Option<&'static str>,
    /// Whether there is such a model in fairseq.
    pub has: fn(&C) -> bool,
}

impl<C> Fairseq<C> {
    /// A model whose options are the fields and nothing else.
    pub(super) const fn plain(model: &'static str, signature: &'static [&'static str]) -> Self {
        Self {
            model,
            in_namespace: true,
            signature,
            options: |_| Map::new(),
            ours: &[],
            checked: &[],
            check: |_, _| Ok(()),
            settled: |config| config,
            extras: |_| Vec::new(),
            frozen: |_| Vec::new(),
            last: &[],
            note: |_| None,
            has: |_| true,
        }
    }
}

/// A model as fairseq describes and stores it.
#[derive(Debug, Clone)]
pub struct InFairseq {
    /// See [`Fairseq::model`].
    pub model: &'static str,
    /// See [`Fairseq::in_namespace`].
    pub in_namespace: bool,
    /// The options of the model.
    pub options: Map<String, Value>,
    /// See [`Fairseq::extras`].
    pub extras: Vec<Extra>,
    /// See [`Fairseq::frozen`].
    pub frozen: Vec<&'static str>,
    /// See [`Fairseq::last`].
    pub last: &'static [&'static str],
    /// See [`Fairseq::note`].
    pub note: Option<&'static str>,
}

impl<C> Fairseq<C> {
    /// The model of a configuration with these fields.
    pub(super) fn describe(&self, config: &C, mut fields: Map<String, Value>) -> InFairseq {
        fields.retain(|name, _| name != "type" && !self.ours.contains(&name.as_str()));
        fields.extend((self.options)(config));
        InFairseq {
            model: self.model,
            in_namespace: self.in_namespace,
            options: fields,
            extras: (self.extras)(config),
            frozen: (self.frozen)(config),
            last: self.last,
            note: (self.note)(config),
        }
    }
}

/// What a [`Family`] tells of its models in fairseq.
#[derive(Debug, Clone, Copy)]
pub struct FairseqNames {
    /// See [`Fairseq::signature`].
    pub signature: &'static [&'static str],
    /// See [`Fairseq::checked`].
    pub checked: &'static [&'static str],
}

impl ModelConfig {
    /// The model that fairseq calls `arch` and describes by `options`. Options that are not about a setting of the family
    /// are not looked at; see [`ModelConfig::check_fairseq`].
    ///
    /// # Errors
    /// An architecture of no family; options with a value that the setting does not take.
    pub fn from_fairseq(arch: &str, options: &Map<String, Value>) -> Result<Self, String> {
        let (family, preset) = family_of(arch, options)?;
        let given = |name: &str| options.get(name).filter(|value| !value.is_null());
        let mut fields = Map::new();
        for setting in family.settings {
            // fairseq asks for the old name of an option where the new one is off.
            let names = std::iter::once(setting.field).chain(setting.aliases.iter().copied());
            let names: Vec<&str> = names.filter(|name| given(name).is_some()).collect();
            let on = names
                .iter()
                .find(|name| given(name).is_some_and(|value| !is_off(value)));
            let Some((name, value)) = on.or(names.first()).and_then(|name| Some((*name, given(name)?)))
            else {
                continue;
            };
            let read = setting.read(value);
            let read = read.map_err(|problem| format!("option `{name}` = {value}: {problem}"))?;
            fields.insert(setting.field.to_owned(), read);
        }
        let config = preset.with_fields(&fields).map_err(|error| error.to_string())?;
        Ok(config.settled_from_fairseq())
    }
}

/// Whether a value means that an option is not used.
pub fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number
            .as_f64()
            .is_some_and(|number| number == 0.0 || number == -1.0),
        // Options with a default of True took "True" and "False" until 0.10.
        Value::String(text) => text.is_empty() || text == "False",
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// The family and the preset of a name; any name will do where the options are those of a family.
fn family_of(arch: &str, options: &Map<String, Value>) -> Result<(Family, ModelConfig), String> {
    let families = ModelConfig::families();
    let mut families: Vec<(Family, FairseqNames)> = families
        .into_iter()
        .filter_map(|family| family.fairseq.map(|names| (family, names)))
        .collect();
    let named = families
        .iter()
        .position(|(family, _)| family.presets.iter().any(|(name, _)| *name == arch));
    if let Some(at) = named {
        let (family, _) = families.swap_remove(at);
        let (_, preset) = family
            .presets
            .iter()
            .find(|(name, _)| *name == arch)
            .expect("it was found");
        let preset = preset.clone();
        return Ok((family, preset));
    }
    let missing = |names: &FairseqNames| {
        let mut signature = names.signature.iter();
        signature.find(|option| !options.contains_key(**option)).copied()
    };
    let problems: Vec<String> = families
        .iter()
        .filter_map(|(family, names)| Some(format!("{} has `{}`", family.name, missing(names)?)))
        .collect();
    families.retain(|(_, names)| missing(names).is_none());
    // The options of one model may be among those of another one.
    match families
        .into_iter()
        .max_by_key(|(_, names)| names.signature.len())
    {
        Some((mut family, _)) => {
            let (_, preset) = family.presets.swap_remove(0);
            Ok((family, preset))
        }
        None => Err(format!(
            "the architecture `{arch}` is of no family that can be converted, and its options are of none: {}",
            problems.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn every_preset_is_found_again_by_its_name_and_by_its_options() {
        for family in ModelConfig::families() {
            // Families that only other toolkits have.
            let Some(names) = family.fairseq else {
                continue;
            };
            for (arch, preset) in &family.presets {
                let Some(described) = preset.in_fairseq() else {
                    assert!(arch.starts_with("gpt"), "{arch} is not in fairseq"); // OpenAI's
                    continue;
                };
                for name in [*arch, "mine"] {
                    let found = ModelConfig::from_fairseq(name, &described.options).unwrap();
                    assert_eq!(found.family().name, family.name, "{arch} as {name}");
                    // What is left open is written out in fairseq.
                    let found = found.in_fairseq().unwrap();
                    assert_eq!(found.options, described.options, "{arch} as {name}");
                    assert_eq!(found.extras, described.extras, "{arch} as {name}");
                }
            }
            let (_, preset) = &family.presets[0];
            let options = preset.in_fairseq().unwrap().options;
            for option in names.signature {
                assert!(options.contains_key(*option), "{option} of {}", family.name);
            }
        }
    }

    #[test]
    fn an_arch_of_the_user_needs_the_options_of_a_family() {
        let error =
            ModelConfig::from_fairseq("mine", &options(json!({ "encoder_embed_dim": 256 }))).unwrap_err();
        assert!(
            error.starts_with("the architecture `mine` is of no family that can be converted"),
            "{error}"
        );
        for family in ModelConfig::families()
            .iter()
            .filter(|family| family.fairseq.is_some())
        {
            assert!(error.contains(&format!("{} has `", family.name)), "{error}");
        }
    }

    #[test]
    fn the_old_name_of_an_option_counts_where_the_new_one_is_off() {
        for (given, expected) in [
            (json!({ "relu_dropout": 0.1 }), 0.1),
            (json!({ "relu_dropout": 0.1, "activation_dropout": 0 }), 0.1),
            (json!({ "relu_dropout": 0.1, "activation_dropout": 0.2 }), 0.2),
            (json!({ "relu_dropout": null, "activation_dropout": 0.0 }), 0.0),
        ] {
            let config = ModelConfig::from_fairseq("transformer", &options(given)).unwrap();
            assert_eq!(config.fields()["activation_dropout"], expected);
        }
    }

    #[test]
    fn a_value_of_another_type_is_named() {
        let error = ModelConfig::from_fairseq("transformer", &options(json!({ "encoder_layers": "three" })));
        assert_eq!(
            error.unwrap_err(),
            "option `encoder_layers` = \"three\": expected a whole number"
        );
    }
}
