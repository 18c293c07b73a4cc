//! `text` as a user runs it: pipes, files, whole corpora, and the IWSLT14 recipe on a small archive.

use crate::fixture::{assert_says, assert_success};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::fixture::tool;

/// Runs `text` in a folder with some input.
fn text(folder: &Path, flags: &str, input: &[u8]) -> Output {
    let mut child = tool("text")
        .current_dir(folder)
        .args(flags.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // Beside reading what comes out; a run that refuses its flags closes its end before it reads.
        scope.spawn(move || {
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().unwrap()
    })
}

/// What a run that succeeds writes to standard output.
fn stdout(folder: &Path, flags: &str, input: &str) -> String {
    let output = text(folder, flags, input.as_bytes());
    assert!(output.status.success(), "{flags}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn assert_fails(output: &Output, code: i32, expected: &str) {
    let stderr = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_says(&stderr, expected);
}

/// Refused without input.
fn refused(dir: &Path, command: &str, code: i32, expected: &str) {
    assert_fails(&text(dir, command, b""), code, expected);
}

#[test]
fn filters_map_line_to_line() {
    let dir = TempDir::new().unwrap();
    let run = |flags: &str, input: &str| stdout(dir.path(), flags, input);
    let raw = "Mr. O'Neil's \"E-Mail\".\n\nLast line";
    let tokens = "Mr. O &apos;Neil &apos;s &quot; E-Mail &quot; .\n\nLast line\n";
    assert_eq!(run("tokenize -l en", raw), tokens);
    assert_eq!(run("detokenize -l en", tokens), format!("{raw}\n"));
    assert_eq!(run("tokenize -l en -a --no-escape", "a-b's\n"), "a @-@ b 's\n");
    assert_eq!(run("lowercase", "ÄB\r\nC\rD"), "äb\r\nc\rd\n");
    assert_eq!(run("normalize-punctuation -l de", "„a,“ – b\n"), "\"a\", - b\n");
    assert_eq!(run("lowercase", ""), "");
}

#[test]
fn words_that_are_listed_or_protected_stay_whole() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("prefixes"), "Foo\n").unwrap();
    fs::write(dir.path().join("patterns"), "\\w+@\\w+\n\n").unwrap();
    let flags = "tokenize -l en --nonbreaking-prefixes prefixes --protected patterns";
    assert_eq!(
        stdout(dir.path(), flags, "Foo. Mr. X me@home ok\n"),
        "Foo. Mr . X me@home ok\n"
    );
    fs::write(dir.path().join("patterns"), "a\n(\n").unwrap();
    refused(dir.path(), flags, 1, "patterns:2: regex parse error");
}

#[test]
fn output_does_not_depend_on_threads_and_files_are_not_replaced() {
    let dir = TempDir::new().unwrap();
    let input: String = (0..30_000).map(|n| format!("Line {n}, it's.\n")).collect();
    let one = stdout(dir.path(), "tokenize -l en --workers 1", &input);
    assert_eq!(one.lines().count(), 30_000);
    assert!(one.ends_with("Line 29999 , it &apos;s .\n"));
    fs::write(dir.path().join("in"), &input).unwrap();
    for workers in [2, 3] {
        let flags = format!("tokenize -l en in -o out.{workers} --workers {workers}");
        assert_eq!(stdout(dir.path(), &flags, ""), "");
        assert_eq!(
            fs::read_to_string(dir.path().join(format!("out.{workers}"))).unwrap(),
            one
        );
    }
    let again = text(dir.path(), "lowercase in -o out.2", b"");
    assert_fails(&again, 1, "out.2 is there already\nhint: ");
    stdout(dir.path(), "lowercase in -o out.2 --overwrite", "");
    assert!(
        fs::read_to_string(dir.path().join("out.2"))
            .unwrap()
            .starts_with("line 0, it's.\n")
    );
}

