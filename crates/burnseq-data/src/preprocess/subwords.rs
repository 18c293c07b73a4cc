//! Which subword model segments the text: none, an existing one, or one learnt in [`learn`].

use std::path::{Path, PathBuf};

use burnseq_text::FileError;
use burnseq_text::hugging_face::{HfSubword, HfTokenizer};
use burnseq_text::sentencepiece::SentencePiece;
use burnseq_text::subword_nmt::{Codes, Vocabulary};
use burnseq_text::{Counts, Normalization, SubwordSettings, TextFiles, TextPipeline, TextSettings};

use super::Notes;
use super::config::{BpeKind, PreprocessConfig};
use super::dictionaries::{count, given_files};
use super::found::{Marked, automatic_kind};
use super::learn::{LearningText, Learnt, learn_hugging_face, learn_sentencepiece, learn_subword_nmt};
use super::observer::Observer;
use super::pairs::PairReader;
use super::segment::Segmenter;
use super::survey::SplitSurvey;
use super::words::{self, Words};
use crate::error::{Error, Result};
use crate::text_dir::TextDir;

/// How the text of each side becomes tokens, and the files that decoding needs.
pub(crate) struct Subwords {
    /// One for each side, source first.
    segmenters: Vec<Segmenter>,
    langs: Vec<Option<String>>,
    files: TextFiles,
    description: String,
    /// Sides whose text carries the subwords already.
    marked: Vec<bool>,
}

/// `text.LANG.json`, or `text.json` for text of no particular language.
pub(crate) fn settings_name(lang: Option<&str>) -> String {
    lang.map_or_else(|| TextDir::SETTINGS.to_owned(), TextSettings::file_name)
}

/// Whether a file of this name holds text settings.
pub(crate) fn is_settings(name: &str) -> bool {
    name == TextDir::SETTINGS || (name.starts_with("text.") && name.ends_with(".json"))
}

impl Subwords {
    /// Takes the models that are given, learns those that are missing, or leaves text as it is.
    ///
    /// # Errors
    /// When a model cannot be read or learnt.
    pub(crate) fn prepare(
        config: &PreprocessConfig,
        surveys: &[SplitSurvey],
        observer: &dyn Observer,
        notes: &mut Notes<'_>,
    ) -> Result<Self> {
        let words = Words::new(config)?;
        words.notes().into_iter().for_each(|note| notes.add(note));
        let text = LearningText {
            config,
            words: &words,
            surveys,
            observer,
        };
        let subwords = Self::choose(text, notes)?;
        let segments: Vec<bool> = subwords.segmenters.iter().map(Segmenter::segments).collect();
        Marked::find(config, surveys)?.check_splits(config, &segments, surveys, notes)?;
        Ok(subwords)
    }

    fn choose(text: LearningText<'_>, notes: &mut Notes<'_>) -> Result<Self> {
        let LearningText {
            config,
            words,
            surveys,
            observer,
        } = text;
        if config.bpe == BpeKind::None {
            return Self::none(config, words);
        }
        let marked = Marked::find(config, surveys)?;
        let train_lines = surveys.first().map(|train| train.lines);
        if !config.bpe_model.is_empty() {
            marked.note(surveys, "'bpe_model' is", notes);
            let paths = &config.bpe_model;
            let kind = match config.bpe {
                BpeKind::Hf => BpeKind::Hf,
                _ => BpeKind::Sentencepiece,
            };
            return Self::given(config, words, paths, kind, marked.flags());
        }
        if !config.bpe_codes.is_empty() {
            marked.note(surveys, "'bpe_codes' are", notes);
            let paths = &config.bpe_codes;
            let given = Self::given(config, words, paths, BpeKind::SubwordNmt, marked.flags())?;
            return given.with_vocabularies(config, train_lines, observer);
        }
        if config.bpe == BpeKind::Auto
            && let Some(found) = Self::beside_dictionaries(config, words, &marked, surveys, notes)?
        {
            return Ok(found);
        }
        match automatic_kind(config, words, surveys, &marked, notes)? {
            BpeKind::Sentencepiece => {
                let learnt = learn_sentencepiece(text, notes)?;
                Self::learnt(config, words, BpeKind::Sentencepiece, learnt)
            }
            BpeKind::SubwordNmt => {
                let learnt = learn_subword_nmt(text, notes)?;
                Self::learnt(config, words, BpeKind::SubwordNmt, learnt)?.with_vocabularies(
                    config,
                    train_lines,
                    observer,
                )
            }
            kind @ (BpeKind::Wordpiece | BpeKind::ByteBpe) => {
                let learnt = learn_hugging_face(text, kind, notes)?;
                Self::learnt(config, words, kind, learnt)
            }
            // `hf` learns nothing.
            BpeKind::None | BpeKind::Auto | BpeKind::Hf => Self::none(config, words),
        }
    }

