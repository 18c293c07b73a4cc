//! What the text itself says about subwords: marks that it carries already, and words that stand apart.

use super::Notes;
use super::config::{BpeKind, PreprocessConfig, TokenizerKind};
use super::dictionaries::given_files;
use super::survey::{Marks, SplitSurvey};
use super::words::Words;
use crate::error::{Error, Result};

impl Marks {
    /// As it is written.
    fn shown(self) -> &'static str {
        match self {
            Self::ContinuationAt => "`@@ `",
            Self::WordStart => "`\u{2581}`",
        }
    }
}

/// Which sides carry the marks of subwords, by the first split, which is the training text where there is one.
pub(super) struct Marked {
    sides: Vec<Option<Marks>>,
}

impl Marked {
    /// # Errors
    /// When there are marks, and a tokenizer that would split them.
    pub(super) fn find(config: &PreprocessConfig, surveys: &[SplitSurvey]) -> Result<Self> {
        let sides = config.langs().len();
        let marks = |side| surveys.first().and_then(|survey| survey.marks_of(side));
        let mut marked = Self {
            sides: (0..sides).map(marks).collect(),
        };
        // Merges that were learnt on both sides may leave most words of the simpler side whole.
        if let (Some(marks), Some(survey)) = (marked.any(), surveys.first()) {
            for (side, found) in marked.sides.iter_mut().enumerate() {
                *found = found.or_else(|| survey.some_marks_of(side).filter(|some| *some == marks));
            }
        }
        match marked.any() {
            Some(marks) if config.tokenizer != TokenizerKind::Space => Err(Error::Config(format!(
                "the text carries subword marks ({}), which 'tokenizer' would split\n\
                 hint: leave out 'tokenizer', or give text without subwords",
                marks.shown()
            ))),
            _ => Ok(marked),
        }
    }

    pub(super) fn any(&self) -> Option<Marks> {
        self.sides.iter().flatten().next().copied()
    }

    /// Of two sides, that which carries marks and that which carries none.
    fn only_one(&self) -> Option<[usize; 2]> {
        let side_that = |is_marked: bool| self.sides.iter().position(|marks| marks.is_some() == is_marked);
        Some([side_that(true)?, side_that(false)?])
    }

    /// Whether the text of each side is used as it is, although a subword model is at hand.
    pub(super) fn flags(&self) -> Vec<bool> {
        self.sides.iter().map(Option::is_some).collect()
    }

    /// Says that text which carries marks is not segmented by the model that is at hand.
    pub(super) fn note(&self, surveys: &[SplitSurvey], model: &str, notes: &mut Notes<'_>) {
        for (side, marks) in self.sides.iter().enumerate() {
            if let (Some(marks), Some(survey)) = (marks, surveys.first()) {
                notes.add(format!(
                    "{} carries subword marks ({}) and is not segmented again; {model} for text that comes later",
                    survey.paths[side].display(),
                    marks.shown()
                ));
            }
        }
    }

    /// Looks for text that is unlike that of the first split, once it is known which sides are segmented here.
    ///
    /// # Errors
    /// When text in subwords would be segmented again.
    pub(super) fn check_splits(
        &self,
        config: &PreprocessConfig,
        segments: &[bool],
        surveys: &[SplitSurvey],
        notes: &mut Notes<'_>,
    ) -> Result<()> {
        for (number, survey) in surveys.iter().enumerate() {
            for (side, path) in survey.paths.iter().enumerate() {
                let (path, first) = (path.display(), surveys[0].paths[side].display());
                let some = survey.some_marks_of(side);
                if segments[side] {
                    if let Some(marks) = survey.marks_of(side).filter(|_| number > 0) {
                        return Err(Error::Config(format!(
                            "{path} carries subword marks ({}), unlike {first}, and would be cut again\n\
                             hint: give all text with its subwords, or all of it without",
                            marks.shown(),
                        )));
                    }
                    if let Some(marks) = some {
                        notes.add(format!(
                            "{path}: some lines carry subword marks ({}), and are segmented as text",
                            marks.shown()
                        ));
                    }
                    continue;
                }
                let asked = config.bpe != BpeKind::None && survey.files[side].filled > 0;
                if let Some(marks) = self.sides[side].filter(|_| asked && some.is_none()) {
                    notes.add(format!(
                        "{path} carries no subword marks, unlike {first} ({}), and is used as it is: its words stay \
                         whole\nhint: segment it as {first} was",
                        marks.shown()
                    ));
                }
            }
        }
        Ok(())
    }
}

