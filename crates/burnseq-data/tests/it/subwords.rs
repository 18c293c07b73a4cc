//! Learning, taking over and applying subword models in a whole run.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use burnseq_data::preprocess::{BpeKind, PreprocessConfig, Report, TokenizerKind, preprocess};
use burnseq_data::{Dataset, DatasetDir, DatasetImpl, PairOptions};
use burnseq_text::{Normalization, SubwordSettings, TextSettings, Tokenizer};
use tempfile::TempDir;

use crate::shared::shared;

const DE: [&str; 5] = [
    "der Hund läuft.",
    "die Hunde laufen.",
    "ein Haus",
    "Häuser",
    "Haustür",
];
const EN: [&str; 5] = [
    "the dog runs.",
    "the dogs run.",
    "a house",
    "houses",
    "house door",
];

/// Raw text, and a config for it without anything about subwords.
fn corpus() -> (TempDir, PreprocessConfig) {
    let dir = TempDir::new().unwrap();
    for (lang, lines) in [("de", DE), ("en", EN)] {
        let text: String = (0..200)
            .map(|i| format!("{} {}\n", lines[i % 5], i % 7))
            .collect();
        fs::write(dir.path().join(format!("train.{lang}")), text).unwrap();
        let test = format!("{}\n\u{feff}{}  \n", lines[4], lines[0]);
        fs::write(dir.path().join(format!("test.{lang}")), test).unwrap();
    }
    let config = PreprocessConfig {
        source_lang: Some("de".into()),
        target_lang: Some("en".into()),
        trainpref: Some(dir.path().join("train")),
        testpref: vec![dir.path().join("test")],
        destdir: dir.path().join("out"),
        ..PreprocessConfig::default()
    };
    (dir, config)
}

fn names(folder: &Path) -> HashSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// The target side of the test set as text again.
fn decoded_test(folder: &Path) -> Vec<String> {
    let data = DatasetDir::open(folder, None, None).unwrap();
    let pipeline = data.tgt_pipeline().unwrap();
    let test = data.load("test", false, PairOptions::default()).unwrap();
    (0..test.len())
        .map(|i| {
            let target = test.example(i).target.unwrap();
            pipeline.decode(&data.tgt_dict().decode(&target))
        })
        .collect()
}

fn note(report: &Report, part: &str) -> bool {
    report.notes.iter().any(|note| note.contains(part))
}

/// Refused with such an error, without a folder.
fn refused(config: &PreprocessConfig, expected: &str) {
    let error = preprocess(config, &()).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
    assert!(!config.destdir.exists());
}

#[test]
fn raw_text_gets_a_joint_sentencepiece_model_that_decodes_to_the_text() {
    let (_dir, config) = corpus();
    let report = preprocess(&config, &()).unwrap();
    assert!(
        report.subwords.starts_with("SentencePiece, "),
        "{}",
        report.subwords
    );
    assert!(
        note(&report, "instead of 10000, because the corpus is small"),
        "{:?}",
        report.notes
    );
    let files = names(&config.destdir);
    for name in ["spm.model", "spm.vocab", "text.de.json", "text.en.json"] {
        assert!(files.contains(name), "{name}");
    }
    let data = DatasetDir::open(&config.destdir, None, None).unwrap();
    assert_eq!(data.src_text(), data.tgt_text());
    assert_eq!(data.src_text().normalization, Normalization::NmtNfkc);
    assert_eq!(data.text_files().unwrap().len(), 1);
    assert_eq!(decoded_test(&config.destdir), ["house door", "the dog runs."]);
    assert!(
        report
            .splits
            .iter()
            .all(|split| split.sides.iter().all(|side| side.unknown == 0))
    );
}

