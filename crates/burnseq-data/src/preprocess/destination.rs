//! What the destination may hold already, and what is removed when it is overwritten.

use std::fs;
use std::path::Path;

use super::config::PreprocessConfig;
use super::dictionaries::all_given;
use super::report::{REPORT_FILE, Report};
use super::subwords::is_settings;
use crate::error::{Error, Result};
use burnseq_text::FileError;

/// Names of the files in `destdir` that belong to a dataset; empty when it does not exist.
///
/// # Errors
/// When the folder cannot be read.
fn dataset_files(destdir: &Path) -> Result<Vec<String>> {
    if !destdir.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(destdir).map_err(FileError::read(destdir))? {
        let name = entry
            .map_err(FileError::read(destdir))?
            .file_name()
            .to_string_lossy()
            .into_owned();
        let is_dictionary = name == "dict.txt" || (name.starts_with("dict.") && name.ends_with(".txt"));
        let is_data = name.ends_with(".idx") || name.ends_with(".bin");
        if is_dictionary || is_data || name == REPORT_FILE || is_settings(&name) {
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
            problem: "is a file, not a folder\nhint: choose another 'destdir'".to_owned(),
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
             hint: choose another 'destdir', replace the dataset with 'overwrite', or add to it \
             with 'srcdict' and 'tgtdict'"
        ),
    })
}

/// Refuses to add to a dataset whose dictionaries, subword models or text settings differ from
/// those in `staging`, which holds nothing else yet.
///
/// # Errors
/// When a file of the destination differs.
pub(crate) fn check_same(config: &PreprocessConfig, staging: &Path) -> Result<()> {
    if config.overwrite {
        return Ok(());
    }
    for entry in fs::read_dir(staging).map_err(FileError::read(staging))? {
        let ours = entry.map_err(FileError::read(staging))?.path();
        let name = ours.file_name().expect("entries of a folder have names");
        let path = config.destdir.join(name);
        if !path.exists() {
            continue;
        }
        let read = |path: &Path| fs::read(path).map_err(FileError::read(path));
        if read(&path)? != read(&ours)? {
            return Err(Error::DataDir {
                path,
                problem: "is not what this run would write, so the sets would not go together\n\
                          hint: choose another 'destdir', or replace the dataset with 'overwrite'"
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
    let mut names = dataset_files(&config.destdir)?;
    // Subword models have any name; the report knows them.
    names.extend(Report::load(&config.destdir).map_or_else(Vec::new, |report| report.files));
    for name in names {
        let path = config.destdir.join(&name);
        let inside = Path::new(&name)
            .file_name()
            .is_some_and(|plain| plain == name.as_str());
        if inside && path.is_file() {
            fs::remove_file(&path).map_err(FileError::write(&path))?;
        }
    }
    Ok(())
}
