//! What the flags of decoding do to the lines of `generate`.

use crate::fixture::{assert_says, assert_success};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use super::fixture::{assert_fails, folder, lines_of, run, save_model, stdout, tool};

fn generate(dir: &Path, flags: &[&str]) -> Output {
    run("generate", dir, flags, b"")
}

/// What `generate` prints with these flags, the shortest hypotheses allowed to be long enough to tell runs apart.
fn lines(dir: &Path, flags: &str) -> String {
    let flags: Vec<&str> = "data-bin --max-len-b 8"
        .split(' ')
        .chain(flags.split_whitespace())
        .collect();
    stdout(&generate(dir, &flags))
}

/// Tokens of the hypotheses of each sentence.
fn hypotheses(out: &str) -> BTreeMap<usize, Vec<String>> {
    let text = |line: &String| line.split_once('\t').unwrap().1.to_owned();
    let lines = lines_of(out, 'H').into_iter();
    lines
        .map(|(id, lines)| (id, lines.iter().map(text).collect()))
        .collect()
}

#[test]
fn an_ensemble_is_more_than_its_members_and_one_model_twice_is_itself() {
    let dir = folder();
    save_model(dir.path(), "checkpoint_other", -3.0);
    let (best, other) = ("checkpoints/checkpoint_best", "checkpoints/checkpoint_other");
    let alone = lines(dir.path(), &format!("--path {best}"));
    let both = lines(dir.path(), &format!("--path {best}:{other}"));
    assert_ne!(lines_of(&alone, 'P'), lines_of(&both, 'P'));
    assert_ne!(
        lines_of(&lines(dir.path(), &format!("--path {other}")), 'P'),
        lines_of(&both, 'P')
    );
    let twice = lines(dir.path(), &format!("--path {best}:{best}"));
    assert_eq!(hypotheses(&alone), hypotheses(&twice));
    // Averages do not depend on the order.
    assert_eq!(
        hypotheses(&both),
        hypotheses(&lines(dir.path(), &format!("--path {other}:{best}")))
    );

    let dictionary = dir.path().join("data-bin/dict.en.txt");
    let text = fs::read_to_string(&dictionary).unwrap();
    let mut swapped: Vec<&str> = text.lines().collect();
    swapped.swap(0, 1);
    fs::write(&dictionary, swapped.join("\n") + "\n").unwrap();
    save_model(dir.path(), "checkpoint_foreign", 1.0);
    fs::write(&dictionary, text).unwrap();
    let output = generate(
        dir.path(),
        &["--path", &format!("{best}:checkpoints/checkpoint_foreign")],
    );
    assert_fails(
        &output,
        1,
        "checkpoint_foreign: its target dictionary is not that of the first model: id 4 is ",
    );
}

#[test]
fn alignments_and_steps_stand_behind_each_hypothesis() {
    let dir = folder();
    let hard = lines(dir.path(), "--print-alignment --print-step --nbest 2");
    let soft = lines(dir.path(), "--print-alignment soft --nbest 2");
    for (id, source) in lines_of(&hard, 'S') {
        let sources = source[0].split(' ').count();
        for number in 0..2 {
            let line = |out: &str, kind| lines_of(out, kind)[&id][number].clone();
            let targets = line(&hard, 'P').split(' ').count();
            assert_eq!(line(&hard, 'I'), targets.to_string());
            let (pairs, rows) = (line(&hard, 'A'), line(&soft, 'A'));
            let rows: Vec<Vec<f64>> = rows
                .split(' ')
                .map(|row| row.split(',').map(|p| p.parse().unwrap()).collect())
                .collect();
            assert_eq!(rows.len(), targets);
            assert!(rows.iter().all(|row| row.len() == sources + 1));
            assert!(
                rows.iter()
                    .all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-5)
            );
            let strongest = |row: &Vec<f64>| {
                let words = &row[..sources];
                (0..sources).fold(
                    0,
                    |best, place| if words[place] > words[best] { place } else { best },
                )
            };
            let expected: Vec<String> = rows[..targets - 1]
                .iter()
                .enumerate()
                .map(|(target, row)| format!("{}-{target}", strongest(row)))
                .collect();
            // Six digits may hide which of two nearly equal ones is larger.
            let same = pairs.split(' ').zip(&expected).filter(|(a, b)| a == b).count();
            assert!(same + 1 >= expected.len(), "{pairs} and {expected:?}");
        }
    }
    assert_eq!(hypotheses(&hard), hypotheses(&lines(dir.path(), "--nbest 2")));
    let kinds: Vec<&str> = hard.lines().take(9).filter_map(|line| line.get(..1)).collect();
    assert_eq!(kinds, ["S", "T", "H", "D", "P", "A", "I", "H", "D"]);
}