    /// No subwords.
    fn none(config: &PreprocessConfig, words: &Words) -> Result<Self> {
        let sides = config.langs().len();
        let settings = (0..sides)
            .map(|side| words.settings(side, Normalization::None, SubwordSettings::None))
            .collect();
        let description = if words.as_is() {
            "none, text is used as it is".to_owned()
        } else {
            "none".to_owned()
        };
        Self::new(
            config,
            settings,
            words.files().clone(),
            description,
            vec![false; sides],
        )
    }

    fn new(
        config: &PreprocessConfig,
        settings: Vec<TextSettings>,
        files: TextFiles,
        description: String,
        marked: Vec<bool>,
    ) -> Result<Self> {
        let mut segmenters = Vec::new();
        for (settings, &marked) in settings.into_iter().zip(&marked) {
            let pipeline = TextPipeline::new(settings.clone(), &files)?;
            segmenters.push(if marked {
                // Words and subwords are there already.
                let applied = TextSettings {
                    lowercase: settings.lowercase,
                    ..TextSettings::default()
                };
                Segmenter::of_segmented(TextPipeline::new(applied, &files)?, settings)
            } else {
                Segmenter::new(pipeline)
            });
        }
        Ok(Self {
            segmenters,
            langs: config.langs(),
            files,
            description,
            marked,
        })
    }

    /// Models that exist: one for both sides, or one for each.
    fn given(
        config: &PreprocessConfig,
        words: &Words,
        paths: &[PathBuf],
        kind: BpeKind,
        marked: Vec<bool>,
    ) -> Result<Self> {
        let mut models = Vec::new();
        let mut clean_up = Vec::new();
        for path in paths {
            let (content, cleans) = match kind {
                BpeKind::Hf => read_hugging_face(path)?,
                _ => (std::fs::read(path).map_err(FileError::read(path))?, false),
            };
            models.push(content);
            clean_up.push(cleans);
        }
        let mut files = words.files().clone();
        let mut settings = Vec::new();
        for side in 0..config.langs().len() {
            let number = side.min(models.len() - 1);
            let name = model_name(config, kind, (models.len() > 1).then_some(side));
            let (normalization, mut subword) = steps_of(kind, &name, &models[number], &paths[number])?;
            if let SubwordSettings::HuggingFace { clean_up: cleans, .. } = &mut subword {
                *cleans = clean_up[number];
            }
            if kind == BpeKind::SubwordNmt {
                // Errors name the file that was given, not that of the dataset.
                Codes::parse(models[number].as_slice(), &paths[number])?;
            }
            settings.push(words.settings(side, normalization, subword));
            files.insert(name, models[number].clone());
        }
        let listed: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        let kind = match kind {
            BpeKind::Sentencepiece => "SentencePiece",
            BpeKind::Hf => "tokenizer of Hugging Face",
            _ => "subword-nmt",
        };
        Self::new(
            config,
            settings,
            files,
            format!("{kind}, given: {}", listed.join(", ")),
            marked,
        )
    }

    /// Models learnt just now: one for both sides, or one for each.
    fn learnt(config: &PreprocessConfig, words: &Words, kind: BpeKind, learnt: Learnt) -> Result<Self> {
        let mut files = words.files().clone();
        let mut settings = Vec::new();
        for side in 0..config.langs().len() {
            let model = &learnt.models[side.min(learnt.models.len() - 1)];
            let name = model_name(config, kind, (learnt.models.len() > 1).then_some(side));
            let (normalization, subword) = steps_of(kind, &name, &model.content, Path::new(&name))?;
            settings.push(words.settings(side, normalization, subword));
            if let Some(vocab) = &model.vocab {
                files.insert(name.replace(".model", ".vocab"), vocab.clone());
            }
            files.insert(name, model.content.clone());
        }
        let marked = vec![false; settings.len()];
        Self::new(config, settings, files, learnt.description, marked)
    }

