//! Task and languages: flags of every binary that deals with a dataset or a model.

use clap::Args;

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
    /// Task of the model; `translation` is the only one
    #[arg(long, value_name = "TASK", value_parser = ["translation"])]
    pub task: Option<String>,
}
