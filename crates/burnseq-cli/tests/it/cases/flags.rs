//! Cases about command lines: refusals, recipes of fairseq, defaults.

use crate::fixture::assert_says;
use std::fs;
use std::path::Path;

use burnseq_cli::fairseq_options::{Fate, TOOLS};
use serde_json::Value;
use tempfile::TempDir;

use super::{cases, ok, sh, stderr_of};
use crate::toy::{Toy, logged, stderr, succeed};

/// `../shared/cases` with its dataset, which the first command of its README makes.
fn with_data() -> Option<TempDir> {
    let dir = cases()?;
    ok(
        dir.path(),
        "preprocess -s de -t en --trainpref corpus/bpe --validpref corpus/bpe --joined-dictionary --destdir db",
    );
    Some(dir)
}

/// The command that the README calls `$TR`.
const TR: &str = "train db --arch transformer_tiny --share-all-embeddings --cpu --no-progress-bar";

/// What a run of `$TR` with these flags says on stderr.
fn said(dir: &Path, flags: &str) -> String {
    stderr_of(dir, &format!("{TR} {flags}"), 0)
}

#[test]
fn s04_a_source_side_alone_takes_the_joined_dictionary() {
    let Some(dir) = with_data() else { return };
    let dir = dir.path();
    ok(
        dir,
        "preprocess --only-source --source-lang de --target-lang en --joined-dictionary --srcdict db/dict.de.txt \
         --testpref corpus/bpe --destdir d4 --workers 20",
    );
    let names = |folder: &str| -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("dict.") || name.starts_with("test."))
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names("d4"),
        ["dict.de.txt", "test.de-en.de.bin", "test.de-en.de.idx"]
    );
    let read = |path: &str| fs::read(dir.join(path)).unwrap();
    assert_eq!(read("d4/dict.de.txt"), read("db/dict.de.txt"));
    assert_eq!(read("d4/test.de-en.de.bin"), read("db/train.de-en.de.bin"));

    // Neighbours: the dictionary of the other side, and a target language that is the source language.
    ok(
        dir,
        "preprocess --only-source -s de -t en --joined-dictionary --tgtdict db/dict.en.txt --testpref corpus/bpe \
         --destdir d4t",
    );
    assert_eq!(names("d4t"), names("d4"));
    ok(
        dir,
        "preprocess --only-source --source-lang de --target-lang de --srcdict db/dict.de.txt --testpref corpus/bpe \
         --destdir d4same",
    );
    assert_eq!(
        names("d4same"),
        ["dict.de.txt", "test.de-de.de.bin", "test.de-de.de.idx"]
    );
    let two = stderr_of(
        dir,
        "preprocess -s de -t de --trainpref corpus/bpe --destdir no",
        2,
    );
    assert_says(&two, "hint: for text without a target side give --only-source");
    let uncounted = stderr_of(
        dir,
        "preprocess --only-source -s de -t en --joined-dictionary --trainpref corpus/bpe --destdir no",
        2,
    );
    assert_says(&uncounted, "hint: give the joined dictionary with --srcdict");
}

#[test]
fn s05_recipes_of_earlier_versions_train_and_what_does_not_act_is_told_at_once() {
    let Some(dir) = with_data() else { return };
    let dir = dir.path();
    let old = said(
        dir,
        "--lr 5e-4 --min-lr 1e-09 --lr-scheduler inverse_sqrt --warmup-init-lr 1e-07 --warmup-updates 4000 \
         --max-tokens 300 --max-update 1 --save-dir s5",
    );
    assert_says(&old, "--min-lr 0.000000001 is taken as --stop-min-lr");
    assert_says(&old, "update 1 is the last");

    let taken = said(
        dir,
        "--lr 5e-4 --azureml-logging --ddp-backend no_c10d --min-lr 1e-9 --max-tokens 300 --max-update 1 \
         --save-dir s5b",
    );
    for note in [
        "--azureml-logging changes nothing here: no tracker is written to",
        "--ddp-backend changes nothing here: one process does all the work",
        "--min-lr 0.000000001 is taken as --stop-min-lr",
    ] {
        assert!(taken.contains(note), "{note}: {taken}");
    }

    // What cannot be taken: every flag of a kind of its own, told in the order of the command.
    let refused = stderr_of(
        dir,
        &format!(
            "{TR} --max-tokens 300 --user-dir plugins --lr-schedular fixed --momentum 0.9 --raw-text --distributed-rank 1 \
             --encoder-layers two --amp --save-dir s5c"
        ),
        2,
    );
    let blocks: Vec<&str> = refused.lines().collect();
    assert_eq!(
        blocks,
        [
            "train: error: --user-dir is not supported",
            "hint: plug-ins in Python cannot be loaded; a new model or loss is a file in burnseq's own crates",
            "train: error: --lr-schedular is not an option of `train`",
            "hint: did you mean --lr-scheduler?",
            "train: error: --raw-text is not supported",
            "hint: use --dataset-impl raw",
            "train: error: --distributed-rank 1 is not supported",
            "hint: leave it out, and run one process on one host: --distributed-world-size says on how many of its GPUs",
            "train: error: invalid value \"two\" for --encoder-layers: expected a whole number",
            "train: error: --amp is not supported",
            "hint: use --bf16 or --fp16; parameters and optimiser stay in float32",
            "train: error: --momentum belongs to --optimizer nag and sgd",
            "hint: give adam's with --adam-betas",
        ]
    );
    assert!(!dir.join("s5c").exists());
}

