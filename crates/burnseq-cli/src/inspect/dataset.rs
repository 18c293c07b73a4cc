//! Folders of datasets, and single files of ids.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use burnseq_data::{Dtype, IndexedDataset};
use burnseq_text::Dictionary;

use crate::decoding::format::thousands;
use crate::exit::describe;
use crate::findings::{Findings, Table};

/// A share of unknown words from which on something is wrong with the dictionary or the text.
const MANY_UNKNOWN: f64 = 0.05;

/// Whether a folder has dictionaries and sentences, or either.
pub(super) fn is_dataset(path: &Path) -> Result<bool> {
    let names = file_names(path)?;
    Ok(names.iter().any(|name| {
        name.ends_with(".idx") || (name.starts_with("dict.") && name.ends_with(".txt")) || name == "dict.txt"
    }))
}

/// A dataset: its dictionaries, splits and subword models.
pub(super) fn folder(path: &Path, samples: usize) -> Result<Findings> {
    let names = file_names(path)?;
    let mut findings = Findings::of("a dataset");
    let mut dictionaries = BTreeMap::new();
    for name in &names {
        let Some(language) = dictionary_language(name) else {
            continue;
        };
        match Dictionary::load(path.join(name)) {
            Ok(dictionary) => {
                findings.fact(
                    "dictionary",
                    format!("{name}, {} types", thousands(dictionary.len())),
                );
                dictionaries.insert(language.to_owned(), dictionary);
            }
            Err(error) => findings.problems.push(describe(&error.into())),
        }
    }
    let is_beside = |name: &&String| {
        let is_text = name.starts_with("text.") && name.ends_with(".json");
        is_text || ["bpe.codes", "preprocess.json"].contains(&name.as_str()) || name.ends_with(".model")
    };
    let beside: Vec<&str> = names.iter().filter(is_beside).map(String::as_str).collect();
    if !beside.is_empty() {
        findings.fact("beside them", beside.join(", "));
    }
    findings.table = Table::new(["split", "sentences", "tokens", "mean", "longest", "unknown"]);
    let mut pairs: BTreeMap<String, BTreeSet<(String, usize)>> = BTreeMap::new();
    let (mut legacy, mut damaged) = (false, Vec::new());
    for name in &names {
        let Some(prefix) = name.strip_suffix(".idx") else {
            continue;
        };
        let (split, language) = split_of(prefix);
        let Some(dictionary) = dictionaries.get(language) else {
            findings
                .problems
                .push(format!("{name} has no dictionary {}", dictionary_name(language)));
            continue;
        };
        let file = match IndexedDataset::open(path.join(prefix)) {
            Ok(file) => file,
            Err(error) => {
                findings.problems.push(describe(&error.into()));
                damaged.extend(split);
                continue;
            }
        };
        legacy |= file.is_legacy();
        let measured = Measured::of(&file, Some(dictionary));
        measured.say(prefix, dictionary.len(), &mut findings);
        findings.table.row(measured.row(prefix));
        for index in 0..file.len().min(samples) {
            let sentence = dictionary.decode(&file.sentence(index));
            findings.sample(format!("{prefix} {index}"), sentence);
        }
        if let Some(split) = split {
            let sides = pairs.entry(split.to_owned()).or_default();
            sides.insert((language.to_owned(), file.len()));
        }
    }
    if legacy {
        findings.what = "a dataset in fairseq's older format (cached, lazy)".to_owned();
    }
    for (split, sides) in pairs
        .iter()
        .filter(|(split, _)| !damaged.contains(&split.as_str()))
    {
        say_of_sides(split, sides, &mut findings);
    }
    if findings.table.rows.is_empty() && findings.problems.is_empty() {
        findings
            .problems
            .push("there are dictionaries, but no sentences (SPLIT.SRC-TGT.LANG.idx)".to_owned());
    }
    Ok(findings)
}

/// One side alone translates nothing, and sides of different lengths are no pairs.
fn say_of_sides(split: &str, sides: &BTreeSet<(String, usize)>, findings: &mut Findings) {
    let expected: Vec<&str> = split.rsplit('.').next().unwrap_or_default().split('-').collect();
    let [src, tgt] = expected[..] else { return };
    let count = |language: &str| sides.iter().find(|(known, _)| known == language);
    match (count(src), count(tgt)) {
        (Some((_, left)), Some((_, right))) if left != right => findings.problems.push(format!(
            "{split} has {} sentences in {src} and {} in {tgt}\nhint: run `preprocess` again on texts of equal length",
            thousands(*left),
            thousands(*right)
        )),
        (Some(_), None) if tgt != "None" => findings.problems.push(format!("{split} lacks its side {tgt}")),
        (None, Some(_)) => findings.problems.push(format!("{split} lacks its side {src}")),
        _ => {}
    }
}

