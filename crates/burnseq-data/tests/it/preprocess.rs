//! The whole command: what it writes and reports.

use std::fs;
use std::path::PathBuf;

use burnseq_data::preprocess::{PreprocessConfig, Report, preprocess};
use burnseq_data::{Dataset, DatasetDir, DatasetImpl, IndexedDataset, PairOptions};

use crate::corpus::Corpus;

#[test]
fn statistics_count_what_was_written() {
    let corpus = Corpus::new();
    let report = preprocess(&corpus.config(), &()).unwrap();
    let train = &report.splits[0];
    assert_eq!(
        (train.split.as_str(), train.lines, train.too_long),
        ("train", 4, 0)
    );
    let de = &train.sides[0];
    assert_eq!((de.sentences, de.tokens, de.types, de.empty), (4, 12, 7, 1));
    assert_eq!((de.longest, de.longest_line, de.unknown), (4, 1, 0));
    let valid = &report.splits[1].sides[1];
    assert_eq!((valid.tokens, valid.unknown), (3, 1));
    let saved = fs::read_to_string(corpus.dest().join("preprocess.json")).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&saved).unwrap(), report);
}

#[test]
fn output_does_not_depend_on_the_number_of_workers() {
    let corpus = Corpus::new();
    let lines: String = (0..5000).map(|i| format!("wort{} und {i}\n", i % 97)).collect();
    corpus.write("train.de", &lines);
    corpus.write("train.en", &lines);
    let mut outputs = Vec::new();
    for workers in [1, 2, 7] {
        let dest = corpus.root.path().join(format!("out{workers}"));
        let config = PreprocessConfig {
            workers: Some(workers),
            destdir: dest.clone(),
            ..corpus.config()
        };
        preprocess(&config, &()).unwrap();
        let mut files: Vec<_> = fs::read_dir(&dest).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        let contents: Vec<_> = files
            .iter()
            .map(|p| (p.file_name().unwrap().to_owned(), fs::read(p).unwrap()))
            .collect();
        outputs.push(contents);
    }
    assert!(outputs[0] == outputs[1] && outputs[1] == outputs[2]);
}

#[test]
fn text_without_target_or_languages_is_fine() {
    let corpus = Corpus::new();
    let mono = PreprocessConfig {
        source_lang: None,
        target_lang: None,
        trainpref: Some(corpus.root.path().join("train.de")),
        validpref: Vec::new(),
        only_source: true,
        ..corpus.config()
    };
    preprocess(&mono, &()).unwrap();
    assert_eq!(
        IndexedDataset::open(corpus.dest().join("train")).unwrap().len(),
        4
    );
    assert!(corpus.dest().join("dict.txt").is_file());

    let corpus = Corpus::new();
    let source = PreprocessConfig {
        only_source: true,
        ..corpus.config()
    };
    preprocess(&source, &()).unwrap();
    assert!(corpus.dest().join("train.de-en.de.idx").is_file());
    assert!(!corpus.dest().join("dict.en.txt").exists());
}

#[test]
fn text_is_written_as_it_is_on_request() {
    let corpus = Corpus::new();
    let raw = PreprocessConfig {
        dataset_impl: DatasetImpl::Raw,
        ..corpus.config()
    };
    let report = preprocess(&raw, &()).unwrap();
    assert_eq!(report.splits[0].sides[0].tokens, 12);
    for (copy, original) in [
        ("train.de-en.de", "train.de"),
        ("train.de-en.en", "train.en"),
        ("valid.de-en.de", "valid.de"),
    ] {
        let read = |path: PathBuf| fs::read(path).unwrap();
        assert_eq!(
            read(corpus.dest().join(copy)),
            read(corpus.root.path().join(original))
        );
    }
    assert!(!corpus.dest().join("train.de-en.de.idx").exists());
    let raw_ids = DatasetDir::open(corpus.dest(), None, None).unwrap();
    let raw_ids = raw_ids.load("train", false, PairOptions::default()).unwrap();

    let ids = PreprocessConfig {
        destdir: corpus.root.path().join("ids"),
        ..corpus.config()
    };
    preprocess(&ids, &()).unwrap();
    let ids = DatasetDir::open(&ids.destdir, None, None).unwrap();
    let ids = ids.load("train", false, PairOptions::default()).unwrap();
    assert_eq!(ids.len(), raw_ids.len());
    (0..ids.len()).for_each(|index| assert_eq!(ids.example(index), raw_ids.example(index)));
}