/// What `auto` means for this text, and what a kind that is asked for means for text that carries marks.
///
/// # Errors
/// When one side carries marks and the other one does not.
pub(super) fn automatic_kind(
    config: &PreprocessConfig,
    words: &Words,
    surveys: &[SplitSurvey],
    marked: &Marked,
    notes: &mut Notes<'_>,
) -> Result<BpeKind> {
    if let Some(marks) = marked.any() {
        let mut text = "the text".to_owned();
        if let (Some([with, without]), Some(survey)) = (marked.only_one(), surveys.first()) {
            let (with, without) = (survey.paths[with].display(), survey.paths[without].display());
            // With dictionaries that exist, each side may well have its own kind of text.
            if given_files(config).is_empty() {
                return Err(Error::Config(format!(
                    "{with} carries subword marks ({}), but {without} carries none, so its words would stay whole\n\
                     hint: segment both sides, or give both without subwords; 'bpe' none takes both as they are",
                    marks.shown()
                )));
            }
            text = with.to_string();
        }
        let used = if words.as_is() {
            "is used as it is"
        } else {
            "gets no further subwords"
        };
        let asked = match config.bpe {
            BpeKind::Auto | BpeKind::None | BpeKind::Hf => String::new(),
            kind => format!("; 'bpe' {} has nothing to learn", kind.name()),
        };
        notes.add(format!(
            "{text} carries subword marks ({}) and {used}{asked}",
            marks.shown()
        ));
        return Ok(BpeKind::None);
    }
    if config.bpe != BpeKind::Auto {
        return Ok(config.bpe);
    }
    if config.tokenizer.splits_words() {
        return Ok(BpeKind::None);
    }
    if !given_files(config).is_empty() {
        // New subwords would not be in an existing dictionary.
        notes.add(if words.as_is() {
            "a dictionary is given, so the text is used as it is".to_owned()
        } else {
            "a dictionary is given, so no subwords are learnt".to_owned()
        });
        return Ok(BpeKind::None);
    }
    let tokenised = surveys.first().is_some_and(SplitSurvey::is_tokenised);
    let shaping = [
        ("'thresholdsrc'", config.thresholdsrc > 0),
        ("'thresholdtgt'", config.thresholdtgt > 0),
        ("'nwordssrc'", config.nwordssrc.is_some()),
        ("'nwordstgt'", config.nwordstgt.is_some()),
    ];
    let shaped = shaping
        .into_iter()
        .find(|(_, given)| *given)
        .map(|(flag, _)| flag);
    Ok(match shaped {
        // A dictionary of words is asked for, as in fairseq's recipes without subwords.
        Some(flag) if tokenised || config.tokenizer == TokenizerKind::Moses => {
            notes.add(format!(
                "{flag} shapes a dictionary of words, so no subwords are learnt of the tokenised text; \
                 'bpe' sentencepiece learns them"
            ));
            BpeKind::None
        }
        Some(flag) => {
            notes.add(format!(
                "{flag} counts subwords, which are learnt of the text; 'bpe' none makes a dictionary of its words"
            ));
            BpeKind::Sentencepiece
        }
        None => {
            if tokenised {
                notes.add(
                    "the text is tokenised already (punctuation stands alone), and subwords are learnt of it; 'bpe' none \
                     takes its words as they are"
                        .to_owned(),
                );
            }
            BpeKind::Sentencepiece
        }
    })
}
