//! The whole way from text to a dataset: look at all text, learn subwords, make dictionaries,
//! write ids, report.
//!
//! Everything is written to a hidden folder inside the destination and moved out at the end, so
//! that a run that fails or is interrupted leaves nothing behind.

pub(crate) mod alignment;
mod config;
mod destination;
pub(crate) mod dictionaries;
mod found;
mod gather;
mod learn;
pub(crate) mod observer;
pub(crate) mod pairs;
mod report;
pub(crate) mod segment;
mod staging;
pub(crate) mod stats;
pub(crate) mod subwords;
mod survey;
mod validate;
mod words;

use std::path::{Path, PathBuf};

use burnseq_text::FileError;
use burnseq_text::SubwordSettings;

pub use config::{BpeKind, DEFAULT_BPE_SIZE, PreprocessConfig, TokenizerKind};
pub use observer::Observer;
pub use report::{DictionaryReport, REPORT_FILE, Report};
pub use stats::{SideStats, SplitStats, UNEVEN_RATIO};

use crate::binarize::{Aligned, BinarizeSide, binarize};
use crate::dataset_impl::DatasetImpl;
use crate::error::{Error, Result};
use alignment::{alignment_dictionary, alignments_of};
use dictionaries::{Dictionaries, dict_name};
use pairs::{PairReader, text_path};
use segment::Segmenter;
use staging::Staging;
use subwords::Subwords;
use survey::{SplitSurvey, estimated_lines};
use validate::ALIGNED_TEXT_IS_SEGMENTED;

/// Notes go to the observer at once and to the report at the end.
pub(crate) struct Notes<'a> {
    observer: &'a dyn Observer,
    texts: Vec<String>,
}

impl Notes<'_> {
    pub(crate) fn add(&mut self, text: String) {
        self.observer.note(&text);
        self.texts.push(text);
    }
}

/// Makes a dataset from text.
///
/// # Errors
/// [`crate::Error::Config`] for settings that contradict each other, before any file is opened;
/// otherwise when text is missing, damaged, empty or misaligned, when a dictionary or subword
/// model is wrong, when the destination holds another dataset or cannot be written, or when the
/// observer asks to stop. Nothing is left behind then.
pub fn preprocess(config: &PreprocessConfig, observer: &dyn Observer) -> Result<Report> {
    config.validate()?;
    destination::check(config)?;
    let langs = config.langs();
    let workers = config.worker_count();
    let given = dictionaries::load_given(config)?;
    let staging = Staging::create(&config.destdir)?;
    let mut notes = Notes {
        observer,
        texts: Vec::new(),
    };

    observer.stage("read", None);
    let surveys = survey(config, &langs, observer, &mut notes)?;
    let subwords = Subwords::prepare(config, &surveys, observer, &mut notes)?;
    let aligned = config.align_suffix.is_some() || config.alignfile.is_some();
    if aligned && !subwords.is_as_is() {
        return Err(Error::Config(ALIGNED_TEXT_IS_SEGMENTED.to_owned()));
    }
    let segmenters = subwords.segmenters();
    note_byte_order_marks(&surveys, segmenters, &mut notes);

    if given.iter().any(Option::is_none) {
        observer.stage("count", surveys.first().map(|train| train.lines));
    }
    let dictionaries = Dictionaries::build(config, given, segmenters, observer)?;
    dictionaries.save(staging.path(), &langs)?;
    subwords.save(staging.path())?;
    destination::check_same(config, staging.path())?;

    let mut splits = Vec::new();
    if !config.dict_only {
        for survey in &surveys {
            observer.stage(&survey.name, Some(survey.lines));
            let mut reader = PairReader::open(&survey.prefix, &langs)?;
            let alignments = alignments_of(config, &survey.prefix);
            if let Some(path) = &alignments {
                reader = reader.with_alignments(path)?;
            }
            let aligned_out = staging.path().join(alignment_name(config, &survey.name));
            let aligned = alignments.as_ref().map(|path| Aligned {
                path,
                out: &aligned_out,
            });
            let outs: Vec<PathBuf> = langs
                .iter()
                .map(|lang| {
                    staging
                        .path()
                        .join(dataset_name(config, &survey.name, lang.as_deref()))
                })
                .collect();
            let sides: Vec<BinarizeSide<'_>> = (0..langs.len())
                .map(|side| BinarizeSide {
                    dictionary: &dictionaries.sides[side],
                    segmenter: &segmenters[side],
                    out: &outs[side],
                    raw: config.dataset_impl == DatasetImpl::Raw,
                    lang: langs[side].clone(),
                })
                .collect();
            let limit = config.max_line_tokens;
            let aligned = aligned.as_ref();
            splits.push(binarize(
                &survey.name,
                reader,
                &sides,
                aligned,
                limit,
                workers,
                observer,
            )?);
        }
        if let Some(path) = &config.alignfile {
            observer.stage("align", surveys.first().map(|train| train.lines));
            let text = alignment_dictionary(config, path, &dictionaries, segmenters, observer)?;
            let out = staging
                .path()
                .join(format!("alignment.{}.txt", pair_name(config)));
            std::fs::write(&out, text).map_err(FileError::write(&out))?;
        }
    }
    let given = given_dictionaries(config);
    for split in &splits {
        let sides = split.sides.iter().zip(segmenters).zip(&given);
        for ((side, segmenter), dictionary) in sides {
            let note = dictionary.and_then(|path| mostly_unknown(side, segmenter, path));
            note.into_iter().for_each(|note| notes.add(note));
        }
    }
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        subwords: subwords.description(),
        dictionaries: dictionary_reports(&dictionaries, &langs),
        splits,
        notes: notes.texts,
        files: staging.names()?,
    };
    let shown = report.clone();
    if !config.overwrite {
        keep_earlier(&mut report, &config.destdir);
    }
    report.save(staging.path())?;
    destination::clear(config)?;
    staging.commit(REPORT_FILE)?;
    Ok(shown)
}