    /// The same codes, which split pieces again that are rare on their side (Sennrich et al. 2016, section 3.2):
    /// by the vocabularies that are given, else by those of the training text.
    fn with_vocabularies(
        self,
        config: &PreprocessConfig,
        lines: Option<u64>,
        observer: &dyn Observer,
    ) -> Result<Self> {
        if config.bpe_vocabulary.is_empty() && config.bpe_vocab_threshold.is_none() {
            return Ok(self);
        }
        let mut vocabularies = Vec::new();
        for path in &config.bpe_vocabulary {
            let content = std::fs::read(path).map_err(FileError::read(path))?;
            Vocabulary::parse(content.as_slice(), path, config.bpe_vocab_threshold.unwrap_or(0))?;
            vocabularies.push(content);
        }
        if vocabularies.is_empty() {
            vocabularies = self.count_pieces(config, lines, observer)?;
        }
        let mut files = self.files;
        let mut settings = Vec::new();
        for (number, segmenter) in self.segmenters.iter().enumerate() {
            let lang = self.langs[number].as_deref().filter(|_| vocabularies.len() > 1);
            let name = lang.map_or_else(|| "bpe.vocab".to_owned(), |lang| format!("bpe.{lang}.vocab"));
            files.insert(
                name.clone(),
                vocabularies[number.min(vocabularies.len() - 1)].clone(),
            );
            let mut side = segmenter.settings().clone();
            if let SubwordSettings::SubwordNmt {
                vocabulary,
                threshold,
                ..
            } = &mut side.subword
            {
                *vocabulary = Some(name);
                *threshold = config.bpe_vocab_threshold.unwrap_or(0);
            }
            settings.push(side);
        }
        let description = match config.bpe_vocab_threshold {
            Some(threshold) => format!("{}, pieces seen {threshold} times or more", self.description),
            None => format!("{}, pieces of a vocabulary", self.description),
        };
        Self::new(config, settings, files, description, self.marked)
    }

    /// A vocabulary for each side, as subword-nmt's `get-vocab` makes it from the segmented training text.
    fn count_pieces(
        &self,
        config: &PreprocessConfig,
        lines: Option<u64>,
        observer: &dyn Observer,
    ) -> Result<Vec<Vec<u8>>> {
        observer.stage("pieces", lines);
        let prefix = config.trainpref.as_ref().expect("checked by `validate`");
        let reader = PairReader::open(prefix, &config.langs())?;
        // Blanks only: other white space is part of a piece for subword-nmt.
        let add = |counts: &mut Counts, line: &str| {
            let pieces = line.split(' ').filter(|piece| !piece.is_empty());
            pieces.for_each(|piece| counts.add(piece, 1));
        };
        let vocabulary = |counts: &Counts| {
            let mut pieces = counts.sorted();
            pieces.retain(|(_, count)| *count > 0);
            pieces.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let lines = pieces.iter().map(|(piece, count)| format!("{piece} {count}\n"));
            lines.collect::<String>().into_bytes()
        };
        let sides = count(reader, &self.segmenters, config, observer, add)?;
        Ok(sides.iter().map(vocabulary).collect())
    }

    /// The settings and models that lie beside dictionaries that are given, so that text added
    /// later is segmented as the training text was.
    fn beside_dictionaries(
        config: &PreprocessConfig,
        words: &Words,
        marked: &Marked,
        surveys: &[SplitSurvey],
        notes: &mut Notes<'_>,
    ) -> Result<Option<Self>> {
        let dictionaries = given_files(config);
        let Some(dictionary) = dictionaries.first() else {
            return Ok(None);
        };
        let folder = dictionary.parent().unwrap_or(Path::new(""));
        let langs = config.langs();
        let paths: Vec<_> = match langs.as_slice() {
            [None] => one_sided_settings(config, dictionary).into_iter().collect(),
            langs => {
                let names = langs.iter().map(|lang| settings_name(lang.as_deref()));
                names.map(|name| folder.join(name)).collect()
            }
        };
        if paths.is_empty() || !paths.iter().all(|path| path.is_file()) {
            return Ok(None);
        }
        let mut files = TextFiles::new();
        let mut settings = Vec::new();
        for (number, path) in paths.iter().enumerate() {
            let mut side = TextSettings::load(path)?;
            if side != TextSettings::default() {
                let new = config.extra_symbols.iter();
                let new: Vec<String> = new
                    .filter(|symbol| !side.extra_symbols.contains(symbol))
                    .cloned()
                    .collect();
                side.extra_symbols.extend(new);
            }
            if !words.as_is() && !words.agree(number, &side) {
                return Err(Error::Config(format!(
                    "{} tells another 'tokenizer' or 'lowercase' than is asked for, and the dictionaries beside \
                     it were made with those\n\
                     hint: leave out the flags; that file is followed",
                    path.display()
                )));
            }
            files.append(&mut side.read_files(folder)?);
            settings.push(side);
        }
        let listed: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        let listed = listed.join(", ");
        let subwords = settings.iter().any(|side| side.subword != SubwordSettings::None);
        let flags = if subwords {
            marked.note(surveys, "the settings beside the dictionaries are", notes);
            marked.flags()
        } else {
            vec![false; settings.len()]
        };
        if flags.iter().any(|marked| !marked) {
            notes.add(format!(
                "text is segmented as {listed} say, which lie beside the dictionaries"
            ));
        }
        Self::new(config, settings, files, format!("as in {listed}"), flags).map(Some)
    }

