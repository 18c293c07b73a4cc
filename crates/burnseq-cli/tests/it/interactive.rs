//! `interactive` as a user runs it: groups of lines, any bytes, pauses, wrong usage.

use crate::fixture::assert_says;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Output, Stdio};

use super::fixture::{assert_fails, folder, lines_of, run, stdout, tool};

fn interactive(dir: &Path, flags: &str, stdin: &[u8]) -> Output {
    let flags: Vec<&str> = flags.split_whitespace().collect();
    run("interactive", dir, &flags, stdin)
}

/// The kinds of the lines of each group, in order.
fn kinds(out: &str) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for line in out.lines() {
        if line.starts_with("S-") {
            groups.push(String::new());
        }
        groups.last_mut().unwrap().push(line.chars().next().unwrap());
    }
    groups
}

/// The lines but those with times.
fn timeless(out: &str) -> Vec<&str> {
    out.lines().filter(|line| !line.starts_with("W-")).collect()
}

#[test]
fn every_line_gives_the_group_that_generate_gives_for_its_sentence() {
    let dir = folder();
    let test = fs::read(dir.path().join("data/test.de")).unwrap();
    let flags = "--beam 3 --nbest 2 --max-len-b 8 --remove-bpe --print-alignment --buffer-size 8";
    let out = stdout(&interactive(dir.path(), flags, &test));
    assert_eq!(kinds(&out), vec!["SWHDPAHDPA"; 21]);
    let generate = "data-bin --beam 3 --nbest 2 --max-len-b 8 --remove-bpe --print-alignment";
    let generate: Vec<&str> = generate.split(' ').collect();
    let expected = stdout(&run("generate", dir.path(), &generate, b""));
    // Lines that change places would be noticed.
    let scores: BTreeSet<Vec<String>> = lines_of(&out, 'P').into_values().collect();
    assert!(scores.len() > 10, "{scores:?}");
    for kind in ['S', 'D', 'A', 'P'] {
        let text = |out: &str| -> Vec<Vec<String>> {
            let text = |line: &String| line.rsplit('\t').next().unwrap().to_owned();
            lines_of(out, kind)
                .values()
                .map(|lines| lines.iter().map(text).collect())
                .collect()
        };
        assert_eq!(text(&out), text(&expected), "{kind}");
    }
    for line in out.lines().filter(|line| line.starts_with("W-")) {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!((fields.len(), fields[2]), (3, "seconds"), "{line}");
        let (_, decimals) = fields[1].split_once('.').unwrap();
        assert!(decimals.len() == 3 && fields[1].parse::<f64>().is_ok(), "{line}");
    }
    for flags in [
        "--buffer-size 1",
        "--buffer-size 100 --batch-size 3",
        "--input data/test.de",
    ] {
        let flags = format!("--beam 3 --nbest 2 --max-len-b 8 --remove-bpe --print-alignment {flags}");
        let other = stdout(&interactive(dir.path(), &flags, &test));
        let text = |out: &str| -> Vec<String> {
            let text = |line: &&str| line.rsplit('\t').next().unwrap().to_owned();
            out.lines()
                .filter(|line| line.starts_with(['S', 'D', 'P']))
                .map(|line| text(&line))
                .collect()
        };
        assert_eq!(text(&other), text(&out), "{flags}");
    }
}

#[test]
fn any_bytes_give_one_group_a_line() {
    let dir = folder();
    let mut input = b"Hund und Ball 1\r\n\n \t \nMann \xff\xfe 2\nM\0ann\n".to_vec();
    input.extend("Ball ".repeat(200_000).bytes()); // a line of 1 MB
    input.extend(b"\n");
    input.extend("B".repeat(1_000_000).bytes());
    input.extend("\n\u{feff}Ωλ🦀\nlast".bytes());
    let output = interactive(dir.path(), "--max-len-b 5 --buffer-size 4", &input);
    let out = stdout(&output);
    assert_eq!(kinds(&out), vec!["SWHDP"; 9], "{out}");
    let ids: Vec<usize> = lines_of(&out, 'H').into_keys().collect();
    assert_eq!(ids, (0..9).collect::<Vec<_>>());
    let hypotheses = lines_of(&out, 'H');
    for id in [1, 2] {
        assert_eq!(hypotheses[&id], ["0.0\t"]);
    }
    for id in [5, 6] {
        assert_eq!(hypotheses[&id], ["-inf\t"]);
    }
    for id in [0, 3, 4, 7, 8] {
        assert!(hypotheses[&id][0].len() > 5, "{out}");
    }
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_says(
        &stderr,
        "line 4 is not UTF-8; what cannot be read was replaced by U+FFFD",
    );
    assert!(
        stderr.contains("line 6 has ") && stderr.contains("at most 30 can be translated"),
        "{stderr}"
    );
    assert_says(&stderr, "line 7 has ");

    assert_eq!(stdout(&interactive(dir.path(), "", b"")), "");
    assert_eq!(
        kinds(&stdout(&interactive(dir.path(), "--max-len-b 5", b"\n"))),
        ["SWHDP"]
    );
    assert_eq!(
        kinds(&stdout(&interactive(dir.path(), "--max-len-b 5", b"\xff"))),
        ["SWHDP"]
    );
}