#[test]
fn damaged_text_is_named_and_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("bad"), b"ok\nfine\nb\xe4d\n").unwrap();
    let output = text(dir.path(), "tokenize -l de bad -o out", b"");
    assert_fails(&output, 1, "bad:3: invalid UTF-8 at byte 9 of the file");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_fails(
        &text(dir.path(), "lowercase", b"\xff"),
        1,
        "stdin:1: invalid UTF-8",
    );
    refused(
        dir.path(),
        "lowercase absent",
        1,
        "cannot read absent: No such file",
    );
    refused(dir.path(), "lowercase --workers 0", 2, "--workers");
    refused(dir.path(), "tokenize", 2, "--language");
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let dir = TempDir::new().unwrap();
    let mut child = tool("text")
        .current_dir(dir.path())
        .args(["lowercase", "--unbuffered"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let _ = child
        .stdin
        .take()
        .unwrap()
        .write_all("A\n".repeat(100_000).as_bytes());
    let output = child.wait_with_output().unwrap();
    assert_success(&output);
    assert_eq!(stderr(&output), "");
}

#[test]
fn clean_and_split_keep_the_sides_in_step() {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    write("c.de", "a b\n\nx |y  z\na b c d e\nl1\nl2\n");
    write("c.en", "A B\nB\nX Y\nA\nL1\nL2\n");
    let clean = "clean c out -s de -t en --max 3 --ratio 1.5";
    let output = text(dir.path(), clean, b"");
    assert_success(&output);
    assert_eq!(stderr(&output), "kept 4 of 6 pairs\n");
    assert_eq!(read("out.de"), "a b\nx y z\nl1\nl2\n");
    assert_eq!(read("out.en"), "A B\nX Y\nL1\nL2\n");
    refused(dir.path(), clean, 1, "out.de is there already");
    refused(
        dir.path(),
        "clean c o -s de -t en --ratio 0.5",
        2,
        "ratio must be at least 1",
    );
    refused(dir.path(), "clean c o -s de -t de", 2, "two suffixes");

    let split = "split out train valid -s de -t en --every 2";
    assert_eq!(
        stderr(&text(dir.path(), split, b"")),
        "2 pairs to train, 2 to validate\n"
    );
    assert_eq!(
        (read("train.de"), read("valid.en")),
        ("a b\nl1\n".into(), "X Y\nL2\n".into())
    );
    refused(
        dir.path(),
        "split out t t -s de -t en --every 2",
        2,
        "both go to t",
    );
    refused(dir.path(), "split out t v -s de -t en --every 1", 2, "--every");

    write("c.en", "A\n");
    let uneven = text(dir.path(), "clean c new -s de -t en", b"");
    assert_fails(
        &uneven,
        1,
        "c.de has 6 lines but c.en has 1; parallel files must be line-aligned",
    );
    assert!(!dir.path().join("new.de").exists() && !dir.path().join("new.en").exists());
}

#[test]
fn subwords_are_split_joined_and_drawn_by_seed() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("codes"), "#version: 0.2\nH u\nHu n\nHun d</w>\n").unwrap();
    fs::write(dir.path().join("vocab"), "Hun@@ 9\nd 9\nHund 1\n").unwrap();
    let run = |flags: &str, input: &str| stdout(dir.path(), &format!("subword {flags}"), input);
    assert_eq!(run("encode --codes codes", "ein Hund\n"), "e@@ i@@ n Hund\n");
    assert_eq!(run("decode --codes codes", "e@@ i@@ n Hund\n"), "ein Hund\n");
    let rare = "encode --codes codes --vocabulary vocab --vocabulary-threshold 5";
    assert_eq!(run(rare, "Hund\n"), "Hun@@ d\n");

    let input = "Hund Hund Hund\n".repeat(300);
    let drawn = |flags: &str| run(&format!("encode --codes codes --bpe-dropout 0.3 {flags}"), &input);
    let first = drawn("--workers 1");
    assert_ne!(first, run("encode --codes codes", &input));
    assert_eq!(drawn("--workers 2 --seed 1"), first);
    assert_ne!(drawn("--seed 2"), first);
    assert_eq!(run("decode --codes codes", &first), input);

    let fails = |flags: &str, code: i32, expected: &str| {
        assert_fails(
            &text(dir.path(), &format!("subword {flags}"), b""),
            code,
            expected,
        );
    };
    fails(
        "encode --codes codes --seed 3",
        2,
        "--seed is for drawn segmentations",
    );
    fails(
        "encode --codes codes --bpe-dropout 2",
        2,
        "BPE-dropout must be from 0 to 1, got 2",
    );
    fails(
        "encode --codes codes --unigram-alpha 0.1",
        2,
        "hint: use BPE-dropout",
    );
    fails(
        "encode --model codes",
        1,
        "codes is not a usable SentencePiece model",
    );
    fails("encode", 2, "--codes");
}

