//! Files that are no plain text: read where they are gzip or zstd, named with their remedy elsewhere.

use crate::fixture::assert_says;
use std::fs;
use std::path::Path;

use crate::cases::{cases, ok, sh, stderr_of};

const TEXT: &str = "ein Hund\nzwei Hünde\n\nvier\n";

/// A folder with `plain`, and the same packed.
fn packed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plain"), TEXT).unwrap();
    ok(dir.path(), "gzip -c plain > gz");
    ok(dir.path(), "(gzip -c plain; gzip -c plain) > twice");
    dir
}

fn is_installed(program: &str) -> bool {
    sh(Path::new("."), &format!("command -v {program}"))
        .status
        .success()
}

#[test]
fn s11_compressed_text_is_read() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    ok(
        dir,
        "preprocess -s de -t en --trainpref s11/zip --destdir d11 --log-format none",
    );
    for lang in ["de", "en"] {
        ok(dir, &format!("gzip -dc s11/zip.{lang} > plain.{lang}"));
    }
    ok(
        dir,
        "preprocess -s de -t en --trainpref plain --destdir plain --log-format none",
    );
    for name in ["dict.de.txt", "train.de-en.de.bin", "train.de-en.en.bin"] {
        let read = |folder: &str| fs::read(dir.join(folder).join(name)).unwrap();
        assert_eq!(read("d11"), read("plain"), "{name}");
    }
    assert_eq!(ok(dir, "burnseq score s11/zip.de -i s11/zip.de -b"), "100.0\n");
    assert_eq!(ok(dir, "burnseq score s11/zip.de -b < plain.de"), "100.0\n");
}

#[test]
fn every_tool_reads_compressed_text() {
    let dir = packed();
    let dir = dir.path();
    let mut kinds = vec![("gz", TEXT.to_owned()), ("twice", TEXT.repeat(2))];
    if is_installed("zstd") {
        ok(
            dir,
            "zstd -q -c plain > zst; zstd -q -c plain >> zst; zstd -q --long=27 -19 plain -o long",
        );
        kinds.extend([("zst", TEXT.repeat(2)), ("long", TEXT.to_owned())]);
    }
    for (name, expected) in kinds {
        let lower = expected.to_lowercase();
        assert_eq!(ok(dir, &format!("burnseq text lowercase {name}")), lower);
        assert_eq!(ok(dir, &format!("burnseq text lowercase < {name}")), lower);
        assert_eq!(ok(dir, &format!("cat {name} | burnseq text lowercase -b")), lower);
        assert_eq!(
            ok(dir, &format!("burnseq score -s {name} -r {name}")),
            ok(dir, &format!("burnseq score -s {name} -r {name}"))
        );
    }
    // Dictionaries, codes and lists.
    fs::write(dir.join("codes"), "#version: 0.2\nH u\n").unwrap();
    fs::write(dir.join("list"), "Foo\n").unwrap();
    ok(dir, "gzip codes list");
    assert_eq!(
        ok(dir, "echo Hund | burnseq text subword encode --codes codes.gz"),
        "Hu@@ n@@ d\n"
    );
    assert_eq!(
        ok(
            dir,
            "echo Foo. X | burnseq text tokenize -l en --nonbreaking-prefixes list.gz"
        ),
        "Foo. X\n"
    );
    fs::write(dir.join("dict"), "ein 3\nHund 1\n").unwrap();
    fs::write(dir.join("test.de"), TEXT).unwrap();
    ok(
        dir,
        "gzip dict; preprocess -s de --only-source --srcdict dict.gz --testpref test --destdir out --log-format none",
    );
    assert_eq!(
        fs::read_to_string(dir.join("out/dict.de.txt")).unwrap(),
        "ein 3\nHund 1\n"
    );
    fs::write(dir.join("a.xml"), "<seg id=\"1\"> Ja. </seg>\n").unwrap();
    ok(dir, "gzip a.xml");
    assert_eq!(ok(dir, "burnseq text extract a.xml.gz"), "Ja.\n");
    // Corpora whose files have the suffix of their compression.
    for lang in ["de", "en"] {
        fs::write(dir.join(format!("corpus.{lang}")), "a b\nc d\n").unwrap();
    }
    ok(
        dir,
        "gzip corpus.de corpus.en; burnseq text clean corpus out -s de -t en",
    );
    assert_eq!(fs::read_to_string(dir.join("out.en")).unwrap(), "a b\nc d\n");
}

