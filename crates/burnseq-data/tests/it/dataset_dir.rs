//! Opening data folders: languages, directions, splits, and what is missing.

use std::fs;
use std::path::Path;

use burnseq_data::{Dataset, DatasetDir, DatasetImpl, Dtype, IndexedWriter, PairOptions};
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
    assert_eq!(all.collate(&[0, 2], 0).unwrap().target, [7, 7, 2, 6, 2, 1]);
}

#[test]
fn the_first_of_the_training_sets_can_be_taken_more_than_once() {
    let dir = folder();
    let data = DatasetDir::open(dir.path(), None, None).unwrap();
    let options = PairOptions::default;
    let all = data.load("train", true, options()).unwrap();
    let upsampled = data.load_train("train", 2, options()).unwrap();
    let sources = |pairs: &burnseq_data::LanguagePairDataset| -> Vec<Vec<u32>> {
        (0..pairs.len())
            .map(|index| pairs.example(index).source)
            .collect()
    };
    let (all, upsampled) = (sources(&all), sources(&upsampled));
    assert_eq!(upsampled, [&all[..2], &all[..]].concat());
    let message = error(data.load_train("train", 0, options()));
    assert!(message.contains("'upsample_primary'"), "{message}");
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
fn several_folders_are_shards_of_the_training_data() {
    let (first, second) = (folder(), TempDir::new().unwrap());
    write(second.path(), "train.en-de.de", &[&[7, 2]]);
    write(second.path(), "train.en-de.en", &[&[4, 2]]);
    let list = format!("{}:{}", first.path().display(), second.path().display());
    let data = DatasetDir::open(&list, None, None).unwrap();
    assert_eq!(data.path(), first.path());
    let train = data.load_train("train", 1, PairOptions::default()).unwrap();
    assert_eq!((train.len(), train.shards()), (4, vec![0..3, 3..4]));
    assert_eq!(train.example(3).source, [7, 2]);
    let settings = burnseq_data::BatchSettings {
        limits: burnseq_data::BatchLimits {
            max_sentences: Some(8),
            ..burnseq_data::BatchLimits::default()
        },
        max_positions: (9, 9),
        skip_too_long: true,
        seed: None,
    };
    let plan = |shard: usize| {
        train
            .plan_shard(train.shards()[shard].clone(), &settings)
            .unwrap()
            .batches
    };
    assert_eq!((plan(0), plan(1)), (vec![vec![0, 1, 2]], vec![vec![3]]));
    // Everything else comes from the first folder.
    assert_eq!(
        data.load("valid", false, PairOptions::default()).unwrap().len(),
        1
    );

    fs::write(second.path().join("dict.en.txt"), "b 1\na 1\nc 1\nd 1\n").unwrap();
    let message = error(DatasetDir::open(&list, None, None));
    assert!(
        message.contains("dict.en.txt: is not the dictionary of "),
        "{message}"
    );
    fs::remove_file(second.path().join("dict.en.txt")).unwrap();
    fs::remove_file(second.path().join("train.en-de.de.idx")).unwrap();
    let message = error(data.load_train("train", 1, PairOptions::default()));
    let expected = format!("{}: there is no split \"train\"", second.path().display());
    assert!(message.starts_with(&expected), "{message}");
}

#[test]
fn text_is_taken_where_there_are_no_ids_or_on_request() {
    let dir = folder();
    let write_text = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write_text("raw.de-en.de", "a  b\nb Haus\n");
    write_text("raw.de-en.en", "c\nd d\n");
    write_text("valid.de-en.de", "c c\n");
    write_text("valid.de-en.en", "d\n");
    let data = DatasetDir::open(dir.path(), None, None).unwrap();
    assert_eq!(
        data.splits().unwrap(),
        ["raw", "test", "train", "train1", "valid"]
    );
    let raw = data.load("raw", false, PairOptions::default()).unwrap();
    assert_eq!((raw.len(), raw.example(1).source), (2, vec![5, 3, 2]));
    assert_eq!(raw.example(1).target.unwrap(), [7, 7, 2]);
    assert_eq!(
        (raw.src().text(0), raw.src().text(1)),
        (Some("a  b"), Some("b Haus"))
    );

    let ids = data.load("valid", false, PairOptions::default()).unwrap();
    assert_eq!((ids.example(0).source, ids.src().text(0)), (vec![4, 2], None));
    let data = data.with_dataset_impl(Some(DatasetImpl::Raw));
    assert_eq!(data.splits().unwrap(), ["raw", "valid"]);
    let text = data.load("valid", false, PairOptions::default()).unwrap();
    assert_eq!(
        (text.example(0).source, text.src().text(0)),
        (vec![6, 6, 2], Some("c c"))
    );
}

#[test]
fn text_and_ids_can_follow_one_another() {
    let dir = folder();
    for (name, text) in [("train2.de-en.de", "d\n"), ("train2.de-en.en", "a\n")] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let data = DatasetDir::open(dir.path(), None, None).unwrap();
    let all = data.load("train", true, PairOptions::default()).unwrap();
    assert_eq!((all.len(), all.example(3).source), (4, vec![7, 2]));
    assert_eq!((all.src().text(3), all.src().text(0)), (Some("d"), None));
}

#[test]
fn a_folder_of_text_tells_its_languages_too() {
    let dir = TempDir::new().unwrap();
    for (name, text) in [
        ("dict.de.txt", "a 1\n"),
        ("dict.en.txt", "b 1\n"),
        ("train.de-en.de", "a\n"),
        ("train.de-en.en", "b\n"),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let data = DatasetDir::open(dir.path(), None, None).unwrap();
    assert_eq!((data.src_lang(), data.tgt_lang()), ("de", "en"));
    assert_eq!(data.load("train", true, PairOptions::default()).unwrap().len(), 1);
}

#[test]
fn another_format_than_the_one_asked_for_is_refused() {
    let dir = folder();
    let data = |name: &str| {
        let data = DatasetDir::open(dir.path(), None, None).unwrap();
        data.with_dataset_impl(Some(name.parse().unwrap()))
    };
    let load = |name: &str| data(name).load("valid", false, PairOptions::default());
    assert_eq!(load("mmap").unwrap().len(), 1);
    for name in ["cached", "lazy"] {
        let message = error(load(name));
        assert!(
            message.contains("valid.de-en.de: has the format `mmap`, but 'dataset_impl' says"),
            "{message}"
        );
    }
    assert!(error(load("raw")).contains("no split \"valid\""));
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
        message.contains("absent: there is no such folder\nhint: make a dataset with `preprocess"),
        "{message}"
    );
    let file = error(DatasetDir::open(dir.path().join("dict.de.txt"), None, None));
    assert!(
        file.contains("is a file, not the folder of a dataset\nhint: "),
        "{file}"
    );
    for path in ["", ":", "::"] {
        let nothing = error(DatasetDir::open(path, None, None));
        assert!(nothing.contains("hint: name the folder"), "{path:?}: {nothing}");
    }
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
