//! `burnseq inspect`: what a file or folder is, its sizes, samples and problems.
//!
//! - [`kind`]: what a file is, by its name and first bytes.
//! - The others: what is there to tell of each kind.

mod checkpoint;
mod dataset;
mod fairseq;
mod kind;
mod run;
mod text;
mod weights;

use std::fs::Metadata;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use burnseq_train::checkpoint::average::is_run;
use clap::Parser;
use serde_json::Value;

use crate::exit::describe;
use crate::findings::Findings;
use crate::grammar::Flags;
use kind::FileKind;

/// Tell what files and folders are: datasets, checkpoints, dictionaries, subword models, logs.
///
/// Of burnseq and of fairseq. Prints what each is, its sizes, samples and problems; ends with exit code 1 when there is a
/// problem.
#[derive(Debug, Parser)]
#[command(
    name = "inspect",
    version,
    max_term_width = 110,
    args_override_self = true,
    after_help = "Examples:\n  burnseq inspect data-bin\n  burnseq inspect checkpoints/checkpoint_best --json\n  burnseq inspect wmt16.pt data-bin/dict.de.txt"
)]
pub struct InspectArgs {
    /// Files and folders
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Samples of each kind: sentences, types, merges, lines
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub samples: usize,
    /// One JSON object for each path, instead of text
    #[arg(long)]
    pub json: bool,
}

impl Flags for InspectArgs {}

/// Runs `burnseq inspect`; what was found goes to stdout.
///
/// # Errors
/// A path with a problem, after all have been told.
pub fn run(args: &InspectArgs) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut with_problems = Vec::new();
    for (number, path) in args.paths.iter().enumerate() {
        let findings = inspect(path, args.samples).unwrap_or_else(|error| Findings {
            problems: vec![describe(&error)],
            ..Findings::of("cannot be read")
        });
        if !findings.problems.is_empty() {
            with_problems.push(printable(path));
        }
        if args.json {
            let mut object = findings.json();
            object.insert("path".to_owned(), Value::from(path.display().to_string()));
            writeln!(out, "{}", Value::Object(object))?;
        } else {
            if number > 0 {
                writeln!(out)?;
            }
            write!(out, "{}", findings.text(&printable(path)))?;
        }
    }
    out.flush()?;
    if with_problems.is_empty() {
        return Ok(());
    }
    Err(anyhow!("problems in {}", with_problems.join(", ")))
}

/// A path on one line, without what would move the cursor of a terminal.
fn printable(path: &Path) -> String {
    let escape = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    path.display().to_string().chars().map(escape).collect()
}

/// What there is to tell of a path, with `samples` samples of each kind.
///
/// # Errors
/// A path that does not exist, cannot be read, is damaged, or is of no kind that is known.
fn inspect(path: &Path, samples: usize) -> Result<Findings> {
    match path.metadata() {
        Ok(meta) if meta.is_dir() => return folder(path, samples),
        Ok(meta) if !meta.is_file() => return Err(no_file(&meta)),
        Ok(_) => {}
        Err(error) => {
            if let Ok(target) = path.read_link() {
                return Err(anyhow!("is a link to {}: {error}", printable(&target)));
            }
            if error.kind() == ErrorKind::NotFound {
                return absent(path, samples);
            }
            return Err(error).context("cannot be read");
        }
    }
    match kind::of_file(path)? {
        FileKind::Index => dataset::index(&path.with_extension(""), None, samples),
        FileKind::Torch => fairseq::checkpoint(path),
        FileKind::Safetensors => weights::safetensors(path, samples),
        FileKind::SentencePiece => text::sentencepiece(path, samples),
        FileKind::Codes => text::codes(path, samples),
        FileKind::Dictionary => text::dictionary(path, samples),
        FileKind::SubwordVocabulary => text::subword_vocabulary(path, samples),
        FileKind::Log => run::log(path),
        FileKind::Json => text::json(path),
        FileKind::Text => text::plain(path, samples),
    }
}

fn folder(path: &Path, samples: usize) -> Result<Findings> {
    if path.join("checkpoint.json").is_file() {
        return checkpoint::checkpoint(path);
    }
    if dataset::is_dataset(path)? {
        return dataset::folder(path, samples);
    }
    if is_run(path) || run::has_checkpoints(path)? {
        return run::folder(path);
    }
    Err(anyhow!(
        "is neither a dataset (dict.LANG.txt), nor a checkpoint (checkpoint.json), nor the folder of a run\nhint: give a folder that \
         `preprocess` or `train` wrote, or a file"
    ))
}

/// What is neither a file nor a folder; reading it might wait for ever, or never end.
fn no_file(meta: &Metadata) -> anyhow::Error {
    #[cfg(unix)]
    let what = {
        use std::os::unix::fs::FileTypeExt;
        let kind = meta.file_type();
        match (kind.is_fifo(), kind.is_socket()) {
            (true, _) => "a named pipe",
            (_, true) => "a socket",
            _ => "a device",
        }
    };
    #[cfg(not(unix))]
    let what = {
        let _ = meta;
        "something else"
    };
    anyhow!("is {what}, not a file\nhint: save what it gives to a file")
}

/// A name that stands for files: a dataset without `.idx`, or a checkpoint by fairseq's name for it.
fn absent(path: &Path, samples: usize) -> Result<Findings> {
    let index = PathBuf::from(format!("{}.idx", path.display()));
    if index.is_file() {
        return dataset::index(path, None, samples);
    }
    let folder = path.with_extension("");
    if path.extension().is_some_and(|extension| extension == "pt") && folder.join("checkpoint.json").is_file()
    {
        return checkpoint::checkpoint(&folder);
    }
    Err(anyhow!("there is no such file or folder"))
}

#[cfg(test)]
mod tests;
