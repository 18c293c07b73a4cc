//! Which checkpoint a run starts from, and what lies beside it that the user should know of.

use std::path::{Path, PathBuf};

use super::config::{CheckpointConfig, DEFAULT_RESTORE_FILE, StartFrom};
use crate::checkpoint;
use crate::error::{Error, Result};

/// What the checkpoints of PyTorch end in.
const PYTORCH: &str = ".pt";

/// Where a run starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// A checkpoint of ours, which is a folder, or a file that another program wrote; `None`: the run begins.
    pub path: Option<PathBuf>,
    /// Whether the weights alone are taken, for a run of its own.
    pub weights_only: bool,
    /// Checkpoints that lie there and are not taken.
    pub notes: Vec<String>,
}

/// Finds the checkpoint that a configuration names. In this order:
///
/// 1. `restore_file`, inside `save_dir` or as a path, with `.pt` or without: fairseq's checkpoints are files `NAME.pt`,
///    ours are folders `NAME`.
/// 2. `start_from`, where the run has no checkpoint of its own.
///
/// # Errors
/// A checkpoint that was asked for by name and is not there; nothing else was named to start from.
pub fn find_start(config: &CheckpointConfig) -> Result<Start> {
    let name = config.restore_file.trim_end_matches('/');
    let plain = name.strip_suffix(PYTORCH).unwrap_or(name);
    let is_default = plain == DEFAULT_RESTORE_FILE;
    let mut start = Start::default();
    if !name.is_empty() {
        start.path = candidates(&config.save_dir, name, plain, is_default)
            .into_iter()
            .find(|path| path.exists());
    }
    match (&start.path, &config.start_from) {
        (Some(path), _) => start.notes.extend(not_taken(path)),
        (None, Some(StartFrom::Run { path })) => start.path = Some(path.clone()),
        (None, Some(StartFrom::Weights { path })) => {
            start.path = Some(path.clone());
            start.weights_only = true;
        }
        (None, None) if name.is_empty() || is_default => {
            if !config.no_save && !name.is_empty() {
                start.notes.extend(left_behind(&config.save_dir));
            }
        }
        (None, None) => {
            return Err(Error::Restore {
                path: PathBuf::from(&config.restore_file),
                problem: format!(
                    "there is no such checkpoint, neither there nor in {}",
                    config.save_dir.display()
                ),
            });
        }
    }
    Ok(start)
}

/// Where a checkpoint of this name may be, the most likely place first.
fn candidates(save_dir: &Path, name: &str, plain: &str, is_default: bool) -> Vec<PathBuf> {
    let file = format!("{plain}{PYTORCH}");
    let names = if is_default || name == plain {
        // A run that was started from a file goes on from what it has saved since.
        [plain, &file]
    } else {
        [name, plain]
    };
    let inside = names.map(|name| save_dir.join(name));
    // A path is a folder or file anywhere; the default is one in the save folder only.
    let elsewhere = names.map(PathBuf::from);
    let elsewhere = elsewhere.into_iter().filter(|_| !is_default);
    inside.into_iter().chain(elsewhere).collect()
}

/// A checkpoint of another program beside the folder of ours that is taken.
fn not_taken(path: &Path) -> Option<String> {
    let file = PathBuf::from(format!("{}{PYTORCH}", path.display()));
    (path.is_dir() && file.is_file()).then(|| {
        format!(
            "{} is not read: the run goes on from {}, which lies beside it\n\
             hint: to start from the file, move the folder away",
            file.display(),
            path.display()
        )
    })
}