    /// What turns lines of each side into tokens, source first.
    pub(crate) fn segmenters(&self) -> &[Segmenter] {
        &self.segmenters
    }

    /// Whether the text of all sides stays as it is given.
    pub(crate) fn is_as_is(&self) -> bool {
        self.segmenters.iter().all(Segmenter::is_as_is)
    }

    /// In words, for the report.
    pub(crate) fn description(&self) -> String {
        let words = words::description(self.segmenters[0].settings());
        let marked = if self.marked.contains(&true) {
            "; the text carries them already"
        } else {
            ""
        };
        [&self.description, words, marked].concat()
    }

    /// Writes the settings of each side and the models they name into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        for (segmenter, lang) in self.segmenters.iter().zip(&self.langs) {
            segmenter
                .settings()
                .save(folder.join(settings_name(lang.as_deref())))?;
        }
        for (name, content) in &self.files {
            let path = folder.join(name);
            std::fs::write(&path, content).map_err(FileError::write(&path))?;
        }
        Ok(())
    }
}

/// The settings that text of one side without a language follows: those that are given, those of such text beside its
/// dictionary, or those of the language whose dictionary `dict.LANG.txt` is.
fn one_sided_settings(config: &PreprocessConfig, dictionary: &Path) -> Option<PathBuf> {
    if config.text_settings.is_some() {
        return config.text_settings.clone();
    }
    let plain = dictionary.with_file_name(settings_name(None));
    let name = dictionary.file_name()?.to_str()?;
    let lang = name
        .strip_prefix("dict.")
        .and_then(|rest| rest.strip_suffix(".txt"));
    let of_lang = lang.map(|lang| dictionary.with_file_name(settings_name(Some(lang))));
    [Some(plain), of_lang]
        .into_iter()
        .flatten()
        .find(|path| path.is_file())
}

/// Name of a model in the dataset, of one side or of both.
fn model_name(config: &PreprocessConfig, kind: BpeKind, side: Option<usize>) -> String {
    let langs = config.langs();
    let lang = side.and_then(|side| langs[side].as_ref());
    let lang = lang.map_or_else(String::new, |lang| format!(".{lang}"));
    match kind {
        BpeKind::Sentencepiece => format!("spm{lang}.model"),
        kind if kind.is_hugging_face() => format!("tokenizer{lang}.json"),
        _ => format!("bpe{lang}.codes"),
    }
}

/// The `tokenizer.json` of a folder, or of a file of that kind, and whether decoded text is cleaned up.
fn read_hugging_face(path: &Path) -> Result<(Vec<u8>, bool)> {
    let name = path.display().to_string();
    let tokenizer = HfTokenizer::open(path)?;
    let cleans_up = tokenizer.cleans_up();
    let json = tokenizer.to_json();
    // Names what cannot be used so.
    HfSubword::new(tokenizer, &name)?;
    let json = json.expect("those that can be used have one");
    Ok((json.into_bytes(), cleans_up))
}

/// The steps that apply a model: normalisation where the model leaves it to us, and subwords.
fn steps_of(
    kind: BpeKind,
    name: &str,
    content: &[u8],
    path: &Path,
) -> Result<(Normalization, SubwordSettings)> {
    if kind == BpeKind::Sentencepiece {
        let model = SentencePiece::from_bytes(content, &path.display().to_string())?;
        // Models learnt here leave normalisation to the pipeline.
        let normalization = if model.normalizes() {
            Normalization::None
        } else {
            Normalization::NmtNfkc
        };
        let model = name.to_owned();
        return Ok((normalization, SubwordSettings::SentencePiece { model }));
    }
    let subword = if kind.is_hugging_face() {
        let model = HfSubword::from_json(content, &path.display().to_string())?;
        SubwordSettings::HuggingFace {
            tokenizer: name.to_owned(),
            marks: model.marks(),
            clean_up: false,
        }
    } else {
        SubwordSettings::SubwordNmt {
            codes: name.to_owned(),
            vocabulary: None,
            threshold: 0,
        }
    };
    Ok((Normalization::None, subword))
}
