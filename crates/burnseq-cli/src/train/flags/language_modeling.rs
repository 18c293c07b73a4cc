//! Blocks of text that language models learn from.

use anyhow::Result;
use burnseq::tasks::language_modeling::LanguageModelingConfig;
use burnseq_data::{SampleBreakMode, ShortenMethod};
use clap::Args;

use super::{refuse_given, set};

/// Blocks of text that language models learn from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Language models (--task language_modeling)")]
pub struct LanguageModelingArgs {
    /// Where blocks end: none (after every --tokens-per-sample tokens), complete (at ends of sentences, as many as fit),
    /// complete_doc (the same, and at empty lines), eos (each sentence is a block) [default: none]
    #[arg(long, value_name = "MODE", value_parser = ["none", "complete", "complete_doc", "eos"], hide_possible_values = true)]
    pub sample_break_mode: Option<String>,
    /// Longest block in tokens, and the positions of a new model unless --max-target-positions is given [default: 1024, or
    /// the positions of the model where they are fewer]
    #[arg(long, value_name = "N")]
    pub tokens_per_sample: Option<usize>,
    /// Begin every block with `<s>`, which is predicted, too
    #[arg(long)]
    pub add_bos_token: bool,
    /// Sentences longer than a block: none (they stay), truncate, random_crop (another part in each epoch) [default: none]
    #[arg(long, value_name = "METHOD", value_parser = ["none", "truncate", "random_crop"], hide_possible_values = true)]
    pub shorten_method: Option<String>,
    /// Parts of the dataset that --shorten-method is for [default: all]
    #[arg(long, value_name = "SPLIT,...", value_delimiter = ',')]
    pub shorten_data_split_list: Option<Vec<String>>,
}

impl LanguageModelingArgs {
    /// Lays the flags over the task.
    pub(crate) fn overlay(&self, task: &mut LanguageModelingConfig) {
        set(
            &mut task.sample_break_mode,
            self.sample_break_mode.as_deref().map(|mode| match mode {
                "complete" => SampleBreakMode::Complete,
                "complete_doc" => SampleBreakMode::CompleteDoc,
                "eos" => SampleBreakMode::Eos,
                _ => SampleBreakMode::None,
            }),
        );
        set(&mut task.tokens_per_sample, self.tokens_per_sample);
        task.add_bos_token |= self.add_bos_token;
        set(
            &mut task.shorten_method,
            self.shorten_method.as_deref().map(|method| match method {
                "truncate" => ShortenMethod::Truncate,
                "random_crop" => ShortenMethod::RandomCrop,
                _ => ShortenMethod::None,
            }),
        );
        set(
            &mut task.shorten_data_split_list,
            self.shorten_data_split_list.clone(),
        );
    }

    /// Refuses the flags for another task.
    ///
    /// # Errors
    /// Every flag that is given.
    pub(crate) fn refuse(&self, task: &str) -> Result<()> {
        let given = [
            ("--sample-break-mode", self.sample_break_mode.is_some()),
            ("--tokens-per-sample", self.tokens_per_sample.is_some()),
            ("--add-bos-token", self.add_bos_token),
            ("--shorten-method", self.shorten_method.is_some()),
            (
                "--shorten-data-split-list",
                self.shorten_data_split_list.is_some(),
            ),
        ];
        refuse_given(&given, |flag| {
            format!(
                "{flag} belongs to --task language_modeling, this is {task}\nhint: leave it out, or add --task language_modeling"
            )
        })
    }
}