#[test]
fn tokenizers_of_hugging_face_are_learnt_and_taken_over() {
    for (bpe, marks, text) in [
        (BpeKind::ByteBpe, "byte_level", ["house door", "the dog runs.  "]),
        (BpeKind::Wordpiece, "word_piece", ["house door", "the dog runs."]),
    ] {
        let (dir, mut config) = corpus();
        config.bpe = bpe;
        config.bpe_size = Some(300);
        let report = preprocess(&config, &()).unwrap();
        assert!(report.subwords.contains("tokens"), "{}", report.subwords);
        let json = fs::read_to_string(config.destdir.join("text.en.json")).unwrap();
        assert!(json.contains("tokenizer.json") && json.contains(marks), "{json}");
        assert_eq!(decoded_test(&config.destdir), text, "{bpe:?}");
        let unknown = |report: &Report| {
            let sides = report.splits.iter().flat_map(|split| &split.sides);
            sides.map(|side| side.unknown).sum::<u64>()
        };
        assert_eq!(unknown(&report), 0);
        let tokenizer = config.destdir.join("tokenizer.json");

        // The same again, and with the tokenizer as an existing one.
        let again = PreprocessConfig {
            workers: Some(3),
            destdir: dir.path().join("again"),
            ..config.clone()
        };
        preprocess(&again, &()).unwrap();
        let taken = PreprocessConfig {
            bpe: BpeKind::Hf,
            bpe_size: None,
            bpe_model: vec![tokenizer.clone()],
            destdir: dir.path().join("taken"),
            ..config.clone()
        };
        let report = preprocess(&taken, &()).unwrap();
        assert!(
            report.subwords.starts_with("tokenizer of Hugging Face, given: "),
            "{}",
            report.subwords
        );
        for folder in [&again.destdir, &taken.destdir] {
            for name in [
                "tokenizer.json",
                "train.de-en.en.bin",
                "dict.de.txt",
                "text.de.json",
            ] {
                let read = |folder: &Path| fs::read(folder.join(name)).unwrap();
                assert_eq!(read(folder), read(&config.destdir), "{name}");
            }
        }
    }
}

#[test]
fn a_vocabulary_without_room_for_the_alphabet_is_refused() {
    let (_dir, mut config) = corpus();
    config.bpe = BpeKind::ByteBpe;
    config.bpe_size = Some(200);
    refused(&config, "a vocabulary of 200 tokens is too small: 256 are needed");
}

#[test]
fn subword_nmt_codes_can_be_learnt_for_each_side() {
    let (_dir, mut config) = corpus();
    config.bpe = BpeKind::SubwordNmt;
    config.bpe_per_side = true;
    config.bpe_size = Some(10);
    let report = preprocess(&config, &()).unwrap();
    assert_eq!(
        report.subwords,
        "subword-nmt, 10 and 10 merges, one model for each side"
    );
    assert!(names(&config.destdir).is_superset(&HashSet::from(
        ["bpe.de.codes", "bpe.en.codes"].map(str::to_owned)
    )));
    let data = DatasetDir::open(&config.destdir, None, None).unwrap();
    assert!(matches!(&data.tgt_text().subword,
        SubwordSettings::SubwordNmt { codes, .. } if codes == "bpe.en.codes"));
    let codes = fs::read_to_string(config.destdir.join("bpe.de.codes")).unwrap();
    assert_eq!(codes.lines().count(), 11);
    assert_eq!(decoded_test(&config.destdir)[0], "house door");
}

#[test]
fn text_with_marks_is_used_as_it_is_with_a_note() {
    for (mark, line) in [
        ("`@@ `", "ein Hau@@ s\n"),
        ("`\u{2581}`", "\u{2581}ein \u{2581}Hau s\n"),
    ] {
        let (dir, mut config) = corpus();
        fs::write(dir.path().join("train.de"), line.repeat(50)).unwrap();
        fs::write(dir.path().join("train.en"), line.repeat(50)).unwrap();
        config.testpref = Vec::new();
        let report = preprocess(&config, &()).unwrap();
        let expected = format!("the text carries subword marks ({mark}) and is used as it is");
        assert_eq!(report.notes, [expected]);
        assert_eq!(report.splits[0].sides[0].tokens, 4 * 50);
    }
}

