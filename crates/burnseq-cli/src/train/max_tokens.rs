//! `--max-tokens auto`: where the number comes from. A run that goes on has the batches that it began with; otherwise it
//! is the number found earlier for the same model on the same device; otherwise it is searched for, and kept.
//!
//! Numbers are kept in `burnseq/max-tokens.json` in the user's folder for caches: `$XDG_CACHE_HOME`, or `~/.cache`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use burn::tensor::Device;
use burnseq_data::Dataset;
use burnseq_kernels::Compute;
use burnseq_model::{ModelConfig, OfConfig};
use burnseq_text::Vocab;
use burnseq_text::write_atomically;
use burnseq_train::{
    Criterion, FoundMaxTokens, TrainConfig, find_max_tokens, longest_sentences, saved_max_tokens,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::decoding::format::thousands;
use crate::exit::usage;
use crate::train::values::Limit;

/// What `--max-tokens` takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxTokens {
    /// What the memory of the device allows.
    Auto,
    /// A number of tokens.
    Tokens(Limit),
}

impl FromStr for MaxTokens {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => text
                .parse()
                .map(Self::Tokens)
                .map_err(|_| "expected a number of tokens, or auto".to_owned()),
        }
    }
}

/// What a number of tokens is searched for.
#[derive(Debug)]
pub(super) struct Search<'a, M, D: Dataset> {
    pub(super) data: &'a D,
    pub(super) criterion: Arc<dyn Criterion<M, D::Batch>>,
    pub(super) model: &'a ModelConfig,
    pub(super) vocab: &'a Vocab,
    pub(super) compute: &'a Compute,
    /// Name of the hardware.
    pub(super) hardware: String,
}

/// The number of tokens that the run began with, where it goes on from a checkpoint.
///
/// # Errors
/// A checkpoint that cannot be read; a new run on the processor.
pub(super) fn of_checkpoint(
    config: &TrainConfig,
    device: &Device,
    say: &mut dyn FnMut(&str),
) -> Result<Option<usize>> {
    if let Some(max_tokens) = saved_max_tokens(&config.checkpoint)? {
        say(&format!(
            "note: --max-tokens auto: {} tokens, as the run began",
            thousands(max_tokens)
        ));
        return Ok(Some(max_tokens));
    }
    if *device == Device::flex() {
        return Err(usage(anyhow!(
            "--max-tokens auto finds out what fits in the memory of a GPU; on the processor, give a number \
             (the default is 4096)"
        )));
    }
    Ok(None)
}

impl<M: OfConfig, D: Dataset> Search<'_, M, D> {
    /// The number found earlier, or one that is searched for now.
    ///
    /// # Errors
    /// Data that cannot be read, or a device that does not hold any batch.
    pub(super) fn run(&self, config: &TrainConfig, say: &mut dyn FnMut(&str)) -> Result<usize> {
        self.run_with(config, cache_file().as_deref(), say)
    }

    fn run_with(
        &self,
        config: &TrainConfig,
        cache: Option<&Path>,
        say: &mut dyn FnMut(&str),
    ) -> Result<usize> {
        let key = self.key(config);
        let mut known = match cache.map(Known::read) {
            None => Known::default(),
            Some(Ok(known)) => known,
            Some(Err(problem)) => {
                say(&format!("note: {problem:#}; it is not used, and written anew"));
                Known::default()
            }
        };
        if let (Some(max_tokens), Some(cache)) = (known.get(&key), cache) {
            say(&format!(
                "note: --max-tokens auto: {} tokens, found earlier ({}; without that file it is searched for again)",
                thousands(max_tokens),
                cache.display()
            ));
            return Ok(max_tokens);
        }
        say("note: --max-tokens auto: trying how large batches may be");
        M::check(self.model)?;
        let init = || {
            M::init(self.model, self.vocab, u64::from(config.seed), self.compute)
                .expect("the role has been checked")
        };
        let found = find_max_tokens(
            init,
            Arc::clone(&self.criterion),
            self.data,
            self.model.max_positions(),
            config,
            &self.compute.device,
        )?;
        known.insert(key, found.max_tokens);
        let kept = match cache.map(|cache| known.write(cache)) {
            Some(Ok(())) => String::new(),
            Some(Err(problem)) => format!("; not kept for the next run: {problem:#}"),
            None => "; not kept for the next run: neither XDG_CACHE_HOME nor HOME is set".to_owned(),
        };
        say(&format!("note: {}{kept}", description(&found)));
        Ok(found.max_tokens)
    }

    /// All that the number depends on, as JSON.
    fn key(&self, config: &TrainConfig) -> String {
        let max_positions = self.model.max_positions();
        json!({
            "burnseq": env!("CARGO_PKG_VERSION"),
            "hardware": self.hardware,
            "precision": self.compute.precision.to_string(),
            "model": self.model,
            "vocab": [self.vocab.src, self.vocab.tgt],
            "criterion": config.criterion,
            "optimizer": config.optimizer,
            "ema": config.ema.is_some(),
            "checkpoint_activations": config.optimization.checkpoint_activations,
            "accumulates": config.optimization.update_freq.iter().any(|&freq| freq > 1),
            "batch_size": config.dataset.batch_size,
            "required_batch_size_multiple": config.dataset.required_batch_size_multiple,
            "required_seq_len_multiple": self.data.seq_len_multiple(),
            "sentences": self.data.len(),
            "longest": longest_sentences(self.data, max_positions),
        })
        .to_string()
    }
}

