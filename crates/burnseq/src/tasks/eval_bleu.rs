//! BLEU of a validation set by real beam search: `--eval-bleu`.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::Device;
use burnseq_data::{Dataset, LanguagePairDataset, PairBatch};
use burnseq_generate::{Generate, retained_dropout_modules};
use burnseq_metrics::{Bleu, BleuConfig, Metric, References, Tokenizer};
use burnseq_model::EncoderDecoder;
use burnseq_search::{GenerateOptions, Generator, SearchError, Source};
use burnseq_text::moses::MosesDetokenizer;
use burnseq_text::{Dictionary, RemoveBpe, TextPipeline};
use burnseq_train::{DeviceMemory, Sample, ValidSet, ValidationMetrics, Validator, ValidatorError};
use serde::{Deserialize, Serialize};

use crate::decode::TargetText;
use crate::error::{Error, Result};

/// Stands for `<unk>` in hypotheses, so that it matches nothing in a reference.
const UNK_IN_HYPOTHESIS: &str = "UNKNOWNTOKENINHYP";
/// Stands for `<unk>` in what is shown.
const UNK: &str = "<unk>";
/// Stands for `<unk>` in references.
const UNK_IN_REFERENCE: &str = "UNKNOWNTOKENINREF";

/// How BLEU is computed while training.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalBleuConfig {
    /// Options of the search.
    pub options: GenerateOptions,
    /// Mark of the subwords that are joined before scoring: `@@ `, `sentencepiece`, ...; `None`: scored as they are,
    /// unless the data carries a subword model, which then joins them.
    pub remove_bpe: Option<String>,
    /// What turns tokens into text before scoring.
    pub detok: Detok,
    /// White-space tokens are scored instead of those of sacreBLEU's `13a`.
    pub tokenized_bleu: bool,
    /// Show a translation at each validation.
    pub print_samples: bool,
}

/// What `--eval-bleu-detok` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detok {
    /// Tokens stay apart, but for what the data itself says about its text.
    #[default]
    Space,
    /// The rules of Moses, for data that was tokenised with Moses elsewhere.
    Moses,
}

impl EvalBleuConfig {
    /// Reads the value of `--eval-bleu-args`, a JSON object of search options.
    ///
    /// # Errors
    /// When it is not such an object, or an option is out of range.
    pub fn options_from_json(json: &str) -> Result<GenerateOptions> {
        let options: GenerateOptions = serde_json::from_str(json).map_err(|error| {
            Error::Config(format!(
                "'eval_bleu_args' {json:?}: {error}\nhint: give search options as JSON, such as '{{\"beam\": 5, \
                 \"max_len_a\": 1.2, \"max_len_b\": 10}}'"
            ))
        })?;
        options.validate()?;
        retained_dropout_modules(&options)?;
        if options.constraints.is_some() || options.lm_weight != 0.0 {
            return Err(Error::Config(
                "'eval_bleu_args': constraints and lm_weight are for generating; validation has neither constraints \
                 nor a language model"
                    .to_owned(),
            ));
        }
        Ok(options)
    }
}

/// Computes BLEU on validation sets.
#[derive(Debug)]
pub struct BleuValidator {
    generator: Generator,
    bleu: Bleu,
    text: TargetText,
    detokenizer: Option<MosesDetokenizer>,
    print_samples: bool,
    device: Device,
    /// What is known of the device's memory when it translates a set, by its name.
    memory: HashMap<String, DeviceMemory>,
}

impl BleuValidator {
    /// A validator that decodes into `tgt_dict`, whose tokens `pipeline` made of text in the language `tgt_lang`;
    /// `device` is off autodiff.
    ///
    /// # Errors
    /// When an option of the search is out of range.
    pub fn new(
        config: &EvalBleuConfig,
        tgt_lang: &str,
        tgt_dict: Arc<Dictionary>,
        pipeline: TextPipeline,
        device: &Device,
    ) -> Result<Self> {
        let tokenizer = if config.tokenized_bleu {
            Tokenizer::None
        } else {
            Tokenizer::default()
        };
        let options = GenerateOptions {
            nbest: 1,
            ..config.options.clone()
        };
        let remove_bpe = match &config.remove_bpe {
            Some(mark) => RemoveBpe::from_flag(Some(mark)),
            None => RemoveBpe::None,
        };
        // Text that the pipeline makes of tokens is detokenised already.
        let is_tokenised = pipeline.settings().tokenizer == burnseq_text::Tokenizer::Space;
        Ok(Self {
            generator: Generator::new(options)?,
            bleu: BleuConfig {
                tokenizer,
                ..BleuConfig::default()
            }
            .init()?,
            text: TargetText::new(tgt_dict, pipeline, remove_bpe),
            detokenizer: (config.detok == Detok::Moses && is_tokenised)
                .then(|| MosesDetokenizer::new(tgt_lang)),
            print_samples: config.print_samples,
            device: device.clone(),
            memory: HashMap::new(),
        })
    }
}