#[test]
fn references_are_scored_instead_of_translations() {
    let dir = folder();
    let out = lines(dir.path(), "--score-reference --beam 5");
    let references: BTreeMap<usize, Vec<String>> = lines_of(&out, 'T');
    assert_eq!(hypotheses(&out), references);
    for (id, scores) in lines_of(&out, 'P') {
        let scores: Vec<f64> = scores[0].split(' ').map(|score| score.parse().unwrap()).collect();
        assert_eq!(scores.len(), references[&id][0].split(' ').count() + 1);
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        let score: f64 = lines_of(&out, 'H')[&id][0]
            .split('\t')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!((mean - score).abs() < 1e-4);
    }
    assert_says(&out, "BLEU4 = 100.00");
    let output = generate(
        dir.path(),
        &["data-bin", "--score-reference", "--beam", "5", "--unkpen", "5"],
    );
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_says(
        &stderr,
        "--score-reference searches nothing: --beam, --unkpen changes nothing",
    );

    for ending in ["idx", "bin"] {
        fs::remove_file(dir.path().join(format!("data-bin/test.de-en.en.{ending}"))).unwrap();
    }
    let output = generate(dir.path(), &["data-bin", "--score-reference"]);
    assert_fails(
        &output,
        1,
        "--score-reference needs references: test has no target side",
    );
}

#[test]
fn prefixes_blocked_ngrams_and_lengths_are_kept() {
    let dir = folder();
    let out = lines(dir.path(), "--prefix-size 2");
    assert_eq!(hypotheses(&out).len(), 21);
    for (id, reference) in lines_of(&out, 'T') {
        let prefix: Vec<&str> = reference[0].split(' ').take(2).collect();
        let found: Vec<String> = hypotheses(&out)[&id][0]
            .split(' ')
            .take(2)
            .map(str::to_owned)
            .collect();
        assert_eq!(found, prefix);
    }
    let repeating = |flags: &str| {
        let hypotheses = hypotheses(&lines(dir.path(), &format!("--min-len 6 {flags}")));
        let repeats = |tokens: &&Vec<String>| {
            let mut tokens: Vec<&str> = tokens[0].split(' ').collect();
            let n = tokens.len();
            tokens.sort_unstable();
            tokens.dedup();
            tokens.len() < n
        };
        hypotheses.values().filter(repeats).count()
    };
    assert!(repeating("") > 0);
    assert_eq!(repeating("--no-repeat-ngram-size 1"), 0);
    let out = stdout(&generate(dir.path(), &["data-bin", "--match-source-len"]));
    assert_eq!(hypotheses(&out).len(), 21);
    for (id, source) in lines_of(&out, 'S') {
        let scores = lines_of(&out, 'P')[&id][0].split(' ').count();
        assert_eq!(scores, source[0].split(' ').count() + 2); // </s> counts on either side
    }
}

