//! The flags of `generate` for prompts of a language model.

use std::path::PathBuf;

use clap::Args;

/// Prompts, and what is put around them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Language models (--task language_modeling)")]
pub struct PromptArgs {
    /// Continue this text instead of a dataset; may be given several times. An empty one lets the model begin
    #[arg(long, value_name = "TEXT", group = "text", conflicts_with_all = ["data", "gen_subset"])]
    pub prompt: Vec<String>,
    /// Count the tokens of prompts in scores, as fairseq does; they are then read one by one
    #[arg(long)]
    pub count_prompt: bool,
    /// How a line becomes a prompt: {0}, {1}, ... stand for its columns, which tabs separate, the last one for the answer,
    /// and \n for the end of a line [default with --shots or --choices: "{0} {1}"]
    #[arg(long, value_name = "TEXT", requires = "text")]
    pub template: Option<String>,
    /// Examples that stand before each prompt, a line each: columns separated by tabs, the answer last
    #[arg(long, value_name = "FILE", requires = "text")]
    pub shots: Option<PathBuf>,
    /// Take the first N of them: 0 is zero-shot, 1 is one-shot [default: all]
    #[arg(long, value_name = "N", requires = "shots")]
    pub num_shots: Option<usize>,
    /// Choose the likeliest of these answers instead of writing one: a line of choices for each prompt, separated by tabs, or
    /// one line for all. C- lines tell number and text of the choice, and the score of each; then comes the accuracy, where
    /// lines hold the answer
    #[arg(long, value_name = "FILE", requires = "text")]
    pub choices: Option<PathBuf>,
}

impl PromptArgs {
    /// The flags that are given.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            ("--prompt", !self.prompt.is_empty()),
            ("--count-prompt", self.count_prompt),
            ("--template", self.template.is_some()),
            ("--shots", self.shots.is_some()),
            ("--choices", self.choices.is_some()),
        ];
        flags
            .into_iter()
            .filter_map(|(flag, given)| given.then_some(flag))
    }
}
