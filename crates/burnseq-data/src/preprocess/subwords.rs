//! Which subword model segments the text: none, an existing one, or one learnt in [`learn`].

use std::path::{Path, PathBuf};

use burnseq_text::sentencepiece::SentencePiece;
use burnseq_text::{Counts, Normalization, SubwordSettings, TextFiles, TextPipeline, TextSettings};

use super::Notes;
use super::config::{BpeKind, PreprocessConfig, TokenizerKind};
use super::dictionaries::{count, given_files};
use super::learn::{Learnt, learn_sentencepiece, learn_subword_nmt};
use super::observer::Observer;
use super::pairs::PairReader;
use super::segment::Segmenter;
use super::survey::{Marks, SplitSurvey};
use super::words::{self, Words};
use crate::error::{Error, Result};

/// Text settings of text of no particular language.
const MONO_SETTINGS: &str = "text.json";

/// How the text of each side becomes tokens, and the files that decoding needs.
pub(crate) struct Subwords {
    /// One for each side, source first.
    segmenters: Vec<Segmenter>,
    langs: Vec<Option<String>>,
    files: TextFiles,
    description: String,
}

/// `text.LANG.json`, or `text.json` for text of no particular language.
pub(crate) fn settings_name(lang: Option<&str>) -> String {
    lang.map_or_else(|| MONO_SETTINGS.to_owned(), TextSettings::file_name)
}

