//! What the destination may hold already, and what is removed when it is overwritten.

use std::fs;
use std::path::Path;

use super::config::PreprocessConfig;
use super::dictionaries::{Dictionaries, all_given, dict_name};
use super::report::REPORT_FILE;
use super::subwords::SETTINGS_FILE;
use crate::error::{Error, Result};

/// Names of the files in `destdir` that belong to a dataset; empty when it does not exist.
///
/// # Errors
/// When the folder cannot be read.
fn dataset_files(destdir: &Path) -> Result<Vec<String>> {
    if !destdir.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(destdir).map_err(Error::read(destdir))? {
        let name = entry
            .map_err(Error::read(destdir))?
            .file_name()
            .to_string_lossy()
            .into_owned();
        let is_dictionary = name == "dict.txt" || (name.starts_with("dict.") && name.ends_with(".txt"));
        let is_data = name.ends_with(".idx") || name.ends_with(".bin");
        if is_dictionary || is_data || name == REPORT_FILE || name == SETTINGS_FILE {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Refuses a destination that holds a dataset, unless it may be replaced or added to.
///
/// It may be added to, as in fairseq, when all dictionaries are given; [`check_same`] then makes
/// sure that they are those of the dataset.
///
/// # Errors
/// When the folder cannot be read or holds another dataset.
pub(crate) fn check(config: &PreprocessConfig) -> Result<()> {
    let destdir = &config.destdir;
    if destdir.exists() && !destdir.is_dir() {
        return Err(Error::DataDir {
            path: destdir.clone(),
            problem: "is a file, not a folder\nhint: choose another --destdir".to_owned(),
        });
    }
    let files = dataset_files(destdir)?;
    if files.is_empty() || config.overwrite || all_given(config) {
        return Ok(());
    }
    let mut listed = files[..files.len().min(3)].join(", ");
    if files.len() > 3 {
        listed.push_str(", ...");
    }
    Err(Error::DataDir {
        path: destdir.clone(),
        problem: format!(
            "already holds a dataset ({listed})\n\
             hint: choose another --destdir, replace the dataset with --overwrite, or add to it \
             with --srcdict and --tgtdict"
        ),
    })
}

/// Refuses to add to a dataset that has other dictionaries.
///
/// # Errors
/// When a dictionary of the destination differs from the one at hand.
pub(crate) fn check_same(
    config: &PreprocessConfig,
    dictionaries: &Dictionaries,
    langs: &[Option<String>],
) -> Result<()> {
    if config.overwrite {
        return Ok(());
    }
    for (dictionary, lang) in dictionaries.sides.iter().zip(langs) {
        let path = config.destdir.join(dict_name(lang.as_deref()));
        if !path.exists() {
            continue;
        }
        let present = fs::read_to_string(&path).map_err(Error::read(&path))?;
        if present != dictionary.to_string() {
            return Err(Error::DataDir {
                path,
                problem: "differs from the dictionary that is given\n\
                          hint: choose another --destdir, or replace the dataset with --overwrite"
                    .to_owned(),
            });
        }
    }
    Ok(())
}

/// Removes what an older dataset left, before the new files move in.
///
/// # Errors
/// When a file cannot be removed.
pub(crate) fn clear(config: &PreprocessConfig) -> Result<()> {
    if !config.overwrite {
        return Ok(());
    }
    for name in dataset_files(&config.destdir)? {
        let path = config.destdir.join(name);
        fs::remove_file(&path).map_err(Error::write(&path))?;
    }
    Ok(())
}
