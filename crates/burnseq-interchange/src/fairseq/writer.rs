//! Writing a checkpoint as fairseq 0.12 does, but for its configuration: a plain dictionary throughout, so that
//! the file names no class beyond `OrderedDict` and PyTorch's storages.

use std::path::Path;

use serde_json::Value;

use super::checkpoint::Progress;
use crate::error::Result;
use crate::pickle::Object;
use crate::torch_file::{Storages, save as save_file};

/// Shape and elements of a tensor.
pub type Slice<'a> = (&'a [usize], &'a [f32]);

/// What a checkpoint is written from.
#[derive(Debug, Clone)]
pub struct Contents<'a> {
    /// The configuration: sections of options.
    pub cfg: Value,
    /// Parameters in the order of the model, each once.
    pub weights: Vec<(&'a str, Slice<'a>)>,
    /// Second names of parameters: the new name, and the one it stands for.
    pub tied: Vec<(&'a str, &'a str)>,
    /// How far training has come.
    pub progress: Progress,
    /// State of Adam.
    pub adam: Option<Moments<'a>>,
}

/// State of Adam, parameters as in [`Contents::weights`].
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
    /// First and second moments, by parameter.
    pub moments: Vec<[Slice<'a>; 2]>,
}

/// Value of the buffer `version`: what today's fairseq writes.
static VERSION: [f32; 1] = [3.0];

/// Writes a checkpoint. The file appears complete or not at all.
///
/// # Errors
/// The file cannot be written.
///
/// # Panics
/// Moments of another number of parameters than there are weights; a second name of a parameter that does not exist.
pub fn save(path: &Path, contents: &Contents<'_>) -> Result<()> {
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
    if let Some(adam) = &contents.adam {
        assert_eq!(
            adam.moments.len(),
            contents.weights.len(),
            "moments of all parameters"
        );
    }
    let root = Object::dict([
        ("args", Object::None),
        ("cfg", contents.cfg.clone().into()),
        ("model", model),
        ("criterion", Object::None),
        ("optimizer_history", Object::List(vec![history])),
        ("task_state", Object::Dict(Vec::new())),
        ("extra_state", Object::dict(extra)),
        ("last_optimizer_state", adam.unwrap_or(Object::None)),
    ]);
    save_file(path, &root, &storages)
}

/// The state dict: version numbers and second names at the places where fairseq has them.
fn model<'a>(contents: &Contents<'a>, storages: &mut Storages<'a>) -> Object {
    let mut entries: Vec<(&str, Object)> = Vec::new();
    for (name, (shape, values)) in &contents.weights {
        for (side, version) in [("encoder.", "encoder.version"), ("decoder.", "decoder.version")] {
            if name.starts_with(side) && !entries.iter().any(|(known, _)| *known == version) {
                entries.push((version, storages.tensor(&[1], &VERSION)));
                // The table of a decoder that has none of its own comes first in it.
                add_tied(&mut entries, contents, |new| {
                    new == format!("{side}embed_tokens.weight")
                });
            }
        }
        entries.push((name, storages.tensor(shape, values)));
    }
    add_tied(&mut entries, contents, |new| {
        !new.ends_with("embed_tokens.weight")
    });
    Object::OrderedDict(
        entries
            .into_iter()
            .map(|(name, tensor)| (name.into(), tensor))
            .collect(),
    )
}

fn add_tied<'a>(entries: &mut Vec<(&'a str, Object)>, contents: &Contents<'a>, here: impl Fn(&str) -> bool) {
    for (new, of) in contents.tied.iter().filter(|(new, _)| here(new)) {
        let tensor = entries
            .iter()
            .find(|(name, _)| name == of)
            .map(|(_, tensor)| tensor.clone());
        entries.push((new, tensor.expect("a second name is of a parameter before it")));
    }
}

fn optimizer<'a>(adam: &Moments<'a>, storages: &mut Storages<'a>) -> Object {
    let mut states = Vec::with_capacity(adam.moments.len());
    for (number, [first, second]) in adam.moments.iter().enumerate() {
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
