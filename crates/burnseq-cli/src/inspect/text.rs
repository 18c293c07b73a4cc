//! Files of text: dictionaries, subword models, JSON, and text itself.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use burnseq_text::sentencepiece::SentencePiece;
use burnseq_text::subword_nmt::{Codes, CodesVersion, Vocabulary};
use burnseq_text::{Dictionary, LineReader};
use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::decoding::format::thousands;
use crate::findings::Findings;

pub(super) fn dictionary(path: &Path, samples: usize) -> Result<Findings> {
    let dictionary = Dictionary::load(path)?;
    let mut findings = Findings::of("a dictionary");
    findings.fact("types", thousands(dictionary.len()));
    let special = dictionary.nspecial();
    let words: Vec<(&str, i64)> = dictionary.iter().skip(special).collect();
    let padding = words
        .iter()
        .filter(|(word, _)| word.starts_with("madeupword"))
        .count();
    findings.fact("special symbols", special.to_string());
    findings.fact("padding types", padding.to_string());
    let counted: i64 = words.iter().map(|(_, count)| *count).sum();
    findings.fact("tokens counted", thousands(usize::try_from(counted).unwrap_or(0)));
    let once = words.iter().filter(|(_, count)| *count == 1).count();
    findings.fact("types seen once", thousands(once));
    for (word, count) in words.iter().take(samples) {
        findings.sample("frequent", format!("{word} {count}"));
    }
    let rare = words
        .iter()
        .rev()
        .filter(|(word, _)| !word.starts_with("madeupword"));
    for (word, count) in rare.take(samples) {
        findings.sample("rare", format!("{word} {count}"));
    }
    Ok(findings)
}

pub(super) fn codes(path: &Path, samples: usize) -> Result<Findings> {
    let codes = Codes::load(path)?;
    let mut findings = Findings::of("merges of byte-pair encoding (subword-nmt, fastBPE)");
    findings.fact("merges", thousands(codes.merges.len()));
    findings.fact(
        "version",
        match codes.version {
            CodesVersion::V0_1 => "0.1: </w> is a symbol of its own",
            CodesVersion::V0_2 => "0.2: </w> is part of the last symbol",
        },
    );
    for (left, right) in codes.merges.iter().take(samples) {
        findings.sample("first", format!("{left} {right}"));
    }
    for (left, right) in codes.merges.iter().rev().take(samples) {
        findings.sample("last", format!("{left} {right}"));
    }
    Ok(findings)
}

pub(super) fn sentencepiece(path: &Path, samples: usize) -> Result<Findings> {
    let model = SentencePiece::load(path)?;
    let mut findings = Findings::of("a model of SentencePiece");
    findings.fact("pieces", thousands(model.len()));
    findings.fact("normalises text", yes(model.normalizes()));
    findings.fact("falls back to bytes", yes(model.falls_back_to_bytes()));
    let pieces: Vec<&str> = model.pieces().collect();
    for piece in pieces.iter().take(samples) {
        findings.sample("first", *piece);
    }
    for piece in pieces.iter().rev().take(samples) {
        findings.sample("last", *piece);
    }
    Ok(findings)
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

pub(super) fn subword_vocabulary(path: &Path, samples: usize) -> Result<Findings> {
    let mut findings = Findings::of("pieces and their scores or counts");
    let mut lines = LineReader::open(path)?;
    let mut count = 0;
    while let Some(line) = lines.read_line()? {
        count += 1;
        if count <= samples {
            findings.sample(count.to_string(), line);
        }
    }
    findings.fact("pieces", thousands(count));
    if Vocabulary::load(path, 0).is_ok() {
        findings
            .notes
            .push("subword-nmt's vocabulary filter takes it".to_owned());
    }
    Ok(findings)
}

/// Larger JSON is not looked into.
const LARGEST_JSON: u64 = 64 << 20;

pub(super) fn json(path: &Path) -> Result<Findings> {
    let size = path.metadata().context("cannot be read")?.len();
    if size > LARGEST_JSON {
        return Err(anyhow!(
            "is JSON of {} MiB, and no known file is as large",
            size >> 20
        ));
    }
    let content = std::fs::read(path).context("cannot be read")?;
    let value: Value =
        serde_json::from_slice(&content).map_err(|error| anyhow!("is damaged JSON: {error}"))?;
    let has = |key: &str| value.get(key).is_some();
    let mut findings = Findings::of(if has("model_config") && has("files") {
        "the description of a checkpoint; inspect its folder"
    } else if has("tokenizer") && has("subword") {
        "text settings of a dataset or checkpoint"
    } else {
        "JSON"
    });
    for (key, value) in value.as_object().into_iter().flatten() {
        findings.sample(key, value.to_string());
    }
    Ok(findings)
}

/// Text is read up to here, unpacked.
const LOOKED_INTO: u64 = 32 << 20;
/// A line at the end of that is read to its end, unless it is longer than this.
const LONG_LINE: u64 = 16 << 20;

pub(super) fn plain(path: &Path, samples: usize) -> Result<Findings> {
    let mut findings = Findings::of("text");
    let file = BufReader::new(File::open(path).context("cannot be read")?);
    let unpacked: Box<dyn Read> = if is_gzip(path)? {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut lines = LineReader::new(BufReader::new(unpacked.take(LOOKED_INTO + LONG_LINE)), path);
    let (mut count, mut words, mut longest, mut empty, mut bytes) = (0, 0, 0, 0, 0);
    while let Some(line) = lines.read_line()? {
        let here = line.split_whitespace().count();
        if count == 0 && line.contains('\0') {
            return Err(anyhow!(
                "is no file that burnseq or fairseq writes: it holds zero bytes"
            ));
        }
        if count == 0 {
            findings.problems.extend(no_text(line));
        }
        if count < samples {
            findings.sample((count + 1).to_string(), line);
        }
        count += 1;
        words += here;
        longest = longest.max(here);
        empty += usize::from(here == 0);
        bytes += line.len() as u64 + 1;
        if bytes > LOOKED_INTO {
            findings.notes.push(format!(
                "the first {} MiB were read, and the numbers are theirs",
                bytes >> 20
            ));
            break;
        }
    }
    findings.fact("lines", thousands(count));
    findings.fact("words", thousands(words));
    findings.fact("longest line", format!("{} words", thousands(longest)));
    if empty > 0 {
        findings
            .notes
            .push(format!("{} lines are empty", thousands(empty)));
    }
    Ok(findings)
}

fn is_gzip(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let file = File::open(path).context("cannot be read")?;
    file.take(2).read_to_end(&mut start).context("cannot be read")?;
    Ok(start == b"\x1f\x8b")
}

/// What a first line says that belongs to no text.
fn no_text(line: &str) -> Option<String> {
    let begins = |mark: &str| {
        let start: String = line.trim_start().chars().take(mark.len()).collect();
        start.eq_ignore_ascii_case(mark)
    };
    if begins("<!doctype html") || begins("<html") {
        return Some(
            "is a web page: a download has failed\nhint: look at it with a browser, and download again"
                .to_owned(),
        );
    }
    if begins("version https://git-lfs") {
        return Some("is a pointer of Git LFS and not the file itself\nhint: `git lfs pull`".to_owned());
    }
    None
}
