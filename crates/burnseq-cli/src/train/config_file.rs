//! Where the flags start from: a recipe that is built in, or a configuration file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use burnseq::tasks::TaskConfig;
use burnseq::tasks::translation::TranslationConfig;
use burnseq_model::{ModelConfig, ModelError};
use burnseq_train::TrainConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::exit::usage;
use crate::problems::cut;

/// The recipes there are; each is a file below `examples/`, beside the commands that go with it.
pub const RECIPES: &[(&str, &str)] = &[
    ("toy", include_str!("../../../../examples/toy/recipe.json")),
    (
        "multi30k",
        include_str!("../../../../examples/multi30k/recipe.json"),
    ),
    (
        "iwslt14_de_en",
        include_str!("../../../../examples/iwslt14/recipe.json"),
    ),
    (
        "wmt16_en_de_base",
        include_str!("../../../../examples/wmt16_en_de/recipe_base.json"),
    ),
    (
        "wmt16_en_de_big",
        include_str!("../../../../examples/wmt16_en_de/recipe_big.json"),
    ),
];

/// What a configuration looks like.
const EXAMPLE: &str =
    r#"{"arch": "transformer_iwslt_de_en", "model": {"dropout": 0.3}, "train": {"stop": {"max_epoch": 30}}}"#;

/// A configuration, complete or in part: what is left out has its default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConfigFile {
    /// Preset of the model.
    pub arch: Option<String>,
    /// What differs from the preset, by the names of the flags.
    pub model: Map<String, Value>,
    /// The run.
    pub train: TrainConfig,
    /// Whether it says which loss is minimised.
    pub names_criterion: bool,
    /// The data; none where it does not say.
    pub task: Option<TaskConfig>,
}

/// The sections of a file, whose task is read as `T`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sections<T> {
    #[serde(default)]
    arch: Option<String>,
    #[serde(default)]
    model: Map<String, Value>,
    #[serde(default)]
    train: TrainConfig,
    task: Option<T>,
}

impl<T: Into<TaskConfig>> From<Sections<T>> for ConfigFile {
    fn from(sections: Sections<T>) -> Self {
        Self {
            arch: sections.arch,
            model: sections.model,
            train: sections.train,
            names_criterion: false,
            task: sections.task.map(Into::into),
        }
    }
}

