//! Opening data folders: languages, directions, splits, and what is missing.

use std::fs;
use std::path::Path;

use burnseq_data::{DatasetDir, Dtype, IndexedWriter, PairOptions};
use tempfile::TempDir;

use crate::shared::shared;

fn write(folder: &Path, name: &str, sentences: &[&[u32]]) {
    let mut writer = IndexedWriter::create(folder.join(name), Dtype::U16).unwrap();
    sentences
        .iter()
        .for_each(|sentence| writer.push(sentence).unwrap());
    writer.finish().unwrap();
}

fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    for lang in ["de", "en"] {
        fs::write(
            dir.path().join(format!("dict.{lang}.txt")),
            "a 1\nb 1\nc 1\nd 1\n",
        )
        .unwrap();
    }
    write(dir.path(), "train.de-en.de", &[&[4, 2], &[5, 2]]);
    write(dir.path(), "train.de-en.en", &[&[6, 2], &[7, 2]]);
    write(dir.path(), "train1.de-en.de", &[&[6, 6, 2]]);
    write(dir.path(), "train1.de-en.en", &[&[7, 7, 2]]);
    write(dir.path(), "valid.de-en.de", &[&[4, 2]]);
    write(dir.path(), "valid.de-en.en", &[&[5, 2]]);
    write(dir.path(), "test.de-en.de", &[&[4, 2]]);
    dir
}

fn error(result: burnseq_data::Result<impl std::fmt::Debug>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn languages_and_splits_are_told_from_the_files() {
    let dir = folder();
    let data = DatasetDir::open(dir.path(), None, None).unwrap();
    assert_eq!((data.src_lang(), data.tgt_lang()), ("de", "en"));
    assert_eq!(data.splits().unwrap(), ["test", "train", "train1", "valid"]);
    assert_eq!((data.src_dict().len(), data.tgt_dict().len()), (8, 8));
    assert!(data.has_split("valid") && !data.has_split("valid1"));
}

#[test]
fn the_other_direction_swaps_the_sides() {
    let dir = folder();
    for languages in [(Some("en"), None), (None, Some("de")), (Some("en"), Some("de"))] {
        let data = DatasetDir::open(dir.path(), languages.0, languages.1).unwrap();
        assert_eq!((data.src_lang(), data.tgt_lang()), ("en", "de"));
        let pairs = data.load("valid", false, PairOptions::default()).unwrap();
        assert_eq!(pairs.example(0).source, [5, 2]);
        assert_eq!(pairs.example(0).target.unwrap(), [4, 2]);
    }
}

#[test]
fn numbered_sets_are_combined_on_request() {
    let dir = folder();
    let data = DatasetDir::open(dir.path(), None, None).unwrap();
    let one = data.load("train", false, PairOptions::default()).unwrap();
    let all = data.load("train", true, PairOptions::default()).unwrap();
    assert_eq!((one.len(), all.len()), (2, 3));
    assert_eq!(all.example(2).source, [6, 6, 2]);
    assert_eq!(all.collate(&[0, 2]).unwrap().target, [7, 7, 2, 6, 2, 1]);
}

#[test]
fn a_split_without_target_has_none() {
    let dir = folder();
    let data = DatasetDir::open(dir.path(), None, None).unwrap();
    let test = data.load("test", false, PairOptions::default()).unwrap();
    assert!(test.tgt().is_none());
    assert_eq!(test.example(0).target, None);
}

#[test]
fn what_is_missing_is_named() {
    let dir = folder();
    let data = DatasetDir::open(dir.path(), None, None).unwrap();
    let message = error(data.load("vaild", false, PairOptions::default()));
    assert!(message.contains("no split \"vaild\" from de to en"), "{message}");
    assert!(
        message.contains("choose one of: test, train, train1, valid"),
        "{message}"
    );

    let message = error(DatasetDir::open(dir.path(), Some("fr"), Some("en")));
    assert!(message.contains("no dictionary dict.fr.txt; there are dictionaries for: de, en"));
    let message = error(DatasetDir::open(dir.path().join("absent"), None, None));
    assert!(
        message.starts_with("cannot read ") && message.ends_with("absent"),
        "{message}"
    );
    let empty = TempDir::new().unwrap();
    let message = error(DatasetDir::open(empty.path(), None, None));
    assert!(message.contains("the languages cannot be told"), "{message}");

    write(dir.path(), "valid.en-fr.en", &[&[2]]);
    fs::write(dir.path().join("dict.fr.txt"), "").unwrap();
    let message = error(DatasetDir::open(dir.path(), None, None));
    assert!(
        message.contains("several language pairs: de-en, en-fr"),
        "{message}"
    );
}

#[test]
fn sides_that_do_not_belong_together_are_refused() {
    let dir = folder();
    write(dir.path(), "valid.de-en.en", &[&[5, 2], &[6, 2]]);
    let data = DatasetDir::open(dir.path(), None, None).unwrap();
    let message = error(data.load("valid", false, PairOptions::default()));
    assert!(
        message.contains("has 1 sentences but ") && message.contains("has 2;"),
        "{message}"
    );
}

#[test]
fn fairseqs_own_folders_open() {
    let Some(golden) = shared("golden/preprocess/a_default") else {
        return;
    };
    let data = DatasetDir::open(&golden, None, None).unwrap();
    assert_eq!((data.src_dict().len(), data.tgt_dict().len()), (2976, 2504));
    let train = data.load("train", true, PairOptions::default()).unwrap();
    assert_eq!(train.len(), 2000);
    assert_eq!(train.src().total_tokens(), 31_665);
    assert_eq!(train.tgt().unwrap().total_tokens(), 30_344);
}