#[test]
fn bytes_drawn_at_random_give_as_many_groups_as_there_are_lines() {
    let dir = folder();
    let mut state = 5_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    // Line ends, tabulators, NUL and letters of the dictionary are more likely than in noise.
    let common = b"\n\n\r\t\0 HundMan";
    let input: Vec<u8> = (0..4000)
        .map(|_| {
            if next() < 128 {
                common[usize::from(next()) % common.len()]
            } else {
                next()
            }
        })
        .collect();
    let mut reader = burnseq::text::LineReader::new(input.as_slice(), "x");
    let mut lines = 0;
    while reader.read_bytes().unwrap().is_some() {
        lines += 1;
    }
    assert!(lines > 200, "{lines}");
    for flags in [
        "--max-len-b 2 --beam 2",
        "--max-len-b 2 --beam 2 --constraints",
        "--max-len-b 2 --tokenized",
    ] {
        let out = interactive(dir.path(), &format!("{flags} --buffer-size 50"), &input);
        let out = stdout(&out);
        assert_eq!(kinds(&out).len(), lines, "{flags}");
        let ids: Vec<usize> = lines_of(&out, 'H').into_keys().collect();
        assert_eq!(ids, (0..lines).collect::<Vec<_>>(), "{flags}");
    }
}

#[test]
fn lines_are_answered_when_no_more_come() {
    let dir = folder();
    let mut child = tool("interactive")
        .current_dir(dir.path())
        .args(["--cpu", "--max-len-b", "4", "--buffer-size", "100"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    for id in 0..3 {
        stdin.write_all(b"Hund und Mann 1\n").unwrap();
        stdin.flush().unwrap();
        // The input stays open: the answer must come all the same.
        for kind in ["S", "W", "H", "D", "P"] {
            let line = out.next().unwrap().unwrap();
            assert!(line.starts_with(&format!("{kind}-{id}\t")), "{line}");
        }
    }
    drop(stdin);
    assert!(out.next().is_none());
    assert!(child.wait().unwrap().success());
}

#[test]
fn constraints_stand_behind_tabulators_and_on_lines_of_their_own() {
    let dir = folder();
    let text = b"Hund Mann 1\tbird\tball\nMann\nHund\t\xce\xa9\nBall\t\n";
    let output = interactive(
        dir.path(),
        "--constraints --max-len-b 20 --buffer-size 4 --remove-bpe",
        text,
    );
    let out = stdout(&output);
    assert_eq!(kinds(&out), ["SWCCHDP", "SWHDP", "SWHDP", "SWHDP"]);
    assert_eq!(lines_of(&out, 'C')[&0], ["bird", "ball"]);
    let translation = &lines_of(&out, 'D')[&0][0];
    assert!(
        translation.find("bird").unwrap() < translation.find("ball").unwrap(),
        "{translation}"
    );
    assert_eq!(lines_of(&out, 'H')[&2], ["-inf\t"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_says(&stderr, "line 3: the constraint \"Ω\" holds ");

    // Too long for any hypothesis: told, and the other lines are answered.
    let text = b"Hund\tbird ball dog man bird ball\nMann\n";
    let output = interactive(dir.path(), "--constraints --max-len-b 2 --buffer-size 2", text);
    let out = stdout(&output);
    assert_eq!(lines_of(&out, 'H')[&0], ["-inf\t"]);
    assert!(lines_of(&out, 'H')[&1][0].len() > 5);
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("line 1: the constraints of sentence 0 cannot be met")
    );
}

#[test]
fn tokens_may_come_instead_of_text() {
    let dir = folder();
    let raw = stdout(&interactive(dir.path(), "--max-len-b 6", b"Hund und Mann 1\n"));
    let tokens = lines_of(&raw, 'S')[&0][0].clone();
    let tokenised = stdout(&interactive(
        dir.path(),
        "--max-len-b 6 --tokenized",
        tokens.as_bytes(),
    ));
    assert_eq!(timeless(&raw), timeless(&tokenised));
    let with_data = stdout(&interactive(
        dir.path(),
        "data-bin -s de -t en --max-len-b 6",
        b"Hund und Mann 1\n",
    ));
    assert_eq!(timeless(&raw), timeless(&with_data));
}

#[test]
fn wrong_usage_ends_with_two_before_anything_is_loaded() {
    let dir = tempfile::TempDir::new().unwrap();
    for (flags, expected) in [
        ("--batch-size 4", "add --buffer-size 4"),
        ("--score-reference", "use `generate`"),
        ("--sampling --constraints", "--sampling and --constraints"),
        ("--beam 0", "--beam = 0"),
        ("--lm-weight 1", "--lm-path"),
        ("--no-such-flag", "--no-such-flag"),
    ] {
        assert_fails(&interactive(dir.path(), flags, b""), 2, expected);
    }
    assert_fails(&interactive(dir.path(), "", b"x\n"), 1, "no checkpoint here");
    let dir = folder();
    assert_fails(
        &interactive(dir.path(), "--input none.txt", b""),
        1,
        "cannot read none.txt",
    );
}
