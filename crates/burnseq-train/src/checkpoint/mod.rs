//! Checkpoints: everything needed to continue a run or to translate, in one folder.
//!
//! ```text
//! checkpoints/                  the save folder of a run
//!   checkpoint_last/            a checkpoint
//!     checkpoint.json           configurations of model and task, dictionaries, training state, checksums
//!     model.safetensors         weights under fairseq's names and shapes; PyTorch opens it
//!     optimizer.safetensors     moments of Adam; only needed to continue
//!     raw.safetensors           the weights themselves where `model` is their moving average; only needed to continue
//!     dict.src.txt dict.tgt.txt dictionaries, subword models, tokenizer settings
//!   checkpoint_best/  checkpoint3/  checkpoint_3_5000/  checkpoint.best_bleu_34.780/
//! ```
//!
//! A checkpoint is written into a temporary folder beside its final place, every file is synced to the
//! disk, and then the folder is renamed. An older checkpoint of that name is exchanged in one step where
//! the system can do that; elsewhere it is renamed to `.NAME.old` first, which [`Checkpoint::open`] falls
//! back to. So at every moment each name is a complete checkpoint, and a full disk costs nothing but the
//! new one. What is saved under several names is stored once and hard-linked: copy a checkpoint before
//! editing its files.
//!
//! Reading executes nothing. Sizes and the checksums of small files are checked on opening, those of
//! weights when they are read.

pub mod average;
pub(crate) mod compare;
pub(crate) mod extend;
mod folder;
mod importer;
mod meta;
pub mod names;
mod retention;
mod tensors;

use std::{
    collections::HashMap,
    fs, io,
    path::{Component, Path, PathBuf},
};

use burn::tensor::{Device, TensorData};
use burnseq_kernels::Compute;
use burnseq_model::{ModelConfig, ModelError, OfConfig};
use burnseq_text::{ByteMeter, FileError};

use self::folder::Staging;
use crate::{Error, OptimizerState, Result};

pub use folder::recover;
pub(crate) use folder::{Temporary, lock_for_run, temporary_in};
pub use importer::{ImportScope, Importer};
pub use meta::{CheckpointMeta, Dictionaries, DictionaryInfo, FORMAT_VERSION, FileInfo, TaskInfo};
pub use retention::Retention;
pub(crate) use retention::Standing;

/// Name of the file that makes a folder a checkpoint.
pub(crate) const META_FILE: &str = "checkpoint.json";
/// Name of the weights.
const MODEL_FILE: &str = "model.safetensors";
/// Name of the weights that a moving average in [`MODEL_FILE`] follows.
const RAW_FILE: &str = "raw.safetensors";
/// Name of the optimiser's state.
const OPTIMIZER_FILE: &str = "optimizer.safetensors";
/// What can be done about a damaged checkpoint.
const DAMAGED: &str = "hint: the checkpoint is damaged; use another one, or copy it again";

/// What a checkpoint is written from.
#[derive(Debug, Clone)]
pub struct CheckpointContents<'a> {
    /// The complete model configuration.
    pub model_config: &'a ModelConfig,
    /// What the model reads and writes; their files are among `files`.
    pub dictionaries: &'a Dictionaries,
    /// What the model was trained for.
    pub task: &'a TaskInfo,
    /// State of the training run; null when there is none.
    pub train_state: serde_json::Value,
    /// The weights, as [`burnseq_model::state_dict`] gives them.
    pub model: &'a [(String, TensorData)],
    /// The weights that training goes on with, where `model` is their moving average.
    pub raw_model: Option<&'a [(String, TensorData)]>,
    /// State of the optimiser.
    pub optimizer: Option<&'a OptimizerState>,
    /// Name and content of further files: dictionaries, subword models, tokenizer settings.
    pub files: &'a [(String, Vec<u8>)],
}

/// Saves a checkpoint in `save_dir` under one or more names, replacing older ones.
///
/// The content is written once, as `names[0]`, and linked under the other names; each of them appears
/// complete, in this order. When this fails, every name is still a complete checkpoint, the old one or
/// the new one, and nothing half-written is left.
///
/// # Errors
/// A file cannot be written, or one of the names is taken by something else.
///
/// # Panics
/// No names, or a name of a file or checkpoint that is not a plain file name.
pub fn save(save_dir: &Path, names: &[&str], contents: &CheckpointContents) -> Result<()> {
    save_metered(save_dir, names, contents, &ByteMeter::default())
}

