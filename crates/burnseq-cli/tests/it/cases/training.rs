//! Cases about training: resuming with other batches, checkpoints that lie where a run looks, fine-tuning.

use crate::fixture::assert_says;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{cases, ok, stderr_of};
use crate::toy::{Toy, assert_moved, logged, resumed as assert_resumed, stderr, succeed};

const PREPROCESS: &str =
    "preprocess -s de -t en --trainpref corpus/bpe --validpref corpus/bpe --joined-dictionary --destdir db";
const TRAIN: &str = "train db --arch transformer_tiny --share-all-embeddings --cpu --no-progress-bar";
const RUN_A: &str = "--lr-scheduler fixed --lr 1e-3 --save-dir A";

/// Updates of a checkpoint.
fn num_updates(checkpoint: &Path) -> u64 {
    let json = fs::read_to_string(checkpoint.join("checkpoint.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    json["train_state"]["state"]["num_updates"].as_u64().unwrap()
}

#[test]
fn s01_a_run_goes_on_with_smaller_batches() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    ok(dir, PREPROCESS);
    ok(dir, &format!("{TRAIN} {RUN_A} --max-tokens 300 --max-epoch 1"));
    assert_eq!(num_updates(&dir.join("A/checkpoint_last")), 3);
    let resumed = format!("{TRAIN} {RUN_A} --max-tokens 200 --max-epoch 2");
    let stderr = stderr_of(dir, &resumed, 0);
    assert_says(&stderr, "epoch 2 begins with them");
    assert_eq!(num_updates(&dir.join("A/checkpoint_last")), 7);
    assert!(dir.join("A/checkpoint1").is_dir() && dir.join("A/checkpoint2").is_dir());

    // In the middle of the first epoch: a third of its batches were taken.
    ok(
        dir,
        &format!("{TRAIN} {RUN_A} --save-dir B --max-tokens 300 --max-update 1"),
    );
    let resumed = format!("{TRAIN} {RUN_A} --save-dir B --max-tokens 200 --max-epoch 1");
    let stderr = stderr_of(dir, &resumed, 0);
    let note = "1 of 3 batches of epoch 1 were taken, so it goes on at the same share, behind batch 1 of 4";
    assert_says(&stderr, note);
    assert_eq!(num_updates(&dir.join("B/checkpoint_last")), 4);
}

/// The updates of a run that begins with `before` and goes on with `after`, 0 where no epoch ends, and what it said.
fn resumed(before: &str, after: &str) -> (f64, String) {
    let toy = Toy::new();
    succeed(toy.run("run", &format!("--max-tokens 100 --log-interval 1 {before}")));
    let output = succeed(toy.run("run", &format!("--log-interval 1 {after}")));
    let updates = logged(&output, "train_num_updates");
    (updates.last().copied().unwrap_or_default(), stderr(&output))
}

#[test]
fn whatever_changes_the_batches_is_no_reason_not_to_go_on() {
    for after in [
        "--batch-size 4",
        "--max-tokens 64",
        "--max-tokens 100 --required-batch-size-multiple 1",
        "--max-tokens 100 --max-source-positions 1024 --seed 7 --required-batch-size-multiple 4",
    ] {
        let (_, said) = resumed("--max-epoch 1", &format!("{after} --max-epoch 2"));
        assert!(said.contains("epoch 2 begins with them"), "{after}: {said}");
        let (_, said) = resumed("--max-update 7", &format!("{after} --max-epoch 1"));
        assert!(said.contains("goes on at the same share"), "{after}: {said}");
    }
    // These leave the batches as they are.
    let (updates, said) = resumed("--max-epoch 1", "--max-tokens 100 --max-epoch 2");
    assert!(!said.contains("note: the batches"), "{said}");
    let (halved, said) = resumed("--max-epoch 1", "--max-tokens 100 --max-epoch 2 --update-freq 2");
    assert!(!said.contains("note: the batches"), "{said}");
    let epoch = updates / 2.0;
    assert_eq!(halved, epoch + (epoch / 2.0).ceil());
}

#[test]
fn another_seed_in_the_middle_of_an_epoch_is_told() {
    // With one sentence in each batch, the seed changes the order alone.
    let flags = "--batch-size 1 --max-tokens 100";
    let (_, said) = resumed(
        &format!("{flags} --max-update 7"),
        &format!("{flags} --seed 9 --max-update 9"),
    );
    assert!(
        said.contains("another seed") || said.contains("goes on at the same share"),
        "{said}"
    );
}

#[test]
fn other_data_and_a_checkpoint_of_another_run_go_on_too() {
    let toy = Toy::new();
    succeed(toy.run("run", "--max-tokens 100 --max-epoch 2"));
    // More data, in the same place: the whole epoch counts as done.
    let more = crate::toy::toy_data(toy.dir.path(), 300);
    assert_eq!(more, toy.data);
    let output = succeed(toy.run("run", "--max-tokens 100 --max-epoch 3"));
    assert_says(&stderr(&output), "epoch 3 begins with them");
    let output = succeed(toy.run(
        "other",
        "--max-tokens 70 --max-epoch 4 --restore-file run/checkpoint_last",
    ));
    assert_says(&stderr(&output), "epoch 4 begins with them");
}

#[test]
fn epochs_that_are_counted_anew_replace_checkpoints_only_with_a_warning() {
    let toy = Toy::new();
    succeed(toy.run("run", "--max-epoch 2"));
    let output = succeed(toy.run("run", "--max-epoch 1 --reset-dataloader"));
    let said = stderr(&output);
    assert_says(&said, "checkpoint1 and those after it");
    let output = succeed(toy.run(
        "new",
        "--max-epoch 1 --reset-dataloader --restore-file run/checkpoint_last",
    ));
    assert!(!stderr(&output).contains("will be replaced"));
}

#[test]
fn a_checkpoint_of_fairseq_where_the_run_looks_is_taken_up() {
    let toy = Toy::new();
    let flags = "--max-tokens 100 --lr 1e-3 --warmup-updates 4";
    succeed(toy.run("run", &format!("{flags} --max-epoch 1")));
    let convert = "convert";
    fs::create_dir(toy.save_dir("fairseq")).unwrap();
    succeed(toy.tool(convert, "run/checkpoint_last fairseq/checkpoint_last.pt"));

    // In --save-dir: with the optimiser and the position.
    let output = assert_resumed(toy.run("fairseq", &format!("{flags} --max-epoch 2")), 1);
    let said = stderr(&output);
    assert_says(&said, "checkpoint_last.pt was written by another program");
    assert_resumed(toy.run("run", &format!("{flags} --max-epoch 2")), 1);
    let weights =
        |name: &str| fs::read(toy.save_dir(name).join("checkpoint_last/model.safetensors")).unwrap();
    assert_eq!(
        weights("fairseq"),
        weights("run"),
        "both go on with the same bits"
    );
    let run = toy.save_dir("run");
    assert_moved(&run.join("checkpoint1"), &run.join("checkpoint2"), 1e-3);
    assert_eq!(
        toy.checkpoints("fairseq"),
        [
            "checkpoint2",
            "checkpoint_best",
            "checkpoint_last",
            "checkpoint_last.pt"
        ],
        "nothing else is left behind"
    );
    // Later, the run goes on from what it has saved itself.
    let output = assert_resumed(toy.run("fairseq", &format!("{flags} --max-epoch 3")), 1);
    let said = stderr(&output);
    assert_says(&said, "checkpoint_last.pt is not read");
    assert_says(&said, "in epoch 2");

    // By name, with and without its optimiser; without --arch, which is that of the file.
    let train = "train";
    let file = "fairseq/checkpoint_last.pt";
    for (number, (flags, expected)) in [
        (format!("--restore-file {file}"), "resuming after update"),
        (
            format!("--restore-file {file} --reset-optimizer --reset-dataloader --reset-meters"),
            "its weights are taken over",
        ),
        (
            format!("--finetune-from-model {file}"),
            "its weights are taken over",
        ),
        (format!("--continue-once {file}"), "resuming after update"),
    ]
    .into_iter()
    .enumerate()
    {
        let flags =
            format!("data-bin --cpu --max-tokens 100 --max-epoch 2 --save-dir by-name{number} {flags}");
        let said = stderr(&succeed(toy.tool(train, &flags)));
        assert!(said.contains(expected), "{flags}: {said}");
        assert_says(&said, "the architecture is that of fairseq/checkpoint_last.pt");
    }
}

#[test]
fn a_file_that_is_no_checkpoint_is_never_passed_over() {
    let toy = Toy::new();
    fs::create_dir(toy.save_dir("run")).unwrap();
    fs::write(toy.save_dir("run").join("checkpoint_last.pt"), "no checkpoint").unwrap();
    for flags in [
        "",
        "--restore-file checkpoint_last.pt",
        "--restore-file run/checkpoint_last.pt",
        "--save-dir other --finetune-from-model run/checkpoint_last.pt",
    ] {
        let output = toy.run("run", &format!("--max-epoch 1 {flags}"));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{flags}: {said}");
        assert!(said.contains("checkpoint_last.pt"), "{flags}: {said}");
        assert!(!said.contains("no such checkpoint"), "{flags}: {said}");
    }
}

#[test]
fn weights_alone_begin_a_run_and_convert_says_what_it_leaves_out() {
    let toy = Toy::new();
    let flags = "--max-tokens 256 --max-epoch 1";
    succeed(toy.run("run", flags));
    let convert = "convert";
    succeed(toy.tool(convert, "run/checkpoint_last run.pt"));
    let left_out = "run.pt has the state of Adam, which is left out; --with-optimizer takes it over";
    let said = |flags: &str| stderr(&succeed(toy.tool(convert, flags)));
    let bare = said("run.pt bare/checkpoint_last");
    assert_says(&bare, left_out);
    let whole = said("run.pt whole/checkpoint_last --with-optimizer");
    assert!(!whole.contains("left out"), "{whole}");

    for (name, from) in [("named", "--restore-file bare/checkpoint_last"), ("bare", "")] {
        let output = succeed(toy.run(name, &format!("{flags} {from}")));
        let said = stderr(&output);
        assert_eq!(logged(&output, "train_loss").len(), 1, "{said}");
        let note = "bare/checkpoint_last holds no state of a run; its weights are taken over";
        assert!(
            said.contains(note) && said.contains("begins with update 1 of epoch 1"),
            "{said}"
        );
    }
}

#[test]
fn a_run_on_other_languages_or_of_another_model_is_refused_with_what_helps() {
    let toy = Toy::new();
    succeed(toy.run("run", "--max-update 1"));
    let refused = |name: &str, flags: &str| {
        let output = toy.run(name, &format!("--max-update 2 {flags}"));
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        stderr(&output)
    };
    let turned = refused("run", "-s yy -t xx");
    assert_says(&turned, "it translates from xx to yy, this run from yy to xx");
    assert!(
        turned.contains("give another --save-dir") && turned.contains("--finetune-from-model"),
        "{turned}"
    );
    succeed(toy.run(
        "turned",
        "--max-update 1 -s yy -t xx --finetune-from-model run/checkpoint_last",
    ));
    for (flag, expected) in [
        ("--restore-file", "or leave out --restore-file to start anew"),
        ("--continue-once", "or leave out --continue-once to start anew"),
    ] {
        let other = refused("other", &format!("--encoder-layers 1 {flag} run/checkpoint_last"));
        assert_says(&other, expected);
        assert!(!other.contains("--save-dir"), "{other}");
    }
}

#[test]
fn our_own_folder_under_fairseqs_name_is_taken_up() {
    let toy = Toy::new();
    succeed(toy.run("run", "--max-epoch 1"));
    let dir = toy.save_dir("run");
    fs::rename(dir.join("checkpoint_last"), dir.join("checkpoint_last.pt")).unwrap();
    let output = succeed(toy.run("run", "--max-epoch 2"));
    assert_says(&stderr(&output), "resuming after update");
    fs::remove_dir_all(dir.join("checkpoint_last")).unwrap();
    fs::remove_dir_all(dir.join("checkpoint_last.pt")).unwrap();
    let output = succeed(toy.run("run", "--max-epoch 1"));
    let said = stderr(&output);
    assert_says(&said, "but no checkpoint_last, so this run begins anew");
    assert_says(&said, "--restore-file checkpoint2");
}

/// A run in `A`, and `db2`, which has other dictionaries than its data.
fn trained_and_other_data() -> Option<TempDir> {
    let folder = cases()?;
    let dir = folder.path();
    ok(dir, PREPROCESS);
    ok(dir, &format!("{TRAIN} {RUN_A} --max-tokens 300 --max-epoch 1"));
    ok(dir, "for l in de en; do head -9 corpus/bpe.$l > ft.$l; done");
    let preprocess = "preprocess -s de -t en --trainpref ft --validpref ft --joined-dictionary --destdir db2";
    ok(dir, preprocess);
    Some(folder)
}

#[test]
fn s06_fine_tuning_with_another_dictionary_speaks_of_dictionaries() {
    let Some(dir) = trained_and_other_data() else {
        return;
    };
    let dir = dir.path();
    let tune = "--cpu --max-tokens 300 --max-update 1 --finetune-from-model A/checkpoint_best --save-dir s6";
    let said = stderr_of(dir, &format!("train db2 {tune}"), 1);
    assert_says(&said, "cannot start from A/checkpoint_best");
    assert!(!said.contains("resume") && !said.contains("--save-dir"), "{said}");
    assert!(
        said.contains("dictionar") && said.contains("--extend-dictionary"),
        "{said}"
    );
    // The command of the hint does what it says.
    let command = said.split("dictionaries of the checkpoint: ").nth(1).unwrap();
    let command = command.lines().next().unwrap();
    assert!(
        command.starts_with("preprocess --like A/checkpoint_best"),
        "{command}"
    );
    ok(dir, command);
    let said = stderr_of(dir, &format!("train db2-like {tune}"), 0);
    assert_says(&said, "the architecture is that of A/checkpoint_best");

    let said = stderr_of(
        dir,
        &format!("train db2 {tune} --extend-dictionary --save-dir s6b"),
        0,
    );
    assert_says(&said, "keep their embeddings");
    // It goes on from its own checkpoint, whose dictionaries are those of the data.
    let again = format!("train db2 {tune} --extend-dictionary --save-dir s6b --max-update 2");
    let said = stderr_of(dir, &again, 0);
    assert_says(&said, "resuming after update 1");
}

#[test]
fn resuming_with_another_dictionary_names_the_command_too() {
    let Some(dir) = trained_and_other_data() else {
        return;
    };
    let dir = dir.path();
    let said = stderr_of(dir, &format!("train db2 --cpu --max-epoch 2 {RUN_A}"), 1);
    assert_says(&said, "cannot resume from A/checkpoint_last");
    assert!(
        said.contains("preprocess --like") && said.contains("--finetune-from-model"),
        "{said}"
    );
    let said = stderr_of(dir, "train db2 --cpu --extend-dictionary", 2);
    assert_says(&said, "--finetune-from-model");
}

#[test]
fn data_like_a_checkpoint_has_its_languages_dictionaries_and_text_settings() {
    let dir = crate::fixture::folder();
    let dir = dir.path();
    let like = "preprocess --like checkpoints/checkpoint_best";
    ok(dir, &format!("{like} --trainpref data/valid --destdir like"));
    for name in ["dict.de.txt", "dict.en.txt", "text.de.json", "text.en.json"] {
        let read = |folder: &str| fs::read(dir.join(folder).join(name)).unwrap();
        assert_eq!(read("like"), read("data-bin"), "{name}");
    }
    let read = |name: &str| fs::read(dir.join(name)).unwrap();
    for lang in ["de", "en"] {
        assert_eq!(
            read(&format!("like/train.de-en.{lang}.bin")),
            read(&format!("data-bin/valid.de-en.{lang}.bin"))
        );
    }
    ok(
        dir,
        &format!("{like} --only-source --testpref data/test --destdir source"),
    );
    let said = stderr_of(
        dir,
        &format!("{like} -s en -t de --trainpref data/valid --destdir x"),
        2,
    );
    assert_says(&said, "translates from de to en");
    let said = stderr_of(
        dir,
        &format!("{like} --bpe none --trainpref data/valid --destdir x"),
        2,
    );
    assert_says(&said, "cannot be used with");
    let said = stderr_of(
        dir,
        "preprocess --like nowhere --trainpref data/valid --destdir x",
        1,
    );
    assert_says(&said, "nowhere: no checkpoint here");
}

#[test]
fn equal_values_end_a_run_and_a_fresh_optimiser_forgets_the_best_one() {
    let toy = Toy::new();
    // Nothing is learned: all validations are equal.
    let flags = "--max-tokens 256 --lr-scheduler fixed --lr 0 --weight-decay 0 --keep-best-checkpoints 3";
    let output = succeed(toy.run("run", &format!("{flags} --patience 4")));
    assert_says(&stderr(&output), "no improvement in the last 4 validations");
    // The latest three of five equal ones.
    let names = toy.checkpoints("run");
    let best: Vec<&String> = names
        .iter()
        .filter(|name| name.starts_with("checkpoint.best_"))
        .collect();
    assert_eq!(best.len(), 3, "{names:?}");
    let mut updates: Vec<u64> = best
        .iter()
        .map(|name| num_updates(&toy.save_dir("run").join(name)))
        .collect();
    updates.sort_unstable();
    let per_epoch = num_updates(&toy.save_dir("run").join("checkpoint1"));
    assert_eq!(updates, [3 * per_epoch, 4 * per_epoch, 5 * per_epoch]);

    // The run is over; a fresh optimiser, or fresh meters, begin to count anew.
    let again = |flag: &str| {
        let flags = format!("{flags} --restore-file run/checkpoint_last --patience 2 {flag}");
        let output = succeed(toy.run(&format!("again{flag}"), &flags));
        logged(&output, "train_loss").len()
    };
    assert_eq!(again(""), 0);
    assert_eq!(again("--reset-optimizer"), 3);
    assert_eq!(again("--reset-meters"), 3);
}

#[test]
fn s09_a_line_that_is_too_long_leaves_its_place_empty() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    ok(dir, PREPROCESS);
    ok(dir, &format!("{TRAIN} {RUN_A} --max-tokens 300 --max-epoch 1"));
    let generate = "generate --path A/checkpoint_best --cpu --beam 1 --max-len-b 4 --input s09/in.de";
    let output = super::sh(dir, generate);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let out = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = out.split('\n').collect();
    assert_eq!((lines.len(), lines[2], lines[4]), (5, "", ""), "{out}");
    assert!([0, 1, 3].iter().all(|&line| !lines[line].is_empty()), "{out}");
    assert!(
        said.contains("line 3 has") && said.contains("its translation stays empty"),
        "{said}"
    );

    // The same lines one by one.
    let interactive =
        "burnseq interactive --path A/checkpoint_best --cpu --beam 1 --max-len-b 4 --input s09/in.de";
    let out = ok(dir, interactive);
    assert_eq!(out.matches("\nH-").count(), 4, "{out}");
    assert_says(&out, "H-2\t-inf\t\n");

    // Cut, it is translated.
    for command in [
        format!("{generate} --truncate-source"),
        format!("{interactive} --truncate-source"),
    ] {
        let output = super::sh(dir, &command);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("line 3 has") && said.contains("is cut to 1024"),
            "{said}"
        );
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(!out.contains("\n\n") && !out.contains("-inf"), "{out}");
    }
    let said = stderr_of(
        dir,
        &format!("{generate} --skip-invalid-size-inputs-valid-test"),
        0,
    );
    assert_says(
        &said,
        "changes nothing here: lines that are too long stay empty in any case",
    );
}

