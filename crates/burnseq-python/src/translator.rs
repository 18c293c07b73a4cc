//! Translating.

use std::path::PathBuf;

use burnseq::data::BatchLimits;
use burnseq::decode::{LineFormat, TextCodec, TextModel, TranslationModel};
use burnseq::text::Dictionary;
use burnseq::{GenerateOptions, Translation};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::ThreadPool;

use crate::errors::{exception, kind, warn, wrong};
use crate::hypothesis::{Hypothesis, Parts};
use crate::options::{OF_LANGUAGE_MODELS, compute, count, model_overrides, only, overlaid};
use crate::texts::Texts;
use crate::tokenizer::Tokenizer;
use crate::work::{self, Reporter, pool};

/// A trained translation model: raw text in, raw text out.
///
/// path: a checkpoint folder, or a list of them, which is an ensemble.
/// device: "auto", "cpu", "cuda" or "cuda:N". precision: "fp32", "tf32", "bf16" or "fp16".
/// threads: how many compute; None: one for each processor.
/// batch_size, max_tokens: most sentences and most tokens of a batch, which change time and memory and, on a processor, no
/// result.
/// lm_path: checkpoint of a language model of the target side, whose scores are added with `lm_weight`.
/// tokenized: lines are tokens of the dictionary already. truncate_source: long lines are cut instead of left empty.
/// options: those of `generate` as defaults for all calls, such as beam=5, lenpen=1.0, max_len_b=200, sampling=False, seed=1.
///
/// Raises FileNotFoundError, ValueError and burnseq.Error.
#[pyclass(frozen, module = "burnseq")]
pub struct Translator {
    translator: burnseq::Translator,
    options: GenerateOptions,
    format: LineFormat,
    pool: Option<ThreadPool>,
}

#[pymethods]
impl Translator {
    #[new]
    #[pyo3(signature = (path, *, device="auto", precision=None, threads=None, batch_size=None, max_tokens=None, lm_path=None,
        model_overrides=None, tokenized=false, truncate_source=false, **options))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments in Python")]
    fn new(
        py: Python<'_>,
        path: &Bound<'_, PyAny>,
        device: &str,
        precision: Option<&str>,
        threads: Option<i64>,
        batch_size: Option<i64>,
        max_tokens: Option<i64>,
        lm_path: Option<PathBuf>,
        model_overrides: Option<&Bound<'_, PyDict>>,
        tokenized: bool,
        truncate_source: bool,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let base = GenerateOptions {
            lm_weight: if lm_path.is_some() { 1.0 } else { 0.0 }, // as in fairseq
            ..GenerateOptions::default()
        };
        let options = checked(overlaid(&base, options, OF_LANGUAGE_MODELS)?, lm_path.is_some())?;
        let overrides = self::model_overrides(model_overrides)?;
        let paths = paths(path)?;
        let pool = pool(threads)?;
        let compute = compute(device, precision)?;
        let max_tokens = max_tokens.map(|most| count(most, "max_tokens")).transpose()?;
        let max_sentences = batch_size.map(|most| count(most, "batch_size")).transpose()?;
        let limits = match (max_tokens, max_sentences) {
            (None, None) => None,
            _ => Some(BatchLimits {
                max_tokens,
                max_sentences,
                ..BatchLimits::default()
            }),
        };
        let translator = work::load(py, || {
            let mut model = TranslationModel::load_ensemble(&paths, &overrides, &compute)?;
            if let Some(path) = &lm_path {
                model.fuse(TextModel::load(path, &compute)?)?;
            }
            let translator = burnseq::Translator::new(model);
            match limits {
                None => Ok(translator),
                Some(limits) => translator.with_limits(limits),
            }
        })?;
        Ok(Self {
            translator,
            options,
            format: LineFormat {
                tokenised: tokenized,
                truncate_source,
                ..LineFormat::default()
            },
            pool,
        })
    }

    /// The translation of a str as a str, or of a list of str as a list in the same order. The translation of a line without a
    /// word is empty; so is that of one that is longer than the model takes, with a warning.
    ///
    /// progress: True for a bar (of tqdm where it is installed), or a function of (done, total), which is called after each
    /// batch. options: as those of Translator, for this call.
    #[pyo3(signature = (text, *, progress=None, **options))]
    fn translate<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        progress: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if options.is_some_and(|options| options.contains("nbest").unwrap_or(false)) {
            return Err(wrong(
                "'nbest' asks for several translations of a text, and translate() gives the best\nhint: call hypotheses()",
            ));
        }
        let options = GenerateOptions {
            nbest: 1,
            ..self.overlaid(options)?
        };
        let texts = Texts::new(text, "text")?.lines("text")?;
        let translations = self.run(py, &texts, &options, progress)?;
        let best = translations
            .into_iter()
            .map(|mut translation| translation.hypotheses.swap_remove(0).text);
        texts.shaped(py, best.collect())
    }

    /// The `nbest` best translations of a str as a list of Hypothesis, best first, with scores, tokens and, with
    /// attention=True, attention and alignment; of a list of str a list of such lists.
    #[pyo3(signature = (text, *, progress=None, **options))]
    fn hypotheses<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        progress: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = self.overlaid(options)?;
        let texts = Texts::new(text, "text")?.lines("text")?;
        let translations = self.run(py, &texts, &options, progress)?;
        let found = translations.iter().map(|translation| self.found(py, translation));
        texts.shaped(py, found.collect::<PyResult<Vec<_>>>()?)
    }

    /// What the model says to a translation at hand: a Hypothesis with the tokens of `target` and their scores; for two lists
    /// of the same length a list.
    ///
    /// options: lenpen, unnormalized, temperature, attention.
    #[pyo3(signature = (source, target, *, progress=None, **options))]
    fn score<'py>(
        &self,
        py: Python<'py>,
        source: &Bound<'py, PyAny>,
        target: &Bound<'py, PyAny>,
        progress: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        only(options, &["attention", "lenpen", "temperature", "unnormalized"])?;
        // Those of a search say nothing here.
        let base = GenerateOptions {
            lenpen: self.options.lenpen,
            temperature: self.options.temperature,
            unnormalized: self.options.unnormalized,
            attention: self.options.attention,
            ..GenerateOptions::default()
        };
        let options = overlaid(&base, options, &[])?;
        let sources = Texts::new(source, "source")?.lines("source")?;
        let targets = Texts::new(target, "target")?.lines("target")?;
        if sources.is_list != targets.is_list || sources.items.len() != targets.items.len() {
            let form = |texts: &Texts| {
                if texts.is_list {
                    format!("a list of {}", texts.items.len())
                } else {
                    "a str".to_owned()
                }
            };
            let (source, target) = (form(&sources), form(&targets));
            return Err(wrong(format!(
                "'source' is {source}, and 'target' is {target}; each source needs its target"
            )));
        }
        let reporter = Reporter::new(py, progress, "scoring")?;
        let scored = work::run(py, self.pool.as_ref(), &reporter, |on_batch| {
            let (sources, targets) = (&sources.items, &targets.items);
            self.translator
                .score_watched(sources, targets, &options, self.format, on_batch)
        })?;
        let found = scored.iter().map(|translation| {
            let mut found = self.found(py, translation)?;
            Ok(found.swap_remove(0))
        });
        sources.shaped(py, found.collect::<PyResult<Vec<_>>>()?)
    }

    /// Language that is translated from.
    #[getter]
    fn source_lang(&self) -> &str {
        &self.model().task.source_lang
    }

    /// Language that is translated to.
    #[getter]
    fn target_lang(&self) -> &str {
        &self.model().task.target_lang
    }

    /// Tokenizer of the source side.
    #[getter]
    fn source_tokenizer(&self) -> Tokenizer {
        Tokenizer::from(TextCodec {
            dictionary: self.model().src_dict.clone(),
            text: self.model().src_text.clone(),
        })
    }

    /// Tokenizer of the target side.
    #[getter]
    fn target_tokenizer(&self) -> Tokenizer {
        Tokenizer::from(TextCodec {
            dictionary: self.model().tgt_dict.clone(),
            text: self.model().tgt_text.clone(),
        })
    }

    fn __repr__(&self) -> String {
        let models = self.model().models.len();
        let ensemble = if models > 1 {
            format!(", {models} models")
        } else {
            String::new()
        };
        format!(
            "Translator({}-{}{ensemble})",
            self.source_lang(),
            self.target_lang()
        )
    }
}

