//! `score` as a user runs it: fairseq's lines, sacreBLEU's lines, tables and JSON, wrong input.

use crate::fixture::{assert_says, assert_success};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Output, Stdio};

use burnseq_testing::shared;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::tool;

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn score(folder: &Path, flags: &str) -> Output {
    let mut command = tool("score");
    command
        .current_dir(folder)
        .args(flags.split_whitespace())
        .output()
        .unwrap()
}

#[track_caller]
fn stdout(output: &Output) -> &str {
    assert_success(output);
    std::str::from_utf8(&output.stdout).unwrap()
}

#[track_caller]
fn assert_fails(output: &Output, code: i32, expected: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_says(&stderr, expected);
    assert!(output.stdout.is_empty());
}

#[track_caller]
fn assert_close(ours: &Value, theirs: &Value, tolerance: f64) {
    let (Some(a), Some(b)) = (ours.as_f64(), theirs.as_f64()) else {
        assert_eq!(ours, theirs);
        return;
    };
    assert!((a - b).abs() <= tolerance, "{a} instead of {b}");
}

/// A folder of small files: two systems and two references of three sentences.
fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write(
        "ref",
        "the small cat sat on the mat.\nwe saw it, too.\nGood night.\n",
    );
    write(
        "ref2",
        "a small cat was sitting on the mat.\nwe saw that as well.\nGood night!\n",
    );
    write("a", "the small cat sat on a mat.\nwe saw it, too.\ngood night.\n");
    write("b", "small cat mat.\nsaw it\nnight\n");
    dir
}

#[test]
fn lines_are_those_of_fairseq_score() {
    let Some(golden) = shared("golden/score") else {
        return;
    };
    let mut compared = 0;
    for run in json(&golden.join("fairseq_score.json")).as_array().unwrap() {
        // Some runs failed in fairseq itself.
        if run["rc"] != 0 {
            continue;
        }
        let output = score(&golden, run["args"].as_str().unwrap());
        let printed = run["stdout"].as_array().unwrap().last().unwrap();
        assert_eq!(
            *printed,
            stdout(&output).trim_end_matches('\n'),
            "{}",
            run["args"]
        );
        compared += 1;
    }
    assert!(compared > 5);

    let lines = json(&golden.join("sacrebleu.json"));
    let plain = |line: &&Value| line["sys"] == "sys_a" && line["options"] == serde_json::json!({});
    let expected = lines.as_array().unwrap().iter().find(plain).unwrap();
    let output = score(&golden, "-s sys_a.txt -r ref.txt --sacrebleu");
    assert_eq!(expected["line"], stdout(&output).lines().next().unwrap());
}