fn description(found: &FoundMaxTokens) -> String {
    let margin = if found.max_tokens == found.fits {
        String::new()
    } else {
        format!("{} fit, less a tenth; ", thousands(found.fits))
    };
    format!(
        "--max-tokens auto: {} tokens ({margin}trials: {}, {:.0} s)",
        thousands(found.max_tokens),
        found.tried,
        found.seconds
    )
}

/// Where the numbers are kept; `None` where the system does not say which folder is the user's.
fn cache_file() -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(folder.join("burnseq").join("max-tokens.json"))
}

/// The numbers that were found, the latest last.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// What it depends on; text, because numbers in JSON may be read back with another last digit.
    key: String,
    max_tokens: usize,
}

/// The latest numbers that are kept.
const ENTRIES: usize = 100;

impl Known {
    fn read(path: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let known: Self =
            serde_json::from_str(&text).with_context(|| format!("{} is broken", path.display()))?;
        if known.entries.iter().any(|entry| entry.max_tokens == 0) {
            bail!("{} is broken: batches of 0 tokens", path.display());
        }
        Ok(known)
    }

    fn get(&self, key: &str) -> Option<usize> {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.map(|entry| entry.max_tokens)
    }

    fn insert(&mut self, key: String, max_tokens: usize) {
        self.entries.push(Entry { key, max_tokens });
        let old = self.entries.len().saturating_sub(ENTRIES);
        self.entries.drain(..old);
    }

    fn write(&self, path: &Path) -> Result<()> {
        let folder = path.parent().expect("the file is in a folder of its own");
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let json = serde_json::to_vec_pretty(self).expect("plain data is JSON");
        Ok(write_atomically(path, |file| file.write_all(&json))?)
    }
}

#[cfg(test)]
mod tests {
    use burnseq_data::{PairOptions, Sentences};
    use burnseq_model::TransformerConfig;

    use super::*;
    use burnseq_data::LanguagePairDataset;
    use burnseq_model::Model;
    use burnseq_train::Seq2Seq;

    #[test]
    fn the_flag_takes_a_number_or_auto() {
        assert_eq!("auto".parse(), Ok(MaxTokens::Auto));
        assert_eq!("4096".parse(), Ok(MaxTokens::Tokens(Limit(4096))));
        for text in ["", "Auto", "4k", "1.5"] {
            assert!(text.parse::<MaxTokens>().is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_kept_by_all_that_they_depend_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("max-tokens.json");
        assert_eq!(Known::read(&path).unwrap(), Known::default());
        let mut known = Known::default();
        for number in 1..=ENTRIES + 5 {
            known.insert(number.to_string(), 512 * number);
        }
        known.write(&path).unwrap();
        let read = Known::read(&path).unwrap();
        assert_eq!(read, known);
        assert_eq!(read.entries.len(), ENTRIES);
        assert_eq!((read.get("6"), read.get("5")), (Some(3072), None));
    }

    #[test]
    fn a_number_is_searched_for_once_and_a_broken_file_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("max-tokens.json");
        let side = || Sentences::Memory((0..64).map(|n| [vec![5; n % 7], vec![2]].concat()).collect());
        let data = LanguagePairDataset::new(side(), Some(side()), 9, 9, PairOptions::default()).unwrap();
        let model = ModelConfig::from(TransformerConfig::sized(4, 4, 1, 1));
        let vocab = Vocab::fairseq(9, 9);
        let compute = Compute::from(&Device::flex());
        let run = |hardware: &str, config: &TrainConfig| {
            let criterion: Arc<dyn Criterion<Model, _>> =
                Arc::new(Seq2Seq::new(&config.criterion, vocab.pad(), false).unwrap());
            let search = Search {
                criterion,
                data: &data,
                model: &model,
                vocab: &vocab,
                compute: &compute,
                hardware: hardware.to_owned(),
            };
            let mut said = Vec::new();
            let found = search.run_with(config, Some(&path), &mut |line| said.push(line.to_owned()));
            (found.unwrap(), said.join("\n"))
        };
        let config = TrainConfig::default();
        // Everything fits on the processor: 64 sentences of 7 tokens.
        let (found, said) = run("one", &config);
        assert_eq!(found, 512);
        assert!(said.contains("trials: 1,"), "{said}");
        assert!(run("one", &config).1.contains("found earlier"));
        assert!(run("two", &config).1.contains("trials"), "another device");
        let mut other = config.clone();
        other.optimization.update_freq = vec![2];
        assert!(run("one", &other).1.contains("trials"), "another configuration");

        for broken in [
            "{",
            "{\"entries\": 3}",
            "{\"entries\": [{\"key\": \"x\", \"max_tokens\": 0}]}",
        ] {
            std::fs::write(&path, broken).unwrap();
            let (found, said) = run("one", &config);
            assert_eq!(found, 512);
            assert!(said.contains("is broken") && said.contains("trials"), "{said}");
            assert!(run("one", &config).1.contains("found earlier"));
        }
    }
}
