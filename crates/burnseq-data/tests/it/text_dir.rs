//! Folders of text without a second side.

use std::fs;
use std::path::Path;

use burnseq_data::preprocess::{BpeKind, PreprocessConfig, preprocess};
use burnseq_data::{IndexedDataset, TextDir};
use tempfile::TempDir;

/// Makes `data` in `dir` of `train`, `train1` and `valid`.
fn prepare(dir: &Path, words: &str) {
    for (name, text) in [("a", words), ("b", "x y"), ("v", "y")] {
        fs::write(dir.join(name), format!("{text}\n\n{text}\n")).unwrap();
    }
    let config = PreprocessConfig {
        trainpref: Some(dir.join("a")),
        validpref: vec![dir.join("v")],
        only_source: true,
        bpe: BpeKind::None,
        destdir: dir.join("data"),
        ..PreprocessConfig::default()
    };
    preprocess(&config, &()).unwrap();
}

#[test]
fn splits_and_further_folders_are_one_stream() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    prepare(first.path(), "x y z");
    prepare(second.path(), "x y z");
    let data = |dir: &TempDir| dir.path().join("data");
    for suffix in ["bin", "idx"] {
        let copy = format!("train1.{suffix}");
        fs::copy(
            data(&first).join(format!("valid.{suffix}")),
            data(&first).join(copy),
        )
        .unwrap();
    }
    let list = format!("{}:{}", data(&first).display(), data(&second).display());
    let dir = TextDir::open(&list).unwrap();
    assert_eq!(dir.dictionary().len(), 8);
    assert_eq!(dir.load("valid").unwrap().len(), 3);
    let train = dir.load_train("train").unwrap();
    assert_eq!(train.len(), 9);
    let file = IndexedDataset::open(data(&first).join("train")).unwrap();
    assert_eq!(train.sentence(0), file.tokens(0).collect::<Vec<_>>());
    assert_eq!(train.sentence(1), [2]);
    assert_eq!(train.sentence(6), train.sentence(0));
}

#[test]
fn what_is_no_text_alone_is_refused_with_the_remedy() {
    let dir = TempDir::new().unwrap();
    let problem = || TextDir::open(dir.path()).unwrap_err().to_string();
    assert!(
        problem().contains("there is no dictionary dict.txt\nhint: make a dataset of text"),
        "{}",
        problem()
    );
    fs::write(dir.path().join("dict.de.txt"), "").unwrap();
    assert!(
        problem().contains("holds sentence pairs, not text alone"),
        "{}",
        problem()
    );
    prepare(dir.path(), "x y");
    let text = TextDir::open(dir.path().join("data")).unwrap();
    let error = text.load("test").unwrap_err().to_string();
    assert!(
        error.ends_with("there is no split \"test\"; choose one of: train, valid"),
        "{error}"
    );
    let other = TempDir::new().unwrap();
    prepare(other.path(), "p q r");
    let list = format!(
        "{}:{}",
        dir.path().join("data").display(),
        other.path().join("data").display()
    );
    let error = TextDir::open(list).unwrap_err().to_string();
    assert!(error.contains("is not the dictionary of"), "{error}");
}
