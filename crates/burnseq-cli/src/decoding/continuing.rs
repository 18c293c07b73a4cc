//! The flags of `generate` and `burnseq interactive` for language models.

use burnseq_search::GenerateOptions;
use clap::Args;

use super::DecodingArgs;
use crate::problems::Problems;

/// How text is continued.
#[derive(Debug, Args)]
#[command(next_help_heading = "Language models (--task language_modeling)")]
pub struct ContinuingArgs {
    /// Print what follows a prompt, without the prompt
    #[arg(long)]
    pub continuation_only: bool,
    /// Go on behind the end of a line, up to the longest length; texts are separated by an empty line
    #[arg(long)]
    pub ignore_eos: bool,
    /// Let a text that reaches the positions of the model go on from its last half, instead of ending there; longer prompts
    /// are read from the last positions on
    #[arg(long)]
    pub sliding_window: bool,
}

impl ContinuingArgs {
    /// The flags that are given.
    pub(crate) fn given(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            ("--continuation-only", self.continuation_only),
            ("--ignore-eos", self.ignore_eos),
            ("--sliding-window", self.sliding_window),
        ];
        flags
            .into_iter()
            .filter_map(|(flag, given)| given.then_some(flag))
    }

    /// The options of the search.
    ///
    /// # Errors
    /// A name in `--retain-dropout-modules` that is none.
    pub(crate) fn options(&self, decoding: &DecodingArgs) -> anyhow::Result<GenerateOptions> {
        let options = decoding.options()?;
        Ok(GenerateOptions {
            ignore_eos: self.ignore_eos,
            // It is the least that there is, and nothing asks for it.
            min_len: match self.ignore_eos && decoding.search.min_len.is_none() {
                true => GenerateOptions::default().min_len,
                false => options.min_len,
            },
            ..options
        })
    }
}

/// Says of each of these flags of language models that a translation model has no use for it.
pub(crate) fn refuse_for_translation(flags: impl IntoIterator<Item = &'static str>, problems: &mut Problems) {
    for flag in flags {
        problems.say(format!(
            "{flag} belongs to --task language_modeling, and this model translates\nhint: leave it out, or give the \
             checkpoint of a language model"
        ));
    }
}

/// Says of each of these flags of translation that a language model has no use for it.
pub(crate) fn refuse_for_language_models(flags: &[(&'static str, bool)], problems: &mut Problems) {
    for (flag, _) in flags.iter().filter(|(_, given)| *given) {
        problems.say(format!(
            "{flag} belongs to --task translation, and this model continues text\nhint: leave it out"
        ));
    }
}