#[test]
fn text_that_is_segmented_in_another_way_is_noticed() {
    let Some(dir) = cases() else { return };
    let dir = dir.path();
    ok(dir, PREPROCESS);
    ok(dir, &format!("{TRAIN} {RUN_A} --max-tokens 300 --max-epoch 1"));
    // Words for a model of pieces.
    for command in [
        "generate --path A/checkpoint_best --cpu --beam 1 --max-len-b 4 --input corpus/words.de",
        "burnseq interactive --path A/checkpoint_best --cpu --beam 1 --max-len-b 4 --input corpus/words.de --buffer-size 30",
    ] {
        let said = stderr_of(dir, command, 0);
        assert_says(&said, "source tokens are unknown to the model");
        assert_says(&said, "segment this text in the same way");
        let said = stderr_of(dir, &command.replace("words.de", "bpe.de"), 0);
        assert!(!said.contains("unknown"), "{said}");
    }
    let said = stderr_of(
        dir,
        "preprocess --like A/checkpoint_best --trainpref corpus/words --destdir words",
        0,
    );
    assert_says(&said, "are not in the dictionary that is given");
    let said = stderr_of(
        dir,
        "preprocess --like A/checkpoint_best --trainpref corpus/bpe --destdir pieces",
        0,
    );
    assert!(!said.contains("are not in the dictionary"), "{said}");
}

