//! Validation.

use anyhow::Result;
use burnseq::tasks::eval_bleu::{Detok, EvalBleuConfig};
use burnseq_train::ValidationConfig;
use clap::Args;

use super::{refuse_given, refuse_of_translation, set};

/// Validation.
#[derive(Debug, Args)]
#[command(next_help_heading = "Validation")]
#[expect(
    missing_docs,
    reason = "the documentation of a flattened group would replace that of the command"
)]
pub struct ValidationArgs {
    /// Epochs between validations [default: 1]
    #[arg(long, value_name = "N")]
    pub validate_interval: Option<u32>,
    /// Updates between validations inside an epoch; 0: none [default: 0]
    #[arg(long, value_name = "N")]
    pub validate_interval_updates: Option<u64>,
    /// No validation before this update [default: 0]
    #[arg(long, value_name = "N")]
    pub validate_after_updates: Option<u64>,
    /// Validate on the first N batches only (fairseq takes one more)
    #[arg(long, visible_alias = "nval", value_name = "N")]
    pub max_valid_steps: Option<usize>,
    /// Never validate
    #[arg(long)]
    pub disable_validation: bool,
    /// What chooses the best checkpoint: loss, nll_loss, ppl, accuracy, bleu [default: loss]
    #[arg(long, value_name = "NAME")]
    pub best_checkpoint_metric: Option<String>,
    /// Larger is better (implied by `--best-checkpoint-metric bleu` and `accuracy`)
    #[arg(long)]
    pub maximize_best_checkpoint_metric: bool,
    #[command(flatten)]
    pub bleu: EvalBleuArgs,
}

/// BLEU of a validation set by beam search.
#[derive(Debug, Args)]
pub struct EvalBleuArgs {
    /// Translate the validation set by beam search and report BLEU
    #[arg(long)]
    pub eval_bleu: bool,
    /// Options of that search, as JSON: '{"beam": 5, "max_len_a": 1.2, "max_len_b": 10, "lenpen": 1}'
    #[arg(long, value_name = "JSON")]
    pub eval_bleu_args: Option<String>,
    /// Detokenizer before BLEU: moses, for the target language; space (none) [default: space]
    #[arg(long, value_name = "NAME", value_parser = ["space", "moses"])]
    pub eval_bleu_detok: Option<String>,
    /// Compute BLEU on white-space tokens instead of sacreBLEU's 13a
    #[arg(long)]
    pub eval_tokenized_bleu: bool,
    /// Undo subwords before BLEU; the value is a marker or sentencepiece (without a value: '@@ ')
    #[arg(long, value_name = "MARKER", num_args = 0..=1, require_equals = true, default_missing_value = "@@ ")]
    pub eval_bleu_remove_bpe: Option<String>,
    /// Show a translation and its reference at each validation
    #[arg(long)]
    pub eval_bleu_print_samples: bool,
}

impl ValidationArgs {
    /// Lays the flags over the configuration.
    pub(crate) fn overlay(&self, config: &mut ValidationConfig) {
        set(&mut config.validate_interval, self.validate_interval);
        set(
            &mut config.validate_interval_updates,
            self.validate_interval_updates,
        );
        set(&mut config.validate_after_updates, self.validate_after_updates);
        config.max_valid_steps = self.max_valid_steps.or(config.max_valid_steps);
        config.disable_validation |= self.disable_validation;
        if let Some(metric) = &self.best_checkpoint_metric {
            config.best_checkpoint_metric.clone_from(metric);
            config.maximize_best_checkpoint_metric = matches!(metric.as_str(), "bleu" | "accuracy");
        }
        config.maximize_best_checkpoint_metric |= self.maximize_best_checkpoint_metric;
    }
}

impl EvalBleuArgs {
    /// Refuses the flags where no translation is measured.
    ///
    /// # Errors
    /// Every flag that is given.
    pub(crate) fn refuse(&self) -> Result<()> {
        refuse_of_translation(&[
            ("--eval-bleu", self.eval_bleu),
            ("--eval-bleu-args", self.eval_bleu_args.is_some()),
            ("--eval-bleu-detok", self.eval_bleu_detok.is_some()),
            ("--eval-tokenized-bleu", self.eval_tokenized_bleu),
            ("--eval-bleu-remove-bpe", self.eval_bleu_remove_bpe.is_some()),
            ("--eval-bleu-print-samples", self.eval_bleu_print_samples),
        ])
    }

    /// Lays the flags over the configuration; BLEU is computed when there is one afterwards.
    pub(crate) fn overlay(&self, config: &mut Option<EvalBleuConfig>) -> Result<()> {
        if self.eval_bleu && config.is_none() {
            *config = Some(EvalBleuConfig::default());
        }
        let Some(config) = config else {
            let given = [
                ("--eval-bleu-args", self.eval_bleu_args.is_some()),
                ("--eval-bleu-detok", self.eval_bleu_detok.is_some()),
                ("--eval-tokenized-bleu", self.eval_tokenized_bleu),
                ("--eval-bleu-remove-bpe", self.eval_bleu_remove_bpe.is_some()),
                ("--eval-bleu-print-samples", self.eval_bleu_print_samples),
            ];
            return refuse_given(&given, |flag| {
                format!("{flag} needs --eval-bleu\nhint: add it, or leave out {flag}")
            });
        };
        match self.eval_bleu_detok.as_deref() {
            Some("moses") => config.detok = Detok::Moses,
            Some(_) => config.detok = Detok::Space,
            None => {}
        }
        if let Some(json) = &self.eval_bleu_args {
            config.options = EvalBleuConfig::options_from_json(json)?;
        }
        if self.eval_bleu_remove_bpe.is_some() {
            config.remove_bpe.clone_from(&self.eval_bleu_remove_bpe);
        }
        config.tokenized_bleu |= self.eval_tokenized_bleu;
        config.print_samples |= self.eval_bleu_print_samples;
        Ok(())
    }
}
