//! The flags of `train`, a file for each group: the flags, and how they are laid over a configuration. Every flag is
//! optional; what is not given stays as the recipe, the configuration file or the defaults have it.

mod checkpoint;
mod dataset;
mod ema;
mod family;
mod language_modeling;
mod loss_scaling;
mod model;
mod optim;
mod schedule;
mod stop;
mod validation;

use anyhow::Result;

use crate::problems::Problems;

pub use checkpoint::CheckpointArgs;
pub use dataset::DatasetArgs;
pub use ema::EmaArgs;
pub use family::FamilyFlags;
pub(super) use family::{HEADING as FAMILY_HEADING, for_arch, names_arch};
pub use language_modeling::LanguageModelingArgs;
pub use loss_scaling::LossScalingArgs;
pub use model::ModelArgs;
pub(super) use model::{DEFAULT_ARCH, DEFAULT_LM_ARCH};
pub use optim::OptimArgs;
pub use schedule::ScheduleArgs;
pub use stop::StopArgs;
pub use validation::{EvalBleuArgs, ValidationArgs};

/// Refuses flags that do not act, each with what `problem` says about it.
fn refuse_given(flags: &[(&str, bool)], problem: impl Fn(&str) -> String) -> Result<()> {
    let mut problems = Problems::new();
    for (flag, _) in flags.iter().filter(|(_, given)| *given) {
        problems.say(problem(flag));
    }
    problems.into_result()
}

/// Refuses flags of translation in a run that trains a language model.
fn refuse_of_translation(flags: &[(&str, bool)]) -> Result<()> {
    refuse_given(flags, |flag| {
        format!(
            "{flag} belongs to --task translation, this is language_modeling\nhint: leave it out, or add --task translation"
        )
    })
}

/// Lays a flag over a field.
fn set<T>(field: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *field = value;
    }
}