/// As [`save`]; `meter` is told the bytes of weights and optimiser while they are written.
///
/// # Errors
/// As [`save`].
///
/// # Panics
/// As [`save`].
pub fn save_metered(
    save_dir: &Path,
    names: &[&str],
    contents: &CheckpointContents,
    meter: &ByteMeter,
) -> Result<()> {
    let (first, others) = names.split_first().expect("a checkpoint has a name");
    let files = contents.files.iter().map(|(name, _)| name.as_str());
    for name in files.clone().chain(names.iter().copied()) {
        assert!(is_plain(name), "{name:?} is not a plain file name");
    }
    for name in files {
        assert!(
            ![META_FILE, MODEL_FILE, RAW_FILE, OPTIMIZER_FILE].contains(&name),
            "{name} is written by `save`"
        );
    }

    let mut staging = Staging::new(save_dir)?;
    staging.write(MODEL_FILE, |out| {
        tensors::write(
            &mut meter.writer(out),
            contents.model,
            ("format", "pt".to_owned()),
        )
    })?;
    if let Some(raw) = contents.raw_model {
        staging.write(RAW_FILE, |out| {
            tensors::write(&mut meter.writer(out), raw, ("format", "pt".to_owned()))
        })?;
    }
    if let Some(state) = contents.optimizer {
        let step = ("step", state.step.to_string());
        staging.write(OPTIMIZER_FILE, |out| {
            tensors::write(&mut meter.writer(out), &state.tensors, step)
        })?;
    }
    for (name, content) in contents.files {
        staging.write(name, |out| out.write_all(content))?;
    }
    let meta = CheckpointMeta {
        format_version: FORMAT_VERSION,
        burnseq_version: env!("CARGO_PKG_VERSION").to_owned(),
        model_config: contents.model_config.clone(),
        task: contents.task.clone(),
        dictionaries: contents.dictionaries.clone(),
        train_state: contents.train_state.clone(),
        files: staging.files().clone(),
    };
    staging.write(META_FILE, |out| {
        serde_json::to_writer_pretty(&mut *out, &meta)?;
        out.write_all(b"\n")
    })?;
    staging.publish(first)?;

    for name in others {
        let mut staging = Staging::new(save_dir)?;
        staging.link_from(&save_dir.join(first))?;
        staging.publish(name)?;
    }
    Ok(())
}

/// A checkpoint on disk.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    folder: PathBuf,
    meta: CheckpointMeta,
    meter: ByteMeter,
}

