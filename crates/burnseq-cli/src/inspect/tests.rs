use std::fs;
use std::path::Path;

use burnseq_data::{Dtype, IndexedWriter};
use burnseq_text::Dictionary;
use clap::CommandFactory;

use super::*;

/// A dataset of German and English with the sentences given by their ids.
fn dataset(folder: &Path, de: &[&[u32]], en: &[&[u32]]) {
    for (lang, sentences) in [("de", de), ("en", en)] {
        let mut dictionary = Dictionary::new();
        for word in ["haus", "tür", "und"] {
            dictionary.add_symbol(word, 5);
        }
        dictionary.save(folder.join(format!("dict.{lang}.txt"))).unwrap();
        let prefix = folder.join(format!("train.de-en.{lang}"));
        let mut writer = IndexedWriter::create(prefix, Dtype::for_vocab(7)).unwrap();
        for sentence in sentences {
            writer.push(sentence).unwrap();
        }
        writer.finish().unwrap();
    }
}

fn text(path: &Path) -> String {
    inspect(path, 2).unwrap().text("P")
}

#[test]
fn the_flags_are_legal() {
    InspectArgs::command().debug_assert();
}

#[test]
fn a_dataset_is_told_with_its_sizes_and_sentences() {
    let dir = tempfile::tempdir().unwrap();
    dataset(dir.path(), &[&[4, 5, 2], &[3, 2]], &[&[6, 2], &[4, 4, 2]]);
    assert_eq!(
        text(dir.path()),
        "P: a dataset\n  \
           dictionary  dict.de.txt, 7 types\n  \
           dictionary  dict.en.txt, 7 types\n  \
           split           sentences  tokens  mean  longest  unknown\n  \
           train.de-en.de          2       5   2.5        3  20.00 %\n  \
           train.de-en.en          2       5   2.5        3   0.00 %\n  \
           train.de-en.de 0: haus tür\n  \
           train.de-en.de 1: <unk>\n  \
           train.de-en.en 0: und\n  \
           train.de-en.en 1: haus haus\n  \
           note: train.de-en.de: 20.0 % of its tokens are unknown; is it segmented as the dictionary is?\n"
    );
    let index = text(&dir.path().join("train.de-en.de.bin"));
    assert!(index.starts_with("P: sentences of ids (mmap)\n"), "{index}");
    assert!(index.contains("0: haus tür"), "{index}");
}

#[test]
fn ids_outside_the_dictionary_and_unequal_sides_are_problems() {
    let dir = tempfile::tempdir().unwrap();
    dataset(dir.path(), &[&[4, 9, 2]], &[&[6, 2], &[4, 2]]);
    let findings = inspect(dir.path(), 0).unwrap();
    assert_eq!(findings.problems.len(), 2, "{:?}", findings.problems);
    assert!(findings.problems[0].contains("sentence 0 has id 9, the dictionary has 7 types"));
    assert!(findings.problems[1].contains("has 1 sentences in de and 2 in en"));

    fs::remove_file(dir.path().join("train.de-en.en.idx")).unwrap();
    let findings = inspect(dir.path(), 0).unwrap();
    assert!(
        findings
            .problems
            .iter()
            .any(|problem| problem == "train.de-en lacks its side en")
    );

    fs::remove_file(dir.path().join("dict.de.txt")).unwrap();
    let findings = inspect(dir.path(), 0).unwrap();
    assert_eq!(
        findings.problems[0],
        "train.de-en.de.idx has no dictionary dict.de.txt"
    );
}

#[test]
fn a_file_that_is_cut_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    dataset(dir.path(), &[&[4, 5, 2]], &[&[6, 2]]);
    let bin = dir.path().join("train.de-en.de.bin");
    fs::write(&bin, &fs::read(&bin).unwrap()[..4]).unwrap();
    let findings = inspect(dir.path(), 0).unwrap();
    assert_eq!(findings.problems.len(), 1, "{:?}", findings.problems);
    assert!(inspect(&bin, 0).is_err());
}

#[test]
fn texts_are_told_by_what_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let cases = [
        (
            "codes",
            "#version: 0.2\ne r</w>\nd er</w>\n",
            "merges of byte-pair encoding",
        ),
        ("dict.txt", "haus 3\nund 1\n", "a dictionary"),
        (
            "m.vocab",
            "<unk>\t0\n▁a\t-1.5\n",
            "pieces and their scores or counts",
        ),
        (
            "log",
            "{\"epoch\": 1, \"loss\": 2.5, \"num_updates\": 7}\n",
            "a log of training",
        ),
        (
            "text.de.json",
            "{\n  \"tokenizer\": {},\n  \"subword\": {}\n}\n",
            "text settings",
        ),
        ("train.de", "ein haus\n\nzwei\n", "text"),
    ];
    for (name, content, what) in cases {
        let findings = inspect(&write(name, content), 2).unwrap();
        assert!(findings.what.starts_with(what), "{name}: {}", findings.what);
        assert!(findings.problems.is_empty(), "{name}: {:?}", findings.problems);
    }
}

#[test]
fn a_log_whose_last_line_is_cut_is_of_a_run_that_goes_on_and_one_cut_before_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let record = |update| format!("{{\"epoch\": 1, \"loss\": 2.5, \"num_updates\": {update}}}\n");
    fs::write(&path, format!("{}{{\"epoch\": 1, \"lo", record(1))).unwrap();
    let findings = inspect(&path, 0).unwrap();
    assert!(findings.problems.is_empty());
    assert!(
        findings.notes[0].starts_with("the last line is cut"),
        "{:?}",
        findings.notes
    );
    let latest = (
        "latest interval".to_owned(),
        "epoch 1, update 1: loss 2.5".to_owned(),
    );
    assert_eq!(findings.samples, [latest]);
    fs::write(&path, format!("{}{{\"epoch\": 1, \"lo\n{}", record(1), record(2))).unwrap();
    assert_eq!(inspect(&path, 0).unwrap().problems, ["line 2 is damaged"]);
}

#[test]
fn what_is_not_there_empty_or_foreign_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = |path: &Path| inspect(path, 1).unwrap_err().to_string();
    assert_eq!(
        error(&dir.path().join("nothing")),
        "there is no such file or folder"
    );
    assert!(error(dir.path()).starts_with("is neither a dataset"));
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(error(&file), "the file is empty");
    fs::write(&file, b"\x7fELF\x02\x01\xff").unwrap();
    assert!(error(&file).starts_with("is no file that burnseq or fairseq writes"));
    fs::write(&file, [&b"\xff\xff\0\0\0\0\0\0{"[..], &[b' '; 100]].concat()).unwrap();
    assert!(error(&file).contains("it is cut"), "{}", error(&file));
}
