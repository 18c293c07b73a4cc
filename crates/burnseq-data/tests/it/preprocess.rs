//! The whole command: fairseq's files byte for byte, and every kind of bad input.

use std::fs;
use std::path::{Path, PathBuf};

use burnseq_data::preprocess::{BpeKind, PreprocessConfig, Report, preprocess};
use burnseq_data::{DatasetDir, DatasetImpl, Dtype, Error, IndexedDataset, PairOptions};
use tempfile::TempDir;

use crate::shared::shared;

fn config(text: &Path, dest: &Path) -> PreprocessConfig {
    PreprocessConfig {
        source_lang: Some("de".into()),
        target_lang: Some("en".into()),
        trainpref: Some(text.join("train")),
        destdir: dest.to_owned(),
        workers: Some(2),
        ..PreprocessConfig::default()
    }
}

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
    check_golden("tricky/bin", |_| ());
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

/// A small corpus in words, with a folder for the result.
struct Corpus {
    root: TempDir,
}

impl Corpus {
    fn new() -> Self {
        let corpus = Self {
            root: TempDir::new().unwrap(),
        };
        corpus.write("train.de", "ein Hund läuft\nein Mann\n\nzwei Hunde laufen\n");
        corpus.write("train.en", "a dog runs\na man\n\ntwo dogs run\n");
        corpus.write("valid.de", "ein Hund\n");
        corpus.write("valid.en", "a cat\n");
        corpus
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn dest(&self) -> PathBuf {
        self.root.path().join("out/data-bin")
    }

    /// Plain words, so that the ids are easy to tell.
    fn config(&self) -> PreprocessConfig {
        PreprocessConfig {
            validpref: vec![self.root.path().join("valid")],
            bpe: BpeKind::None,
            ..config(self.root.path(), &self.dest())
        }
    }

    /// The error of a run, which must leave nothing behind.
    fn error(&self, config: &PreprocessConfig) -> Error {
        let before = self.files();
        let error = preprocess(config, &()).expect_err("the input is bad");
        assert_eq!(self.files(), before, "left behind by: {error}");
        error
    }

    fn files(&self) -> Vec<PathBuf> {
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
fn alignments_become_a_dataset_beside_the_text() {
    let corpus = Corpus::new();
    corpus.write("train.align", "0-0 1-1 2-2\n0-0 1-1\n\n0-0 1-1 2-2 0-2\n");
    let aligned = |workers| PreprocessConfig {
        align_suffix: Some("align".into()),
        workers: Some(workers),
        overwrite: true,
        ..corpus.config()
    };
    preprocess(&aligned(3), &()).unwrap();
    let data = IndexedDataset::open(corpus.dest().join("train.align.de-en")).unwrap();
    // fairseq stores alignments as u32, without an end of sentence.
    assert_eq!((data.len(), data.dtype()), (4, Dtype::U32));
    assert_eq!(*data.sentence(0), [0, 0, 1, 1, 2, 2]);
    assert_eq!(data.sizes().collect::<Vec<_>>(), [6, 4, 0, 8]);
    assert!(
        !corpus.dest().join("valid.align.de-en.idx").exists(),
        "there are none for valid"
    );

    // A pair that is left out takes its alignment with it.
    let short = PreprocessConfig {
        max_line_tokens: 2,
        ..aligned(1)
    };
    preprocess(&short, &()).unwrap();
    let data = IndexedDataset::open(corpus.dest().join("train.align.de-en")).unwrap();
    assert_eq!((data.len(), &*data.sentence(0)), (2, &[0, 0, 1, 1][..]));
}

#[test]
fn wrong_alignments_are_named_by_line() {
    for (alignments, expected) in [
        (
            "0-0\n0-0\n0-0\n\n",
            "train.align:3: `0-0` names source token 0, but the sentence has 0",
        ),
        (
            "0-0\n0-0\n\n0-0 1\n",
            "train.align:4: expected pairs such as `0-0 1-2`, got \"1\"",
        ),
        ("0-0\n", "train.de has 4 lines but "),
        (
            "\n\n\n\n\n",
            "train.align has 5; parallel files must be line-aligned",
        ),
    ] {
        let corpus = Corpus::new();
        let path = corpus.write("train.align", alignments);
        let binarised = PreprocessConfig {
            align_suffix: Some("align".into()),
            ..corpus.config()
        };
        let counted = PreprocessConfig {
            alignfile: Some(path),
            ..corpus.config()
        };
        for config in [binarised, counted] {
            let error = corpus.error(&config).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

#[test]
fn alignments_make_a_dictionary_for_unknown_words() {
    let corpus = Corpus::new();
    let alignments = corpus.write("links", "0-0 1-1 2-2\n0-0 1-1\n\n0-0 1-1 2-2 0-1\n");
    for workers in [1, 3] {
        let config = PreprocessConfig {
            alignfile: Some(alignments.clone()),
            workers: Some(workers),
            overwrite: true,
            ..corpus.config()
        };
        preprocess(&config, &()).unwrap();
        let text = fs::read_to_string(corpus.dest().join("alignment.de-en.txt")).unwrap();
        // In the order of the text; of `two` and `dogs` for `zwei`, the first.
        let expected = "ein a\nHund dog\nläuft runs\nMann man\nzwei two\nHunde dogs\nlaufen run\n";
        assert_eq!(text, expected);
    }
    let unknown = PreprocessConfig {
        alignfile: Some(alignments),
        thresholdsrc: 2,
        overwrite: true,
        ..corpus.config()
    };
    preprocess(&unknown, &()).unwrap();
    let text = fs::read_to_string(corpus.dest().join("alignment.de-en.txt")).unwrap();
    assert_eq!(text, "ein a\n");
}

#[test]
fn alignments_of_text_that_is_segmented_here_are_refused() {
    let corpus = Corpus::new();
    let config = PreprocessConfig {
        alignfile: Some(corpus.write("links", "\n\n\n\n")),
        bpe: BpeKind::Auto,
        ..corpus.config()
    };
    let error = corpus.error(&config);
    assert!(
        error.is_usage() && error.to_string().contains("--bpe none"),
        "{error}"
    );
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
fn a_destination_with_a_dataset_is_refused_unless_it_may_be_overwritten() {
    let corpus = Corpus::new();
    preprocess(&corpus.config(), &()).unwrap();
    fs::write(corpus.dest().join("notes.txt"), "mine").unwrap();
    let error = corpus.error(&corpus.config()).to_string();
    assert!(
        error.contains("already holds a dataset (dict.de.txt, "),
        "{error}"
    );
    assert!(error.contains("--overwrite"), "{error}");

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