#[test]
fn a_size_that_is_asked_for_is_kept_to_or_explained() {
    let (_dir, mut config) = corpus();
    config.bpe_size = Some(40);
    preprocess(&config, &()).unwrap();
    let vocab = fs::read_to_string(config.destdir.join("spm.vocab")).unwrap();
    assert_eq!(vocab.lines().count(), 40);

    let (_dir, mut config) = corpus();
    config.bpe_size = Some(5000);
    let report = preprocess(&config, &()).unwrap();
    assert!(
        note(&report, " pieces of the 5000 asked for"),
        "{:?}",
        report.notes
    );

    let (_dir, mut config) = corpus();
    config.bpe_size = Some(5);
    refused(&config, "a SentencePiece vocabulary of 5 is too small");
}

#[test]
fn a_text_with_many_characters_still_gets_a_model() {
    let (dir, config) = corpus();
    let line = |i: u32| char::from_u32(0x4e00 + i).unwrap();
    let text: String = (0..800)
        .map(|i| format!("{}{}\n", line(i), line(i / 2)))
        .collect();
    for name in ["train.de", "train.en"] {
        fs::write(dir.path().join(name), &text).unwrap();
    }
    let report = preprocess(&config, &()).unwrap();
    assert_eq!(report.splits[0].sides[0].unknown, 0);
}

#[test]
fn existing_models_are_taken_over() {
    let (dir, mut config) = corpus();
    preprocess(&config, &()).unwrap();
    let model = dir.path().join("mine.model");
    fs::rename(config.destdir.join("spm.model"), &model).unwrap();
    let learnt = fs::read(config.destdir.join("train.de-en.de.bin")).unwrap();

    config.destdir = dir.path().join("again");
    config.bpe_model = vec![model.clone()];
    let report = preprocess(&config, &()).unwrap();
    assert_eq!(
        report.subwords,
        format!("SentencePiece, given: {}", model.display())
    );
    assert_eq!(
        fs::read(config.destdir.join("train.de-en.de.bin")).unwrap(),
        learnt
    );
    assert_eq!(
        fs::read(config.destdir.join("spm.model")).unwrap(),
        fs::read(model).unwrap()
    );

    fs::write(dir.path().join("broken.model"), "no model").unwrap();
    config.destdir = dir.path().join("never");
    config.bpe_model = vec![dir.path().join("broken.model")];
    refused(&config, "broken.model is not a usable SentencePiece model");
}

#[test]
fn text_added_later_is_segmented_as_the_training_text_was() {
    let (dir, config) = corpus();
    preprocess(&config, &()).unwrap();
    let added = PreprocessConfig {
        trainpref: None,
        testpref: vec![dir.path().join("train"), dir.path().join("test")],
        srcdict: Some(config.destdir.join("dict.de.txt")),
        tgtdict: Some(config.destdir.join("dict.en.txt")),
        destdir: dir.path().join("more"),
        ..config.clone()
    };
    let report = preprocess(&added, &()).unwrap();
    assert!(
        note(&report, "which lie beside the dictionaries"),
        "{:?}",
        report.notes
    );
    let read = |path: PathBuf| fs::read(path).unwrap();
    assert_eq!(
        read(added.destdir.join("test.de-en.de.bin")),
        read(config.destdir.join("train.de-en.de.bin"))
    );

    // The same folder with other subwords would hold two kinds of text.
    let mixed = PreprocessConfig {
        bpe: BpeKind::None,
        destdir: config.destdir.clone(),
        ..added
    };
    let error = preprocess(&mixed, &()).unwrap_err().to_string();
    assert!(
        error.contains("text.") && error.contains("is not what this run would write"),
        "{error}"
    );
}

#[test]
fn models_do_not_depend_on_the_number_of_workers() {
    for kind in [BpeKind::Sentencepiece, BpeKind::SubwordNmt] {
        let mut models = Vec::new();
        for workers in [1, 3] {
            let (_dir, mut config) = corpus();
            config.bpe = kind;
            config.workers = Some(workers);
            preprocess(&config, &()).unwrap();
            let data = DatasetDir::open(&config.destdir, None, None).unwrap();
            models.push(data.text_files().unwrap());
        }
        assert_eq!(models[0], models[1]);
    }
}

