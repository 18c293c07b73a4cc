//! A folder that `preprocess`, or fairseq's, has written: its languages, splits and dictionaries.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burnseq_text::FileError;
use burnseq_text::{Dictionary, TextFiles, TextPipeline, TextSettings};

use crate::dataset::{LanguagePairDataset, PairOptions};
use crate::dataset_impl::{DatasetImpl, SentenceFile};
use crate::error::{Error, Result};
use crate::sentences::Sentences;

/// How often a set can be taken in an epoch: it is opened as often.
const MAX_UPSAMPLE: usize = 1000;

/// An opened data folder, for one direction of translation.
///
/// The files of both directions are the same: opened from English to German, a folder of
/// `train.de-en.{de,en}` gives the sides the other way round.
#[derive(Debug, Clone)]
pub struct DatasetDir {
    path: PathBuf,
    /// Further folders of training data.
    more: Vec<PathBuf>,
    src_lang: String,
    tgt_lang: String,
    src_dict: Arc<Dictionary>,
    tgt_dict: Arc<Dictionary>,
    src_text: TextSettings,
    tgt_text: TextSettings,
    dataset_impl: Option<DatasetImpl>,
}

impl DatasetDir {
    /// Opens a folder; languages that are not given are told from the names of its files.
    ///
    /// Colons separate several folders, of which the first one counts: the others only add training
    /// data, see [`DatasetDir::load_train`].
    ///
    /// # Errors
    /// When the folder, a dictionary or text settings cannot be read, or when the languages are not given and
    /// not clear from the files; when the folders have different dictionaries.
    pub fn open(path: impl AsRef<Path>, src_lang: Option<&str>, tgt_lang: Option<&str>) -> Result<Self> {
        let mut folders = folders(path.as_ref());
        let more = folders.split_off(1);
        let path = folders[0].as_path();
        let names = file_names(path)?;
        let (src_lang, tgt_lang) = languages(path, &names, src_lang, tgt_lang)?;
        let load = |lang: &str| {
            let file = path.join(format!("dict.{lang}.txt"));
            if !file.is_file() {
                return Err(Error::DataDir {
                    path: path.to_owned(),
                    problem: format!(
                        "there is no dictionary dict.{lang}.txt{}",
                        known_languages(&names)
                    ),
                });
            }
            Ok(Arc::new(Dictionary::load(file)?))
        };
        let (src_dict, tgt_dict) = (load(&src_lang)?, load(&tgt_lang)?);
        let text = |lang: &str| {
            let file = path.join(TextSettings::file_name(lang));
            // fairseq's own folders have no settings: their text was used as it was.
            if file.is_file() {
                TextSettings::load(file)
            } else {
                Ok(TextSettings::default())
            }
        };
        let (src_text, tgt_text) = (text(&src_lang)?, text(&tgt_lang)?);
        let dir = Self {
            path: path.to_owned(),
            more,
            src_lang,
            tgt_lang,
            src_dict,
            tgt_dict,
            src_text,
            tgt_text,
            dataset_impl: None,
        };
        dir.check_dictionaries_of_more()?;
        Ok(dir)
    }

    /// Ids of another dictionary would be other words.
    fn check_dictionaries_of_more(&self) -> Result<()> {
        let sides = [(&self.src_lang, &self.src_dict), (&self.tgt_lang, &self.tgt_dict)];
        for (folder, (lang, dict)) in self
            .more
            .iter()
            .flat_map(|folder| sides.map(|side| (folder, side)))
        {
            let file = folder.join(format!("dict.{lang}.txt"));
            if file.is_file() && Dictionary::load(&file)? != **dict {
                return Err(Error::DataDir {
                    path: file,
                    problem: format!(
                        "is not the dictionary of {}; folders to learn from in turn share their dictionaries\n\
                         hint: run `preprocess` with 'srcdict' and 'tgtdict' of the first folder",
                        self.path.display()
                    ),
                });
            }
        }
        Ok(())
    }

