//! `--like`: data for a model that exists.

use std::path::Path;

use anyhow::{Result, anyhow};
use burnseq::tasks::language_modeling;
use burnseq::tasks::translation::{LanguagePair, SRC_DICT_FILE, TGT_DICT_FILE};
use burnseq_data::TextDir;
use burnseq_data::preprocess::PreprocessConfig;
use burnseq_text::TextSettings;
use burnseq_train::Checkpoint;

use super::args::Side;
use crate::exit::{coded, usage};

/// Takes languages and dictionaries of a checkpoint, or for text of one `side` its dictionary and text settings;
/// otherwise `preprocess` finds the text settings beside the dictionaries. The language of that side is given back.
///
/// # Errors
/// A checkpoint that cannot be read; other languages than it translates.
pub(super) fn apply(
    path: &Path,
    side: Option<Side>,
    config: &mut PreprocessConfig,
) -> Result<Option<String>> {
    let checkpoint = Checkpoint::open(path).map_err(coded)?;
    if checkpoint.meta().task.name == language_modeling::NAME {
        if side.is_some() {
            return Err(usage(anyhow!(
                "--like-side chooses a side of a translation model, but {} holds a language model\nhint: leave out --like-side",
                path.display()
            )));
        }
        if !config.only_source {
            return Err(usage(anyhow!(
                "{} holds a language model, which has one side\nhint: add --only-source",
                path.display()
            )));
        }
        config.srcdict = Some(checkpoint.path().join(TextDir::DICTIONARY));
        return Ok(None);
    }
    let task = LanguagePair::of(&checkpoint.meta().task).map_err(coded)?;
    let folder = checkpoint.path();
    if let Some(side) = side {
        let (dictionary, language) = match side {
            Side::Source => (SRC_DICT_FILE, &task.source_lang),
            Side::Target => (TGT_DICT_FILE, &task.target_lang),
        };
        config.only_source = true;
        config.srcdict = Some(folder.join(dictionary));
        config.text_settings = Some(folder.join(TextSettings::file_name(language)));
        return Ok(Some(language.clone()));
    }
    for (flag, given, saved) in [
        ("--source-lang", &mut config.source_lang, &task.source_lang),
        ("--target-lang", &mut config.target_lang, &task.target_lang),
    ] {
        let given = given.get_or_insert_with(|| saved.clone());
        if given != saved {
            return Err(usage(anyhow!(
                "{flag} is {given}, but {} translates from {} to {}\n\
                 hint: name the text after these languages (PREFIX.{}, PREFIX.{}), and leave out the flags",
                path.display(),
                task.source_lang,
                task.target_lang,
                task.source_lang,
                task.target_lang
            )));
        }
    }
    config.srcdict = Some(folder.join(SRC_DICT_FILE));
    if !config.only_source {
        config.tgtdict = Some(folder.join(TGT_DICT_FILE));
    }
    Ok(None)
}