/// Checkpoints in the save folder of a run that begins, whose names it will use again.
fn left_behind(save_dir: &Path) -> Option<String> {
    let names = checkpoint::names_in(save_dir);
    let last = names.last()?;
    let some: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
    let more = if names.len() > some.len() { ", ..." } else { "" };
    Some(format!(
        "{} holds checkpoints ({}{more}) but no {DEFAULT_RESTORE_FILE}, so this run begins anew, and replaces those \
         whose names it uses\n\
         hint: 'restore_file' {last} goes on from there; another 'save_dir' keeps them",
        save_dir.display(),
        some.join(", "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn config(save_dir: &Path, restore_file: &str) -> CheckpointConfig {
        CheckpointConfig {
            save_dir: save_dir.to_owned(),
            restore_file: restore_file.to_owned(),
            ..CheckpointConfig::default()
        }
    }

    /// Makes empty checkpoints: folders, and files where the name ends in `.pt`.
    fn make(dir: &Path, names: &[&str]) {
        for name in names {
            if name.ends_with(PYTORCH) {
                fs::write(dir.join(name), "").unwrap();
            } else {
                fs::create_dir_all(dir.join(name)).unwrap();
                fs::write(dir.join(name).join("checkpoint.json"), "{}").unwrap();
            }
        }
    }

    #[test]
    fn the_last_checkpoint_is_optional_and_a_named_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let found = |name: &str| find_start(&config(dir.path(), name)).map(|start| start.path);
        assert_eq!(found("checkpoint_last").unwrap(), None);
        let missing = found("checkpoint3").unwrap_err().to_string();
        assert!(missing.contains("no such checkpoint"), "{missing}");
        make(dir.path(), &["checkpoint_last", "checkpoint3"]);
        for (name, folder) in [
            ("checkpoint_last", "checkpoint_last"),
            ("checkpoint_last.pt", "checkpoint_last"),
            ("checkpoint3", "checkpoint3"),
            ("checkpoint3.pt", "checkpoint3"),
            ("checkpoint3/", "checkpoint3"),
        ] {
            assert_eq!(found(name).unwrap(), Some(dir.path().join(folder)), "{name}");
        }
        let path = dir.path().join("checkpoint3");
        let elsewhere = config(Path::new("nowhere"), path.to_str().unwrap());
        assert_eq!(find_start(&elsewhere).unwrap().path, Some(path.clone()));
        assert_eq!(found("").unwrap(), None);
    }

    #[test]
    fn another_run_is_taken_where_the_run_has_no_checkpoint_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), &["checkpoint3"]);
        let path = PathBuf::from("other.pt");
        let mut config = config(dir.path(), "checkpoint7");
        config.start_from = Some(StartFrom::Weights { path: path.clone() });
        let start = find_start(&config).unwrap();
        assert_eq!((start.path, start.weights_only), (Some(path.clone()), true));
        config.start_from = Some(StartFrom::Run { path: path.clone() });
        let start = find_start(&config).unwrap();
        assert_eq!((start.path, start.weights_only), (Some(path), false));
        config.restore_file = "checkpoint3".to_owned();
        let start = find_start(&config).unwrap();
        assert_eq!(start.path, Some(dir.path().join("checkpoint3")));
        assert!(!start.weights_only, "its own run comes first");
    }

    #[test]
    fn files_of_other_programs_are_found_and_never_passed_over_in_silence() {
        let dir = tempfile::tempdir().unwrap();
        let find = |name: &str| find_start(&config(dir.path(), name)).unwrap();
        make(dir.path(), &["checkpoint_last.pt", "checkpoint3.pt"]);
        for name in ["checkpoint_last", "checkpoint_last.pt"] {
            assert_eq!(
                find(name).path,
                Some(dir.path().join("checkpoint_last.pt")),
                "{name}"
            );
        }
        for name in ["checkpoint3", "checkpoint3.pt"] {
            assert_eq!(find(name).path, Some(dir.path().join("checkpoint3.pt")), "{name}");
        }
        // What the run has saved since comes first; a file that is named is meant.
        make(dir.path(), &["checkpoint_last", "checkpoint3"]);
        let last = find("checkpoint_last.pt");
        assert_eq!(last.path, Some(dir.path().join("checkpoint_last")));
        assert!(
            last.notes[0].contains("checkpoint_last.pt is not read"),
            "{:?}",
            last.notes
        );
        assert_eq!(
            find("checkpoint3.pt").path,
            Some(dir.path().join("checkpoint3.pt"))
        );
        assert_eq!(find("checkpoint3").path, Some(dir.path().join("checkpoint3")));
        // A folder of ours under such a name.
        fs::remove_file(dir.path().join("checkpoint_last.pt")).unwrap();
        fs::rename(
            dir.path().join("checkpoint_last"),
            dir.path().join("checkpoint_last.pt"),
        )
        .unwrap();
        assert_eq!(
            find("checkpoint_last").path,
            Some(dir.path().join("checkpoint_last.pt"))
        );
    }

    #[test]
    fn a_run_that_begins_among_checkpoints_says_that_it_replaces_them() {
        let dir = tempfile::tempdir().unwrap();
        let notes = || find_start(&config(dir.path(), "checkpoint_last")).unwrap().notes;
        assert!(notes().is_empty());
        make(
            dir.path(),
            &["checkpoint2", "checkpoint10", "checkpoint_best", "notes"],
        );
        let note = notes().remove(0);
        assert!(
            note.contains("(checkpoint_best, checkpoint2, checkpoint10)"),
            "{note}"
        );
        assert!(note.contains("'restore_file' checkpoint10"), "{note}");
        let mut silent = config(dir.path(), "");
        assert!(find_start(&silent).unwrap().notes.is_empty());
        silent = config(dir.path(), "checkpoint_last");
        silent.no_save = true;
        assert!(find_start(&silent).unwrap().notes.is_empty());
    }
}