#[test]
fn overwriting_removes_text_too() {
    let corpus = Corpus::new();
    let raw = PreprocessConfig {
        dataset_impl: DatasetImpl::Raw,
        ..corpus.config()
    };
    preprocess(&raw, &()).unwrap();
    let ids = PreprocessConfig {
        overwrite: true,
        ..corpus.config()
    };
    preprocess(&ids, &()).unwrap();
    assert!(!corpus.dest().join("train.de-en.de").exists());
    assert!(corpus.dest().join("train.de-en.de.idx").exists());
}

#[test]
fn dictionaries_alone_can_be_made() {
    let corpus = Corpus::new();
    preprocess(
        &PreprocessConfig {
            dict_only: true,
            ..corpus.config()
        },
        &(),
    )
    .unwrap();
    let mut names: Vec<_> = fs::read_dir(corpus.dest())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "dict.de.txt",
            "dict.en.txt",
            "preprocess.json",
            "text.de.json",
            "text.en.json",
        ]
    );
}

#[test]
fn a_padding_factor_of_one_adds_no_words() {
    let corpus = Corpus::new();
    preprocess(
        &PreprocessConfig {
            padding_factor: 1,
            ..corpus.config()
        },
        &(),
    )
    .unwrap();
    let dict = fs::read_to_string(corpus.dest().join("dict.de.txt")).unwrap();
    assert_eq!(dict.lines().count(), 7);
    assert!(!dict.contains("madeupword"));
}

#[test]
fn a_line_of_a_hundred_thousand_words_is_skipped_with_its_pair() {
    let corpus = Corpus::new();
    corpus.write(
        "train.de",
        format!("ein Hund\n{}\nein Mann\n", "wort ".repeat(100_000)),
    );
    corpus.write("train.en", "a dog\nword\na man\n");
    let report = preprocess(&corpus.config(), &()).unwrap();
    let train = &report.splits[0];
    assert_eq!(
        (train.lines, train.too_long, &train.too_long_lines),
        (3, 1, &vec![2])
    );
    for lang in ["de", "en"] {
        let data = IndexedDataset::open(corpus.dest().join(format!("train.de-en.{lang}"))).unwrap();
        assert_eq!(data.sizes().collect::<Vec<_>>(), [3, 3]);
    }
    let dict = fs::read_to_string(corpus.dest().join("dict.de.txt")).unwrap();
    assert!(!dict.contains("wort"), "skipped lines do not count");
    assert!(
        report
            .to_string()
            .contains("skipped in train: 1 of 3 lines, too long (line 2)")
    );
}

#[test]
fn a_set_can_be_added_with_the_same_dictionaries_only() {
    let corpus = Corpus::new();
    preprocess(&corpus.config(), &()).unwrap();
    let added = PreprocessConfig {
        trainpref: None,
        validpref: Vec::new(),
        testpref: vec![corpus.root.path().join("valid")],
        srcdict: Some(corpus.dest().join("dict.de.txt")),
        tgtdict: Some(corpus.dest().join("dict.en.txt")),
        ..corpus.config()
    };
    let report = preprocess(&added, &()).unwrap();
    assert_eq!(report.splits.len(), 1);
    let saved = fs::read_to_string(corpus.dest().join("preprocess.json")).unwrap();
    let saved: Report = serde_json::from_str(&saved).unwrap();
    let names: Vec<_> = saved.splits.iter().map(|split| split.split.as_str()).collect();
    assert_eq!(names, ["train", "valid", "test"]);

    let other = corpus.write("other.txt", "x 1\n");
    let error = corpus
        .error(&PreprocessConfig {
            srcdict: Some(other),
            ..added
        })
        .to_string();
    assert!(error.contains("is not what this run would write"), "{error}");
}
