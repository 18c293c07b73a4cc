//! Reading a checkpoint.

use std::path::Path;

use burnseq_text::ByteMeter;

use super::names::{Entry, Layout, classify, unwrapped};
use super::options::Options;
use crate::error::{Error, Result};
use crate::pickle::View;
use crate::torch_file::{Tensor, TensorInfo, TorchFile};

/// How far a training run had come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Batches of this epoch that every worker has taken.
    pub iterations_in_epoch: usize,
    /// Updates done.
    pub num_updates: u64,
    /// Value of the metric that chooses the best checkpoint, at the latest validation.
    pub val_loss: Option<f64>,
    /// Its best value.
    pub best: Option<f64>,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Class of the loss, such as `LabelSmoothedCrossEntropyCriterion`.
    pub criterion: Option<String>,
    /// Class of the optimiser, such as `FairseqAdam`.
    pub optimizer: Option<String>,
}

/// A checkpoint on disk.
#[derive(Debug)]
pub struct FairseqCheckpoint {
    pub(super) file: TorchFile,
    options: Options,
}

impl FairseqCheckpoint {
    /// Opens a checkpoint and reads its options; tensors are read when they are asked for.
    ///
    /// # Errors
    /// See [`TorchFile::open`]; a file that is not a checkpoint of fairseq, or one part of a sharded one.
    pub fn open(path: &Path) -> Result<Self> {
        let file = TorchFile::open(path)?;
        let root = file.root();
        let wrong = |problem: String| Error::File {
            path: path.to_owned(),
            problem,
        };
        let Some(entries) = root.entries() else {
            return Err(wrong(format!(
                "is not a checkpoint of fairseq: it holds {}",
                root.kind()
            )));
        };
        let keys: Vec<&str> = entries.filter_map(|(key, _)| key.as_str()).collect();
        if root.get("model").and_then(View::entries).is_none() {
            let shown = keys.iter().take(8).copied().collect::<Vec<_>>().join(", ");
            return Err(wrong(format!(
                "is not a checkpoint of fairseq: it has no `model`, only {shown}\n\
                 hint: bare weights are converted from a .safetensors file, with 'arch'"
            )));
        }
        if keys.contains(&"fsdp_metadata") {
            return Err(wrong(
                "is one part of a sharded checkpoint (fully_sharded)\n\
                 hint: put the parts together first, with fairseq's scripts/consolidate_fsdp_shards.py"
                    .to_owned(),
            ));
        }
        let given = |key: &str| root.get(key).filter(|value| !value.is_none());
        let options = match (given("args"), given("cfg")) {
            (Some(args), _) => Options::from_args(args),
            (None, Some(cfg)) => Options::from_cfg(cfg),
            (None, None) => {
                return Err(wrong(
                    "has neither `args` nor `cfg`, so it does not say what it is".to_owned(),
                ));
            }
        };
        let options =
            options.ok_or_else(|| wrong("has options that are not a namespace or dictionary".to_owned()))?;
        Ok(Self { file, options })
    }

    /// The same checkpoint; `meter` is told what is read of its tensors, four bytes for each element.
    #[must_use]
    pub fn metered(self, meter: ByteMeter) -> Self {
        let file = self.file.metered(meter);
        Self { file, ..self }
    }

    /// The options it was trained with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// All parameters under today's names, in the order of the file; buffers and what is never trained are left out.
    ///
    /// # Errors
    /// An entry that is not a floating-point tensor, is damaged, or cannot be split.
    pub fn weights(&self, layout: &Layout) -> Result<Vec<(String, Tensor)>> {
        let mut weights = Vec::new();
        for (name, names, info) in self.parameters(layout)? {
            if !names.is_empty() {
                let tensor = self.file.read(&name, &info)?;
                weights.extend(self.split(&name, names, tensor)?);
            }
        }
        Ok(weights)
    }

    /// The entry `name` of the state dict; none where it is missing or not a tensor.
    fn entry(&self, name: &str) -> Result<Option<TensorInfo>> {
        let model = self.file.root().get("model").and_then(View::entries);
        let mut entries = model.expect("checked when it was opened");
        match entries.find(|(key, _)| key.as_str().map(unwrapped) == Some(name)) {
            Some((_, value)) => self.file.tensor(name, value),
            None => Ok(None),
        }
    }