/// A small archive in the layout of IWSLT14's; `pairs` sentences of training text.
fn archive(folder: &Path, pairs: usize) {
    let root = folder.join("de-en");
    fs::create_dir(&root).unwrap();
    for (lang, words) in [
        ("de", ["Hund", "Häuser", "läuft"]),
        ("en", ["dog", "houses", "runs"]),
    ] {
        let mut train = "<url>http://x</url>\n<keywords>a, b</keywords>\n<talkid>1</talkid>\n\
                         <title>Der 1. Titel, Nr. 5</title>\n<description>It's x.</description>\n"
            .to_owned();
        for n in 0..pairs - 2 {
            train += &format!(
                " {} {}, {}{}.\n",
                words[n % 3],
                words[n / 3 % 3],
                words[n / 9 % 3],
                n % 7
            );
        }
        // Left out: empty, and too unlike.
        train += "\n";
        train += if lang == "de" { "a b c d e f g\n" } else { "a\n" };
        fs::write(root.join(format!("train.tags.de-en.{lang}")), train).unwrap();
        for (n, set) in [
            "TED.dev2010",
            "TEDX.dev2012",
            "TED.tst2010",
            "TED.tst2011",
            "TED.tst2012",
        ]
        .into_iter()
        .enumerate()
        {
            let xml = format!(
                "<?xml version=\"1.0\"?>\n<mteval>\n<doc docid=\"1\">\n<title>no</title>\n\
                 <seg id=\"1\"> {} it’s {n}. </seg>\n<seg id=\"2\">{}</seg>\n</doc>\n</mteval>\n",
                words[0], words[1]
            );
            fs::write(root.join(format!("IWSLT14.{set}.de-en.{lang}.xml")), xml).unwrap();
        }
    }
    let packed = Command::new("tar")
        .current_dir(folder)
        .args(["-czf", "de-en.tgz", "de-en"])
        .status()
        .unwrap();
    assert!(packed.success());
}

#[test]
fn extract_follows_the_names_of_the_files() {
    let dir = TempDir::new().unwrap();
    archive(dir.path(), 5);
    let train = stdout(dir.path(), "extract de-en/train.tags.de-en.de", "");
    assert!(
        train.starts_with("Der 1. Titel, Nr. 5\nIt's x.\n Hund Hund, Hund0.\n"),
        "{train}"
    );
    let sets =
        "extract de-en/IWSLT14.TED.tst2011.de-en.en.xml de-en/IWSLT14.TED.dev2010.de-en.en.xml -o test";
    stdout(dir.path(), sets, "");
    assert_eq!(
        fs::read_to_string(dir.path().join("test")).unwrap(),
        "dog it's 3.\nhouses\ndog it's 0.\nhouses\n"
    );
    refused(dir.path(), sets, 1, "test is there already");
    refused(
        dir.path(),
        "extract de-en.tgz",
        2,
        "de-en.tgz: expected a file named",
    );
    fs::write(dir.path().join("x.xml"), "<doc>\n").unwrap();
    refused(dir.path(), "extract x.xml", 1, "x.xml holds no text");
}

#[test]
fn the_iwslt14_recipe_prepares_a_local_archive() {
    let dir = TempDir::new().unwrap();
    archive(dir.path(), 100);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/iwslt14/prepare.sh");
    let prepare = |flags: &[&str]| {
        Command::new("bash")
            .arg(script)
            .args(flags)
            .current_dir(dir.path())
            .env(
                "BURNSEQ_BIN",
                Path::new(env!("CARGO_BIN_EXE_burnseq")).parent().unwrap(),
            )
            .output()
            .unwrap()
    };
    let output = prepare(&["--archive", "de-en.tgz", "--dir", "out"]);
    assert_success(&output);
    // 102 lines with title and description, of which two are left out.
    assert_says(&stderr(&output), "kept 100 of 102 pairs");
    assert_says(&stderr(&output), "== pairs (train, valid, test): 96 4 10");
    let read = |name: &str| fs::read_to_string(dir.path().join("out").join(name)).unwrap();
    assert!(read("text/train.de").starts_with("der 1. titel , nr. 5\nit &apos; s x .\n"));
    assert!(read("text/train.en").starts_with("der 1 . titel , nr. 5\nit &apos;s x .\n"));
    assert_eq!(read("text/test.en").lines().next(), Some("dog it &apos;s 0 ."));
    // Line 23 of the cleaned text: title, description, then sentence 20, counted from 0.
    assert_eq!(
        read("text/valid.de").lines().next(),
        Some("läuft hund , läuft6 .")
    );
    for name in [
        "dict.de.txt",
        "dict.en.txt",
        "train.de-en.de.idx",
        "test.de-en.en.bin",
        "bpe.codes",
    ] {
        assert!(dir.path().join("out/data-bin").join(name).is_file(), "{name}");
    }
    let mut left: Vec<_> = fs::read_dir(dir.path().join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["data-bin", "text"]);

    for lang in ["de", "en"] {
        fs::write(dir.path().join(format!("nonbreaking_prefix.{lang}")), "Nr\n").unwrap();
    }
    let listed = prepare(&["--archive", "de-en.tgz", "--dir", "listed", "--prefixes", "."]);
    assert_success(&listed);
    assert!(read("../listed/text/train.de").starts_with("der 1 . titel , nr. 5\n"));

    let again = prepare(&["--archive", "de-en.tgz", "--dir", "out"]);
    assert_fails(&again, 1, "out/text is there already");
    assert_fails(
        &prepare(&["--archive", "absent.tgz"]),
        1,
        "absent.tgz does not exist",
    );
    assert_fails(
        &prepare(&["--prefixes", "de-en"]),
        1,
        "nonbreaking_prefix.de does not exist",
    );
}