impl Checkpoint {
    /// Opens the checkpoint at `path`: its folder, or that name with fairseq's `.pt` behind it.
    ///
    /// # Errors
    /// No checkpoint there; a broken or unknown `checkpoint.json`; a file that is missing, truncated or
    /// changed; a model that cannot be built.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = find(path)?;
        let meta_path = folder.join(META_FILE);
        let json = read(&meta_path)?;
        let meta = meta::parse(&json, |problem| format!("{problem}\n{DAMAGED}"))
            .map_err(|problem| refusal(&meta_path, problem))?;
        if let Err(error) = meta.model_config.validate(&meta.dictionaries.vocab()) {
            return Err(refusal(&meta_path, format!("{error}\n{DAMAGED}")));
        }
        let checkpoint = Self {
            folder,
            meta,
            meter: ByteMeter::default(),
        };
        checkpoint.check_files()?;
        Ok(checkpoint)
    }

    /// The same checkpoint; `meter` is told the bytes that are read of its files.
    #[must_use]
    pub fn metered(self, meter: ByteMeter) -> Self {
        Self { meter, ..self }
    }

    /// Configuration, task and training state.
    pub fn meta(&self) -> &CheckpointMeta {
        &self.meta
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Names of the files beside `checkpoint.json`, sorted.
    pub fn file_names(&self) -> impl Iterator<Item = &str> {
        self.meta.files.keys().map(String::as_str)
    }

    /// Content of a file, its checksum verified.
    ///
    /// # Errors
    /// The checkpoint has no such file, it cannot be read, or it was changed.
    pub fn file(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        let Some(info) = self.meta.files.get(name) else {
            let files = self.file_names().collect::<Vec<_>>().join(", ");
            return Err(refusal(
                &path,
                format!("not part of this checkpoint, which holds: {files}"),
            ));
        };
        let content = self.meter.read(&path)?;
        if folder::sha256(&content) == info.sha256 {
            return Ok(content);
        }
        Err(refusal(
            &path,
            format!("the content does not have the checksum of {META_FILE}\n{DAMAGED}"),
        ))
    }

    /// The weights by fairseq's names, all of them finite.
    ///
    /// # Errors
    /// See [`Self::file`]; a file that is not safetensors; a value that is not finite.
    pub fn model_tensors(&self) -> Result<HashMap<String, TensorData>> {
        self.finite_tensors(MODEL_FILE)
    }

    /// The weights that training goes on with, where [`Self::model_tensors`] is their moving average.
    ///
    /// # Errors
    /// See [`Self::model_tensors`].
    pub fn raw_model_tensors(&self) -> Result<Option<HashMap<String, TensorData>>> {
        let is_there = self.meta.files.contains_key(RAW_FILE);
        is_there.then(|| self.finite_tensors(RAW_FILE)).transpose()
    }

    fn finite_tensors(&self, file: &str) -> Result<HashMap<String, TensorData>> {
        Ok(self.ordered_finite_tensors(file)?.into_iter().collect())
    }

    /// The weights of a file in its order, all of them finite.
    fn ordered_finite_tensors(&self, file: &str) -> Result<Vec<(String, TensorData)>> {
        let contents = self.tensors(file)?;
        for (name, data) in &contents.tensors {
            let values = data.as_slice::<f32>().expect("read as f32");
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                return Err(self.misfit(ModelError::NotFinite {
                    name: name.clone(),
                    index,
                }));
            }
        }
        Ok(contents.tensors)
    }

    /// The model, built from its configuration, with its weights.
    ///
    /// # Errors
    /// See [`Self::model_tensors`]; a tensor that is missing, superfluous or of another shape.
    pub fn model<M: OfConfig>(&self, device: &Device) -> Result<M> {
        self.model_as(&self.meta.model_config, device)
    }

    /// As [`Self::model`], with another configuration that was validated.
    ///
    /// # Errors
    /// See [`Self::model`].
    pub fn model_as<M: OfConfig>(&self, config: &ModelConfig, compute: impl Into<Compute>) -> Result<M> {
        let tensors = self.model_tensors()?;
        M::load(config, &self.meta.dictionaries.vocab(), &tensors, compute)
            .map_err(|problem| self.misfit(problem))
    }

    /// The state of the optimiser, if it was saved.
    ///
    /// # Errors
    /// See [`Self::file`]; a file that is not safetensors, or lacks the step count.
    pub fn optimizer_state(&self) -> Result<Option<OptimizerState>> {
        if !self.meta.files.contains_key(OPTIMIZER_FILE) {
            return Ok(None);
        }
        let contents = self.tensors(OPTIMIZER_FILE)?;
        let step = contents.metadata.get("step").and_then(|step| step.parse().ok());
        match step {
            Some(step) => Ok(Some(OptimizerState {
                step,
                tensors: contents.tensors,
            })),
            None => Err(refusal(
                &self.folder.join(OPTIMIZER_FILE),
                format!("no step count\n{DAMAGED}"),
            )),
        }
    }

    fn tensors(&self, name: &str) -> Result<tensors::Contents> {
        let content = self.file(name)?;
        tensors::read(&content)
            .map_err(|problem| refusal(&self.folder.join(name), format!("{problem}\n{DAMAGED}")))
    }

    fn misfit(&self, problem: ModelError) -> Error {
        Error::Weights {
            path: self.folder.join(MODEL_FILE),
            problem,
        }
    }

    /// Sizes of all files, and checksums of all but tensors, which are verified when they are read.
    fn check_files(&self) -> Result<()> {
        for (name, info) in &self.meta.files {
            let path = self.folder.join(name);
            if !is_plain(name) {
                return Err(refusal(
                    &self.folder.join(META_FILE),
                    format!("{name:?} is not a file name\n{DAMAGED}"),
                ));
            }
            match fs::metadata(&path) {
                Ok(found) if found.len() == info.bytes => {}
                Ok(found) => {
                    let problem = format!("has {} bytes instead of {}\n{DAMAGED}", found.len(), info.bytes);
                    return Err(refusal(&path, problem));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(refusal(&path, format!("is missing\n{DAMAGED}")));
                }
                Err(source) => return Err(FileError::read(&path)(source).into()),
            }
            if ![MODEL_FILE, RAW_FILE, OPTIMIZER_FILE].contains(&name.as_str()) {
                self.file(name)?;
            }
        }
        if self.meta.files.contains_key(MODEL_FILE) {
            return Ok(());
        }
        Err(refusal(
            &self.folder.join(MODEL_FILE),
            format!("is missing\n{DAMAGED}"),
        ))
    }
}