impl ConfigFile {
    /// A recipe by its name.
    ///
    /// # Errors
    /// An unknown name, with all there are.
    pub fn recipe(name: &str) -> Result<Self> {
        let Some((_, json)) = RECIPES.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = RECIPES.iter().map(|(name, _)| *name).collect();
            return Err(usage(anyhow!(
                "unknown recipe `{}`; choose one of: {}",
                cut(name),
                names.join(", ")
            )));
        };
        Self::parse(json).with_context(|| format!("recipe {name}"))
    }

    /// Reads a file, the `checkpoint.json` of a run, or the folder of its checkpoint.
    ///
    /// # Errors
    /// A file that cannot be read; as wrong usage, one that is not JSON, or a key that does not exist.
    pub fn load(path: &Path) -> Result<Self> {
        let inside = path.join("checkpoint.json");
        let path = if inside.is_file() { &inside } else { path };
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let json = utf8(content).with_context(|| path.display().to_string())?;
        Self::parse(&json).with_context(|| path.display().to_string())
    }

    fn parse(json: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(json)
            .map_err(|error| usage(anyhow!("not JSON: {error}\nhint: write it like {EXAMPLE}")))?;
        // What serde takes for one, values without names in the order of the fields, is nothing to rely on.
        if let Some(place) = not_an_object(&value, &known(), "") {
            let place = if place.is_empty() {
                "a configuration"
            } else {
                place.as_str()
            };
            return Err(usage(anyhow!(
                "{place} must be an object\nhint: write it like {EXAMPLE}"
            )));
        }
        if value.get("format_version").is_some() {
            return Self::of_checkpoint(value);
        }
        // Read from the text, not from the value, for the sake of line numbers.
        let file = match value.pointer("/task/type") {
            Some(_) => serde_json::from_str::<Sections<TaskConfig>>(json).map(Self::from),
            None => serde_json::from_str::<Sections<TranslationConfig>>(json).map(Self::from),
        };
        Ok(Self {
            names_criterion: value.pointer("/train/criterion").is_some(),
            ..file.map_err(|error| usage(explain(&error)))?
        })
    }

    /// What the `checkpoint.json` of a run says about how it was trained.
    fn of_checkpoint(mut checkpoint: Value) -> Result<Self> {
        let mut part = |pointer: &str| checkpoint.pointer_mut(pointer).map(Value::take);
        let Some(Value::Object(model)) = part("/model_config") else {
            return Err(usage(anyhow!("it holds no model_config")));
        };
        let Some(train) = part("/train_state/config") else {
            return Err(usage(anyhow!(
                "this checkpoint does not say how it was trained\nhint: give the checkpoint of a run of `train`"
            )));
        };
        let task = match part("/train_state/task") {
            None | Some(Value::Null) => TaskConfig::default(),
            Some(task) => TaskConfig::from_value(task)
                .map_err(|error| usage(explain(&error).context("train_state.task")))?,
        };
        Ok(Self {
            arch: None,
            model,
            train: section("train_state.config", train)?,
            names_criterion: true,
            task: Some(task),
        })
    }

    /// The model: the preset `arch`, or that of the file, or `default_arch`, changed as the file says. Another preset
    /// than that of the file replaces the file's model as a whole.
    ///
    /// # Errors
    /// An unknown preset, or a key that the model does not have.
    pub fn model(&self, arch: Option<&str>, default_arch: &str) -> Result<ModelConfig> {
        if let Some(arch) = arch {
            return preset(arch);
        }
        let preset = preset(self.arch.as_deref().unwrap_or(default_arch))?;
        let mut fields = preset.fields();
        fields.extend(self.model.clone());
        section("model", Value::Object(fields))
    }
}

/// A preset; an unknown name is not repeated at any length.
fn preset(name: &str) -> Result<ModelConfig> {
    let error = match ModelConfig::from_arch(name) {
        Ok(preset) => return Ok(preset),
        Err(error) => error,
    };
    Err(match error {
        ModelError::UnknownArch { name, choices } => ModelError::UnknownArch {
            name: cut(&name).into_owned(),
            choices,
        },
        other => other,
    }
    .into())
}

/// The text of a file.
fn utf8(content: Vec<u8>) -> Result<String> {
    String::from_utf8(content).map_err(|error| {
        let is_utf16 = [[0xff, 0xfe], [0xfe, 0xff]]
            .iter()
            .any(|mark| error.as_bytes().starts_with(mark));
        let encoding = if is_utf16 { "UTF-16" } else { "LATIN1" };
        usage(anyhow!(
            "not UTF-8\nhint: find out its encoding and convert it, for instance: `iconv -f {encoding} -t UTF-8 FILE`"
        ))
    })
}

/// All keys that there are, in their sections, but those of choices that are not the default.
fn known() -> Value {
    let presets = ModelConfig::families()
        .into_iter()
        .flat_map(|family| family.presets);
    let model: Map<String, Value> = presets.flat_map(|(_, preset)| preset.fields()).collect();
    json!({
        "arch": null,
        "model": model,
        "train": TrainConfig::default(),
        "task": TranslationConfig::default(),
    })
}

/// The keys of a task other than translation, which is named with them.
fn known_of_other_tasks() -> Value {
    let tasks = TaskConfig::NAMES.into_iter().filter_map(TaskConfig::of_name);
    let mut tasks = tasks.filter(|task| *task != TaskConfig::default());
    json!({"task": tasks.next()})
}

