//! Text that carries subwords already, and text of words: neither is segmented behind the user's back.

use std::fs;
use std::path::{Path, PathBuf};

use burnseq_data::DatasetImpl;
use burnseq_data::preprocess::{BpeKind, PreprocessConfig, Report, TokenizerKind, preprocess};
use burnseq_text::{SubwordSettings, TextSettings};
use tempfile::TempDir;

const DE: [&str; 4] = [
    "der Hund läuft .",
    "die Hunde laufen , ja .",
    "ein Haus , das steht .",
    "Haustür",
];
const EN: [&str; 4] = [
    "the dog runs .",
    "the dogs run , yes .",
    "a house that stands , too .",
    "front door",
];

/// Tokenised text in words, `words.de` and `words.en`; and the same in subwords of the kind, as `pieces.*`.
fn corpus(kind: BpeKind) -> (TempDir, PreprocessConfig) {
    let dir = TempDir::new().unwrap();
    for (lang, lines) in [("de", DE), ("en", EN)] {
        let text: String = (0..80).map(|i| format!("{} {}\n", lines[i % 4], i % 7)).collect();
        fs::write(dir.path().join(format!("words.{lang}")), text).unwrap();
    }
    let config = config(dir.path(), "words", "first");
    let segmenting = PreprocessConfig {
        bpe: kind,
        bpe_size: Some(40),
        dataset_impl: DatasetImpl::Raw,
        ..config.clone()
    };
    preprocess(&segmenting, &()).unwrap();
    for lang in ["de", "en"] {
        let segmented = segmenting.destdir.join(format!("train.de-en.{lang}"));
        fs::copy(segmented, dir.path().join(format!("pieces.{lang}"))).unwrap();
    }
    (dir, config)
}

