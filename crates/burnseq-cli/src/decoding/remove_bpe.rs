//! `--remove-bpe`: how pieces of words are joined.

use burnseq_text::{Dictionary, RemoveBpe};
use clap::Args;

/// The mark that tells pieces from words.
#[derive(Debug, Args)]
pub struct RemoveBpeArgs {
    /// Join pieces of words in what is printed and measured: a mark, subword_nmt, sentencepiece, ... (without value: `@@ `).
    /// Text is put together by the subword model that the data carries; where it carries none, this decides
    #[arg(
        long,
        visible_alias = "post-process",
        value_name = "MARK",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "subword_nmt",
        help_heading = "Output"
    )]
    pub remove_bpe: Option<String>,
}

impl RemoveBpeArgs {
    /// What is asked for, if anything.
    pub(crate) fn given(&self) -> Option<RemoveBpe> {
        let mark = self.remove_bpe.as_deref()?;
        Some(RemoveBpe::from_flag(Some(mark)))
    }

    /// The same; text stays as it is where nothing is asked for.
    pub(crate) fn post_process(&self) -> RemoveBpe {
        self.given().unwrap_or_default()
    }

    /// What is surprising about it for the tokens of `dictionary`, if anything.
    pub(crate) fn note(&self, dictionary: &Dictionary) -> Option<String> {
        let post_process = self.post_process();
        let mark = post_process.mark()?;
        if !dictionary
            .iter()
            .any(|(token, _)| post_process.is_carried_by(token))
        {
            let effect = if post_process.removes_blanks() {
                "words run together"
            } else {
                "it changes nothing"
            };
            return Some(format!(
                "no token of the dictionary carries the mark `{mark}` of --remove-bpe {}, so {effect}\nhint: leave it out",
                self.remove_bpe.as_deref().unwrap_or_default()
            ));
        }
        (post_process == RemoveBpe::Symbol("@@".to_owned())).then(|| {
            "the mark `@@` goes and the blank behind it stays, as in fairseq, so that pieces stand apart; --post-process \
             subword_nmt joins them"
                .to_owned()
        })
    }
}