#[test]
fn overwriting_removes_the_models_of_the_older_dataset() {
    let (_dir, mut config) = corpus();
    preprocess(&config, &()).unwrap();
    config.overwrite = true;
    config.bpe = BpeKind::SubwordNmt;
    preprocess(&config, &()).unwrap();
    let files = names(&config.destdir);
    assert!(
        files.contains("bpe.codes") && !files.contains("spm.model"),
        "{files:?}"
    );
    assert!(!files.contains("spm.vocab"), "{files:?}");
}

/// The text of a packed file.
fn unpack(path: &Path) -> String {
    let output = std::process::Command::new("gzip").arg("-dc").arg(path).output();
    let output = output.expect("gzip is installed");
    assert!(output.status.success(), "{} is damaged", path.display());
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// IWSLT14 with fairseq's codes and dictionaries, without any text yet.
fn iwslt(fixtures: &Path) -> PreprocessConfig {
    PreprocessConfig {
        source_lang: Some("de".into()),
        target_lang: Some("en".into()),
        srcdict: Some(fixtures.join("dict.de.txt")),
        tgtdict: Some(fixtures.join("dict.en.txt")),
        bpe_codes: vec![fixtures.join("bpe10k.codes")],
        ..PreprocessConfig::default()
    }
}

/// Asserts that a split is what fairseq wrote, byte for byte.
fn assert_same_split(destdir: &Path, fixtures: &Path, split: &str) {
    for lang in ["de", "en"] {
        for suffix in ["bin", "idx"] {
            let name = format!("{split}.de-en.{lang}.{suffix}");
            let ours = fs::read(destdir.join(&name)).unwrap();
            assert!(ours == fs::read(fixtures.join(&name)).unwrap(), "{name}");
        }
    }
}

#[test]
fn fairseqs_fixtures_follow_from_its_codes_and_dictionaries() {
    let Some(folder) = shared("data/iwslt14-de-en") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    for split in ["valid", "test"] {
        for lang in ["de", "en"] {
            let text = unpack(&folder.join(format!("{split}.{lang}.gz")));
            fs::write(dir.path().join(format!("{split}.{lang}")), text).unwrap();
        }
    }
    let fixtures = folder.join("fairseq-fixtures");
    let config = PreprocessConfig {
        validpref: vec![dir.path().join("valid")],
        testpref: vec![dir.path().join("test")],
        destdir: dir.path().join("out"),
        ..iwslt(&fixtures)
    };
    preprocess(&config, &()).unwrap();
    for split in ["valid", "test"] {
        assert_same_split(&config.destdir, &fixtures, split);
    }
}

#[test]
fn fairseqs_fixtures_follow_from_raw_text() {
    let Some(folder) = shared("data/iwslt14-de-en") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let sets = [
        "TED.dev2010",
        "TEDX.dev2012",
        "TED.tst2010",
        "TED.tst2011",
        "TED.tst2012",
    ];
    for lang in ["de", "en"] {
        let raw = sets.map(|set| unpack(&folder.join(format!("raw/IWSLT14.{set}.de-en.{lang}.gz"))));
        // What fairseq's recipe does when it takes the text out of the files.
        let text = raw.concat().replace('\u{2019}', "'");
        fs::write(dir.path().join(format!("test.{lang}")), text).unwrap();
    }
    let fixtures = folder.join("fairseq-fixtures");
    let config = PreprocessConfig {
        testpref: vec![dir.path().join("test")],
        destdir: dir.path().join("out"),
        tokenizer: TokenizerKind::Moses,
        moses_no_dash_splits: true,
        lowercase: true,
        ..iwslt(&fixtures)
    };
    preprocess(&config, &()).unwrap();
    assert_same_split(&config.destdir, &fixtures, "test");
}

#[test]
fn pieces_outside_a_vocabulary_are_split_as_by_subword_nmt() {
    let Some(golden) = shared("golden/preprocess/bpe") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let config = PreprocessConfig {
        source_lang: Some("de".into()),
        target_lang: Some("en".into()),
        trainpref: Some(golden.join("in")),
        destdir: dir.path().to_owned(),
        bpe_codes: vec![golden.join("codes")],
        bpe_vocabulary: ["de", "en"]
            .map(|lang| golden.join(format!("vocab.{lang}")))
            .to_vec(),
        bpe_vocab_threshold: Some(50),
        dataset_impl: DatasetImpl::Raw,
        ..PreprocessConfig::default()
    };
    preprocess(&config, &()).unwrap();
    for lang in ["de", "en"] {
        let ours = fs::read_to_string(dir.path().join(format!("train.de-en.{lang}"))).unwrap();
        let theirs = fs::read_to_string(golden.join(format!("out.vocab-threshold-50.{lang}"))).unwrap();
        for (number, (ours, theirs)) in (1..).zip(ours.split('\n').zip(theirs.split('\n'))) {
            assert_eq!(ours, theirs, "line {number} of {lang}");
        }
        assert_eq!(ours.len(), theirs.len());
    }
}

#[test]
fn without_a_vocabulary_the_pieces_of_each_side_are_counted() {
    let (dir, config) = corpus();
    let codes = dir.path().join("codes");
    fs::write(
        &codes,
        "#version: 0.2\nH u\nHu n\nHun d</w>\nd e\nde r</w>\nh o\nho u\n",
    )
    .unwrap();
    let run = |threshold, name: &str| {
        let config = PreprocessConfig {
            bpe_codes: vec![codes.clone()],
            bpe_vocab_threshold: threshold,
            dataset_impl: DatasetImpl::Raw,
            destdir: dir.path().join(name),
            ..config.clone()
        };
        preprocess(&config, &()).unwrap();
        config.destdir
    };
    let plain = fs::read_to_string(run(None, "plain").join("train.de-en.de")).unwrap();
    let first = plain.lines().next().unwrap();
    assert_eq!(first, "der Hund l@@ ä@@ u@@ f@@ t@@ . 0");

    // `der` and `Hund` occur 40 times, a fifth of 200 lines; `Hun@@` as often, in `Hunde`.
    let all = run(Some(40), "all");
    assert_eq!(fs::read_to_string(all.join("train.de-en.de")).unwrap(), plain);
    let vocabulary = fs::read_to_string(all.join("bpe.de.vocab")).unwrap();
    let counts: Vec<(&str, u64)> = vocabulary
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(piece, count)| (piece, count.parse().unwrap()))
        .collect();
    assert!(counts.is_sorted_by(|a, b| a.1 >= b.1));
    for piece in ["der", "Hund", "Hun@@"] {
        assert!(counts.contains(&(piece, 40)), "{vocabulary}");
    }
    let pieces: usize = plain.lines().map(|line| line.split(' ').count()).sum();
    assert_eq!(
        counts.iter().map(|(_, count)| *count as usize).sum::<usize>(),
        pieces
    );

    let rare = run(Some(41), "rare");
    let split = fs::read_to_string(rare.join("train.de-en.de")).unwrap();
    assert!(split.starts_with("d@@ e@@ r H@@ u@@ n@@ d l@@ "), "{split}");
    // What was learnt from the training text holds for text that is translated.
    let data = DatasetDir::open(&rare, None, None).unwrap();
    assert_eq!(
        *data.src_text().files(),
        ["bpe.codes", "bpe.de.vocab"],
        "the folder carries its vocabulary"
    );
    assert_eq!(data.src_pipeline().unwrap().encode("der").unwrap(), "d@@ e@@ r");
}