/// The folder meant by `path`.
fn find(path: &Path) -> Result<PathBuf> {
    let mut candidates = vec![folder::locate(path)];
    if path.extension().is_some_and(|extension| extension == "pt") {
        candidates.push(folder::locate(&path.with_extension("")));
    }
    if path.ends_with(META_FILE) {
        candidates.extend(path.parent().map(Path::to_owned));
    }
    if let Some(found) = candidates
        .into_iter()
        .find(|folder| folder.join(META_FILE).is_file())
    {
        return Ok(found);
    }
    let problem = match path.parent() {
        Some(folder) if path.is_file() && folder.join(META_FILE).is_file() => Some(format!(
            "this is a file of a checkpoint, which is a folder\nhint: give the folder: {}",
            shown_folder(folder).display()
        )),
        _ if is_pytorch(path) => Some(format!(
            "this is a checkpoint of fairseq or another file of PyTorch; a checkpoint here is a folder\n\
             hint: convert it first, and give FOLDER: `burnseq convert {} FOLDER --data data-bin`",
            path.display()
        )),
        _ => None,
    };
    if let Some(problem) = problem {
        return Err(Error::Checkpoint {
            path: path.to_owned(),
            problem,
        });
    }
    let inside = [names::BEST, names::LAST].map(|name| path.join(name));
    let hint = match inside.iter().find(|folder| folder.join(META_FILE).is_file()) {
        Some(inside) => format!("\nhint: give {}", inside.display()),
        None if path.join("config.json").is_file() => format!(
            "\nhint: a folder of Hugging Face's transformers becomes one with `burnseq convert {} FOLDER`",
            path.display()
        ),
        None if path.is_file() => {
            "\nhint: a checkpoint of fairseq is converted with `burnseq convert FILE.pt FOLDER --data data-bin`"
                .to_owned()
        }
        None => String::new(),
    };
    Err(Error::NoCheckpoint {
        path: path.to_owned(),
        hint,
    })
}

/// A folder as people write it.
fn shown_folder(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}

/// Whether a file begins as `torch.save` begins one: as a zip archive, or as a pickle in older versions.
fn is_pytorch(path: &Path) -> bool {
    let mut head = [0; 4];
    let mut read = || io::Read::read_exact(&mut fs::File::open(path)?, &mut head);
    path.is_file() && read().is_ok() && (head == *b"PK\x03\x04" || head.starts_with(b"\x80\x02"))
}

/// Names of the checkpoints in a save folder, ours and files of other programs (`NAME.pt`): the best one, then by epoch
/// and update. A folder that cannot be read has none.
pub(crate) fn names_in(save_dir: &Path) -> Vec<String> {
    let mut found: Vec<(f64, String)> = Vec::new();
    for name in folder::list(save_dir).unwrap_or_default() {
        let path = save_dir.join(&name);
        let stem = name.strip_suffix(".pt").unwrap_or(&name);
        let is_checkpoint = path.join(META_FILE).is_file() || (stem.len() < name.len() && path.is_file());
        let order = match names::parse(stem) {
            Some(names::Kind::Epoch(epoch)) => epoch as f64,
            Some(names::Kind::Updates(updates)) => updates as f64,
            Some(names::Kind::Best(_)) => -1.0,
            None if stem == names::BEST => -2.0,
            None => continue,
        };
        if is_checkpoint {
            found.push((order, name));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    found.into_iter().map(|(_, name)| name).collect()
}

/// Whether a name is that of a file in the folder, and not a path out of it.
fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!(components.next(), Some(Component::Normal(only)) if only == name) && components.next().is_none()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    Ok(fs::read(path).map_err(FileError::read(path))?)
}

fn refusal(path: &Path, problem: String) -> Error {
    Error::Checkpoint {
        path: path.to_owned(),
        problem,
    }
}