#[test]
fn what_is_drawn_depends_on_the_seed_and_not_on_the_batches() {
    let dir = folder();
    for kind in [
        "--sampling --beam 2 --nbest 2",
        "--sampling --sampling-topk 5",
        "--sampling --sampling-topp 0.5",
        "--retain-dropout --score-reference",
        "--retain-dropout --retain-dropout-modules MultiheadAttention TransformerDecoderLayer --score-reference",
    ] {
        let scores = |flags: &str| lines_of(&lines(dir.path(), &format!("{flags} {kind}")), 'P');
        let first = scores("--seed 3");
        assert_eq!(first, scores("--seed 3 --batch-size 2"), "{kind}");
        assert_ne!(first, scores("--seed 4"), "{kind}");
    }
    let groups = "--beam 3 --nbest 3 --diverse-beam-groups 3 --diverse-beam-strength 50";
    let scores = lines_of(&lines(dir.path(), groups), 'P');
    assert_eq!(scores.len(), 21);
    for scores in scores.values() {
        let first = |number: usize| scores[number].split(' ').next().unwrap();
        assert!(
            first(0) != first(1) && first(1) != first(2) && first(0) != first(2),
            "{scores:?}"
        );
    }
    let plain = lines(dir.path(), "--beam 3 --nbest 3");
    assert_ne!(
        lines_of(&plain, 'P'),
        lines_of(&lines(dir.path(), "--beam 3 --nbest 3 --diversity-rate 2"), 'P')
    );
}

#[test]
fn shards_divide_the_sentences() {
    let dir = folder();
    let all = hypotheses(&lines(dir.path(), "--batch-size 4"));
    assert_eq!(all.len(), 21);
    let mut united = BTreeMap::new();
    for shard in 0..3 {
        let out = lines(
            dir.path(),
            &format!("--batch-size 4 --num-shards 3 --shard-id {shard}"),
        );
        for (id, hypotheses) in hypotheses(&out) {
            assert_eq!(united.insert(id, hypotheses), None, "sentence {id} in two shards");
        }
    }
    assert_eq!(united, all);
}

#[test]
fn results_go_to_a_file_of_the_folder_that_is_named() {
    let dir = folder();
    let expected = lines(dir.path(), "--gen-subset valid");
    assert_eq!(hypotheses(&expected).len(), 9);
    assert_eq!(lines(dir.path(), "--gen-subset valid --results-path a/b"), "");
    assert_eq!(
        fs::read_to_string(dir.path().join("a/b/generate-valid.txt")).unwrap(),
        expected
    );
    let output = generate(
        dir.path(),
        &["data-bin", "--gen-subset", "none", "--results-path", "a/c"],
    );
    assert_fails(&output, 1, "choose one of");
    assert!(!dir.path().join("a/c/generate-none.txt").exists());
}

#[test]
fn scores_are_those_that_are_asked_for() {
    let dir = folder();
    for (scoring, name) in [("chrf", "chrF2|"), ("ter", "TER|"), ("sacrebleu", "BLEU|")] {
        let out = lines(dir.path(), &format!("--quiet --scoring {scoring}"));
        assert_eq!(out.lines().count(), 1, "{out}");
        assert!(
            out.starts_with(&format!("Generate test with beam=5: {name}")),
            "{out}"
        );
    }
}

