//! sacreBLEU's spellings in `score`.

use crate::fixture::assert_says;
use std::fs;

use crate::cases::{cases, ok, stderr_of};

#[test]
fn s08_sacrebleus_command_lines_work() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    // The numbers are those of sacreBLEU 2.6.0.
    assert_eq!(
        ok(
            dir,
            "burnseq score --tokenize none --smooth-method none -b s08/ref < s08/hyp"
        ),
        "85.5\n"
    );
    let line = ok(dir, "burnseq score -tok none -s none s08/ref < s08/hyp");
    assert!(
        line.starts_with("BLEU|nrefs:1|case:mixed|eff:no|tok:none|smooth:none|version:"),
        "{line}"
    );
    assert_says(&line, " = 85.5 ");
    for command in [
        "burnseq score -l en-de -b s08/ref < s08/hyp",
        "burnseq score -q -l en-de -b s08/ref -i s08/hyp",
        "burnseq score -e utf-8 s08/ref -i s08/hyp -b",
        "burnseq score s08/ref -i s08/hyp -b -nc -s exp",
    ] {
        assert_eq!(ok(dir, command), "92.7\n", "{command}");
    }
    // fairseq-score's -s still names the translations.
    ok(dir, "cp s08/hyp none");
    assert!(ok(dir, "burnseq score -s none -r s08/ref").starts_with("BLEU4 = "));
    for (command, remedy) in [
        (
            "burnseq score -t wmt14 -l en-de < s08/hyp",
            "sacrebleu -t SET -l PAIR --echo ref > REF",
        ),
        ("burnseq score -d s08/ref < s08/hyp", "leave it out"),
        (
            "burnseq score -e latin1 s08/ref < s08/hyp",
            "iconv -f latin1 -t UTF-8",
        ),
        (
            "burnseq score -sh s08/ref < s08/hyp",
            "signatures are printed in full",
        ),
        ("burnseq score -l en-ja s08/ref < s08/hyp", "--tokenize char"),
    ] {
        let stderr = stderr_of(dir, command, 2);
        assert!(
            stderr.contains("hint: ") && stderr.contains(remedy),
            "{command}: {stderr}"
        );
    }
}

#[test]
fn several_references_and_systems_come_in_sacrebleus_ways() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("hyp", "the dog runs home .\nthe cat is here .\n");
    write("other", "a dog runs there .\nthe cat sits here .\n");
    write("ref1", "the dog runs home .\nthe cat sits here .\n");
    write("ref2", "the dog goes home .\nthe cat is here .\n");
    let run = |command: &str| ok(dir.path(), command);
    // sacrebleu 2.6.0 ref1 ref2 -i hyp -b; ref1 -i hyp -b
    assert_eq!(run("burnseq score ref1 ref2 -i hyp -b"), "100.0\n");
    assert_eq!(run("burnseq score ref1 -i hyp -b -w 4"), "64.0931\n");
    run("gzip -k ref1; paste ref1 ref2 > refs; paste hyp other > systems");
    assert_eq!(run("burnseq score ref1.gz -i hyp -b -w 4"), "64.0931\n");
    assert_eq!(run("burnseq score refs -nr 2 < hyp -b"), "100.0\n");
    assert_eq!(run("burnseq score ref1 -b -w 2 < systems"), "64.09\n59.46\n");
    assert!(run("burnseq score ref1 < systems").contains("System 2"));
    let stderr = stderr_of(dir.path(), "burnseq score refs -nr 3 < hyp", 1);
    assert_says(&stderr, "refs:1: --num-refs asks for 3 references");
}

#[test]
fn line_ends_are_no_characters_for_chrf() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("hyp"),
        "der Hund läuft  \r\neine Katze\u{a0}\t\nzwei  Wörter\u{1c}\n",
    )
    .unwrap();
    fs::write(
        dir.path().join("ref"),
        "der Hund läuft.\neine Katze\nzwei Wörter \n",
    )
    .unwrap();
    let chrf = |flags: &str| {
        ok(
            dir.path(),
            &format!("burnseq score ref -i hyp -m chrf -w 6 -b {flags}"),
        )
    };
    // sacrebleu 2.6.0 on the same files, with and without --chrf-whitespace.
    assert_eq!(chrf("--chrf-whitespace"), "89.322992\n");
    assert_eq!(chrf("--chrf-whitespace -cw 2"), "88.713283\n");
    assert_eq!(chrf(""), "96.550560\n");
}
