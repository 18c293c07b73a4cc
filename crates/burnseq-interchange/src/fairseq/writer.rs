//! Writing a checkpoint as fairseq 0.12 does, but for its configuration: a plain dictionary throughout, so that
//! the file names no class beyond `OrderedDict` and PyTorch's storages.

use std::path::Path;

use burnseq_text::ByteMeter;
use serde_json::Value;

use super::checkpoint::Progress;
use crate::error::Result;
use crate::pickle::Object;
use crate::torch_file::{self, Storages};

/// Shape and elements of a tensor.
pub type Slice<'a> = (&'a [usize], &'a [f32]);

/// An entry of a state dict.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// A tensor of its own.
    Tensor(&'a str, Slice<'a>),
    /// A second name of a tensor: the name, and that of the tensor.
    SameAs(&'a str, &'a str),
}

/// What a checkpoint is written from.
#[derive(Debug, Clone)]
pub struct Contents<'a> {
    /// The configuration: sections of options.
    pub cfg: Value,
    /// Whether its section `model` is a namespace, as for models that have no dataclass in fairseq.
    pub model_is_namespace: bool,
    /// The state dict in fairseq's order, versions and the like included.
    pub model: Vec<Entry<'a>>,
    /// How far training has come.
    pub progress: Progress,
    /// State of Adam.
    pub adam: Option<Moments<'a>>,
}

/// State of Adam.
#[derive(Debug, Clone)]
pub struct Moments<'a> {
    /// Steps taken.
    pub step: u64,
    /// Learning rate of the latest step.
    pub lr: f64,
    /// Decay rates of the moments.
    pub betas: (f64, f64),
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// First and second moments of each parameter that fairseq gives its optimiser, in the order of the model; none of one
    /// that never had a gradient.
    pub moments: Vec<Option<[Slice<'a>; 2]>>,
}

/// Writes a checkpoint. The file appears complete or not at all.
///
/// # Errors
/// The file cannot be written.
///
/// # Panics
/// A second name of a tensor that does not come before it.
pub fn save(path: &Path, contents: &Contents<'_>) -> Result<()> {
    save_metered(path, contents, &ByteMeter::default())
}

/// As [`save`]; `meter` is told the bytes of each tensor.
///
/// # Errors
/// The file cannot be written.
pub fn save_metered(path: &Path, contents: &Contents<'_>, meter: &ByteMeter) -> Result<()> {
    let mut storages = Storages::default();
    let progress = &contents.progress;
    let history = Object::dict([
        ("criterion_name", progress.criterion.as_deref().into()),
        ("optimizer_name", progress.optimizer.as_deref().into()),
        (
            "lr_scheduler_state",
            Object::dict([("best", progress.best.into())]),
        ),
        ("num_updates", Object::Int(progress.num_updates as i64)),
    ]);
    let mut extra = vec![
        ("metrics", Object::OrderedDict(Vec::new())),
        ("previous_training_time", progress.seconds.into()),
        (
            "train_iterator",
            Object::dict([
                ("version", Object::Int(2)),
                ("epoch", Object::Int(progress.epoch.into())),
                ("iterations_in_epoch", progress.iterations_in_epoch.into()),
                ("shuffle", true.into()),
            ]),
        ),
        ("val_loss", progress.val_loss.into()),
    ];
    if let Some(best) = progress.best {
        extra.push(("best", best.into()));
    }
    let model = model(contents, &mut storages);
    let adam = contents.adam.as_ref().map(|adam| optimizer(adam, &mut storages));
    let mut cfg = Object::from(contents.cfg.clone());
    if contents.model_is_namespace {
        with_namespace(&mut cfg, "model");
    }
    let root = Object::dict([
        ("args", Object::None),
        ("cfg", cfg),
        ("model", model),
        ("criterion", Object::None),
        ("optimizer_history", Object::List(vec![history])),
        ("task_state", Object::Dict(Vec::new())),
        ("extra_state", Object::dict(extra)),
        ("last_optimizer_state", adam.unwrap_or(Object::None)),
    ]);
    torch_file::save_metered(path, &root, &storages, meter)
}

/// The section `name` as a namespace.
fn with_namespace(cfg: &mut Object, name: &str) {
    let Object::Dict(sections) = cfg else { return };
    for (key, section) in sections {
        if matches!(key, Object::Str(key) if key == name)
            && let Object::Dict(options) = section
        {
            *section = Object::Namespace(std::mem::take(options));
        }
    }
}

/// The state dict.
fn model<'a>(contents: &Contents<'a>, storages: &mut Storages<'a>) -> Object {
    let mut entries: Vec<(&str, Object)> = Vec::new();
    for entry in &contents.model {
        match *entry {
            Entry::Tensor(name, (shape, values)) => entries.push((name, storages.tensor(shape, values))),
            Entry::SameAs(name, of) => {
                let tensor = entries.iter().find(|(known, _)| *known == of);
                let tensor = tensor.expect("a second name is of a tensor before it").1.clone();
                entries.push((name, tensor));
            }
        }
    }
    let entries = entries.into_iter().map(|(name, tensor)| (name.into(), tensor));
    Object::OrderedDict(entries.collect())
}

fn optimizer<'a>(adam: &Moments<'a>, storages: &mut Storages<'a>) -> Object {
    let mut states = Vec::with_capacity(adam.moments.len());
    for (number, moments) in adam.moments.iter().enumerate() {
        let Some([first, second]) = moments else { continue };
        let state = Object::dict([
            ("step", Object::Int(adam.step as i64)),
            ("exp_avg", storages.tensor(first.0, first.1)),
            ("exp_avg_sq", storages.tensor(second.0, second.1)),
        ]);
        states.push((number.into(), state));
    }
    let group = Object::dict([
        ("lr", adam.lr.into()),
        (
            "betas",
            Object::Tuple(vec![adam.betas.0.into(), adam.betas.1.into()]),
        ),
        ("eps", adam.eps.into()),
        ("weight_decay", adam.weight_decay.into()),
        ("amsgrad", false.into()),
        (
            "params",
            Object::List((0..adam.moments.len()).map(Into::into).collect()),
        ),
    ]);
    Object::dict([
        ("state", Object::Dict(states)),
        ("param_groups", Object::List(vec![group])),
    ])
}