#[test]
fn a_run_that_cannot_learn_or_keeps_nothing_says_so_at_its_start() {
    let toy = Toy::new();
    let said = |name: &str, flags: &str| stderr(&succeed(toy.run(name, flags)));
    // One epoch of a small corpus within 4000 updates of warm-up.
    let long = said("long", "--max-epoch 1 --max-tokens 100");
    assert_says(&long, "is in its warm-up for 4000 updates, but the run has only");
    let hint = long.split("hint: --warmup-updates ").nth(1).unwrap();
    let hint = hint.split(' ').next().unwrap();
    let mended = said(
        "mended",
        &format!("--max-epoch 1 --max-tokens 100 --warmup-updates {hint}"),
    );
    assert!(!mended.contains("warm-up"), "{mended}");
    let tri = said("tri", "--max-update 3 --max-tokens 100 --lr-scheduler tri_stage");
    assert_says(&tri, "hint: --warmup-steps 1");

    let idle = said(
        "idle",
        "--max-update 1 --keep-interval-updates 2 --reset-optimizer",
    );
    assert_says(
        &idle,
        "--keep-interval-updates changes nothing without --save-interval-updates",
    );
    assert_says(&idle, "--reset-optimizer changes nothing");

    let nothing = "--max-update 1 --no-last-checkpoints --no-epoch-checkpoints --disable-validation";
    let output = toy.run("nothing", nothing);
    assert_eq!(output.status.code(), Some(2));
    assert_says(&stderr(&output), "no checkpoint is ever written");
    succeed(toy.run("nothing", &format!("{nothing} --no-save")));
}