#[test]
fn s12_a_mark_is_taken_from_the_next_word_and_another_word_is_explained() {
    let Some(dir) = with_data() else { return };
    let dir = dir.path();
    said(dir, "--max-tokens 300 --max-update 1 --save-dir m");
    fs::rename(dir.join("db"), dir.join("data-bin")).unwrap();
    let generate = "generate --cpu --path m/checkpoint_last --gen-subset valid --max-len-b 3";
    let sources = |flags: &str| -> Vec<String> {
        let out = ok(dir, &format!("{generate} {flags}"));
        out.lines()
            .filter(|line| line.starts_with("S-"))
            .map(str::to_owned)
            .collect()
    };
    let kept = sources("");
    assert!(kept.iter().any(|line| line.contains("@@ ")));
    let joined = sources("--post-process '@@ '");
    assert_eq!(joined, sources("--remove-bpe"));
    assert!(joined.iter().all(|line| !line.contains("@@")));
    // As in fairseq: the mark goes, the blank behind it stays.
    let apart: Vec<String> = kept.iter().map(|line| line.replace("@@", "")).collect();
    assert_eq!(sources("--post-process @@"), apart);
    assert_eq!(sources("--post-process=@@"), apart);
    let note = stderr_of(dir, &format!("{generate} --post-process @@"), 0);
    assert_says(&note, "--post-process subword_nmt joins them");

    // A mark that is not known as one: the next word is the folder of the dataset.
    let other = stderr_of(dir, &format!("{generate} --remove-bpe ~~ data-bin"), 2);
    assert_says(
        &other,
        "hint: a value of --remove-bpe goes behind an equals sign: --remove-bpe=~~",
    );
}

#[test]
fn s13_every_option_of_fairseqs_parsers_is_listed_and_handled() {
    let Some(list) = burnseq_testing::shared("cases/s13/not-listed.txt") else {
        return;
    };
    let mut tool = None;
    let mut checked = 0;
    for line in burnseq_testing::read(&list).lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        if !word.starts_with('-') {
            tool = TOOLS.iter().find(|tool| tool.fairseq == word);
            assert!(tool.is_some(), "{line}");
            continue;
        }
        let tool = tool.unwrap();
        let binary = tool.binary;
        let option = tool
            .options()
            .find(|option| option.spellings().any(|known| known == word));
        let option = option.unwrap_or_else(|| panic!("{word} of {} is not listed", tool.fairseq));
        for fate in option.fates(&binary) {
            assert_ne!(fate, Fate::Unknown, "{word} of {}", tool.fairseq);
        }
        checked += 1;
    }
    assert_eq!(checked, 68 + 10 + 102 + 106);
    let page = include_str!("../../../../../examples/fairseq/OPTIONS.md");
    for option in [
        "--all-gather-list-size",
        "--fast-stat-sync",
        "--ignore-unused-valid-subsets",
    ] {
        assert!(page.contains(option), "{option}");
    }
}

/// The learning rates that a run logged.
fn rates(dir: &Path, flags: &str) -> (Vec<f64>, String) {
    let output = sh(dir, &format!("{TR} --log-format json --log-interval 1 {flags}"));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines = stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    (lines.filter_map(|line| line["lr"].as_f64()).collect(), stderr)
}

#[test]
fn s14_what_a_command_leaves_open_is_named_and_fairseqs_defaults_are_taken_on_request() {
    let Some(dir) = with_data() else { return };
    let dir = dir.path();
    let flags = "--optimizer nag --lr 0.25 --clip-norm 0.1 --max-tokens 300 --max-epoch 1";
    let (ours, said) = rates(dir, &format!("{flags} --save-dir s14"));
    assert_eq!(ours, [0.000_062_5, 0.000_125, 0.000_187_5]);
    for part in [
        "--criterion label_smoothed_cross_entropy (fairseq: cross_entropy)",
        "--label-smoothing 0.1 (fairseq: 0)",
        "--lr-scheduler inverse_sqrt (fairseq: fixed)",
        "--warmup-updates 4000 (fairseq: 0)",
        "--strict-fairseq-defaults takes fairseq's",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }

    let (theirs, said) = rates(dir, &format!("{flags} --strict-fairseq-defaults --save-dir s14b"));
    assert!(
        !theirs.is_empty() && theirs.iter().all(|rate| *rate == 0.25),
        "{theirs:?}"
    );
    assert!(!said.contains("left open by this command"), "{said}");
    let saved = fs::read_to_string(dir.join("s14b/checkpoint_last/checkpoint.json")).unwrap();
    let saved: Value = serde_json::from_str(&saved).unwrap();
    let config = &saved["train_state"]["config"];
    assert_eq!(config["criterion"]["type"], "cross_entropy");
    assert_eq!(config["lr_scheduler"]["type"], "fixed");
}