/// One file of ids; the dictionary beside it gives them their words.
pub(super) fn index(prefix: &Path, dictionary: Option<&Path>, samples: usize) -> Result<Findings> {
    // `train.de-en.de.bin` and `.idx` are the same file to a reader.
    let file = IndexedDataset::open(prefix)?;
    let name = prefix.file_name().unwrap_or_default().to_string_lossy();
    let (_, language) = split_of(&name);
    let beside = prefix.with_file_name(dictionary_name(language));
    let dictionary_file: PathBuf = dictionary.map_or(beside, Path::to_owned);
    let dictionary = dictionary_file
        .is_file()
        .then(|| Dictionary::load(&dictionary_file));
    let dictionary = dictionary.transpose()?;
    let mut findings = Findings::of(if file.is_legacy() {
        "sentences of ids in fairseq's older format (cached, lazy)"
    } else {
        "sentences of ids (mmap)"
    });
    findings.fact(
        "ids",
        format!("{}, {} bytes each", dtype_name(file.dtype()), file.dtype().size()),
    );
    match &dictionary {
        Some(dictionary) => {
            let name = dictionary_file.file_name().unwrap_or_default().to_string_lossy();
            findings.fact(
                "dictionary",
                format!("{name}, {} types", thousands(dictionary.len())),
            );
        }
        None => findings
            .notes
            .push("no dictionary lies beside it, so ids are shown as they are".to_owned()),
    }
    findings.table = Table::new(["file", "sentences", "tokens", "mean", "longest", "unknown"]);
    let measured = Measured::of(&file, dictionary.as_ref());
    if let Some(dictionary) = &dictionary {
        measured.say(&name, dictionary.len(), &mut findings);
    }
    findings.table.row(measured.row(&name));
    for index in 0..file.len().min(samples) {
        let sentence = file.sentence(index);
        let shown = match &dictionary {
            Some(dictionary) => dictionary.decode(&sentence),
            None => sentence.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
        };
        findings.sample(index.to_string(), shown);
    }
    Ok(findings)
}

/// What one reading of all tokens tells.
struct Measured {
    sentences: usize,
    tokens: usize,
    longest: usize,
    /// Sentences of nothing but their end.
    empty: usize,
    /// None without a dictionary.
    unknown: Option<usize>,
    /// Where an id first lies outside the dictionary: sentence and id.
    outside: Option<(usize, u32)>,
}

impl Measured {
    fn of(file: &IndexedDataset, dictionary: Option<&Dictionary>) -> Self {
        let types = dictionary.map_or(usize::MAX, Dictionary::len);
        let unk = dictionary.map(Dictionary::unk);
        let mut unknown = 0;
        let mut outside = None;
        for index in 0..file.len() {
            for token in file.tokens(index) {
                unknown += usize::from(Some(token) == unk);
                if token as usize >= types && outside.is_none() {
                    outside = Some((index, token));
                }
            }
        }
        Self {
            sentences: file.len(),
            tokens: file.total_tokens(),
            longest: file.sizes().max().unwrap_or(0),
            empty: file.sizes().filter(|&size| size <= 1).count(),
            unknown: dictionary.map(|_| unknown),
            outside,
        }
    }

    fn row(&self, name: &str) -> [String; 6] {
        let share = |count: usize| 100.0 * count as f64 / self.tokens.max(1) as f64;
        [
            name.to_owned(),
            thousands(self.sentences),
            thousands(self.tokens),
            format!("{:.1}", self.tokens as f64 / self.sentences.max(1) as f64),
            thousands(self.longest),
            self.unknown
                .map_or("?".to_owned(), |unknown| format!("{:.2} %", share(unknown))),
        ]
    }

    fn say(&self, name: &str, types: usize, findings: &mut Findings) {
        if let Some((sentence, id)) = self.outside {
            findings.problems.push(format!(
                "{name}: sentence {sentence} has id {id}, the dictionary has {types} types\n\
                 hint: the dictionary is of another dataset; run `preprocess` again"
            ));
        }
        let unknown = self.unknown.unwrap_or(0) as f64 / self.tokens.max(1) as f64;
        if unknown > MANY_UNKNOWN {
            findings.notes.push(format!(
                "{name}: {:.1} % of its tokens are unknown; is it segmented as the dictionary is?",
                100.0 * unknown
            ));
        }
        if self.empty > 0 {
            findings
                .notes
                .push(format!("{name}: {} sentences are empty", thousands(self.empty)));
        }
        if self.sentences == 0 {
            findings.problems.push(format!("{name} has no sentences"));
        }
    }
}

/// `train.de-en.de` as its split and language: `train.de-en`, `de`; of text alone the language is empty.
fn split_of(prefix: &str) -> (Option<&str>, &str) {
    match prefix.rsplit_once('.') {
        Some((split, language)) if split.contains('-') => (Some(split), language),
        _ => (None, ""),
    }
}

fn dictionary_name(language: &str) -> String {
    if language.is_empty() {
        "dict.txt".to_owned()
    } else {
        format!("dict.{language}.txt")
    }
}

/// The language of a dictionary by its file's name; empty of text alone.
fn dictionary_language(name: &str) -> Option<&str> {
    if name == "dict.txt" {
        return Some("");
    }
    name.strip_prefix("dict.")?.strip_suffix(".txt")
}

fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype.size() {
        1 => "8 bits",
        2 => "16 bits",
        4 => "32 bits",
        _ => "64 bits",
    }
}

/// Names of what is in a folder, sorted.
pub(super) fn file_names(path: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(path).context("cannot be read")?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.context("cannot be read")?.file_name();
        let name = name
            .into_string()
            .map_err(|name| anyhow!("has a file whose name is not UTF-8: {}", name.display()))?;
        names.push(name);
    }
    names.sort();
    Ok(names)
}
