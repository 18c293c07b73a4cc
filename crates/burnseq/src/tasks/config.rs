//! The configuration of a run's task, by the name of the task.

use std::path::{Path, PathBuf};

use burnseq_train::TrainConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::language_modeling::{self, LanguageModelingConfig};
use super::translation::{self, TranslationConfig};

/// What a run learns, and from which data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a program holds few of them")]
pub enum TaskConfig {
    /// Sentences of one language to those of another.
    Translation(TranslationConfig),
    /// Text from left to right.
    LanguageModeling(LanguageModelingConfig),
}

impl From<TranslationConfig> for TaskConfig {
    fn from(config: TranslationConfig) -> Self {
        Self::Translation(config)
    }
}

impl Default for TaskConfig {
    fn default() -> Self {
        Self::Translation(TranslationConfig::default())
    }
}

impl TaskConfig {
    /// The names of all tasks, as `--task` and checkpoints have them.
    pub const NAMES: [&str; 2] = [translation::NAME, language_modeling::NAME];

    /// The default configuration of a task; `None` for a name that is not in [`NAMES`](Self::NAMES).
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            translation::NAME => Some(Self::default()),
            language_modeling::NAME => Some(Self::LanguageModeling(LanguageModelingConfig::default())),
            _ => None,
        }
    }

    /// Reads what a checkpoint or a configuration file says; without a `type` it is about translation.
    ///
    /// # Errors
    /// An unknown field or task, a value of another type.
    pub fn from_value(value: Value) -> Result<Self, serde_json::Error> {
        if value.get("type").is_some() {
            serde_json::from_value(value)
        } else {
            serde_json::from_value(value).map(Self::Translation)
        }
    }

    /// The name of the task.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Translation(_) => translation::NAME,
            Self::LanguageModeling(_) => language_modeling::NAME,
        }
    }

    /// Folder of the data, or several with colons between.
    pub fn data(&self) -> &Path {
        match self {
            Self::Translation(config) => &config.data,
            Self::LanguageModeling(config) => &config.data,
        }
    }

    /// The same, to be changed.
    pub fn data_mut(&mut self) -> &mut PathBuf {
        match self {
            Self::Translation(config) => &mut config.data,
            Self::LanguageModeling(config) => &mut config.data,
        }
    }

    /// Source and target language of translation, where they are given.
    pub fn set_languages(&mut self, [source_lang, target_lang]: [&Option<String>; 2]) {
        if let Self::Translation(config) = self {
            config.source_lang = source_lang.clone().or(config.source_lang.take());
            config.target_lang = target_lang.clone().or(config.target_lang.take());
        }
    }

    /// Names of the metrics that validation gives beside those of the criterion.
    pub fn metrics(&self) -> Vec<&'static str> {
        match self {
            Self::Translation(config) => config.metrics(),
            Self::LanguageModeling(_) => Vec::new(),
        }
    }

    /// Adds to the settings of a run what follows from those of the task.
    pub fn complete(&self, train: &mut TrainConfig) {
        match self {
            Self::Translation(config) => config.complete(train),
            Self::LanguageModeling(config) => config.complete(train),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_without_a_type_is_about_translation() {
        let old = TaskConfig::from_value(json!({"data": "x"})).unwrap();
        assert_eq!((old.name(), old.data()), ("translation", Path::new("x")));
        let lm =
            TaskConfig::from_value(json!({"type": "language_modeling", "tokens_per_sample": 7})).unwrap();
        let TaskConfig::LanguageModeling(config) = &lm else {
            panic!("{lm:?}")
        };
        assert_eq!(config.tokens_per_sample, 7);
        assert_eq!(
            TaskConfig::from_value(serde_json::to_value(&lm).unwrap()).unwrap(),
            lm
        );
        for wrong in [
            json!({"type": "language_modeling", "source_lang": "de"}),
            json!({"type": "parsing"}),
            json!({"tokens_per_sample": 7}),
        ] {
            TaskConfig::from_value(wrong).unwrap_err();
        }
        for name in TaskConfig::NAMES {
            assert_eq!(TaskConfig::of_name(name).unwrap().name(), name);
        }
    }
}
