//! Task and languages: flags of every binary that deals with a dataset or a model.

use anyhow::Result;
use burnseq::tasks::TaskConfig;
use clap::Args;

use crate::problems::Problems;

/// Languages of a dataset or a model.
#[derive(Debug, Clone, Args)]
pub struct LanguageArgs {
    /// Source language [default: as the model or the names of the files tell]
    #[arg(short = 's', long, visible_alias = "src", value_name = "LANG")]
    pub source_lang: Option<String>,
    /// Target language [default: as the model or the names of the files tell]
    #[arg(short = 't', long, visible_alias = "tgt", value_name = "LANG")]
    pub target_lang: Option<String>,
}

/// The task, and the languages it is about.
#[derive(Debug, Clone, Args)]
pub struct TaskArgs {
    /// Languages.
    #[command(flatten)]
    pub languages: LanguageArgs,
    /// translation, or language_modeling [default: as the model and the data tell]
    #[arg(long, value_name = "TASK", value_parser = TaskConfig::NAMES, hide_possible_values = true)]
    pub task: Option<String>,
}

impl LanguageArgs {
    /// Refuses the flags where there is one side.
    ///
    /// # Errors
    /// Every flag that is given.
    pub(crate) fn refuse(&self) -> Result<()> {
        let mut problems = Problems::new();
        for (flag, given) in [
            ("--source-lang", &self.source_lang),
            ("--target-lang", &self.target_lang),
        ] {
            if given.is_some() {
                problems.say(format!(
                    "{flag} belongs to --task translation, text for a language model has one side\nhint: leave it out, or add \
                     --task translation"
                ));
            }
        }
        problems.into_result()
    }
}
