//! `checkpoint.json`: what a checkpoint is, and the checksums of its other files.

use std::collections::BTreeMap;

use burnseq_model::{ModelConfig, Vocab};
use serde::{Deserialize, Serialize};

/// The layout that this version writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// Content of `checkpoint.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointMeta {
    /// Layout of the folder; see [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Version of burnseq that wrote it.
    pub burnseq_version: String,
    /// The complete model configuration.
    pub model_config: ModelConfig,
    /// Sizes and special ids of the dictionaries.
    pub vocab: Vocab,
    /// What the model was trained for.
    pub task: TaskInfo,
    /// State of the training run, for the trainer only; null when there is none.
    pub train_state: serde_json::Value,
    /// Every other file of the folder.
    pub files: BTreeMap<String, FileInfo>,
}

/// What the model was trained for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskInfo {
    /// Source language, the suffix of its files.
    pub source_lang: String,
    /// Target language.
    pub target_lang: String,
}

/// Size and checksum of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileInfo {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, 64 hexadecimal digits.
    pub sha256: String,
}