/// For each side, the dictionary that was given for it.
fn given_dictionaries(config: &PreprocessConfig) -> [Option<&Path>; 2] {
    let (src, tgt) = (config.srcdict.as_deref(), config.tgtdict.as_deref());
    if config.joined_dictionary {
        [src.or(tgt); 2]
    } else {
        [src, tgt]
    }
}

/// What a folder holds that is a checkpoint, so that the dictionaries in it are those of a model.
const CHECKPOINT_FILE: &str = "checkpoint.json";

/// Words after which a share of unknown ones says something.
const ENOUGH_WORDS: u64 = 30;

/// A note where a third or more of the words of a side are not in a dictionary that was given: most likely the text is
/// segmented in another way than that which the dictionary was made of.
fn mostly_unknown(side: &SideStats, segmenter: &Segmenter, dictionary: &Path) -> Option<String> {
    let words = side.tokens - side.sentences;
    if words < ENOUGH_WORDS || 3 * side.unknown < words {
        return None;
    }
    let of_model = dictionary.with_file_name(CHECKPOINT_FILE).is_file();
    let remedy = if segmenter.segments() {
        "is it segmented already, or text of another language?"
    } else if segmenter.settings().subword != SubwordSettings::None {
        "the text carries other subwords than those of the dictionary: give it without them, and it is segmented here"
    } else if of_model {
        "the model was trained on text that was segmented before, and does not know how: segment this text in the same way"
    } else {
        "segment the text as the dictionary's was; `'like' CHECKPOINT` does so for a model"
    };
    Some(format!(
        "{}: {} of {words} tokens are not in the dictionary that is given, and become <unk>\nhint: {remedy}",
        side.file, side.unknown
    ))
}

/// `SPLIT.SRC-TGT.LANG`; text of no particular language is `SPLIT`.
fn dataset_name(config: &PreprocessConfig, split: &str, lang: Option<&str>) -> String {
    lang.map_or_else(
        || split.to_owned(),
        |lang| format!("{split}.{}.{lang}", pair_name(config)),
    )
}

/// Dataset of the alignments of a split.
fn alignment_name(config: &PreprocessConfig, split: &str) -> String {
    format!("{split}.align.{}", pair_name(config))
}

/// `SRC-TGT`; like fairseq, a language that is not given is called `None`.
fn pair_name(config: &PreprocessConfig) -> String {
    let side = |lang: &Option<String>| lang.clone().unwrap_or_else(|| "None".to_owned());
    format!("{}-{}", side(&config.source_lang), side(&config.target_lang))
}

fn survey(
    config: &PreprocessConfig,
    langs: &[Option<String>],
    observer: &dyn Observer,
    notes: &mut Notes<'_>,
) -> Result<Vec<SplitSurvey>> {
    let side = |prefix: &Path| text_path(prefix, langs.first().and_then(Option::as_deref));
    let lines: Option<u64> = config
        .splits()
        .iter()
        .map(|(_, prefix)| estimated_lines(&side(prefix)))
        .sum();
    if let Some(lines) = lines {
        observer.expect(lines);
    }
    let mut surveys = Vec::new();
    for (name, prefix) in config.splits() {
        let limit = config.max_line_tokens;
        let workers = config.worker_count();
        let survey = SplitSurvey::read(&name, &prefix, langs, limit, workers, observer)?;
        for (path, file) in survey.paths.iter().zip(&survey.files) {
            if file.lone_carriage_returns > 0 {
                notes.add(format!(
                    "{}: {} lines end at a carriage return without a line feed; they count as \
                     lines, as in fairseq",
                    path.display(),
                    file.lone_carriage_returns
                ));
            }
        }
        surveys.push(survey);
    }
    Ok(surveys)
}

/// Names files whose byte order mark becomes part of a token, which happens where text is used as it is.
fn note_byte_order_marks(surveys: &[SplitSurvey], segmenters: &[Segmenter], notes: &mut Notes<'_>) {
    for survey in surveys {
        for ((path, file), segmenter) in survey.paths.iter().zip(&survey.files).zip(segmenters) {
            if file.byte_order_mark && segmenter.is_as_is() {
                notes.add(format!(
                    "{} begins with a byte order mark, which becomes part of its first word, as in fairseq\n\
                     hint: remove it: `sed -i '1s/^\\xef\\xbb\\xbf//' FILE`",
                    path.display()
                ));
            }
        }
    }
}

fn dictionary_reports(dictionaries: &Dictionaries, langs: &[Option<String>]) -> Vec<DictionaryReport> {
    let sides = dictionaries.sides.iter().zip(langs);
    sides
        .map(|(dictionary, lang)| DictionaryReport {
            file: dict_name(lang.as_deref()),
            lang: lang.clone(),
            types: dictionary.len(),
        })
        .collect()
}

/// Splits that an earlier run wrote beside the new ones stay in the report.
fn keep_earlier(report: &mut Report, destdir: &Path) {
    if let Some(earlier) = Report::load(destdir) {
        let mut splits = earlier.splits;
        splits.retain(|split| report.splits.iter().all(|new| new.split != split.split));
        splits.append(&mut report.splits);
        report.splits = splits;
        report.files.extend(earlier.files);
        report.files.sort();
        report.files.dedup();
    }
}
