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

/// A header of safetensors, and `data` behind it.
fn tensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn oddities_are_told_by_what_they_are() {
    let f32s = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let huge = r#"{"w":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#;
    let utf16: Vec<u8> = "\u{feff}ein Haus\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut packed = Vec::new();
    let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &[0; 100_000]).unwrap();
    encoder.finish().unwrap();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "the file is empty"),
        ("elf", b"\x7fELF\x02\x01\xff".to_vec(), "it is a program"),
        (
            "x.bin",
            b"\x7fELF\x02\x01\xff".to_vec(),
            "copy its index beside it: x.idx",
        ),
        ("x.png", b"\x89PNG\r\n\x1a\n\0".to_vec(), "it is a picture (PNG)"),
        ("x.pdf", b"%PDF-1.4\n%\xe2\xe3".to_vec(), "pdftotext"),
        ("x.npy", b"\x93NUMPY\x01\0".to_vec(), "it is an array of NumPy"),
        (
            "x.gguf",
            b"GGUF\x03\0\0\0".to_vec(),
            "it is a model of llama.cpp (GGUF)",
        ),
        ("x.pkl", b"\x80\x04\x95\x0a".to_vec(), "it is a pickle of Python"),
        ("x.pt", b"\x80\x02junk".to_vec(), "is not a file of torch.save"),
        (
            "zip.pt",
            b"PK\x03\x04junk".to_vec(),
            "the archive has no directory at its end",
        ),
        ("x.idx", vec![0; 5000], "is no index of a dataset"),
        ("cut.idx", b"MMIDIDX\0\0\x01".to_vec(), "cut."),
        ("utf16.de", utf16, "iconv -f UTF-16"),
        (
            "latin1.de",
            b"T\xfcr\n".to_vec(),
            "is text, but not UTF-8: byte 2 is none\nhint: ",
        ),
        (
            "random",
            b"\x9a\x03\xfe\x01".to_vec(),
            "byte 1 is not UTF-8 text, and no known file begins like this",
        ),
        ("zeros", vec![0; 5000], "it holds zero bytes"),
        ("zeros.gz", packed, "it holds zero bytes"),
        ("x.xz", b"\xfd7zXZ\0abc".to_vec(), "xz -dc"),
        ("x.7z", b"7z\xbc\xaf\x27\x1cabc\xff".to_vec(), "7z e"),
        ("cut.safetensors", tensors(f32s, &[0; 7]), "is cut or damaged"),
        ("huge.safetensors", tensors(huge, &[]), "is cut or damaged"),
        (
            "bad.safetensors",
            tensors("{nonsense", &[0; 7]),
            "is cut or damaged",
        ),
        (
            "deep.json",
            "{\"a\":".repeat(100_000).into_bytes(),
            "is damaged JSON",
        ),
        ("dict.bad.txt", b"haus\n".to_vec(), "expected `<token> <count>`"),
        ("page.html", b"<!DOCTYPE html>\n".to_vec(), "is a web page"),
        (
            "model.pt",
            b"version https://git-lfs.github.com/spec/v1\n".to_vec(),
            "git lfs pull",
        ),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (name, content, part) in cases {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        let problem = match inspect(&path, 2) {
            Ok(findings) => findings.problems.join("; "),
            Err(error) => describe(&error),
        };
        assert!(problem.contains(part), "{name}: {problem:?} lacks {part:?}");
    }
    // Blank lines alone are text, and begin as a model of SentencePiece does.
    let blank = dir.path().join("blank.de");
    fs::write(&blank, "\n".repeat(100)).unwrap();
    assert_eq!(inspect(&blank, 0).unwrap().what, "text");
    // Of a dataset.
    fs::create_dir(dir.path().join("folder.bin")).unwrap();
    let error = inspect(&dir.path().join("folder.bin"), 0)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("is neither a dataset"), "{error}");
}

#[test]
fn of_a_large_file_the_start_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.de");
    fs::write(&path, "ein haus steht hier\n".repeat(3_000_000)).unwrap();
    let findings = inspect(&path, 1).unwrap();
    assert_eq!(
        findings.notes,
        ["the first 32 MiB were read, and the numbers are theirs"]
    );
    assert!(findings.facts.contains(&("longest line", "4 words".to_owned())));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_read() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let error = |path: &Path| inspect(path, 1).unwrap_err().to_string();
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    assert_eq!(
        error(&at("pipe")),
        "is a named pipe, not a file\nhint: save what it gives to a file"
    );
    for device in ["/dev/null", "/dev/zero"] {
        assert!(error(Path::new(device)).starts_with("is a device"), "{device}");
    }
    symlink("nowhere", at("broken")).unwrap();
    assert!(error(&at("broken")).starts_with("is a link to nowhere: "));
    symlink("loop", at("loop")).unwrap();
    assert!(error(&at("loop")).starts_with("is a link to loop: "));

    // Names that are no text, and would fool a reader of what is printed.
    let name = OsStr::from_bytes(b"a\nb\x1b[2J\xff");
    fs::write(dir.path().join(name), "ein haus\n").unwrap();
    let path = dir.path().join(name);
    assert_eq!(inspect(&path, 0).unwrap().what, "text");
    let shown = printable(Path::new(name));
    assert_eq!(shown, "a\\nb\\u{1b}[2J\u{fffd}");
}