    /// The same folder, of which only files of this format are taken; `None` takes all formats.
    pub fn with_dataset_impl(mut self, dataset_impl: Option<DatasetImpl>) -> Self {
        self.dataset_impl = dataset_impl;
        self
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Source language.
    pub fn src_lang(&self) -> &str {
        &self.src_lang
    }

    /// Target language.
    pub fn tgt_lang(&self) -> &str {
        &self.tgt_lang
    }

    /// Source dictionary.
    pub fn src_dict(&self) -> &Arc<Dictionary> {
        &self.src_dict
    }

    /// Target dictionary.
    pub fn tgt_dict(&self) -> &Arc<Dictionary> {
        &self.tgt_dict
    }

    /// How source text became tokens; the default when the folder does not say.
    pub fn src_text(&self) -> &TextSettings {
        &self.src_text
    }

    /// How target text became tokens; the default when the folder does not say.
    pub fn tgt_text(&self) -> &TextSettings {
        &self.tgt_text
    }

    /// The subword models that the text settings of both sides name, for a checkpoint.
    ///
    /// # Errors
    /// When a file is missing.
    pub fn text_files(&self) -> Result<TextFiles> {
        let mut files = self.src_text.read_files(&self.path)?;
        files.append(&mut self.tgt_text.read_files(&self.path)?);
        Ok(files)
    }

    /// Turns raw source lines into the tokens of the source dictionary.
    ///
    /// # Errors
    /// When a subword model is missing or damaged.
    pub fn src_pipeline(&self) -> Result<TextPipeline> {
        Ok(TextPipeline::from_folder(self.src_text.clone(), &self.path)?)
    }

    /// Turns tokens of the target dictionary into text.
    ///
    /// # Errors
    /// When a subword model is missing or damaged.
    pub fn tgt_pipeline(&self) -> Result<TextPipeline> {
        Ok(TextPipeline::from_folder(self.tgt_text.clone(), &self.path)?)
    }

    /// The splits there are for these languages, in alphabetical order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn splits(&self) -> Result<Vec<String>> {
        self.splits_in(&self.path)
    }

    fn splits_in(&self, folder: &Path) -> Result<Vec<String>> {
        let mut splits = BTreeSet::new();
        for name in file_names(folder)? {
            for pair in self.pairs() {
                let suffix = format!(".{pair}.{}", self.src_lang);
                // Ids are in `NAME.idx`, text is in `NAME`.
                let name = name.strip_suffix(".idx").unwrap_or(&name);
                if let Some(split) = name.strip_suffix(&suffix)
                    && self.pair_of(folder, split).is_some()
                {
                    splits.insert(split.to_owned());
                }
            }
        }
        Ok(splits.into_iter().collect())
    }

    /// Whether there is a split of this name.
    pub fn has_split(&self, split: &str) -> bool {
        self.pair_of(&self.path, split).is_some()
    }

    /// Opens a split; without target files it has no target side. Special symbols are those of the dictionary, whatever
    /// `options` say.
    ///
    /// With `combine`, `train1`, `train2`, ... follow `train` as if they were one file.
    ///
    /// # Errors
    /// When there is no such split, or its files are damaged or do not belong together.
    pub fn load(&self, split: &str, combine: bool, options: PairOptions) -> Result<LanguagePairDataset> {
        let (src, tgt) = self.files(&self.path, split, combine, 1)?;
        self.pairs_of(src, tgt, options)
    }

    /// Opens the data to learn from: a split of every folder, `upsample_primary` times, combined with its
    /// numbered sets. Each folder is a shard of the dataset, for one epoch in turn.
    ///
    /// # Errors
    /// As [`DatasetDir::load`], when only some folders have a target side, and when `upsample_primary` is out of range.
    pub fn load_train(
        &self,
        split: &str,
        upsample_primary: usize,
        options: PairOptions,
    ) -> Result<LanguagePairDataset> {
        if !(1..=MAX_UPSAMPLE).contains(&upsample_primary) {
            return Err(Error::Config(format!(
                "'upsample_primary' must be at least 1 and at most {MAX_UPSAMPLE}, got {upsample_primary}"
            )));
        }
        let (mut src, mut tgt) = (Vec::new(), Vec::new());
        let (mut shards, mut len) = (Vec::new(), 0);
        for folder in std::iter::once(&self.path).chain(&self.more) {
            let (mut folder_src, mut folder_tgt) = self.files(folder, split, true, upsample_primary)?;
            let start = len;
            len += folder_src.iter().map(SentenceFile::len).sum::<usize>();
            shards.push(start..len);
            src.append(&mut folder_src);
            tgt.append(&mut folder_tgt);
        }
        Ok(self.pairs_of(src, tgt, options)?.with_shards(shards))
    }

