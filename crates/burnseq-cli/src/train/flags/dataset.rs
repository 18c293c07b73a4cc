//! Batches.

use anyhow::{Result, anyhow};
use burnseq::tasks::TaskConfig;
use burnseq_data::DatasetImpl;
use burnseq_text::SubwordSampling;
use burnseq_train::DatasetConfig;
use clap::Args;

use super::{refuse_of_translation, set};
use crate::problems::Problems;
use crate::train::max_tokens::MaxTokens;
use crate::train::values::Limit;

/// Batches.
#[derive(Debug, Args)]
#[command(next_help_heading = "Batches")]
pub struct DatasetArgs {
    /// Most tokens in a batch, padding included: sentences times the longest one of either side; auto: what the memory
    /// of the GPU allows, found by trying and kept in ~/.cache/burnseq; a batch that does not fit after all is computed in
    /// halves; 0: no limit [default: 4096 unless --batch-size is given]
    #[arg(long, value_name = "N|auto")]
    pub max_tokens: Option<MaxTokens>,
    /// Most sentences in a batch; 0: no limit
    #[arg(long, visible_alias = "max-sentences", value_name = "N")]
    pub batch_size: Option<Limit>,
    /// The same for validation; 0: as in training [default: --max-tokens]
    #[arg(long, value_name = "N")]
    pub max_tokens_valid: Option<Limit>,
    /// The same for validation; 0: as in training [default: --batch-size]
    #[arg(long, visible_alias = "max-sentences-valid", value_name = "N")]
    pub batch_size_valid: Option<Limit>,
    /// Batches of N sentences or more are cut to a multiple of N [default: 8]
    #[arg(long, value_name = "N")]
    pub required_batch_size_multiple: Option<usize>,
    /// Widths of batches are rounded up to a multiple of N [default: 8 on a GPU, else 1; fairseq: 1]
    #[arg(long, value_name = "N")]
    pub required_seq_len_multiple: Option<usize>,
    /// Leave out validation sentences that are too long, instead of refusing to start
    #[arg(long)]
    pub skip_invalid_size_inputs_valid_test: bool,
    /// Cut sources that are too long instead of leaving the pair out; the end of sentence stays
    #[arg(long)]
    pub truncate_source: bool,
    /// Take the first of the training sets train, train1, ... N times an epoch [default: 1]
    #[arg(long, value_name = "N")]
    pub upsample_primary: Option<usize>,
    /// Take batches from short to long sentences in the first N epochs [default: 0]
    #[arg(long, value_name = "N")]
    pub curriculum: Option<u32>,
    /// 0: make batches when they are needed; otherwise in the background [default: 1]
    #[arg(long, value_name = "N")]
    pub num_workers: Option<usize>,
    /// Batches made ahead in the background; 0: none, as with --num-workers 0 [default: 10]
    #[arg(long, value_name = "N")]
    pub data_buffer_size: Option<usize>,
    /// Format of the dataset: mmap, cached, lazy, raw [default: found out]
    #[arg(long, value_name = "NAME")]
    pub dataset_impl: Option<DatasetImpl>,
    /// Part of the dataset to train on [default: train]
    #[arg(long, value_name = "SPLIT")]
    pub train_subset: Option<String>,
    /// Parts of the dataset to validate on; the first one chooses the best checkpoint [default: valid]
    #[arg(long, value_name = "SPLIT,...", value_delimiter = ',')]
    pub valid_subset: Option<Vec<String>>,
    /// Split the words of the training sentences anew in every epoch, leaving each merge out with this probability
    /// (BPE-dropout; 0.1 is usual); a batch that becomes larger than --max-tokens by it is computed in parts
    #[arg(long, value_name = "P", conflicts_with = "subword_alpha")]
    pub bpe_dropout: Option<f64>,
    /// The same for SentencePiece unigram models: segmentations are drawn by their probability to this power (0.1 to
    /// 0.5 are usual)
    #[arg(long, value_name = "ALPHA")]
    pub subword_alpha: Option<f64>,
    /// Pad the source on the right: without a value, as in fairseq 0.12, or with False, as before
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "False")]
    pub left_pad_source: Option<String>,
    /// False, which is how targets are padded; on the left they cannot be
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "True")]
    pub left_pad_target: Option<String>,
}