/// Text that Moses takes apart, in the corpus of [`corpus`].
fn moses_corpus() -> (TempDir, PreprocessConfig) {
    let (dir, config) = corpus();
    for (lang, line) in [
        ("de", "Das \"ist\" Nr. 5, Foo. Bar-Baz's!"),
        ("en", "It's \"a\" no. 5, Foo. Bar!"),
    ] {
        fs::write(
            dir.path().join(format!("train.{lang}")),
            format!("{line}\n").repeat(50),
        )
        .unwrap();
        fs::write(dir.path().join(format!("test.{lang}")), format!("{line}\n")).unwrap();
    }
    let config = PreprocessConfig {
        tokenizer: TokenizerKind::Moses,
        ..config
    };
    (dir, config)
}

#[test]
fn raw_text_goes_through_moses_and_comes_back() {
    let (dir, config) = moses_corpus();
    for (lang, list) in [("de", "Foo\n"), ("en", "# none\n")] {
        fs::write(dir.path().join(format!("prefixes.{lang}")), list).unwrap();
    }
    let prefixes: Vec<PathBuf> = ["de", "en"]
        .map(|lang| dir.path().join(format!("prefixes.{lang}")))
        .into();
    for (bpe, lists) in [
        (BpeKind::None, Vec::new()),
        (BpeKind::SubwordNmt, prefixes.clone()),
        (BpeKind::Sentencepiece, prefixes),
    ] {
        let with_lists = !lists.is_empty();
        let config = PreprocessConfig {
            bpe,
            nonbreaking_prefixes: lists,
            lowercase: true,
            overwrite: true,
            ..config.clone()
        };
        let report = preprocess(&config, &()).unwrap();
        assert!(
            report.subwords.ends_with("; words are Moses tokens; lower case"),
            "{}",
            report.subwords
        );
        let data = DatasetDir::open(&config.destdir, None, None).unwrap();
        let src = data.src_pipeline().unwrap();
        let words = src.words("Das \"ist\" Nr. 5, Foo. Bar-Baz's!");
        let (number, foo) = if with_lists {
            ("nr .", "foo.")
        } else {
            ("nr.", "foo .")
        };
        assert_eq!(
            words,
            format!("das &quot; ist &quot; {number} 5 , {foo} bar @-@ baz &apos; s !")
        );
        // Every token is in the dictionary: what was learnt and counted is what is encoded.
        assert!(
            !data
                .src_dict()
                .encode_line(&src.encode("Foo. Das ist's").unwrap(), true)
                .contains(&data.src_dict().unk())
        );
        assert_eq!(decoded_test(&config.destdir), ["it's \"a\" no. 5, foo. bar!"]);
        assert_eq!(
            names(&config.destdir).contains("nonbreaking_prefix.de"),
            with_lists
        );
    }
}