    /// The files of both sides of a split in a folder, the first `times` times; no target files when there are none.
    fn files(
        &self,
        folder: &Path,
        split: &str,
        combine: bool,
        times: usize,
    ) -> Result<(Vec<SentenceFile>, Vec<SentenceFile>)> {
        let (mut src, mut tgt) = (Vec::new(), Vec::new());
        for number in 0.. {
            let name = if number == 0 {
                split.to_owned()
            } else {
                format!("{split}{number}")
            };
            let Some(pair) = self.pair_of(folder, &name) else {
                if number == 0 {
                    return Err(self.no_split(folder, split)?);
                }
                break;
            };
            let prefix = |lang: &str| folder.join(format!("{name}.{pair}.{lang}"));
            let open = |path: &Path, dict: &Dictionary| SentenceFile::open(path, dict, self.dataset_impl);
            // Files are mapped, so that one that is opened again takes no memory.
            for _ in 0..if number == 0 { times } else { 1 } {
                src.push(open(&prefix(&self.src_lang), &self.src_dict)?);
                let target = prefix(&self.tgt_lang);
                if SentenceFile::exists(&target, self.dataset_impl) {
                    tgt.push(open(&target, &self.tgt_dict)?);
                    check_aligned(&src[src.len() - 1], &tgt[tgt.len() - 1])?;
                }
            }
            if !combine {
                break;
            }
        }
        Ok((src, tgt))
    }

    fn pairs_of(
        &self,
        src: Vec<SentenceFile>,
        tgt: Vec<SentenceFile>,
        options: PairOptions,
    ) -> Result<LanguagePairDataset> {
        if !tgt.is_empty() && tgt.len() < src.len() {
            let listed: Vec<_> = src.iter().map(|file| file.path().display().to_string()).collect();
            return Err(Error::DataDir {
                path: self.path.clone(),
                problem: format!("some of these sets lack the target side: {}", listed.join(", ")),
            });
        }
        let tgt = (!tgt.is_empty()).then(|| Sentences::files(tgt));
        let options = PairOptions {
            pad: self.tgt_dict.pad(),
            decoder_start: self.tgt_dict.decoder_start(),
            ..options
        };
        let (src_vocab, tgt_vocab) = (self.src_dict.len(), self.tgt_dict.len());
        LanguagePairDataset::new(Sentences::files(src), tgt, src_vocab, tgt_vocab, options)
    }

    /// The names that the pair of languages may have in file names.
    fn pairs(&self) -> [String; 2] {
        let (src, tgt) = (&self.src_lang, &self.tgt_lang);
        [format!("{src}-{tgt}"), format!("{tgt}-{src}")]
    }

    /// Under which of [`DatasetDir::pairs`] a split is there.
    fn pair_of(&self, folder: &Path, split: &str) -> Option<String> {
        self.pairs().into_iter().find(|pair| {
            let path = folder.join(format!("{split}.{pair}.{}", self.src_lang));
            SentenceFile::exists(&path, self.dataset_impl)
        })
    }

    fn no_split(&self, folder: &Path, split: &str) -> Result<Error> {
        let splits = self.splits_in(folder)?;
        let known = if splits.is_empty() {
            "it has no split at all".to_owned()
        } else {
            format!("choose one of: {}", splits.join(", "))
        };
        Ok(Error::DataDir {
            path: folder.to_owned(),
            problem: format!(
                "there is no split {split:?} from {} to {}; {known}",
                self.src_lang, self.tgt_lang
            ),
        })
    }
}