/// The first place, as `train.stop`, where something other than an object stands for one; the whole has no name.
fn not_an_object(given: &Value, known: &Value, path: &str) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(name, value)| {
            let dot = if path.is_empty() { "" } else { "." };
            not_an_object(value, known.get(name)?, &format!("{path}{dot}{name}"))
        }),
        (Value::Array(_), Value::Object(_)) => Some(path.to_owned()),
        _ if path.is_empty() => Some(String::new()),
        _ => None,
    }
}

/// The first place of a key, as `{"train": {"stop": {"max_epoch": ...}}}`. A choice, such as a loss, is named with it.
fn place_of(key: &str, known: &Value, is_model: bool) -> Option<String> {
    let sections = known.as_object()?;
    if sections.contains_key(key) {
        return Some(match sections.get("type") {
            Some(choice) if !is_model => format!(r#"{{"type": {choice}, "{key}": ...}}"#),
            _ => format!(r#"{{"{key}": ...}}"#),
        });
    }
    sections.iter().find_map(|(name, section)| {
        let inner = place_of(key, section, name == "model")?;
        Some(format!(r#"{{"{name}": {inner}}}"#))
    })
}

/// A part of a configuration.
fn section<T: DeserializeOwned>(name: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| usage(explain(&error).context(name.to_owned())))
}

/// serde's message; for an unknown key with the section that has it, or else the most similar one that exists.
fn explain(error: &serde_json::Error) -> anyhow::Error {
    let message = error.to_string();
    // unknown field `max_epochs`, expected one of `max_epoch`, `max_update` at line 3 column 17
    let mut names = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field")
        && let Some(unknown) = names.next()
    {
        let of_others = || place_of(unknown, &known_of_other_tasks(), false);
        if let Some(place) = place_of(unknown, &known(), false).or_else(of_others) {
            return anyhow!("{message}\nhint: its place is {place}");
        }
        if let Some(nearest) =
            names.max_by(|a, b| strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b)))
        {
            return anyhow!("{message}\nhint: did you mean `{nearest}`?");
        }
    }
    anyhow!(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burnseq_train::StopRule;
    use clap::CommandFactory;

    use crate::train::TrainArgs;

    fn problem(json: &str) -> String {
        crate::exit::describe(&ConfigFile::parse(json).unwrap_err())
    }

    #[test]
    fn the_example_is_one() {
        assert_eq!(ConfigFile::parse(EXAMPLE).unwrap().train.stop.max_epoch, Some(30));
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(ConfigFile::parse("{}").unwrap(), ConfigFile::default());
        assert_eq!(ConfigFile::default().train, TrainConfig::default());
    }

    #[test]
    fn a_part_leaves_the_rest_as_it_is() {
        let file = ConfigFile::parse(
            r#"{"arch": "transformer_tiny", "model": {"dropout": 0.3}, "train": {"stop": {"max_epoch": 3}}}"#,
        )
        .unwrap();
        assert_eq!(
            file.train.stop,
            StopRule {
                max_epoch: Some(3),
                ..StopRule::default()
            }
        );
        let sizes = |arch| {
            let fields = file.model(arch, "transformer").unwrap().fields();
            ["dropout", "encoder_layers"].map(|field| fields[field].clone())
        };
        assert_eq!(sizes(None), [json!(0.3), json!(2)]);
        assert_eq!(
            sizes(Some("transformer")),
            [json!(0.1), json!(6)],
            "--arch replaces the model"
        );
    }

    #[test]
    fn unknown_keys_are_named_with_line_and_the_nearest_one() {
        let error = problem("{\n  \"train\": {\"stop\": {\"max_epochs\": 3}}\n}");
        assert!(
            error.contains("`max_epochs`")
                && error.contains("line 2")
                && error.contains("did you mean `max_epoch`?"),
            "{error}"
        );
        assert!(problem(r#"{"trian": {}}"#).contains("did you mean `train`?"));
        assert!(problem("{").contains("not JSON"));
        let file = ConfigFile::parse(r#"{"model": {"encoder_layer": 3}}"#).unwrap();
        let error = crate::exit::describe(&file.model(None, "transformer").unwrap_err());
        assert!(
            error.starts_with("model: unknown field `encoder_layer`") && error.contains("`encoder_layers`?"),
            "{error}"
        );
    }

    #[test]
    fn a_key_in_the_wrong_section_is_told_its_own() {
        for (json, expected) in [
            (r#"{"lr": [1e-3]}"#, r#"{"train": {"optimization": {"lr": ...}}}"#),
            (r#"{"dropout": 2}"#, r#"{"model": {"dropout": ...}}"#),
            (
                r#"{"train": {"max_update": 5}}"#,
                r#"{"train": {"stop": {"max_update": ...}}}"#,
            ),
            (
                r#"{"train": {"criterion": {"type": "cross_entropy"}, "label_smoothing": 0.1}}"#,
                r#"{"train": {"criterion": {"type": "label_smoothed_cross_entropy", "label_smoothing": ...}}}"#,
            ),
            (r#"{"task": {"arch": "transformer"}}"#, r#"{"arch": ...}"#),
        ] {
            let said = problem(json);
            let hint = format!("hint: its place is {expected}");
            assert!(said.ends_with(&hint), "{json}: {said}");
        }
    }

    #[test]
    fn a_list_is_no_object() {
        for json in ["[]", r#"["transformer"]"#, "7", "null", r#""x""#] {
            let said = problem(json);
            assert!(
                said.starts_with("a configuration must be an object"),
                "{json}: {said}"
            );
        }
        let said = problem(r#"{"train": {"stop": [3]}}"#);
        assert!(said.starts_with("train.stop must be an object"), "{said}");
        assert_eq!(
            ConfigFile::parse(r#"{"train": {"optimization": {"lr": [1e-3]}}}"#)
                .unwrap()
                .train
                .optimization
                .lr,
            [1e-3]
        );
    }

    #[test]
    fn other_encodings_and_files_that_cannot_be_read_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        let load = |path: &Path| ConfigFile::load(path).unwrap_err();
        for (content, encoding) in [
            (&b"{\"arch\": \"\xe4\"}"[..], "LATIN1"),
            (&b"\xff\xfe{\0}\0"[..], "UTF-16"),
        ] {
            fs::write(&path, content).unwrap();
            let error = load(&path);
            let said = crate::exit::describe(&error);
            assert!(
                said.contains("c.json: not UTF-8") && said.contains(&format!("iconv -f {encoding}")),
                "{said}"
            );
            assert_eq!(crate::exit::code(&error), 2);
        }
        assert_eq!(crate::exit::code(&load(&dir.path().join("none"))), 1);
    }

    #[test]
    fn a_long_name_is_not_repeated() {
        let error = ConfigFile::default().model(Some(&"x".repeat(90_000)), "transformer");
        let said = error.unwrap_err().to_string();
        assert!(
            said.contains("... (90000 characters)") && said.len() < 1000,
            "{said}"
        );
    }

    #[test]
    fn every_recipe_can_be_trained_with() {
        let command = TrainArgs::command();
        let flag = command
            .get_arguments()
            .find(|arg| arg.get_long() == Some("recipe"));
        let help = flag.and_then(|arg| arg.get_help()).unwrap().to_string();
        for (name, _) in RECIPES {
            assert!(help.contains(name), "{name} is not in the help of --recipe");
            let recipe = ConfigFile::recipe(name).unwrap();
            let metrics: &[&str] = if matches!(&recipe.task, Some(TaskConfig::Translation(task)) if task.eval_bleu.is_some())
            {
                &["bleu"]
            } else {
                &[]
            };
            recipe.train.validate(metrics).unwrap();
            recipe.model(None, "transformer").unwrap();
            assert_ne!(recipe.train.stop, StopRule::endless(), "{name} stops by itself");
        }
        let error = ConfigFile::recipe("iwslt").unwrap_err();
        assert_eq!(crate::exit::code(&error), 2);
        assert!(
            error.to_string().contains("choose one of: toy, multi30k"),
            "{error}"
        );
    }
}