/// Whether a file of this name holds text settings.
pub(crate) fn is_settings(name: &str) -> bool {
    name == MONO_SETTINGS || (name.starts_with("text.") && name.ends_with(".json"))
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
        if !config.bpe_model.is_empty() {
            return Self::given(config, &words, &config.bpe_model, BpeKind::Sentencepiece);
        }
        if !config.bpe_codes.is_empty() {
            let given = Self::given(config, &words, &config.bpe_codes, BpeKind::SubwordNmt)?;
            return given.with_vocabularies(config, observer);
        }
        let kind = match config.bpe {
            BpeKind::Auto => {
                if let Some(found) = Self::beside_dictionaries(config, &words, notes)? {
                    return Ok(found);
                }
                automatic_kind(config, &words, surveys, notes)?
            }
            kind => kind,
        };
        match kind {
            BpeKind::Sentencepiece => {
                let learnt = learn_sentencepiece(config, &words, surveys, observer, notes)?;
                Self::learnt(config, &words, kind, learnt)
            }
            BpeKind::SubwordNmt => {
                let learnt = learn_subword_nmt(config, &words, surveys, observer, notes)?;
                Self::learnt(config, &words, kind, learnt)?.with_vocabularies(config, observer)
            }
            BpeKind::None | BpeKind::Auto => {
                let settings = (0..config.langs().len())
                    .map(|side| words.settings(side, Normalization::None, SubwordSettings::None))
                    .collect();
                let description = if words.as_is() {
                    "none, text is used as it is".to_owned()
                } else {
                    "none".to_owned()
                };
                Self::new(config, settings, words.files().clone(), description)
            }
        }
    }

    fn new(
        config: &PreprocessConfig,
        settings: Vec<TextSettings>,
        files: TextFiles,
        description: String,
    ) -> Result<Self> {
        let mut segmenters = Vec::new();
        for settings in settings {
            segmenters.push(Segmenter::new(TextPipeline::new(settings, &files)?));
        }
        Ok(Self {
            segmenters,
            langs: config.langs(),
            files,
            description,
        })
    }

    /// Models that exist: one for both sides, or one for each.
    fn given(config: &PreprocessConfig, words: &Words, paths: &[PathBuf], kind: BpeKind) -> Result<Self> {
        let mut models = Vec::new();
        for path in paths {
            models.push(std::fs::read(path).map_err(Error::read(path))?);
        }
        let mut files = words.files().clone();
        let mut settings = Vec::new();
        for side in 0..config.langs().len() {
            let number = side.min(models.len() - 1);
            let name = model_name(config, kind, (models.len() > 1).then_some(side));
            let (normalization, subword) = steps_of(kind, &name, &models[number], &paths[number])?;
            settings.push(words.settings(side, normalization, subword));
            files.insert(name, models[number].clone());
        }
        let listed: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        let kind = if kind == BpeKind::Sentencepiece {
            "SentencePiece"
        } else {
            "subword-nmt"
        };
        Self::new(
            config,
            settings,
            files,
            format!("{kind}, given: {}", listed.join(", ")),
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
        Self::new(config, settings, files, learnt.description)
    }

    /// The same codes, which split pieces again that are rare on their side (Sennrich et al. 2016, section 3.2):
    /// by the vocabularies that are given, else by those of the training text.
    fn with_vocabularies(self, config: &PreprocessConfig, observer: &dyn Observer) -> Result<Self> {
        if config.bpe_vocabulary.is_empty() && config.bpe_vocab_threshold.is_none() {
            return Ok(self);
        }
        let mut vocabularies = Vec::new();
        for path in &config.bpe_vocabulary {
            vocabularies.push(std::fs::read(path).map_err(Error::read(path))?);
        }
        if vocabularies.is_empty() {
            vocabularies = self.count_pieces(config, observer)?;
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
        Self::new(config, settings, files, description)
    }

    /// A vocabulary for each side, as subword-nmt's `get-vocab` makes it from the segmented training text.
    fn count_pieces(&self, config: &PreprocessConfig, observer: &dyn Observer) -> Result<Vec<Vec<u8>>> {
        observer.stage("pieces", None);
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
        notes: &mut Notes<'_>,
    ) -> Result<Option<Self>> {
        let dictionaries = given_files(config);
        let Some(folder) = dictionaries.first().and_then(|path| path.parent()) else {
            return Ok(None);
        };
        let langs = config.langs();
        let paths: Vec<_> = langs
            .iter()
            .map(|lang| folder.join(settings_name(lang.as_deref())))
            .collect();
        if !paths.iter().all(|path| path.is_file()) {
            return Ok(None);
        }
        let mut files = TextFiles::new();
        let mut settings = Vec::new();
        for (number, path) in paths.iter().enumerate() {
            let side = TextSettings::load(path)?;
            if !words.as_is() && !words.agree(number, &side) {
                return Err(Error::Config(format!(
                    "{} tells another --tokenizer or --lowercase than is asked for, and the dictionaries beside \
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
        notes.add(format!(
            "text is segmented as {listed} say, which lie beside the dictionaries"
        ));
        Self::new(config, settings, files, format!("as in {listed}")).map(Some)
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
        [&self.description, words].concat()
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
            std::fs::write(&path, content).map_err(Error::write(&path))?;
        }
        Ok(())
    }
}

/// What `auto` means for this text.
///
/// # Errors
/// When the text carries marks that the tokenizer would split.
fn automatic_kind(
    config: &PreprocessConfig,
    words: &Words,
    surveys: &[SplitSurvey],
    notes: &mut Notes<'_>,
) -> Result<BpeKind> {
    let marks = surveys.first().and_then(SplitSurvey::marks);
    if let Some(marks) = marks {
        let mark = match marks {
            Marks::ContinuationAt => "`@@ `",
            Marks::WordStart => "`\u{2581}`",
        };
        if config.tokenizer != TokenizerKind::Space {
            return Err(Error::Config(format!(
                "the text carries subword marks ({mark}), which --tokenizer would split\n\
                 hint: leave out --tokenizer, or give text without subwords"
            )));
        }
        let used = if words.as_is() {
            "is used as it is"
        } else {
            "gets no further subwords"
        };
        notes.add(format!("the text carries subword marks ({mark}) and {used}"));
        Ok(BpeKind::None)
    } else if config.tokenizer == TokenizerKind::Character {
        Ok(BpeKind::None)
    } else if given_files(config).is_empty() {
        Ok(BpeKind::Sentencepiece)
    } else {
        // New subwords would not be in an existing dictionary.
        notes.add(if words.as_is() {
            "a dictionary is given, so the text is used as it is".to_owned()
        } else {
            "a dictionary is given, so no subwords are learnt".to_owned()
        });
        Ok(BpeKind::None)
    }
}

/// Name of a model in the dataset, of one side or of both.
fn model_name(config: &PreprocessConfig, kind: BpeKind, side: Option<usize>) -> String {
    let langs = config.langs();
    let lang = side.and_then(|side| langs[side].as_ref());
    let lang = lang.map_or_else(String::new, |lang| format!(".{lang}"));
    match kind {
        BpeKind::Sentencepiece => format!("spm{lang}.model"),
        _ => format!("bpe{lang}.codes"),
    }
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
    let subword = SubwordSettings::SubwordNmt {
        codes: name.to_owned(),
        vocabulary: None,
        threshold: 0,
    };
    Ok((Normalization::None, subword))
}