impl DatasetArgs {
    /// Lays the flags over the batches.
    pub(crate) fn overlay(&self, config: &mut DatasetConfig) {
        // Who asks for sentences alone gets batches of sentences, not of the default tokens.
        if self.max_tokens.is_some() || self.batch_size.is_some() {
            config.batch_size = self.batch_size.and_then(Limit::count);
            config.max_tokens = match self.max_tokens {
                Some(MaxTokens::Tokens(number)) => number.count(),
                // Until the device is open.
                Some(MaxTokens::Auto) => DatasetConfig::default().max_tokens,
                None => None,
            };
        }
        for (field, flag) in [
            (&mut config.max_tokens_valid, self.max_tokens_valid),
            (&mut config.batch_size_valid, self.batch_size_valid),
        ] {
            if let Some(limit) = flag {
                *field = limit.count();
            }
        }
        set(
            &mut config.required_batch_size_multiple,
            self.required_batch_size_multiple,
        );
        config.required_seq_len_multiple = self
            .required_seq_len_multiple
            .or(config.required_seq_len_multiple);
        config.skip_invalid_size_inputs_valid_test |= self.skip_invalid_size_inputs_valid_test;
        set(&mut config.curriculum, self.curriculum);
        set(&mut config.num_workers, self.num_workers);
        if self.data_buffer_size == Some(0) {
            // fairseq then makes batches when they are needed.
            config.num_workers = 0;
        } else {
            set(&mut config.data_buffer_size, self.data_buffer_size);
        }
    }

    /// Whether the largest batches are asked for that the device allows.
    pub(crate) fn is_auto(&self) -> bool {
        self.max_tokens == Some(MaxTokens::Auto)
    }

    /// Lays the flags over the sets of sentences.
    pub(crate) fn overlay_task(&self, task: &mut TaskConfig) -> Result<()> {
        let task = match task {
            TaskConfig::Translation(task) => task,
            TaskConfig::LanguageModeling(task) => {
                task.dataset_impl = self.dataset_impl.or(task.dataset_impl);
                set(&mut task.train_subset, self.train_subset.clone());
                set(&mut task.valid_subset, self.valid_subset.clone());
                return refuse_of_translation(&[
                    ("--upsample-primary", self.upsample_primary.is_some()),
                    ("--truncate-source", self.truncate_source),
                    ("--bpe-dropout", self.bpe_dropout.is_some()),
                    ("--subword-alpha", self.subword_alpha.is_some()),
                    ("--left-pad-source", self.left_pad_source.is_some()),
                    ("--left-pad-target", self.left_pad_target.is_some()),
                ]);
            }
        };
        task.dataset_impl = self.dataset_impl.or(task.dataset_impl);
        set(&mut task.train_subset, self.train_subset.clone());
        set(&mut task.valid_subset, self.valid_subset.clone());
        set(&mut task.upsample_primary, self.upsample_primary);
        task.truncate_source |= self.truncate_source;
        if let Some(p) = self.bpe_dropout {
            task.subword_sampling = Some(SubwordSampling::BpeDropout { p });
        }
        if let Some(alpha) = self.subword_alpha {
            task.subword_sampling = Some(SubwordSampling::Unigram { alpha });
        }
        let mut problems = Problems::new();
        if let Some(sampling) = &task.subword_sampling {
            problems.take(sampling.validate().map_err(Into::into));
        }
        if let Some(value) = &self.left_pad_source
            && let Some(left) = problems.take(boolean("--left-pad-source", value))
        {
            task.left_pad_source = left;
        }
        if let Some(value) = &self.left_pad_target
            && problems.take(boolean("--left-pad-target", value)) == Some(true)
        {
            problems.say(
                "--left-pad-target: targets are padded on the right\nhint: leave it out; padding changes no result",
            );
        }
        problems.into_result()
    }
}

/// A truth value as Python spells it.
fn boolean(flag: &str, value: &str) -> Result<bool> {
    match value {
        "True" | "true" | "1" => Ok(true),
        "False" | "false" | "0" => Ok(false),
        other => Err(anyhow!("{flag} takes True or False, got {other:?}")),
    }
}