#[test]
fn an_unknown_architecture_does_not_hide_the_other_problems() {
    let dir = TempDir::new().unwrap();
    let problems = |refused: &str| -> Vec<String> {
        let command = format!(
            "train data-bin --cpu --arch transformer_iwslt_de --clip-norm -1 --adam-eps -1 {refused}"
        );
        let stderr = stderr_of(dir.path(), &command, 2);
        let errors = stderr
            .lines()
            .filter_map(|line| line.strip_prefix("train: error: "));
        errors.map(str::to_owned).collect()
    };
    let values = [
        "unknown architecture `transformer_iwslt_de`",
        "--adam-eps must be a number of at least 0, got -1",
        "--clip-norm must be a number of at least 0",
    ];
    let with_option = ["--user-dir is not supported", values[0], values[1], values[2]];
    for (refused, expected) in [("", &values[..]), ("--user-dir plugins", &with_option[..])] {
        let found = problems(refused);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{expected}: {found}");
        }
    }
}

#[test]
fn settings_that_would_lose_a_run_or_never_end_it_are_refused() {
    let toy = Toy::new();
    let dir = toy.dir.path();
    let train = "train data-bin --arch transformer_tiny --cpu --save-dir run";
    fs::write(dir.join("c.json"), r#"{"task": {"valid_subset": []}}"#).unwrap();
    fs::write(dir.join("list.json"), "[]").unwrap();
    for (flags, expected) in [
        ("--restore-file ''", "--restore-file needs a value"),
        ("--restore-file=", "--restore-file needs a value"),
        (
            "--finetune-from-model a --restore-file b",
            "--finetune-from-model cannot be used with --restore-file",
        ),
        (
            "--config c.json",
            "patience counts validations, but there are none",
        ),
        (
            "--config list.json",
            "list.json: a configuration must be an object",
        ),
        ("--optimizer $(printf %0300d 1)", "(300 characters)"),
    ] {
        let said = stderr_of(dir, &format!("{train} {flags}"), 2);
        assert!(said.contains(expected), "{flags}: {said}");
    }
    assert!(!dir.join("run").exists());
    // With another end, an empty list is --disable-validation.
    let said = stderr_of(dir, &format!("{train} --config c.json --max-update 1"), 0);
    assert!(
        said.contains("update 1 is the last") && !said.contains("valid |"),
        "{said}"
    );
}

#[test]
fn a_fresh_optimiser_leaves_the_run_in_its_epoch_whoever_wrote_the_checkpoint() {
    const TRAIN: &str = "--max-tokens 100 --lr 1e-3 --warmup-updates 4";
    let toy = Toy::new();
    // At the end of the first epoch, and in the middle of the second.
    let first = succeed(toy.run("end", &format!("{TRAIN} --max-epoch 1")));
    let per_epoch = logged(&first, "train_num_updates")[0];
    let middle = per_epoch + 2.0;
    succeed(toy.run("middle", &format!("{TRAIN} --max-update {middle}")));
    for (name, epochs, updates) in [
        ("end", 2, 2.0 * per_epoch),
        ("middle", 2, 3.0 * per_epoch - middle),
    ] {
        let ours = format!("{name}/checkpoint_last");
        let file = format!("{name}.pt");
        succeed(toy.tool("convert", &format!("{ours} {file}")));
        let continued = |from: &str, save_dir: &str, flags: &str| {
            let flags = format!("{TRAIN} --max-epoch 3 --restore-file {from} --reset-optimizer {flags}");
            succeed(toy.run(save_dir, &flags))
        };
        let weights = |save_dir: &str| {
            fs::read(toy.save_dir(save_dir).join("checkpoint_last/model.safetensors")).unwrap()
        };
        let save_dirs = [format!("{name}-ours"), format!("{name}-file")];
        for (from, save_dir) in [&ours, &file].into_iter().zip(&save_dirs) {
            let output = continued(from, save_dir, "");
            // Updates are counted anew, epochs are not.
            let counts = logged(&output, "train_num_updates");
            assert_eq!(
                (counts.len(), counts.last()),
                (epochs, Some(&updates)),
                "{save_dir}"
            );
            let imported =
                stderr(&output).contains("its weights and its position in the data are taken over");
            assert_eq!(imported, from.ends_with(".pt"), "{}", stderr(&output));
        }
        assert!(
            weights(&save_dirs[0]) == weights(&save_dirs[1]),
            "{name}: both go on with the same bits"
        );

        let anew = continued(&file, &format!("{name}-anew"), "--reset-dataloader");
        assert_eq!(logged(&anew, "train_num_updates").len(), 3);
        assert_says(&stderr(&anew), "its weights are taken over");
    }
}
