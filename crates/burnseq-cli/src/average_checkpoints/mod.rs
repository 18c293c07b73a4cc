//! `burnseq average`: the mean of the weights of several checkpoints.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use burnseq_train::checkpoint::average::{Selection, average, is_run, select, select_latest};
use clap::Parser;

use crate::exit::{coded, usage};
use crate::grammar::Flags;

/// Checkpoints of a run that are averaged where nobody says how many, as in fairseq's recipes.
const DEFAULT_COUNT: usize = 5;

/// Write the mean of the weights of several checkpoints as a new checkpoint.
///
/// The checkpoints must hold the same model with the same dictionaries. The new one translates and can be trained
/// further with --finetune-from-model.
#[derive(Debug, Parser)]
#[command(name = "average", version, max_term_width = 110, args_override_self = true)]
pub struct AverageArgs {
    /// Checkpoints; or the folder of a run, of which the options below choose some [default: the latest 5 of checkpoint1,
    /// checkpoint2, ..., else of checkpoint_1_500, ...]
    #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
    pub inputs: Vec<PathBuf>,
    /// The new checkpoint
    #[arg(long, value_name = "PATH")]
    pub output: PathBuf,
    /// Replace the output if it is a checkpoint
    #[arg(long)]
    pub overwrite: bool,
    /// Average the latest N of checkpoint1, checkpoint2, ...
    #[arg(long, value_name = "N", group = "selection")]
    pub num_epoch_checkpoints: Option<usize>,
    /// Average the latest N of checkpoint_1_500, checkpoint_1_1000, ...
    #[arg(long, value_name = "N", group = "selection")]
    pub num_update_checkpoints: Option<usize>,
    /// Average the N best by the metric of the run, in its direction (fairseq always takes the lowest values)
    #[arg(long, value_name = "N", group = "selection")]
    pub num_best_checkpoints: Option<usize>,
    /// Leave out checkpoints after this epoch, or after this update with --num-update-checkpoints
    #[arg(
        long,
        value_name = "N",
        requires = "selection",
        conflicts_with = "num_best_checkpoints"
    )]
    pub checkpoint_upper_bound: Option<u64>,
}

impl Flags for AverageArgs {
    fn problems(&self) -> Vec<anyhow::Error> {
        self.selection().err().into_iter().collect()
    }
}

impl AverageArgs {
    /// Which checkpoints of a folder to take; `None`: those that are named.
    ///
    /// # Errors
    /// A number of checkpoints without one folder to take them from.
    pub fn selection(&self) -> Result<Option<Selection>> {
        let upper_bound = self.checkpoint_upper_bound;
        let selection = if let Some(count) = self.num_epoch_checkpoints {
            Selection::Epochs { count, upper_bound }
        } else if let Some(count) = self.num_update_checkpoints {
            Selection::Updates { count, upper_bound }
        } else if let Some(count) = self.num_best_checkpoints {
            Selection::Best { count }
        } else {
            return Ok(None);
        };
        if self.inputs.len() != 1 {
            bail!(
                "--num-...-checkpoints takes one folder of a run, --inputs names {}",
                self.inputs.len()
            );
        }
        Ok(Some(selection))
    }
}

/// Runs `burnseq average`; tells on stderr which checkpoints were taken.
///
/// # Errors
/// Wrong usage; checkpoints that are missing, damaged or do not belong together; an output that exists.
pub fn run(args: &AverageArgs) -> Result<()> {
    let inputs = match (args.selection().map_err(usage)?, args.inputs.as_slice()) {
        (Some(selection), [run, ..]) => select(run, selection).map_err(coded)?,
        (None, [run]) if is_run(run) => select_latest(run, DEFAULT_COUNT).map_err(coded)?,
        _ => args.inputs.clone(),
    };
    average(&inputs, &args.output, args.overwrite).map_err(coded)?;
    let names: Vec<String> = inputs.iter().map(|path| path.display().to_string()).collect();
    writeln!(std::io::stderr(), "averaged {}", names.join(", "))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn args(flags: &str) -> clap::error::Result<AverageArgs> {
        AverageArgs::try_parse_from(std::iter::once("average").chain(flags.split_whitespace()))
    }

    #[test]
    fn the_commands_of_fairseq_are_understood() {
        AverageArgs::command().debug_assert();
        let named = args("--inputs a b c --output avg.pt").unwrap();
        assert_eq!((named.inputs.len(), named.selection().unwrap()), (3, None));
        let last =
            args("--inputs dir --num-epoch-checkpoints 5 --checkpoint-upper-bound 9 --output avg").unwrap();
        let expected = Selection::Epochs {
            count: 5,
            upper_bound: Some(9),
        };
        assert_eq!(last.selection().unwrap(), Some(expected));
    }

    #[test]
    fn contradictions_are_refused() {
        let both = "--inputs a --output b --num-epoch-checkpoints 2 --num-best-checkpoints 2";
        assert!(args(both).is_err());
        assert!(args("--inputs a --output b --checkpoint-upper-bound 2").is_err());
        assert!(args("--inputs a --output b --num-best-checkpoints 2 --checkpoint-upper-bound 2").is_err());
        let two = args("--inputs a b --output c --num-epoch-checkpoints 2").unwrap();
        assert!(two.selection().unwrap_err().to_string().contains("one folder"));
    }
}