#[test]
fn sets_added_later_follow_the_words_of_the_first() {
    let (_dir, config) = moses_corpus();
    preprocess(&config, &()).unwrap();
    let more = PreprocessConfig {
        trainpref: None,
        testpref: config.testpref.clone(),
        srcdict: Some(config.destdir.join("dict.de.txt")),
        tgtdict: Some(config.destdir.join("dict.en.txt")),
        tokenizer: TokenizerKind::Space,
        ..config.clone()
    };
    preprocess(&more, &()).unwrap();
    assert_eq!(decoded_test(&config.destdir), ["It's \"a\" no. 5, Foo. Bar!"]);
    let other = PreprocessConfig {
        tokenizer: TokenizerKind::Character,
        ..more
    };
    let error = preprocess(&other, &()).unwrap_err();
    assert!(error.is_usage());
    assert!(
        error
            .to_string()
            .contains("text.de.json tells another 'tokenizer'"),
        "{error}"
    );
}

#[test]
fn characters_are_tokens_without_subwords() {
    let (_dir, config) = corpus();
    let config = PreprocessConfig {
        tokenizer: TokenizerKind::Character,
        ..config
    };
    let report = preprocess(&config, &()).unwrap();
    assert_eq!(report.subwords, "none; every character is a token");
    let settings = TextSettings::load(config.destdir.join("text.en.json")).unwrap();
    assert_eq!(settings.tokenizer, Tokenizer::Character);
    assert_eq!(decoded_test(&config.destdir)[0], EN[4]);
}

#[test]
fn segmented_text_is_not_tokenised_again() {
    let (dir, config) = moses_corpus();
    fs::write(dir.path().join("train.de"), "Hau@@ s\n".repeat(50)).unwrap();
    let error = preprocess(&config, &()).unwrap_err();
    assert!(error.is_usage());
    assert!(
        error.to_string().contains("which 'tokenizer' would split"),
        "{error}"
    );
}