/// The folders of a list with colons; a path that exists is one folder whatever its name.
pub(crate) fn folders(path: &Path) -> Vec<PathBuf> {
    match path.to_str() {
        Some(list) if list.contains(':') && !path.exists() => {
            let mut folders: Vec<PathBuf> = list
                .split(':')
                .filter(|folder| !folder.is_empty())
                .map(PathBuf::from)
                .collect();
            if folders.is_empty() {
                folders.push(PathBuf::new());
            }
            folders
        }
        _ => vec![path.to_owned()],
    }
}

fn check_aligned(src: &SentenceFile, tgt: &SentenceFile) -> Result<()> {
    if src.len() == tgt.len() {
        return Ok(());
    }
    Err(Error::Misaligned {
        src: src.path().to_owned(),
        src_len: src.len(),
        tgt: tgt.path().to_owned(),
        tgt_len: tgt.len(),
    })
}

pub(crate) fn file_names(path: &Path) -> Result<Vec<String>> {
    if path.as_os_str().is_empty() {
        return Err(Error::Config(
            "the name of the dataset's folder is empty\nhint: name the folder that `preprocess` wrote"
                .to_owned(),
        ));
    }
    if !path.is_dir() {
        let problem = if path.exists() {
            "is a file, not the folder of a dataset"
        } else {
            "there is no such folder"
        };
        return Err(Error::DataDir {
            path: path.to_owned(),
            problem: format!(
                "{problem}\nhint: make a dataset with `preprocess --source-lang de --target-lang en --trainpref TEXT \
                 --destdir FOLDER`, and name its folder"
            ),
        });
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(FileError::read(path))? {
        let entry = entry.map_err(FileError::read(path))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Languages that have a dictionary.
fn dictionary_languages(names: &[String]) -> Vec<&str> {
    names
        .iter()
        .filter_map(|name| name.strip_prefix("dict.")?.strip_suffix(".txt"))
        .collect()
}

fn known_languages(names: &[String]) -> String {
    let known = dictionary_languages(names);
    if known.is_empty() {
        "\nhint: make the folder with `preprocess`".to_owned()
    } else {
        format!("; there are dictionaries for: {}", known.join(", "))
    }
}

/// Source and target language: those given, or the one pair that some file is named for.
fn languages(
    path: &Path,
    names: &[String],
    src: Option<&str>,
    tgt: Option<&str>,
) -> Result<(String, String)> {
    if let (Some(src), Some(tgt)) = (src, tgt) {
        return Ok((src.to_owned(), tgt.to_owned()));
    }
    let known = dictionary_languages(names);
    let mut pairs = BTreeSet::new();
    for (a, b) in known.iter().flat_map(|a| known.iter().map(move |b| (*a, *b))) {
        let suffix = format!(".{a}-{b}.{a}");
        let is_data = |name: &String| name.strip_suffix(".idx").unwrap_or(name).ends_with(&suffix);
        if a != b && names.iter().any(is_data) {
            // One language given: the pair serves in both directions.
            if src.is_none_or(|src| src == a) && tgt.is_none_or(|tgt| tgt == b) {
                pairs.insert((a.to_owned(), b.to_owned()));
            } else if src.is_none_or(|src| src == b) && tgt.is_none_or(|tgt| tgt == a) {
                pairs.insert((b.to_owned(), a.to_owned()));
            }
        }
    }
    let problem = match pairs.len() {
        1 => return Ok(pairs.pop_first().expect("there is one")),
        0 => format!(
            "the languages cannot be told from the files{}\nhint: give 'source_lang' and 'target_lang'",
            known_languages(names)
        ),
        _ => {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| format!("{a}-{b}")).collect();
            format!(
                "holds several language pairs: {}\nhint: give 'source_lang' and 'target_lang'",
                pairs.join(", ")
            )
        }
    };
    Err(Error::DataDir {
        path: path.to_owned(),
        problem,
    })
}
