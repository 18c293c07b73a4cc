//! The whole command: every kind of bad input, none of which leaves anything behind.

use std::fs;

use burnseq_data::Error;
use burnseq_data::preprocess::{PreprocessConfig, preprocess};

use crate::corpus::Corpus;

#[test]
fn sides_of_different_length_are_refused_with_both_counts() {
    let corpus = Corpus::new();
    corpus.write("train.en", "a\nb\nc\n");
    let error = corpus.error(&corpus.config()).to_string();
    assert!(error.contains("train.de has 4 lines but "), "{error}");
    assert!(
        error.contains("train.en has 3; parallel files must be line-aligned"),
        "{error}"
    );
}

#[test]
fn invalid_utf8_is_named_by_file_line_and_byte() {
    let corpus = Corpus::new();
    corpus.write("valid.en", b"ok \xfc\n");
    let error = corpus.error(&corpus.config()).to_string();
    assert!(error.contains("valid.en:1: invalid UTF-8 at byte 3"), "{error}");
    assert!(error.contains("\nhint: "), "{error}");
}

#[test]
fn empty_corpora_are_refused() {
    for (name, content) in [("train.de", ""), ("train.en", "\n\n\n\n"), ("valid.de", "")] {
        let corpus = Corpus::new();
        corpus.write(name, content);
        corpus.write(&name.replace("de", "en"), content);
        let error = corpus.error(&corpus.config()).to_string();
        assert!(error.contains(" holds no text\nhint: "), "{name}: {error}");
    }
}

#[test]
fn missing_files_are_named() {
    let corpus = Corpus::new();
    fs::remove_file(corpus.root.path().join("valid.en")).unwrap();
    let error = corpus.error(&corpus.config());
    assert!(error.to_string().starts_with("cannot read "), "{error}");
    assert!(error.to_string().ends_with("valid.en"), "{error}");
    assert!(!error.is_usage());
}

#[test]
fn broken_dictionaries_are_named_by_line() {
    let corpus = Corpus::new();
    for (content, expected) in [
        ("a 1\nfoo\n", "dict:2: expected `<token> <count>`, got \"foo\""),
        ("a 1\nb 2\na 3\n", "dict:3: duplicate token \"a\""),
    ] {
        let dict = corpus.write("dict", content);
        let config = PreprocessConfig {
            srcdict: Some(dict),
            ..corpus.config()
        };
        let error = corpus.error(&config).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_destination_that_cannot_be_written_is_named() {
    let corpus = Corpus::new();
    let file = corpus.write("file", "");
    for dest in [file.clone(), file.join("below")] {
        let error = corpus.error(&PreprocessConfig {
            destdir: dest,
            ..corpus.config()
        });
        assert!(!error.is_usage() && error.to_string().contains("file"), "{error}");
    }
}

#[test]
fn contradictions_are_found_before_any_file_is_opened() {
    let corpus = Corpus::new();
    let config = PreprocessConfig {
        trainpref: Some("no/such/text".into()),
        target_lang: Some("de".into()),
        ..corpus.config()
    };
    assert!(corpus.error(&config).is_usage());
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    struct Stop(&'static str, std::sync::atomic::AtomicBool);
    impl burnseq_data::preprocess::Observer for Stop {
        fn stage(&self, name: &str, _: Option<u64>) {
            if name == self.0 {
                self.1.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        fn interrupted(&self) -> bool {
            self.1.load(std::sync::atomic::Ordering::SeqCst)
        }
    }
    for stage in ["read", "count", "train", "valid"] {
        let corpus = Corpus::new();
        let before = corpus.files();
        let result = preprocess(&corpus.config(), &Stop(stage, false.into()));
        assert!(matches!(result, Err(Error::Interrupted)), "{stage}");
        assert_eq!(corpus.files(), before, "{stage}");
    }
}

#[test]
fn a_destination_with_a_dataset_is_refused_unless_it_may_be_overwritten() {
    let corpus = Corpus::new();
    preprocess(&corpus.config(), &()).unwrap();
    fs::write(corpus.dest().join("notes.txt"), "mine").unwrap();
    let error = corpus.error(&corpus.config()).to_string();
    assert!(
        error.contains("already holds a dataset (dict.de.txt, "),
        "{error}"
    );
    assert!(error.contains("'overwrite'"), "{error}");

    corpus.write("train.de", "neu\n");
    corpus.write("train.en", "new\n");
    let config = PreprocessConfig {
        overwrite: true,
        validpref: Vec::new(),
        ..corpus.config()
    };
    preprocess(&config, &()).unwrap();
    assert!(
        fs::read_to_string(corpus.dest().join("dict.de.txt"))
            .unwrap()
            .starts_with("neu 1\n")
    );
    assert!(
        !corpus.dest().join("valid.de-en.de.idx").exists(),
        "stale files go"
    );
    assert_eq!(
        fs::read_to_string(corpus.dest().join("notes.txt")).unwrap(),
        "mine"
    );
}