#[test]
fn files_of_another_kind_are_named_with_their_remedy() {
    let dir = packed();
    let dir = dir.path();
    let wide: Vec<u8> = format!("\u{feff}{TEXT}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(dir.join("utf16"), &wide).unwrap();
    fs::write(dir.join("utf16le"), &wide[2..]).unwrap();
    fs::write(dir.join("xz"), b"\xfd7zXZ\0\0\x04").unwrap();
    fs::write(dir.join("bz2"), b"BZh91AY&SY\0\0").unwrap();
    fs::write(dir.join("zip"), b"PK\x03\x04\x14\0").unwrap();
    for (name, kind, remedy) in [
        (
            "utf16",
            "UTF-16 text, not UTF-8",
            "`iconv -f UTF-16 -t UTF-8 FILE`",
        ),
        (
            "utf16le",
            "UTF-16 text, not UTF-8",
            "`iconv -f UTF-16LE -t UTF-8 FILE`",
        ),
        ("xz", "compressed with xz", "`xz -dc FILE`"),
        ("bz2", "compressed with bzip2", "`bzip2 -dc FILE`"),
        ("zip", "a zip archive", "`unzip -p FILE`"),
    ] {
        ok(dir, &format!("cp {name} t.de; cp {name} t.en"));
        for (command, code) in [
            (format!("burnseq text lowercase {name}"), 1),
            (format!("burnseq text lowercase < {name}"), 1),
            (format!("burnseq score -s {name} -r {name}"), 1),
            (format!("burnseq score {name} < plain"), 1),
            ("preprocess -s de -t en --trainpref t --destdir no".to_owned(), 1),
        ] {
            let stderr = stderr_of(dir, &command, code);
            assert!(stderr.contains(&format!("is {kind}")), "{command}: {stderr}");
            assert!(
                stderr.contains(remedy) && !stderr.contains("LATIN1"),
                "{command}: {stderr}"
            );
        }
        assert!(!dir.join("no").exists());
    }
    // What the real programs write.
    for (program, make, kind) in [
        ("xz", "xz -c", "xz"),
        ("bzip2", "bzip2 -c", "bzip2"),
        ("zip", "zip -q -", "zip"),
    ] {
        if is_installed(program) {
            let stderr = stderr_of(dir, &format!("{make} plain | burnseq text lowercase"), 1);
            assert_says(&stderr, kind);
        }
    }
}

#[test]
fn no_advice_turns_text_into_garbage() {
    let dir = tempfile::tempdir().unwrap();
    let advice = |bytes: &[u8]| {
        fs::write(dir.path().join("x"), bytes).unwrap();
        stderr_of(dir.path(), "burnseq text lowercase x", 1)
    };
    // A byte of damage in UTF-8 text: to convert it from Latin 1 would spoil all other letters.
    let damaged = advice(b"gr\xc3\xbcn\nbl\xe4u\n");
    assert!(
        damaged.contains("x:2: invalid UTF-8") && damaged.contains("iconv -c -f UTF-8"),
        "{damaged}"
    );
    let behind = advice(b"bl\xe4u gr\xc3\xbcn\n");
    assert_says(&behind, "iconv -c -f UTF-8");
    let other = advice(b"plain\nbl\xe4u\n");
    assert!(
        other.contains("find out the encoding") && !other.contains("iconv -c"),
        "{other}"
    );
    let cut = advice(&[&b"a\n"[..], &[0xe4, 0, b'b', 0]].concat());
    assert_says(&cut, "UTF-16");
    // A part of a packed file is no text.
    ok(dir.path(), "yes | head -1000 | gzip -c | head -c 20 > cut");
    let stderr = stderr_of(dir.path(), "burnseq text lowercase cut", 1);
    assert_says(&stderr, "cannot read cut");
}

#[test]
fn tar_archives_are_refused_with_their_remedy() {
    if !is_installed("tar") {
        return;
    }
    let dir = packed();
    let dir = dir.path();
    ok(
        dir,
        "tar -cf a.tar plain; tar --format=v7 -cf old.tar plain; tar -czf a.tgz plain",
    );
    ok(
        dir,
        "for l in de en; do cp a.tar t.$l; gzip -c a.tar > z.$l; done",
    );
    let mut archives = vec![
        ("a.tar", "is a tar archive", "`tar -xOf FILE`"),
        ("old.tar", "is a tar archive", "`tar -xOf FILE`"),
        ("a.tgz", "is a tar archive, packed with gzip", "`tar -xzOf FILE`"),
    ];
    if is_installed("zstd") {
        ok(dir, "zstd -q a.tar -o a.tzst");
        archives.push((
            "a.tzst",
            "is a tar archive, packed with zstd",
            "`tar --zstd -xOf FILE`",
        ));
    }
    for (name, kind, remedy) in archives {
        for command in [
            format!("burnseq text lowercase {name}"),
            format!("cat {name} | burnseq text lowercase"),
            format!("burnseq score -s {name} -r {name}"),
        ] {
            let stderr = stderr_of(dir, &command, 1);
            assert!(
                stderr.contains(kind) && stderr.contains(remedy),
                "{command}: {stderr}"
            );
        }
        // The remedy gives the text.
        let unpack = remedy.trim_matches('`').replace("FILE", name);
        assert_eq!(ok(dir, &unpack), TEXT, "{unpack}");
    }
    for (prefix, remedy) in [("t", "`tar -xOf FILE`"), ("z", "`tar -xzOf FILE`")] {
        let command = format!("preprocess -s de -t en --trainpref {prefix} --destdir no");
        let stderr = stderr_of(dir, &command, 1);
        assert_says(&stderr, remedy);
        assert!(!dir.join("no").exists());
    }
    // Lines that are typed or come in small pieces are text at once.
    assert_eq!(
        ok(
            dir,
            "(printf 'A'; sleep 0.1; printf 'B\\nC') | burnseq text lowercase"
        ),
        "ab\nc\n"
    );
}
