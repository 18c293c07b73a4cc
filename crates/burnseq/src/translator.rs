//! Strings in, translations out.

use std::path::Path;

use burnseq_data::{BatchLimits, batch_by_size, ordered_indices};
use burnseq_generate::Scorer;
use burnseq_kernels::Compute;
use burnseq_search::{Attention, GenerateOptions, Generator, Hypothesis, Source};
use burnseq_text::RemoveBpe;

use crate::decode::{
    EncodedLine, LineFormat, LineTranslation, OnBatch, TargetText, TranslationModel, after_batch,
    translate_lines_watched, unwatched,
};
use crate::error::{Error, Result};

/// A loaded checkpoint that translates raw text.
///
/// The checkpoint carries dictionaries, tokenizer and subword model, so text goes in as it is and comes out
/// detokenised; every line gives exactly one translation, in order. That of an empty line is empty, and so is that of a
/// line that is longer than the model takes, which says so.
///
/// ```
/// # // A checkpoint of a small untrained model.
/// # use burnseq::{model, text, train};
/// # let dir = tempfile::tempdir()?;
/// # let mut counts = text::Counts::new();
/// # counts.add_line("ein Hund schläft");
/// # let dict = text::Dictionary::from_counts(&counts, 0, None, 8);
/// # let vocab = text::Vocab::fairseq(dict.len(), dict.len());
/// # let config = model::ModelConfig::from_arch("transformer_tiny")?;
/// # let device = burnseq::burn::tensor::Device::flex();
/// # let weights = model::state_dict(&<model::Model as model::OfConfig>::init(&config, &vocab, 1, &device)?);
/// # let task = train::TaskInfo::new("translation", [("source_lang", "de"), ("target_lang", "en")]);
/// # let dictionaries = train::checkpoint::Dictionaries::source_and_target(&vocab);
/// # let dict_file = dict.to_string().into_bytes();
/// # train::checkpoint::save(dir.path(), &["checkpoint_best"], &train::CheckpointContents {
/// #     model_config: &config, dictionaries: &dictionaries, task: &task, train_state: Default::default(), model: &weights,
/// #     raw_model: None, optimizer: None,
/// #     files: &[("dict.src.txt".into(), dict_file.clone()), ("dict.tgt.txt".into(), dict_file)],
/// # })?;
/// # let checkpoint = dir.path().join("checkpoint_best");
/// use burnseq::{GenerateOptions, Translator, burn::tensor::Device};
///
/// let translator = Translator::load(checkpoint, &Device::flex())?;
/// let options = GenerateOptions { beam: 4, max_len_b: 10, ..GenerateOptions::default() };
/// let translations = translator.translate(&["ein Hund schläft", ""], &options)?;
/// println!("{} ({:.2})", translations[0].text(), translations[0].score());
/// assert_eq!(translations[1].text(), "");
///
/// let scored = translator.score(&["ein Hund schläft"], &["Hund schläft"], &options)?;
/// println!("{} ({:.2})", scored[0].text(), scored[0].score());
/// # assert_eq!(scored[0].hypotheses[0].positional_scores.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Translator {
    model: TranslationModel,
    text: TargetText,
    limits: BatchLimits,
}

/// The translations of one line, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Translation {
    /// At least one.
    pub hypotheses: Vec<TranslatedText>,
    /// The line is longer than the model takes and was not translated: its tokens, and how many can be.
    pub too_long: Option<(usize, usize)>,
    /// The line as the model took it; `None` where it was not asked.
    pub line: Option<EncodedLine>,
}

/// One hypothesis as text.
#[derive(Debug, Clone, PartialEq)]
pub struct TranslatedText {
    /// Detokenised text.
    pub text: String,
    /// The tokens of the target dictionary it was made from, separated by blanks.
    pub tokens: String,
    /// Length-normalised log-probability in nats; 0 for an empty line.
    pub score: f32,
    /// Log-probability of each token in nats, that of `</s>` last.
    pub positional_scores: Vec<f32>,
    /// Ids of the tokens in the target dictionary, `</s>` included.
    pub ids: Vec<u32>,
    /// What each token looked at, where the options ask for it.
    pub attention: Option<Attention>,
}

impl Translation {
    /// Text of the best hypothesis.
    pub fn text(&self) -> &str {
        &self.hypotheses[0].text
    }

    /// Score of the best hypothesis: length-normalised log-probability in nats.
    pub fn score(&self) -> f32 {
        self.hypotheses[0].score
    }
}

impl Translator {
    /// Loads the checkpoint folder at `path`.
    ///
    /// # Errors
    /// No checkpoint there, or a damaged one.
    pub fn load(path: impl AsRef<Path>, compute: impl Into<Compute>) -> Result<Self> {
        Ok(Self::new(TranslationModel::load(path, compute)?))
    }

    /// Loads several checkpoints, whose probabilities are averaged.
    ///
    /// # Errors
    /// No path at all; also models that do not share their dictionaries.
    pub fn load_ensemble<P: AsRef<Path>>(paths: &[P], compute: impl Into<Compute>) -> Result<Self> {
        let overrides = serde_json::Map::new();
        Ok(Self::new(TranslationModel::load_ensemble(
            paths, &overrides, compute,
        )?))
    }

    /// Translates with a model at hand.
    pub fn new(model: TranslationModel) -> Self {
        let text = TargetText::new(model.tgt_dict.clone(), model.tgt_text.clone(), RemoveBpe::None);
        // 128 sentences fill the matrices of any processor; more only take memory.
        let limits = BatchLimits {
            max_tokens: Some(12_000),
            max_sentences: Some(128),
            ..BatchLimits::default()
        };
        Self { model, text, limits }
    }