#[test]
fn each_line_can_have_its_own_score() {
    let Some(path) = shared("vectors/tokenized_bleu.json") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let mut compared = 0;
    for case in json(&path)["cases"].as_array().unwrap() {
        let lines = |side: &Value| -> Vec<String> {
            let lines = side.as_array().unwrap().iter();
            lines.map(|line| line.as_str().unwrap().to_owned()).collect()
        };
        let (hypotheses, references) = (lines(&case["hyps"]), lines(&case["refs"][0]));
        // A carriage return or line feed inside a segment cannot be in a file of lines.
        let breaks = |line: &String| line.contains(['\r', '\n']);
        if hypotheses.iter().chain(&references).any(breaks) {
            continue;
        }
        for (name, lines) in [("sys", hypotheses), ("ref", references)] {
            let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
            fs::write(dir.path().join(name), text).unwrap();
        }
        let output = score(dir.path(), "-s sys -r ref --sentence-bleu");
        let sentences = case["fairseq_sentence"].as_array().unwrap();
        assert_eq!(stdout(&output).lines().count(), sentences.len());
        for ((number, expected), line) in sentences.iter().enumerate().zip(stdout(&output).lines()) {
            assert_eq!(format!("{number} {}", expected["line"].as_str().unwrap()), line);
        }
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn what_a_decoder_printed_is_scored_as_it_says_itself() {
    let Some(golden) = shared("golden/generate") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    for run in ["beam5", "beam5_nbest5", "beam5_diverse5_patched_200"] {
        let file = fs::File::open(golden.join(format!("{run}.txt.gz"))).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(file)
            .read_to_string(&mut text)
            .unwrap();
        fs::write(dir.path().join("out"), &text).unwrap();
        let (_, expected) = text.lines().last().unwrap().split_once(": ").unwrap();
        let output = score(dir.path(), "--gen-output out");
        assert_eq!(stdout(&output), format!("{expected}\n"), "{run}");
    }
    // D- lines against references of one's own: here the T- lines, so that both ways agree.
    let text = fs::read_to_string(dir.path().join("out")).unwrap();
    let mut targets: Vec<(usize, &str)> = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("T-")) {
        let (id, target) = line.split_once('\t').unwrap();
        targets.push((id.parse().unwrap(), target));
    }
    targets.sort_unstable();
    let reference: String = targets.iter().flat_map(|(_, target)| [*target, "\n"]).collect();
    fs::write(dir.path().join("ref"), reference).unwrap();
    let own = score(dir.path(), "--gen-output out -m bleu --force");
    let given = score(dir.path(), "ref --gen-output out --force");
    assert_eq!(stdout(&own), stdout(&given));
}

#[test]
fn intervals_and_tests_are_those_of_sacrebleu() {
    let Some(path) = shared("vectors/sacrebleu.json") else {
        return;
    };
    let vectors = &json(&path)["bootstrap"];
    let dir = TempDir::new().unwrap();
    for (name, lines) in [
        ("base", &vectors["base"]),
        ("sys", &vectors["sys"]),
        ("ref", &vectors["refs"][0]),
    ] {
        let lines = lines.as_array().unwrap().iter();
        let text: String = lines.flat_map(|line| [line.as_str().unwrap(), "\n"]).collect();
        fs::write(dir.path().join(name), text).unwrap();
    }
    for (flag, test) in [("--paired-bs", "bs"), ("--paired-ar", "ar")] {
        let output = score(
            dir.path(),
            &format!("ref -i base sys -m bleu chrf ter {flag} -f json"),
        );
        let ours: Value = serde_json::from_str(stdout(&output)).unwrap();
        assert_eq!(
            (&ours[0]["system"], &ours[1]["system"]),
            (&"Baseline: base".into(), &"sys".into())
        );
        for metric in ["BLEU", "chrF2", "TER"] {
            for system in [0, 1] {
                let (ours, theirs) = (&ours[system][metric], &vectors["paired"][test][metric][system]);
                assert_close(&ours["score"], &theirs["score"], 1e-9);
                assert_close(&ours["mean"], &theirs["mean"], 1e-5);
                assert_close(&ours["ci"], &theirs["ci"], 1e-5);
                assert_close(&ours["p_value"], &theirs["p"], 1e-12);
            }
        }
    }
    let output = score(dir.path(), "ref -i base -m bleu chrf ter --confidence -w 2");
    let without_version = |line: &str| {
        let (signature, figures) = line.trim_start().split_once("version:").unwrap();
        let (_, figures) = figures.split_once(' ').unwrap();
        format!("{signature}{figures}")
    };
    for (line, expected) in stdout(&output).lines().zip([0, 1, 3]) {
        let expected = vectors["ci"][expected]["line"].as_str().unwrap();
        assert_eq!(without_version(line), without_version(expected));
    }
}

#[test]
fn one_system_has_a_line_for_each_metric() {
    let dir = folder();
    let output = score(dir.path(), "ref ref2 -i a -m bleu chrf ter -cw 2");
    // What sacreBLEU 2.6.0 prints for these files with `-f text`, but for the version.
    let version = concat!("burnseq-", env!("CARGO_PKG_VERSION"));
    let expected = format!(
        "        BLEU|nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:{version} = 73.6 \
         94.1/78.6/63.6/62.5 (BP = 1.000 ratio = 1.000 hyp_len = 17 ref_len = 17)\n{}\
         chrF2++|nrefs:2|case:mixed|eff:yes|nc:6|nw:2|space:no|version:{version} = 83.2\n\
         TER|nrefs:2|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:{version} = 7.1\n",
        " ".repeat(4),
    );
    assert_eq!(stdout(&output), expected);
    let numbers = score(dir.path(), "ref ref2 -i a -m bleu chrf ter -cw 2 -b -w 1");
    assert_eq!(stdout(&numbers), "73.6\n83.2\n7.1\n");

    let object: Value = serde_json::from_str(stdout(&score(dir.path(), "ref -i a -f json"))).unwrap();
    assert_eq!(
        (&object["name"], &object["tok"], &object["nrefs"]),
        (&"BLEU".into(), &"13a".into(), &"1".into())
    );
    let both: Value =
        serde_json::from_str(stdout(&score(dir.path(), "ref -i a -f json -m bleu ter"))).unwrap();
    assert_eq!(
        (&both[0]["score"], &both[1]["name"]),
        (&object["score"], &"TER".into())
    );
}

#[test]
fn several_systems_make_a_table_with_signatures() {
    let dir = folder();
    let output = score(dir.path(), "ref -i a b -m bleu ter --paired-ar --paired-ar-n 99");
    // The table of sacreBLEU 2.6.0.
    let table = "\
╒═════════════╤═══════════════╤═══════════════╕
│      System │     BLEU      │      TER      │
╞═════════════╪═══════════════╪═══════════════╡
│ Baseline: a │     72.5      │      7.7      │
├─────────────┼───────────────┼───────────────┤
│           b │     11.2      │     69.2      │
│             │ (p = 0.0100)* │ (p = 0.0100)* │
╘═════════════╧═══════════════╧═══════════════╛

Paired approximate randomisation with 99 trials: p is";
    let text = stdout(&output);
    assert!(text.starts_with(table), "{text}");
    let signature = "\n - BLEU  nrefs:1|ar:99|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:";
    assert_says(text, signature);

    let plain = score(dir.path(), "ref -i a b");
    let intervals = score(dir.path(), "ref -i a b --confidence --confidence-n 40");
    assert!(!stdout(&plain).contains('±') && !stdout(&plain).contains("p ="));
    assert!(
        stdout(&intervals).contains("BLEU (μ ± 95% CI)") && stdout(&intervals).contains("|bs:40|seed:12345|")
    );
    let numbers = score(dir.path(), "ref -i a b -m bleu ter -b");
    assert!(stdout(&numbers).lines().all(|line| line.split('\t').count() == 2));
}

#[test]
fn sentences_are_scored_with_effective_order() {
    let dir = folder();
    let output = score(dir.path(), "ref -i b -sl -f json");
    let lines: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["eff"] == "yes"));
    let text = score(dir.path(), "ref -i b -sl -m ter");
    assert!(stdout(&text).lines().all(|line| line.starts_with("TER|nrefs:1|")));
}

