//! What the names of the files in a data folder tell: which languages there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

/// Names of the files in a folder, in alphabetical order.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn file_names(path: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(Error::read(path))? {
        let entry = entry.map_err(Error::read(path))?;
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

/// What to say behind a language that has no dictionary.
pub(crate) fn known_languages(names: &[String]) -> String {
    let known = dictionary_languages(names);
    if known.is_empty() {
        "\nhint: make the folder with `preprocess`".to_owned()
    } else {
        format!("; there are dictionaries for: {}", known.join(", "))
    }
}

/// Source and target language: those given, or the one pair that some file is named for.
///
/// # Errors
/// When they are not given and not clear from the files.
pub(crate) fn languages(
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
            "the languages cannot be told from the files{}\nhint: give --source-lang and --target-lang",
            known_languages(names)
        ),
        _ => {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| format!("{a}-{b}")).collect();
            format!(
                "holds several language pairs: {}\nhint: give --source-lang and --target-lang",
                pairs.join(", ")
            )
        }
    };
    Err(Error::DataDir {
        path: path.to_owned(),
        problem,
    })
}