impl Translator {
    fn model(&self) -> &TranslationModel {
        self.translator.model()
    }

    fn overlaid(&self, options: Option<&Bound<'_, PyDict>>) -> PyResult<GenerateOptions> {
        let options = overlaid(&self.options, options, OF_LANGUAGE_MODELS)?;
        checked(options, self.model().lm.is_some())
    }

    fn run(
        &self,
        py: Python<'_>,
        texts: &Texts,
        options: &GenerateOptions,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<Translation>> {
        let format = LineFormat {
            constraints: options.constraints.is_some(),
            ..self.format
        };
        let reporter = Reporter::new(py, progress, "translating")?;
        let translations = work::run(py, self.pool.as_ref(), &reporter, |on_batch| {
            self.translator
                .translate_watched(&texts.items, options, format, on_batch)
        })?;
        drop(reporter);
        for (place, translation) in translations.iter().enumerate() {
            if let Some((tokens, limit)) = translation.too_long {
                warn(
                    py,
                    &format!(
                        "text {place} has {tokens} tokens, at most {limit} can be translated; its translation stays empty \
                         (truncate_source=True cuts it)"
                    ),
                )?;
            }
        }
        Ok(translations)
    }

    fn found(&self, py: Python<'_>, translation: &Translation) -> PyResult<Vec<Hypothesis>> {
        let source_tokens = translation.line.as_ref().map_or_else(Vec::new, |line| {
            let dictionary: &Dictionary = &self.model().src_dict;
            let tokens = dictionary.tokens(&line.tokens).map(|(token, _)| token);
            let end = dictionary.symbol(dictionary.eos());
            tokens.chain([end]).map(str::to_owned).collect()
        });
        let hypotheses = translation.hypotheses.iter().map(|hypothesis| {
            let parts = Parts {
                text: hypothesis.text.clone(),
                score: hypothesis.score,
                ids: &hypothesis.ids,
                token_scores: hypothesis.positional_scores.clone(),
                source_tokens: source_tokens.clone(),
                attention: hypothesis.attention.as_ref(),
            };
            Hypothesis::new(py, parts, &self.model().tgt_dict)
        });
        hypotheses.collect()
    }
}

/// A path, or several of an ensemble.
fn paths(path: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    let one = path.extract::<PathBuf>().map(|path| vec![path]);
    let several = one.or_else(|_| path.extract::<Vec<PathBuf>>());
    several.map_err(|_| {
        let kind = kind(path);
        PyTypeError::new_err(format!("'path' must be a path or a list of paths, got {kind}"))
    })
}

/// Options that are in range and have an effect.
fn checked(options: GenerateOptions, has_lm: bool) -> PyResult<GenerateOptions> {
    if options.lm_weight != 0.0 && !has_lm {
        return Err(wrong(
            "'lm_weight' goes with 'lm_path', which is given to Translator()",
        ));
    }
    options.validate().map_err(|error| exception(error.into()))?;
    Ok(options)
}