#[test]
fn translations_may_come_from_standard_input() {
    let dir = folder();
    let mut command = tool("score");
    command.current_dir(dir.path()).args(["-r", "ref"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = fs::read(dir.path().join("a")).unwrap();
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let piped = child.wait_with_output().unwrap();
    assert_eq!(stdout(&piped), stdout(&score(dir.path(), "-s a -r ref")));
}

#[test]
fn text_that_looks_tokenised_is_told_of() {
    let dir = TempDir::new().unwrap();
    for name in ["sys", "ref"] {
        fs::write(dir.path().join(name), "tokens , all of them .\n".repeat(100)).unwrap();
    }
    let note = |flags: &str| {
        let output = score(dir.path(), flags);
        stdout(&output);
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(note("ref -i sys").starts_with("note: sys: 100 lines and more end in a full stop of its own"));
    assert_eq!(note("ref -i sys --force"), "");
    assert_eq!(note("ref -i sys --tokenize none"), "");
    assert_eq!(note("-s sys -r ref"), "");
}

#[test]
fn wrong_usage_ends_with_two_and_bad_files_with_one() {
    let dir = folder();
    let run = |flags: &str| score(dir.path(), flags);
    assert_fails(&run("-s a"), 2, "there is no reference");
    assert_fails(&run("-s a -r ref -o 5"), 2, "order is 5; it must be 1, 2, 3 or 4");
    assert_fails(
        &run("ref -i a --paired-bs"),
        2,
        "there is only one\nhint: name several",
    );
    assert_fails(
        &run("-s a -r ref --paired-ar"),
        2,
        "--paired-ar goes with sacreBLEU's metrics",
    );
    assert_fails(&run("-s a -r ref -m wer"), 2, "wer");
    assert_fails(&run("-s a -r absent"), 1, "cannot read absent: No such file");

    fs::write(dir.path().join("short"), "one\ntwo\n").unwrap();
    fs::write(dir.path().join("empty"), "").unwrap();
    fs::write(dir.path().join("latin"), b"gr\xfcn\n\n\n").unwrap();
    assert_fails(
        &run("-s short -r ref"),
        1,
        "short has 2 lines but ref has 3; both must have one line",
    );
    assert_fails(&run("ref short -i a"), 1, "short has 2 lines but ref has 3");
    assert_fails(
        &run("-s empty -r ref"),
        1,
        "empty is empty; there is nothing to score",
    );
    assert_fails(&run("-s latin -r ref"), 1, "latin:1: invalid UTF-8 at byte 2");
    assert_fails(&run("--gen-output a"), 2, "a holds no H- line");
}