    /// The same with other batches, which change the memory and the time that it takes.
    ///
    /// # Errors
    /// A limit of 0.
    pub fn with_limits(self, limits: BatchLimits) -> Result<Self> {
        limits.validate()?;
        Ok(Self { limits, ..self })
    }

    /// The model with its dictionaries.
    pub fn model(&self) -> &TranslationModel {
        &self.model
    }

    /// Translates raw lines, one translation per line, in order.
    ///
    /// # Errors
    /// An option that is out of range; a line that cannot be encoded.
    pub fn translate<S: AsRef<str>>(
        &self,
        lines: &[S],
        options: &GenerateOptions,
    ) -> Result<Vec<Translation>> {
        self.translate_watched(lines, options, LineFormat::default(), &mut unwatched)
    }

    /// As [`translate`](Self::translate), of lines that `format` describes, with a call of `on_batch` after each batch.
    ///
    /// # Errors
    /// Also [`Error::Interrupted`].
    pub fn translate_watched<S: AsRef<str>>(
        &self,
        lines: &[S],
        options: &GenerateOptions,
        format: LineFormat,
        on_batch: OnBatch<'_>,
    ) -> Result<Vec<Translation>> {
        let generator = Generator::new(options.clone())?;
        let translations =
            translate_lines_watched(&self.model, lines, 0, format, &generator, &self.limits, on_batch)?;
        Ok(translations
            .into_iter()
            .map(|translation| self.finish(translation))
            .collect())
    }

    /// The scores that the model gives to translations at hand: `targets[i]` of `lines[i]`. Of the options count those that
    /// say how to score: `lenpen`, `unnormalized`, `temperature`, `attention`.
    ///
    /// # Errors
    /// An option that is out of range; a line without a word or longer than the model takes; a target that is.
    ///
    /// # Panics
    /// When there is not one target for each line.
    pub fn score<S: AsRef<str>, T: AsRef<str>>(
        &self,
        lines: &[S],
        targets: &[T],
        options: &GenerateOptions,
    ) -> Result<Vec<Translation>> {
        self.score_watched(lines, targets, options, LineFormat::default(), &mut unwatched)
    }

    /// As [`score`](Self::score), of lines and targets that `format` describes, with a call of `on_batch` after each batch.
    ///
    /// # Errors
    /// Also [`Error::Interrupted`].
    ///
    /// # Panics
    /// When there is not one target for each line.
    pub fn score_watched<S: AsRef<str>, T: AsRef<str>>(
        &self,
        lines: &[S],
        targets: &[T],
        options: &GenerateOptions,
        format: LineFormat,
        on_batch: OnBatch<'_>,
    ) -> Result<Vec<Translation>> {
        assert_eq!(lines.len(), targets.len(), "one target for each line");
        let scorer = Scorer::new(options.clone())?;
        let (model, limits) = (&self.model, &self.limits);
        let longest = model.longest_source(limits);
        let mut encoded = Vec::with_capacity(lines.len());
        for (number, (line, target)) in (0..).zip(lines.iter().zip(targets)) {
            let line = model.encode_line(number, line.as_ref(), format, longest)?;
            let line = line.ok_or_else(|| Error::Line {
                line: number + 1,
                problem: "holds no word, so that no translation of it has a score\nhint: leave it out"
                    .to_owned(),
            })?;
            let target = model.encode_target(target.as_ref(), format.tokenised)?;
            encoded.push((line, target));
        }
        let size = |index: usize| {
            let (line, target) = &encoded[index];
            line.source.tokens.len().max(target.len())
        };
        let order = ordered_indices(encoded.len(), size, |_| 0, None);
        let mut scored: Vec<Option<Hypothesis>> = vec![None; encoded.len()];
        let mut done = 0;
        for batch in batch_by_size(&order, size, limits)? {
            let sources: Vec<Source> = batch
                .iter()
                .map(|&index| encoded[index].0.source.clone())
                .collect();
            let targets: Vec<Vec<u32>> = batch.iter().map(|&index| encoded[index].1.clone()).collect();
            let found = scorer.score(
                &model.models,
                &sources,
                &targets,
                options.attention,
                &model.device,
            )?;
            for (&index, hypothesis) in batch.iter().zip(found) {
                scored[index] = Some(hypothesis);
            }
            done += batch.len();
            after_batch(on_batch, done, encoded.len())?;
        }
        let translations = encoded.into_iter().zip(scored).map(|((line, _), hypothesis)| {
            let hypotheses = hypothesis.into_iter().collect();
            self.finish(LineTranslation::Translated { line, hypotheses })
        });
        Ok(translations.collect())
    }

    fn finish(&self, translation: LineTranslation) -> Translation {
        let too_long = match translation {
            LineTranslation::TooLong { tokens, limit } => Some((tokens, limit)),
            _ => None,
        };
        let LineTranslation::Translated { hypotheses, line } = translation else {
            let (text, tokens) = (String::new(), String::new());
            return Translation {
                hypotheses: vec![TranslatedText {
                    text,
                    tokens,
                    score: 0.0,
                    positional_scores: Vec::new(),
                    ids: Vec::new(),
                    attention: None,
                }],
                too_long,
                line: None,
            };
        };
        let unk = self.model.tgt_dict.symbol(self.model.tgt_dict.unk());
        let hypotheses = hypotheses.into_iter().map(|hypothesis| TranslatedText {
            text: self.text.text(&hypothesis.tokens, unk),
            tokens: self.text.tokens(&hypothesis.tokens, unk),
            score: hypothesis.score,
            positional_scores: hypothesis.positional_scores,
            ids: hypothesis.tokens,
            attention: hypothesis.attention,
        });
        Translation {
            hypotheses: hypotheses.collect(),
            too_long: None,
            line: Some(line),
        }
    }
}