#[test]
fn unknown_tokens_become_words_of_the_source() {
    let dir = folder();
    // Nothing but `<unk>` is worth producing.
    let unknown = "--unkpen=-99 --max-len-b 3";
    let found = hypotheses(&lines(dir.path(), unknown));
    assert_eq!(found.len(), 21);
    assert!(found.values().all(|tokens| tokens[0] == "<unk> <unk> <unk>"));
    let out = lines(dir.path(), &format!("{unknown} --replace-unk --print-alignment"));
    assert_eq!(hypotheses(&out).len(), 21);
    for (id, tokens) in hypotheses(&out) {
        let source = lines_of(&out, 'S')[&id][0].clone();
        let source: Vec<&str> = source.split(' ').collect();
        let aligned = lines_of(&out, 'A')[&id][0].clone();
        let aligned = aligned
            .split(' ')
            .map(|pair| source[pair.split('-').next().unwrap().parse::<usize>().unwrap()]);
        assert_eq!(tokens[0], aligned.collect::<Vec<_>>().join(" "));
    }
    let everything: String = "H B M V u n 0 1 2 3 4"
        .split(' ')
        .map(|word| format!("{word} known\n"))
        .collect();
    fs::write(dir.path().join("alignment.txt"), everything).unwrap();
    let known = lines(dir.path(), &format!("{unknown} --replace-unk alignment.txt"));
    assert!(
        hypotheses(&known)
            .values()
            .any(|tokens| tokens[0].contains("known"))
    );

    // Text brings its own words; a dataset has lost them.
    let flags = "--input - --tokenized --replace-unk --unkpen=-99 --max-len-b 3";
    let flags: Vec<&str> = flags.split(' ').collect();
    let output = run("generate", dir.path(), &flags, "Otto Otto\n".as_bytes());
    assert_eq!(stdout(&output), "Otto Otto Otto\n");
    for (split, text) in [("test.de", "Otto\n"), ("test.en", "Otto\n")] {
        fs::write(dir.path().join(split), text).unwrap();
    }
    let dicts = "-s de -t en --srcdict data-bin/dict.de.txt --tgtdict data-bin/dict.en.txt --testpref test";
    let preprocess = |flags: &str| {
        let flags = format!("{dicts} {flags}");
        let mut command = tool("preprocess");
        let output = command
            .current_dir(dir.path())
            .args(flags.split(' '))
            .output()
            .unwrap();
        assert_success(&output);
    };
    preprocess("--bpe none --destdir ids");
    let output = generate(dir.path(), &["ids", "--replace-unk"]);
    assert_fails(
        &output,
        2,
        "sentence 0 holds a word that is not in the dictionary",
    );
    let dictionary = fs::read_to_string(dir.path().join("data-bin/dict.de.txt")).unwrap();
    let known = dictionary.split(' ').next().unwrap();
    fs::write(
        dir.path().join("test.de"),
        format!("{known} <s> </s> <pad> {known}\n"),
    )
    .unwrap();
    preprocess("--bpe none --destdir special");
    let output = generate(
        dir.path(),
        &["special", "--replace-unk", "--unkpen=-99", "--max-len-b", "2"],
    );
    assert!(!stdout(&output).contains("H-0\t<unk>"));

    fs::write(dir.path().join("test.de"), "Otto\n").unwrap();
    preprocess("--bpe none --destdir text --dataset-impl raw");
    let flags: Vec<&str> = "text --replace-unk --unkpen=-99 --max-len-b 2 --dataset-impl raw"
        .split(' ')
        .collect();
    assert_eq!(
        hypotheses(&stdout(&generate(dir.path(), &flags)))[&0][0],
        "Otto Otto"
    );
    assert_fails(
        &generate(dir.path(), &["text", "--dataset-impl", "mmap"]),
        1,
        "test",
    );
}

#[test]
fn settings_of_a_checkpoint_are_overridden_in_pythons_or_jsons_spelling() {
    let dir = folder();
    for overrides in ["{'max_target_positions': 4}", r#"{"max_target_positions": 4}"#] {
        let skip = "--skip-invalid-size-inputs-valid-test";
        let flags = ["data-bin", "--min-len", "9", skip, "--model-overrides", overrides];
        let scores = lines_of(&stdout(&generate(dir.path(), &flags)), 'P');
        assert!(!scores.is_empty() && scores.values().all(|scores| scores[0].split(' ').count() == 4));
    }
    let wrong = |overrides: &str| generate(dir.path(), &["data-bin", "--model-overrides", overrides]);
    assert_fails(&wrong("{'layers': 4}"), 2, "unknown field `layers`");
    assert_fails(&wrong("{'decoder_embed_dim': 16}"), 1, "has shape");
    assert_fails(
        &wrong("{'decoder_embed_dim' 16}"),
        2,
        "expected `:` at character 22",
    );
}

