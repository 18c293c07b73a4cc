//! Strings in, translations out.

use std::path::Path;

use burnseq_data::BatchLimits;
use burnseq_kernels::Compute;
use burnseq_search::{GenerateOptions, Generator};
use burnseq_text::RemoveBpe;

use crate::decode::{LineFormat, LineTranslation, TargetText, TranslationModel, translate_lines};
use crate::error::Result;

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
        let generator = Generator::new(options.clone())?;
        let format = LineFormat::default();
        let translations = translate_lines(&self.model, lines, 0, format, &generator, &self.limits)?;
        Ok(translations
            .into_iter()
            .map(|translation| self.finish(translation))
            .collect())
    }

    fn finish(&self, translation: LineTranslation) -> Translation {
        let too_long = match translation {
            LineTranslation::TooLong { tokens, limit } => Some((tokens, limit)),
            _ => None,
        };
        let LineTranslation::Translated { hypotheses, .. } = translation else {
            let (text, tokens) = (String::new(), String::new());
            return Translation {
                hypotheses: vec![TranslatedText {
                    text,
                    tokens,
                    score: 0.0,
                    positional_scores: Vec::new(),
                }],
                too_long,
            };
        };
        let unk = self.model.tgt_dict.symbol(self.model.tgt_dict.unk());
        let hypotheses = hypotheses.into_iter().map(|hypothesis| TranslatedText {
            text: self.text.text(&hypothesis.tokens, unk),
            tokens: self.text.tokens(&hypothesis.tokens, unk),
            score: hypothesis.score,
            positional_scores: hypothesis.positional_scores,
        });
        Translation {
            hypotheses: hypotheses.collect(),
            too_long: None,
        }
    }
}
