//! Text in small files, and `preprocess` on it.

use std::fs;
use std::path::{Path, PathBuf};

use burnseq_data::Error;
use burnseq_data::preprocess::{BpeKind, PreprocessConfig, preprocess};
use tempfile::TempDir;

/// Two workers on the training text of a folder.
pub fn config(text: &Path, dest: &Path) -> PreprocessConfig {
    PreprocessConfig {
        source_lang: Some("de".into()),
        target_lang: Some("en".into()),
        trainpref: Some(text.join("train")),
        destdir: dest.to_owned(),
        workers: Some(2),
        ..PreprocessConfig::default()
    }
}

/// A small corpus in words, with a folder for the result.
pub struct Corpus {
    pub root: TempDir,
}

impl Corpus {
    pub fn new() -> Self {
        let corpus = Self {
            root: TempDir::new().unwrap(),
        };
        corpus.write("train.de", "ein Hund läuft\nein Mann\n\nzwei Hunde laufen\n");
        corpus.write("train.en", "a dog runs\na man\n\ntwo dogs run\n");
        corpus.write("valid.de", "ein Hund\n");
        corpus.write("valid.en", "a cat\n");
        corpus
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub fn dest(&self) -> PathBuf {
        self.root.path().join("out/data-bin")
    }

    /// Plain words, so that the ids are easy to tell.
    pub fn config(&self) -> PreprocessConfig {
        PreprocessConfig {
            validpref: vec![self.root.path().join("valid")],
            bpe: BpeKind::None,
            ..config(self.root.path(), &self.dest())
        }
    }

    /// The error of a run, which must leave nothing behind.
    pub fn error(&self, config: &PreprocessConfig) -> Error {
        let before = self.files();
        let error = preprocess(config, &()).expect_err("the input is bad");
        assert_eq!(self.files(), before, "left behind by: {error}");
        error
    }

    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                files.push(path.clone());
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        files.sort();
        files
    }
}