impl BleuValidator {
    /// The text that target ids stand for.
    fn text(&self, ids: &[u32], unk: &str) -> String {
        let text = self.text.text(ids, unk);
        match &self.detokenizer {
            Some(detokenizer) => detokenizer.detokenize(&text),
            None => text,
        }
    }

    /// Numbers and best hypotheses of the sentences `batch`; in parts, where the search does not fit in memory.
    fn translate<M: EncoderDecoder>(
        &mut self,
        model: &M,
        set: &ValidSet<LanguagePairDataset>,
        batch: &[usize],
    ) -> Result<Vec<(usize, Vec<u32>)>, ValidatorError> {
        let (generator, device) = (&self.generator, &self.device);
        let translate = |piece: &PairBatch| -> Result<Vec<(usize, Vec<u32>)>, SearchError> {
            let ids: Vec<usize> = batch
                .iter()
                .copied()
                .filter(|id| piece.ids.contains(id))
                .collect();
            let source = |&id: &usize| Source::new(id as u64, set.dataset.source(id));
            let sources: Vec<Source> = ids.iter().map(source).collect();
            let found = generator.generate(std::slice::from_ref(model), &sources, device)?;
            let best = found.into_iter().map(|hypotheses| {
                let best = hypotheses.into_iter().next();
                best.map_or_else(Vec::new, |hypothesis| hypothesis.tokens)
            });
            Ok(ids.into_iter().zip(best).collect())
        };
        let memory = self
            .memory
            .entry(set.name.clone())
            .or_insert_with(|| DeviceMemory::new(device.clone(), &set.name));
        let pieces = memory.compute_batch(model, set.dataset.collate(batch, 0)?, translate)?;
        Ok(pieces.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }
}

impl<M: EncoderDecoder> Validator<M, LanguagePairDataset> for BleuValidator {
    fn metrics(&self) -> Vec<&'static str> {
        vec!["bleu"]
    }

    fn evaluate(
        &mut self,
        model: &M,
        set: &ValidSet<LanguagePairDataset>,
    ) -> Result<ValidationMetrics, ValidatorError> {
        let (mut hypotheses, mut references) = (Vec::new(), Vec::new());
        let mut samples = Vec::new();
        // Batches go from short to long sentences; one of middle length is shown.
        let middle = set.batches.len() / 2;
        for (number, batch) in set.batches.iter().enumerate() {
            for (index, best) in self.translate(model, set, batch)? {
                let reference = set.dataset.example(index).target.unwrap_or_default();
                hypotheses.push(self.text(&best, UNK_IN_HYPOTHESIS));
                references.push(self.text(&reference, UNK_IN_REFERENCE));
                if self.print_samples && number == middle && samples.is_empty() {
                    samples.push(Sample {
                        id: index,
                        hypothesis: self.text(&best, UNK),
                        reference: self.text(&reference, UNK),
                    });
                }
            }
        }
        let streams = [references];
        let score = self
            .bleu
            .corpus_score(&hypotheses, &References::from_streams(&streams)?)?;
        Ok(ValidationMetrics {
            values: vec![("bleu".to_owned(), score.score)],
            samples,
            notes: self
                .memory
                .values_mut()
                .flat_map(DeviceMemory::take_notes)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burnseq_text::{TextFiles, TextSettings};

    #[test]
    fn moses_joins_what_it_has_split() {
        let mut dictionary = Dictionary::new();
        let ids = ["it", "&apos;s", "here", "."].map(|token| dictionary.add_symbol(token, 1));
        let text = |detok| {
            let config = EvalBleuConfig {
                detok,
                ..EvalBleuConfig::default()
            };
            let pipeline = TextPipeline::new(TextSettings::default(), &TextFiles::new()).unwrap();
            let dictionary = Arc::new(dictionary.clone());
            let validator = BleuValidator::new(&config, "en", dictionary, pipeline, &Device::flex()).unwrap();
            validator.text(&ids, UNK)
        };
        assert_eq!(text(Detok::Space), "it &apos;s here .");
        assert_eq!(text(Detok::Moses), "it's here.");
    }

    #[test]
    fn search_options_are_json_and_checked() {
        let options =
            EvalBleuConfig::options_from_json(r#"{"beam":5,"max_len_a":1.2,"max_len_b":10}"#).unwrap();
        assert_eq!((options.beam, options.max_len_b), (5, 10));
        let problem = |json| EvalBleuConfig::options_from_json(json).unwrap_err();
        assert!(problem("{'beam': 5}").to_string().contains("'eval_bleu_args'"));
        assert!(problem(r#"{"beem": 5}"#).to_string().contains("beem"));
        assert!(problem(r#"{"beam": 0}"#).is_usage());
        for json in [r#"{"constraints": "ordered"}"#, r#"{"lm_weight": 0.5}"#] {
            assert!(problem(json).is_usage());
            assert!(problem(json).to_string().contains("are for generating"));
        }
    }
}
