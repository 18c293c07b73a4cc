//! Making, loading and saving the dictionaries of both sides.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burnseq_text::hugging_face::{HfMarks, byte_tokens};
use burnseq_text::{Counts, Dictionary, SubwordSettings, Tokenizer};

use super::config::{PreprocessConfig, TokenizerKind};
use super::gather::gather;
use super::observer::Observer;
use super::pairs::PairReader;
use super::segment::{Segmenter, segment_pair};
use crate::error::Result;

/// The dictionary of each side, source first.
pub(crate) struct Dictionaries {
    /// One for each side; the same one twice when it is joined.
    pub(crate) sides: Vec<Arc<Dictionary>>,
}

/// `dict.LANG.txt`, or `dict.txt` for text of no particular language.
pub(crate) fn dict_name(lang: Option<&str>) -> String {
    lang.map_or_else(|| "dict.txt".to_owned(), |lang| format!("dict.{lang}.txt"))
}

/// Dictionary files that are given instead of made, source first.
fn given(config: &PreprocessConfig) -> Vec<Option<&Path>> {
    let (src, tgt) = (config.srcdict.as_deref(), config.tgtdict.as_deref());
    match (config.only_source, config.joined_dictionary) {
        (true, false) => vec![src],
        (true, true) => vec![src.or(tgt)],
        (false, true) => vec![src.or(tgt); 2],
        (false, false) => vec![src, tgt],
    }
}

/// The dictionary files that the config gives.
pub(crate) fn given_files(config: &PreprocessConfig) -> Vec<PathBuf> {
    given(config).into_iter().flatten().map(Path::to_owned).collect()
}

/// Whether every side has a given dictionary.
pub(crate) fn all_given(config: &PreprocessConfig) -> bool {
    given(config).iter().all(Option::is_some)
}

/// Dictionaries that are given, loaded; `None` where one has to be made.
///
/// # Errors
/// When a file cannot be read or is not a dictionary.
pub(crate) fn load_given(config: &PreprocessConfig) -> Result<Vec<Option<Arc<Dictionary>>>> {
    let mut loaded = Vec::new();
    for path in given(config) {
        loaded.push(match path {
            Some(path) => Some(Arc::new(Dictionary::load(path)?)),
            None => None,
        });
    }
    Ok(loaded)
}

impl Dictionaries {
    /// Counts the segmented training text for the sides that have no dictionary yet.
    ///
    /// # Errors
    /// When the text cannot be read or segmented.
    pub(crate) fn build(
        config: &PreprocessConfig,
        given: Vec<Option<Arc<Dictionary>>>,
        segmenters: &[Segmenter],
        observer: &dyn Observer,
    ) -> Result<Self> {
        let given: Vec<_> = given
            .into_iter()
            .map(|side| side.map(|side| with_extra_symbols(side, config)))
            .collect();
        let sides = if given.iter().all(Option::is_some) {
            given.into_iter().flatten().collect()
        } else {
            let prefix = config.trainpref.as_ref().expect("checked by `validate`");
            let reader = PairReader::open(prefix, &config.langs())?;
            let mut counts = count(reader, segmenters, config, observer, Counts::add_line)?;
            for (counts, segmenter) in counts.iter_mut().zip(segmenters) {
                if let SubwordSettings::HuggingFace {
                    marks: HfMarks::ByteLevel,
                    ..
                } = &segmenter.settings().subword
                {
                    // So that no text is unknown, whatever the training text lacks.
                    byte_tokens().iter().for_each(|token| counts.add(token, 0));
                }
            }
            make(config, given, counts)
        };
        Ok(Self { sides })
    }

    /// Writes `dict.LANG.txt` for every side into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn save(&self, folder: &Path, langs: &[Option<String>]) -> Result<()> {
        for (dictionary, lang) in self.sides.iter().zip(langs) {
            dictionary.save(folder.join(dict_name(lang.as_deref())))?;
        }
        Ok(())
    }
}

/// The dictionary with the extra symbols behind its tokens, whose ids stay as they are.
fn with_extra_symbols(mut dictionary: Arc<Dictionary>, config: &PreprocessConfig) -> Arc<Dictionary> {
    for symbol in &config.extra_symbols {
        if dictionary.index_of(symbol).is_none() {
            Arc::make_mut(&mut dictionary).add_symbol(symbol, 0);
        }
    }
    dictionary
}

/// Dictionaries for the sides that have none, from the counts of each side.
fn make(
    config: &PreprocessConfig,
    given: Vec<Option<Arc<Dictionary>>>,
    mut counts: Vec<Counts>,
) -> Vec<Arc<Dictionary>> {
    let shape = |counts: &Counts, threshold: u64, nwords: Option<usize>| {
        let dictionary = Arc::new(Dictionary::from_counts(counts, threshold, nwords, 1));
        let mut dictionary = with_extra_symbols(dictionary, config);
        Arc::make_mut(&mut dictionary).pad_to_multiple(config.padding_factor);
        dictionary
    };
    if config.tokenizer == TokenizerKind::Byte {
        // So that no text is unknown, whatever the training text lacks.
        for counts in &mut counts {
            Tokenizer::bytes().for_each(|token| counts.add(&token, 0));
        }
    }
    if config.joined_dictionary {
        let tgt = counts.pop().expect("joined dictionaries have two sides");
        counts[0].merge(tgt);
        let joined = shape(&counts[0], config.thresholdsrc, config.nwordssrc);
        return vec![Arc::clone(&joined), joined];
    }
    let shapes = [
        (config.thresholdsrc, config.nwordssrc),
        (config.thresholdtgt, config.nwordstgt),
    ];
    let sides = given.into_iter().zip(&counts).zip(shapes);
    sides
        .map(|((given, counts), (threshold, nwords))| {
            given.unwrap_or_else(|| shape(counts, threshold, nwords))
        })
        .collect()
}

/// What `add` counts in the segmented lines of each side of the text, lines over the limit left out.
pub(crate) fn count(
    reader: PairReader,
    segmenters: &[Segmenter],
    config: &PreprocessConfig,
    observer: &dyn Observer,
    add: impl Fn(&mut Counts, &str) + Sync,
) -> Result<Vec<Counts>> {
    let make = || (vec![Counts::new(); segmenters.len()], segmenters.to_vec());
    let parts = gather(
        reader,
        config.worker_count(),
        observer,
        make,
        |(counts, segmenters), chunk| {
            for index in 0..chunk.len() {
                let pair = segment_pair(chunk, index, segmenters, config.max_line_tokens)?;
                let sides = pair.into_iter().flatten();
                counts
                    .iter_mut()
                    .zip(sides)
                    .for_each(|(counts, line)| add(counts, &line));
            }
            Ok(())
        },
    )?;
    let (mut sums, _) = make();
    for (counts, _) in parts {
        sums.iter_mut()
            .zip(counts)
            .for_each(|(sum, counts)| sum.merge(counts));
    }
    Ok(sums)
}