fn config(dir: &Path, text: &str, out: &str) -> PreprocessConfig {
    PreprocessConfig {
        source_lang: Some("de".into()),
        target_lang: Some("en".into()),
        trainpref: Some(dir.join(text)),
        dataset_impl: DatasetImpl::Raw,
        destdir: dir.join(out),
        ..PreprocessConfig::default()
    }
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn noted(report: &Report, parts: &[&str]) -> bool {
    let has_all = |note: &&String| parts.iter().all(|part| note.contains(part));
    report.notes.iter().any(|note| has_all(&note))
}

/// The text of a split in a raw dataset is that of `pieces.*`.
fn assert_as_it_was(dir: &Path, out: &Path, split: &str) {
    for lang in ["de", "en"] {
        let written = read(out.join(format!("{split}.de-en.{lang}")));
        assert_eq!(
            written,
            read(dir.join(format!("pieces.{lang}"))),
            "{split}.{lang}"
        );
    }
}

#[test]
fn a_kind_that_is_asked_for_learns_nothing_of_pieces() {
    for made in [BpeKind::SubwordNmt, BpeKind::Sentencepiece] {
        let (dir, _) = corpus(made);
        for (asked, name) in [
            (BpeKind::SubwordNmt, "subword_nmt"),
            (BpeKind::Sentencepiece, "sentencepiece"),
        ] {
            let config = PreprocessConfig {
                bpe: asked,
                ..config(dir.path(), "pieces", name)
            };
            let report = preprocess(&config, &()).unwrap();
            assert!(
                noted(
                    &report,
                    &[
                        "carries subword marks",
                        &format!("'bpe' {name} has nothing to learn")
                    ]
                ),
                "{:?}",
                report.notes
            );
            assert_as_it_was(dir.path(), &config.destdir, "train");
        }
    }
}

#[test]
fn models_that_are_given_are_kept_for_text_that_comes_later() {
    for kind in [BpeKind::SubwordNmt, BpeKind::Sentencepiece] {
        let (dir, first) = corpus(kind);
        let name = if kind == BpeKind::SubwordNmt {
            "bpe.codes"
        } else {
            "spm.model"
        };
        let model = vec![first.destdir.join(name)];
        let (bpe_codes, bpe_model) = if kind == BpeKind::SubwordNmt {
            (model, vec![])
        } else {
            (vec![], model)
        };
        let config = PreprocessConfig {
            bpe_codes,
            bpe_model,
            ..config(dir.path(), "pieces", "second")
        };
        let report = preprocess(&config, &()).unwrap();
        assert!(
            noted(
                &report,
                &["pieces.de carries subword marks", "is not segmented again"]
            ),
            "{:?}",
            report.notes
        );
        assert!(
            report.subwords.ends_with("; the text carries them already"),
            "{}",
            report.subwords
        );
        assert_as_it_was(dir.path(), &config.destdir, "train");
        let settings = TextSettings::load(config.destdir.join("text.de.json")).unwrap();
        assert_ne!(settings.subword, SubwordSettings::None);

        // The settings that lie beside its dictionaries segment words, and leave pieces alone.
        for (text, out) in [("words", "third"), ("pieces", "fourth")] {
            let later = PreprocessConfig {
                trainpref: None,
                testpref: vec![dir.path().join(text)],
                srcdict: Some(config.destdir.join("dict.de.txt")),
                tgtdict: Some(config.destdir.join("dict.en.txt")),
                ..self::config(dir.path(), text, out)
            };
            let report = preprocess(&later, &()).unwrap();
            assert_as_it_was(dir.path(), &later.destdir, "test");
            assert_eq!(
                noted(&report, &["is not segmented again"]),
                text == "pieces",
                "{:?}",
                report.notes
            );
            assert_eq!(
                noted(&report, &["text is segmented as"]),
                text == "words",
                "{:?}",
                report.notes
            );
        }
    }
}

#[test]
fn only_the_side_that_is_in_words_is_segmented() {
    let (dir, first) = corpus(BpeKind::SubwordNmt);
    fs::copy(dir.path().join("pieces.de"), dir.path().join("mixed.de")).unwrap();
    fs::copy(dir.path().join("words.en"), dir.path().join("mixed.en")).unwrap();
    let config = PreprocessConfig {
        bpe_codes: vec![first.destdir.join("bpe.codes")],
        ..config(dir.path(), "mixed", "second")
    };
    let report = preprocess(&config, &()).unwrap();
    assert_as_it_was(dir.path(), &config.destdir, "train");
    assert!(!noted(&report, &["mixed.en carries"]), "{:?}", report.notes);
}

#[test]
fn a_split_of_pieces_beside_training_text_of_words_is_refused() {
    let (dir, _) = corpus(BpeKind::SubwordNmt);
    let config = PreprocessConfig {
        validpref: vec![dir.path().join("pieces")],
        ..config(dir.path(), "words", "second")
    };
    let error = preprocess(&config, &()).unwrap_err();
    assert!(error.is_usage());
    let error = error.to_string();
    assert!(
        error.contains("pieces.de carries subword marks (`@@ `), unlike "),
        "{error}"
    );
    assert!(
        error.contains("\nhint: give all text with its subwords"),
        "{error}"
    );
    assert!(!config.destdir.exists());
    // A stray mark is none.
    let stray = read(dir.path().join("words.de")).replacen("Hund", "Hu@@ nd", 1);
    fs::write(dir.path().join("pieces.de"), stray).unwrap();
    fs::copy(dir.path().join("words.en"), dir.path().join("pieces.en")).unwrap();
    let report = preprocess(&config, &()).unwrap();
    assert!(
        noted(&report, &["pieces.de: some lines carry subword marks"]),
        "{:?}",
        report.notes
    );
}

#[test]
fn a_dictionary_of_words_is_one_where_it_is_asked_for() {
    let (dir, _) = corpus(BpeKind::SubwordNmt);
    type Change = fn(&mut PreprocessConfig);
    let run = |out: &str, change: Change| {
        let mut config = config(dir.path(), "words", out);
        change(&mut config);
        let report = preprocess(&config, &()).unwrap();
        (
            report,
            read(config.destdir.join("train.de-en.de")) == read(dir.path().join("words.de")),
        )
    };
    let changes: [(&str, Change); 4] = [
        ("'thresholdsrc'", |config| config.thresholdsrc = 2),
        ("'thresholdtgt'", |config| config.thresholdtgt = 2),
        ("'nwordssrc'", |config| config.nwordssrc = Some(100)),
        ("'nwordstgt'", |config| config.nwordstgt = Some(100)),
    ];
    for (flag, change) in changes {
        let (report, as_is) = run(flag, change);
        assert!(as_is, "{flag}");
        assert!(
            noted(
                &report,
                &[flag, "shapes a dictionary of words", "'bpe' sentencepiece"]
            ),
            "{:?}",
            report.notes
        );
    }
    // Somebody who asks for subwords gets them.
    let (_, as_is) = run("asked", |config| {
        config.thresholdsrc = 2;
        config.bpe = BpeKind::Sentencepiece;
    });
    assert!(!as_is);
    // Without such flags subwords are learnt, and that is said.
    let (report, as_is) = run("plain", |_| {});
    assert!(
        !as_is && noted(&report, &["tokenised already", "'bpe' none"]),
        "{:?}",
        report.notes
    );

    // Raw text has no words yet.
    let raw = |words: String| words.replace(" .", ".").replace(" ,", ",");
    for lang in ["de", "en"] {
        let path = dir.path().join(format!("words.{lang}"));
        let text = raw(read(path.clone()));
        fs::write(path, text).unwrap();
    }
    let (report, as_is) = run("raw", |config| config.thresholdsrc = 2);
    assert!(
        !as_is && noted(&report, &["'thresholdsrc' counts subwords", "'bpe' none"]),
        "{:?}",
        report.notes
    );
    let (report, as_is) = run("silent", |_| {});
    assert!(!as_is && !noted(&report, &["tokenised"]), "{:?}", report.notes);
    // Moses makes words of it.
    let (report, _) = run("moses", |config| {
        config.thresholdsrc = 2;
        config.tokenizer = TokenizerKind::Moses;
    });
    assert!(
        noted(&report, &["shapes a dictionary of words"]),
        "{:?}",
        report.notes
    );
    assert_eq!(report.subwords, "none; words are Moses tokens");
}

#[test]
fn packed_text_is_found_under_the_name_of_the_text() {
    let (dir, _) = corpus(BpeKind::SubwordNmt);
    let plain = config(dir.path(), "words", "plain");
    preprocess(&plain, &()).unwrap();
    for lang in ["de", "en"] {
        let status = std::process::Command::new("gzip")
            .arg(dir.path().join(format!("words.{lang}")))
            .status();
        assert!(status.unwrap().success());
    }
    let packed = config(dir.path(), "words", "packed");
    preprocess(&packed, &()).unwrap();
    let name = "train.de-en.de";
    assert_eq!(read(packed.destdir.join(name)), read(plain.destdir.join(name)));
}
