//! Tools for whole corpora: clean, split, extract.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use burnseq_text::moses::CleanCorpus;
use burnseq_text::{LineReader, iwslt, packed_path};

use super::args::{CleanArgs, ExtractArgs, PairArgs, SplitArgs};
use super::output::{Output, PairOutput};
use super::stream::{lone_returns, note_returns};
use crate::exit::usage;
use crate::output::check_free;
use crate::spelling::spelled;

/// `PREFIX.LANG` of both languages.
fn sides(prefix: &Path, pair: &PairArgs) -> [PathBuf; 2] {
    [&pair.source_lang, &pair.target_lang].map(|lang| {
        let mut path = prefix.as_os_str().to_owned();
        path.push(format!(".{lang}"));
        path.into()
    })
}

/// Reads parallel files in step.
struct PairReader {
    readers: [LineReader<BufReader<File>>; 2],
}

impl PairReader {
    fn open(paths: &[PathBuf; 2]) -> Result<Self> {
        let [src, tgt] = paths;
        let open =
            |path: &PathBuf| LineReader::open(packed_path(path.clone())).map(LineReader::ending_at_newlines);
        Ok(Self {
            readers: [open(src)?, open(tgt)?],
        })
    }

    /// Calls `each` with the number, counted from 1, and the lines of every pair.
    fn for_each(mut self, mut each: impl FnMut(u64, [&str; 2]) -> Result<()>) -> Result<()> {
        let mut returns = [0; 2];
        for number in 1.. {
            let [src, tgt] = &mut self.readers;
            match (src.read_line()?, tgt.read_line()?) {
                (Some(src), Some(tgt)) => {
                    returns[0] += lone_returns(src);
                    returns[1] += lone_returns(tgt);
                    each(number, [src, tgt])?;
                }
                (None, None) => break,
                _ => return Err(self.misaligned()?),
            }
        }
        for (reader, count) in self.readers.iter().zip(returns) {
            note_returns(reader.name(), count);
        }
        Ok(())
    }

    /// Reads both files to the end to tell how many lines each has.
    fn misaligned(mut self) -> Result<anyhow::Error> {
        for reader in &mut self.readers {
            while reader.read_line()?.is_some() {}
        }
        let [src, tgt] = &self.readers;
        Ok(anyhow!(
            "{} has {} lines but {} has {}; parallel files must be line-aligned",
            src.name().display(),
            src.line_number(),
            tgt.name().display(),
            tgt.line_number()
        ))
    }
}

fn check_languages(pair: &PairArgs) -> Result<()> {
    if pair.source_lang == pair.target_lang {
        return Err(usage(anyhow!(
            "--source-lang and --target-lang are both {:?}; the two sides need two suffixes",
            pair.source_lang
        )));
    }
    Ok(())
}

/// What was done, for people.
fn note(line: &str) {
    // Nobody is left to tell when stderr itself is closed.
    let _ = writeln!(io::stderr(), "{}", spelled(line));
}

/// `burnseq text clean`.
///
/// # Errors
/// Limits that make no sense, files that cannot be read, written or replaced, or of unequal length.
pub(super) fn clean(args: &CleanArgs) -> Result<()> {
    check_languages(&args.pair)?;
    let limits = CleanCorpus {
        ratio: args.ratio,
        min: args.min,
        max: args.max,
    };
    limits.validate().map_err(usage)?;
    let outputs = sides(&args.output, &args.pair);
    check_free(outputs.iter().map(PathBuf::as_path), args.pair.overwrite)?;
    let reader = PairReader::open(&sides(&args.input, &args.pair))?;
    let mut output = PairOutput::create(&outputs)?;
    let mut pairs = 0;
    reader.for_each(|number, [src, tgt]| {
        pairs = number;
        match limits.pair(src, tgt) {
            Some((src, tgt)) => output.push([&src, &tgt]),
            None => Ok(()),
        }
    })?;
    let kept = output.pairs;
    output.finish()?;
    note(&format!("kept {kept} of {pairs} pairs"));
    Ok(())
}

/// `burnseq text split`.
///
/// # Errors
/// As [`clean`].
pub(super) fn split(args: &SplitArgs) -> Result<()> {
    check_languages(&args.pair)?;
    if args.every < 2 {
        return Err(usage(anyhow!("--every must be at least 2, got {}", args.every)));
    }
    let outputs = [&args.train, &args.valid].map(|prefix| sides(prefix, &args.pair));
    if outputs[0] == outputs[1] {
        return Err(usage(anyhow!(
            "training and validation text would both go to {}",
            args.train.display()
        )));
    }
    check_free(
        outputs.iter().flatten().map(PathBuf::as_path),
        args.pair.overwrite,
    )?;
    let reader = PairReader::open(&sides(&args.input, &args.pair))?;
    let mut train = PairOutput::create(&outputs[0])?;
    let mut valid = PairOutput::create(&outputs[1])?;
    reader.for_each(|number, lines| {
        if number.is_multiple_of(args.every) {
            valid.push(lines)
        } else {
            train.push(lines)
        }
    })?;
    let counts = (train.pairs, valid.pairs);
    train.finish()?;
    valid.finish()?;
    note(&format!("{} pairs to train, {} to validate", counts.0, counts.1));
    Ok(())
}

/// `burnseq text extract`.
///
/// # Errors
/// A file whose name tells no kind, or files that cannot be read, written or replaced.
pub(super) fn extract(args: &ExtractArgs) -> Result<()> {
    type Rule = fn(&str) -> Option<String>;
    let rule_of = |path: &PathBuf| -> Result<Rule> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = [".gz", ".zst"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(&name);
        if name.ends_with(".xml") {
            Ok(iwslt::segment_text)
        } else if name.starts_with("train.tags.") {
            Ok(iwslt::train_text)
        } else {
            Err(usage(anyhow!(
                "{}: expected a file named train.tags.* or *.xml",
                path.display()
            )))
        }
    };
    let rules = args.inputs.iter().map(rule_of).collect::<Result<Vec<_>>>()?;
    let mut output = Output::create(args.output.as_ref(), args.overwrite)?;
    for (path, rule) in args.inputs.iter().zip(rules) {
        let mut reader = LineReader::open(path)?.ending_at_newlines();
        let mut lines = 0;
        while let Some(line) = reader.read_line()? {
            if let Some(mut text) = rule(line) {
                text.push('\n');
                output.push(&text, false)?;
                lines += 1;
            }
        }
        if lines == 0 {
            return Err(anyhow!("{} holds no text to extract", path.display()));
        }
    }
    output.finish()
}