    /// Names and shapes of all tensors of the state dict, in the order of the file.
    ///
    /// # Errors
    /// A tensor that is damaged.
    pub fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let model = self.file.root().get("model").and_then(View::entries);
        let mut tensors = Vec::new();
        for (key, value) in model.expect("checked when it was opened") {
            let name = key.as_str().unwrap_or_default();
            if let Some(info) = self.file.tensor(name, value)? {
                tensors.push((name.to_owned(), info.shape));
            }
        }
        Ok(tensors)
    }

    /// The shape of the tensor `name`; none where there is no such tensor.
    ///
    /// # Errors
    /// A tensor that is damaged.
    pub fn shape(&self, name: &str) -> Result<Option<Vec<usize>>> {
        Ok(self.entry(name)?.map(|info| info.shape))
    }

    /// The first number of the tensor `name`, such as the version of a module; none where there is no such tensor.
    ///
    /// # Errors
    /// A tensor that is damaged.
    pub fn constant(&self, name: &str) -> Result<Option<f32>> {
        match self.entry(name)? {
            Some(info) => Ok(self.file.read(name, &info)?.values.first().copied()),
            None => Ok(None),
        }
    }

    /// Entries of the state dict that are parameters: name, today's names (none for what is never trained), and where they
    /// are.
    pub(super) fn parameters(&self, layout: &Layout) -> Result<Vec<(String, Vec<String>, TensorInfo)>> {
        let model = self.file.root().get("model").and_then(View::entries);
        let mut parameters = Vec::new();
        let mut bytes = 0;
        for (key, value) in model.expect("checked when it was opened") {
            let name = key.as_str().ok_or_else(|| {
                self.file
                    .entry_error("model", format!("a name is {}", key.kind()))
            })?;
            let names = match classify(name, layout) {
                Entry::Buffer => continue,
                Entry::Untrained => Vec::new(),
                Entry::Parameters(names) => names,
            };
            let Some(info) = self.file.tensor(name, value)? else {
                return Err(self
                    .file
                    .entry_error(name, format!("is {}, expected a tensor", value.kind())));
            };
            bytes += info.len() * info.dtype.width();
            parameters.push((name.to_owned(), names, info));
        }
        // Tied tensors share a storage; more than that is a small file that asks for much memory.
        if bytes > 4 * self.file.len() {
            return Err(self.file.entry_error("model", "its tensors overlap in the file"));
        }
        Ok(parameters)
    }

    /// The parts of a tensor that stands for several parameters.
    pub(super) fn split(
        &self,
        name: &str,
        names: Vec<String>,
        tensor: Tensor,
    ) -> Result<Vec<(String, Tensor)>> {
        let parts = names.len();
        if parts == 1 {
            return Ok(names.into_iter().map(|name| (name, tensor.clone())).collect());
        }
        let rows = tensor.shape.first().copied().unwrap_or(0);
        if rows == 0 || !rows.is_multiple_of(parts) {
            let problem = format!("has {rows} rows, which are not queries, keys and values in equal parts");
            return Err(self.file.entry_error(name, problem));
        }
        let mut shape = tensor.shape;
        shape[0] = rows / parts;
        let part = |values: &[f32]| Tensor {
            shape: shape.clone(),
            values: values.to_vec(),
        };
        let chunks = tensor.values.chunks_exact(tensor.values.len() / parts);
        Ok(names.into_iter().zip(chunks.map(part)).collect())
    }

    /// How far training had come.
    ///
    /// # Errors
    /// A number that is not one.
    pub fn progress(&self) -> Result<Progress> {
        let root = self.file.root();
        let extra = root.get("extra_state");
        let iterator = extra.and_then(|extra| extra.get("train_iterator"));
        let history = root.get("optimizer_history").and_then(View::items);
        let latest = history.and_then(Iterator::last);
        let number = |name: &str, view: Option<View<'_>>| match view.and_then(|view| view.get(name)) {
            Some(value) => self.file.number(name, value),
            None => Ok(None),
        };
        let count = |name: &str, view: Option<View<'_>>| match number(name, view)? {
            None => Ok(None),
            Some(count) if count >= 0.0 && count.fract() == 0.0 && count < 2f64.powi(53) => {
                Ok(Some(count as u64))
            }
            Some(other) => Err(self
                .file
                .entry_error(name, format!("is {other}, expected a count"))),
        };
        let text = |name: &str| Some(latest?.get(name)?.as_str()?.to_owned());
        let epoch = match count("epoch", iterator)? {
            Some(epoch) => epoch,
            None => count("epoch", extra)?.unwrap_or(1),
        };
        let best = match number("best", extra)? {
            Some(best) => Some(best),
            None => number("best", latest.and_then(|latest| latest.get("lr_scheduler_state")))?,
        };
        Ok(Progress {
            epoch: u32::try_from(epoch.max(1)).map_err(|_| {
                self.file
                    .entry_error("epoch", format!("is {epoch}, expected a count"))
            })?,
            iterations_in_epoch: count("iterations_in_epoch", iterator)?.unwrap_or(0) as usize,
            num_updates: count("num_updates", latest)?.unwrap_or(0),
            val_loss: number("val_loss", extra)?,
            best,
            seconds: number("previous_training_time", extra)?.unwrap_or(0.0),
            criterion: text("criterion_name"),
            optimizer: text("optimizer_name"),
        })
    }

    /// Whether the file also holds an exponential moving average of the weights, which fairseq never decodes with.
    pub fn has_ema(&self) -> bool {
        let extra = self.file.root().get("extra_state");
        extra.and_then(|extra| extra.get("ema")).is_some()
    }
}
