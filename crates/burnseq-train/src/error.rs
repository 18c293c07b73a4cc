//! What can go wrong while training and around checkpoints.

use std::path::PathBuf;

use burnseq_model::ModelError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of this crate; each names the option, file or tensor it is about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is out of range, or settings contradict each other.
    #[error("{0}")]
    Config(String),
    /// Several settings are; each problem is a message of its own.
    #[error("{}", .0.join("\n"))]
    Configs(Vec<String>),
    /// A gradient is NaN or infinite.
    #[error(
        "the gradient of `{tensor}` is not finite (norm {norm})\n\
         hint: lower 'lr', raise 'warmup_updates' or clip with 'clip_norm'; look for broken training pairs"
    )]
    NonFiniteGradient {
        /// The first such parameter.
        tensor: String,
        /// Its norm: NaN or infinity.
        norm: f32,
    },
    /// A file or folder could not be read or written.
    #[error(transparent)]
    Io(#[from] burnseq_text::FileError),
    /// There is no checkpoint at this path.
    #[error("{path}: no checkpoint here; a checkpoint is a folder with a checkpoint.json{hint}")]
    NoCheckpoint {
        /// What was asked for.
        path: PathBuf,
        /// A line with the remedy, or nothing.
        hint: String,
    },
    /// A file of a checkpoint is not what it should be.
    #[error("{path}: {problem}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the remedy.
        problem: String,
    },
    /// The weights in a file do not fit the model.
    #[error("{path}: {problem}")]
    Weights {
        /// The file with the weights.
        path: PathBuf,
        /// The tensor, what is wrong with it and the remedy.
        problem: ModelError,
    },
    /// The state of the optimiser does not fit the model.
    #[error(
        "the optimiser state {problem}\n\
         hint: it belongs to another model; give the settings of that run, or 'reset_optimizer'"
    )]
    OptimizerState {
        /// The tensor and what is wrong with it.
        problem: String,
    },
    /// The model could not be configured.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The data could not be read or cut into batches.
    #[error(transparent)]
    Data(#[from] burnseq_data::Error),
    /// Updates would have made the weights useless; they were not applied.
    #[error(
        "training stopped before update {update} (learning rate {lr}): {what}\nhint: the last of {in_a_row} such \
         updates in a row had the training sentences {}, counted from 0; checkpoints of earlier updates are unharmed",
        numbers(.sentences)
    )]
    Diverged {
        /// The update, counted from 1.
        update: u64,
        /// Its learning rate.
        lr: f64,
        /// What is not finite.
        what: String,
        /// Such updates in a row, this one included.
        in_a_row: u64,
        /// Training sentences of its batches, counted from 0.
        sentences: Vec<usize>,
    },
    /// A weight is NaN or infinite when a checkpoint is due.
    #[error(
        "weight `{tensor}` is not finite after update {update}: training has diverged, so that no checkpoint was \
         written; those of earlier updates in {save_dir} are unharmed\n\
         hint: lower 'lr', raise 'warmup_updates' or clip with 'clip_norm'"
    )]
    DivergedWeights {
        /// The first such parameter.
        tensor: String,
        /// Updates done.
        update: u64,
        /// Where checkpoints are written.
        save_dir: PathBuf,
    },
    /// Another process trains and saves in the same folder.
    #[error("another run writes to {path}")]
    SaveDirInUse {
        /// The folder.
        path: PathBuf,
    },
    /// A sentence does not fit in the memory of its device, even alone.
    #[error(
        "{sentences} sentence {number} (counted from 0; {sizes}) does not fit in the memory of the device\nhint: leave longer ones out with 'max_source_positions' and 'max_target_positions', \
         compute in half precision ('bf16'), add 'checkpoint_activations', or take a smaller model"
    )]
    SentenceOutOfMemory {
        /// What it is for: `training`, or the name of a validation set.
        sentences: String,
        /// Its number in the data, counted from 0.
        number: usize,
        /// Its tokens, in words.
        sizes: String,
    },
    /// `--max-tokens auto` finds nothing.
    #[error(
        "'max_tokens' auto: the memory of the device does not even hold an update with batches of {max_tokens} tokens, \
         as the longest sentences need\nhint: leave longer ones out with 'max_source_positions' and \
         'max_target_positions', compute in half precision ('bf16'), add 'checkpoint_activations', take a smaller \
         model, or end what else uses the device"
    )]
    NoBatchFits {
        /// The smallest number of tokens that was tried.
        max_tokens: usize,
    },
    /// The weights were lost in an update for which the memory of their device did not suffice.
    #[error(
        "the memory of the device does not hold the weights, their gradients and the state of the optimiser\n\
         hint: take a smaller model or another optimiser ('optimizer'), or end what else uses the device; checkpoints \
         of earlier updates are unharmed"
    )]
    UpdateOutOfMemory,
    /// A run cannot be taken up from this checkpoint.
    #[error("cannot resume from {path}: {problem}")]
    Restore {
        /// The checkpoint.
        path: PathBuf,
        /// What does not fit, with the remedy.
        problem: String,
    },
    /// A new run cannot start from the weights of this checkpoint.
    #[error("cannot start from {path}: {problem}")]
    Start {
        /// The checkpoint.
        path: PathBuf,
        /// What does not fit, with the remedy.
        problem: String,
    },
    /// A run cannot start from this checkpoint, because the data has other dictionaries.
    #[error("cannot {} from {path}: {problem}", if *.weights_only { "start" } else { "resume" })]
    OtherDictionaries {
        /// The checkpoint.
        path: PathBuf,
        /// Whether a new run was to start from its weights.
        weights_only: bool,
        /// Which dictionary differs.
        problem: String,
    },
    /// A checkpoint of another program could not be converted.
    #[error(transparent)]
    Import(Box<dyn std::error::Error + Send + Sync>),
    /// A metric of the task could not be computed.
    #[error("the validation failed")]
    Validator(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Whether the settings are wrong rather than the data, so that a binary ends with code 2.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_)
            | Self::Configs(_)
            | Self::Model(ModelError::Config { .. } | ModelError::Unsupported { .. }) => true,
            Self::Data(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// What is wrong with settings, collected so that all of it is told at once.
#[derive(Debug, Default)]
pub(crate) struct ConfigProblems(Vec<String>);

impl ConfigProblems {
    /// Adds one.
    pub(crate) fn say(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// Adds what a check has found.
    pub(crate) fn take<T>(&mut self, checked: Result<T>) {
        match checked {
            Ok(_) => {}
            Err(Error::Config(problem)) => self.0.push(problem),
            Err(Error::Configs(problems)) => self.0.extend(problems),
            Err(other) => self.0.push(other.to_string()),
        }
    }

    /// Success where there is none.
    ///
    /// # Errors
    /// [`Error::Config`] for a single problem, [`Error::Configs`] for several.
    pub(crate) fn into_result(mut self) -> Result<()> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(Error::Config(self.0.remove(0))),
            _ => Err(Error::Configs(self.0)),
        }
    }
}

/// At most twenty numbers, then how many there are.
pub(crate) fn numbers(all: &[usize]) -> String {
    let shown: Vec<String> = all.iter().take(20).map(ToString::to_string).collect();
    let rest = if all.len() > 20 {
        format!(", ... ({} in all)", all.len())
    } else {
        String::new()
    };
    format!("{}{rest}", shown.join(", "))
}
