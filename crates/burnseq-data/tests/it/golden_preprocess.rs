//! The whole command: fairseq's files, byte for byte.

use std::fs;
use std::path::Path;

use burnseq_data::preprocess::{BpeKind, PreprocessConfig, Report, preprocess};
use tempfile::TempDir;

use crate::corpus::config;
use crate::shared::shared;

/// Every file of `expected` that ends in one of `suffixes` must be in `ours`, byte for byte.
fn assert_same_files(ours: &Path, expected: &Path, suffixes: &[&str]) -> usize {
    let mut compared = 0;
    for entry in fs::read_dir(expected).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "counts.txt" || !suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            continue;
        }
        let ours = fs::read(ours.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(ours == fs::read(&path).unwrap(), "{} differs", path.display());
        compared += 1;
    }
    compared
}

/// The lines that fairseq printed, from our counts.
fn fairseq_counts(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for side in 0..2 {
        let lang = report.dictionaries[side].lang.as_deref().unwrap();
        for split in &report.splits {
            let stats = &split.sides[side];
            lines.push(format!(
                "[{lang}] Dictionary: {} types",
                report.dictionaries[side].types
            ));
            lines.push(format!(
                "[{lang}] {}.{lang}: {} sents, {} tokens, {}% replaced (by <unk>)",
                split.split,
                stats.sentences,
                stats.tokens,
                three_digits(stats.unknown_percent())
            ));
        }
    }
    lines
}

/// Python's `{:.3}`: three significant digits, with `.0` behind a whole number.
fn three_digits(value: f64) -> String {
    if value == 0.0 {
        return "0.0".to_owned();
    }
    let decimals = (2 - value.log10().floor() as i32).max(0) as usize;
    let rounded: f64 = format!("{value:.decimals$}").parse().unwrap();
    if rounded.fract() == 0.0 {
        format!("{rounded:.1}")
    } else {
        rounded.to_string()
    }
}

fn check_golden(case: &str, change: impl Fn(&mut PreprocessConfig)) {
    let Some(golden) = shared("golden/preprocess") else {
        return;
    };
    let tricky = case.starts_with("tricky");
    let text = golden.join(if tricky { "tricky/text" } else { "text" });
    for workers in [1, 3] {
        let dest = TempDir::new().unwrap();
        let mut config = config(&text, dest.path());
        config.validpref = vec![text.join("valid")];
        config.testpref = vec![text.join("test")];
        config.workers = Some(workers);
        if tricky {
            config.testpref.push(text.join("test1"));
        }
        change(&mut config);
        let report = preprocess(&config, &()).unwrap();
        let expected = golden.join(case);
        let compared = assert_same_files(dest.path(), &expected, &[".bin", ".idx", ".txt"]);
        assert_eq!(compared, if tricky { 18 } else { 14 });
        let counts = fs::read_to_string(expected.join("counts.txt")).unwrap();
        assert_eq!(fairseq_counts(&report), counts.lines().collect::<Vec<_>>());
    }
}

#[test]
fn files_equal_fairseqs_with_default_options() {
    check_golden("a_default", |_| ());
}

#[test]
fn files_equal_fairseqs_with_a_joined_dictionary() {
    check_golden("b_joined", |config| config.joined_dictionary = true);
}

#[test]
fn files_equal_fairseqs_with_thresholds_and_limits() {
    check_golden("c_threshold", |config| {
        (config.thresholdsrc, config.thresholdtgt) = (2, 3);
        (config.nwordssrc, config.nwordstgt) = (Some(1000), Some(900));
    });
}

#[test]
fn files_equal_fairseqs_on_tricky_text() {
    // Raw text, whose one line with marks does not make it text in subwords.
    check_golden("tricky/bin", |config| config.bpe = BpeKind::None);
}

/// Unpacks `FILE.gz` of the IWSLT fixtures with the system's gzip; `None` where it has none.
fn gunzip(path: &Path, out: &Path) -> Option<()> {
    let packed = std::process::Command::new("gzip")
        .arg("-dc")
        .arg(path)
        .output()
        .ok()?;
    assert!(packed.status.success(), "{} is damaged", path.display());
    fs::write(out, packed.stdout).unwrap();
    Some(())
}

#[test]
fn iwslt_fixtures_are_reproduced_from_their_dictionaries() {
    let Some(fixtures) = shared("data/iwslt14-de-en/fairseq-fixtures") else {
        return;
    };
    let (text, dest) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for split in ["valid", "test"] {
        for lang in ["de", "en"] {
            let packed = fixtures.join(format!("{split}.bpe10k.{lang}.gz"));
            let Some(()) = gunzip(&packed, &text.path().join(format!("{split}.{lang}"))) else {
                return;
            };
        }
    }
    let mut config = config(text.path(), dest.path());
    config.trainpref = None;
    config.validpref = vec![text.path().join("valid")];
    config.testpref = vec![text.path().join("test")];
    config.srcdict = Some(fixtures.join("dict.de.txt"));
    config.tgtdict = Some(fixtures.join("dict.en.txt"));
    preprocess(&config, &()).unwrap();
    let suffixes = [
        "de.bin",
        "en.bin",
        "de.idx",
        "en.idx",
        "dict.de.txt",
        "dict.en.txt",
    ];
    assert_eq!(assert_same_files(dest.path(), &fixtures, &suffixes), 10);
}