#[test]
fn subwords_and_tokenizer_may_be_named_on_the_command_line() {
    let dir = folder();
    let data = fs::read_dir(dir.path().join("data-bin")).unwrap();
    let names = data.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let codes = names.into_iter().find(|name| name.contains("codes")).unwrap();
    let text = b"Hund und Mann 3\nVogel Ball 1\n";
    let translate = |flags: &str| {
        let flags: Vec<&str> = "--input - --max-len-b 9"
            .split(' ')
            .chain(flags.split_whitespace())
            .collect();
        run("generate", dir.path(), &flags, text)
    };
    let carried = stdout(&translate(""));
    assert_eq!(
        stdout(&translate(&format!(
            "--bpe subword_nmt --bpe-codes data-bin/{codes}"
        ))),
        carried
    );
    assert_ne!(stdout(&translate("--tokenizer space")), carried);
    assert_fails(
        &translate("--bpe fastbpe --bpe-codes none"),
        1,
        "cannot read none",
    );
    assert_fails(&translate("--bpe gpt2"), 2, "subword_nmt, fastbpe, sentencepiece");

    let source = |flags: &str| {
        let flags: Vec<&str> = ["--max-len-b", "9"].into_iter().chain(flags.split(' ')).collect();
        let text = "Hund,Mann 3\n".as_bytes();
        let out = stdout(&run("interactive", dir.path(), &flags, text));
        lines_of(&out, 'S')[&0][0].clone()
    };
    let bpe = format!("--bpe subword_nmt --bpe-codes data-bin/{codes}");
    assert_eq!(source(&format!("--tokenizer moses {bpe}")), "Hund <unk> Mann 3");
    assert_ne!(source(&bpe), "Hund <unk> Mann 3");
    assert_fails(&translate("--moses-no-escape"), 2, "goes with --tokenizer moses");

    let out = lines(
        dir.path(),
        &format!("--bpe subword_nmt --bpe-codes data-bin/{codes}"),
    );
    assert!(
        out.contains("S-4\tHund und Mann 4\n") && out.contains("T-4\tdog and man 4\n"),
        "{out}"
    );
}

#[test]
fn translations_of_lines_hold_their_constraints() {
    let dir = folder();
    let translate = |order, max_len, text: &str| {
        let flags = ["--input", "-", "--max-len-b", max_len, order];
        run("generate", dir.path(), &flags, text.as_bytes())
    };
    for order in ["--constraints", "--constraints=unordered"] {
        let text = "Hund Mann 1\tbird\nHund\tdog and\tball\nMann\n";
        let out = stdout(&translate(order, "20", text));
        let out: Vec<&str> = out.lines().collect();
        assert_eq!(out.len(), 3);
        assert!(out[0].contains("bird"), "{out:?}");
        assert!(out[1].contains("dog and") && out[1].contains("ball"), "{out:?}");
    }
    let output = translate("--constraints", "20", "Mann\nHund\tΩ\n");
    assert_fails(&output, 1, "line 2: the constraint \"Ω\" holds ");
    let output = translate("--constraints", "2", "Mann\nHund\tbird ball dog man\n");
    assert_fails(
        &output,
        1,
        "line 2: the constraints of sentence 1 cannot be met: they have ",
    );
}

#[test]
fn narrow_precision_changes_scores_a_little() {
    let dir = folder();
    let scores = |flags: &str| -> Vec<f32> {
        let lines = lines_of(&lines(dir.path(), &format!("--score-reference {flags}")), 'H').into_values();
        let score = |line: String| line.split('\t').next().unwrap().parse().unwrap();
        lines.flatten().map(score).collect()
    };
    let full = scores("--cpu");
    // The scores of the sentences lie far apart, beside what rounding may do.
    let most = full.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let least = full.iter().copied().fold(f32::INFINITY, f32::min);
    assert!(most - least > 0.5, "{full:?}");
    for precision in ["--bf16", "--precision fp16"] {
        let narrow = scores(&format!("--cpu {precision}"));
        assert_ne!(narrow, full, "{precision}");
        assert_eq!((narrow.len(), full.len()), (21, 21), "{precision}");
        for (narrow, full) in narrow.iter().zip(&full) {
            assert!(
                (narrow - full).abs() < 0.02,
                "{precision}: {narrow} instead of {full}"
            );
        }
    }
}
