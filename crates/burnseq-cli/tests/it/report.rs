//! `burnseq report` and TensorBoard's files from end to end.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burnseq_report::log::{Kind, Log};
use burnseq_train::log::tensorboard::{EventRecord, read_events};
use serde_json::Value;

use crate::toy::{Toy, refused, stderr, succeed};

const TRAIN: &str =
    "--max-epoch 3 --lr 5e-3 --warmup-updates 20 --max-tokens 128 --log-interval 2 --eval-bleu";
const QUICK: &str = "--cpu --num-sentences 12 --max-len-b 10";

/// A toy with a run in `name`, and its log inside.
fn trained(toy: &Toy, name: &str, flags: &str) {
    fs::create_dir_all(toy.dir.path().join(name)).unwrap();
    succeed(toy.run(name, &format!("{TRAIN} --log-file {name}/train.json {flags}")));
}

/// Runs `burnseq report` and gives the page and what was said.
#[track_caller]
fn report(toy: &Toy, flags: &str) -> (String, String) {
    let output = succeed(toy.tool("report", &format!("{flags} --overwrite")));
    let page = fs::read_to_string(toy.dir.path().join("report.html")).unwrap();
    (page, stderr(&output))
}

/// The page loads nothing: no address, script, style sheet or picture of another file.
fn assert_self_contained(page: &str) {
    for part in [
        "http", "<script", "<link", "@import", "url(", " src=", "<iframe", "<img",
    ] {
        assert!(!page.contains(part), "{part}");
    }
    for link in page.split("href=\"").skip(1) {
        assert!(link.starts_with('#'), "{}", &link[..40]);
    }
    assert!(page.len() < 5_000_000, "{}", page.len());
}

#[test]
fn a_page_shows_runs_their_data_translations_and_attention() {
    let toy = Toy::new();
    trained(&toy, "a", "");
    trained(&toy, "b", "--dropout 0.3");
    let (page, said) = report(
        &toy,
        &format!("a b {QUICK} --out figures --attention 0,3 --attention-heads 2"),
    );
    assert!(
        said.contains("wrote report.html (") && said.contains("figures to figures"),
        "{said}"
    );
    assert_self_contained(&page);
    for part in [
        "<td>model.dropout</td>",
        "2 training runs",
        ">Loss<",
        ">Perplexity<",
        ">Validation BLEU<",
        ">Learning rate<",
        ">Gradient norm<",
        ">Speed<",
        "Memory is recorded on GPUs only",
        "Sentence lengths of train",
        "xx 24 types",
        "12 of 20 sentences of valid, beam 5",
        "BLEU by sentence length",
        "the 240 training sentences have them",
        "Worst translations",
        "Cross-attention",
        "Self-attention of the encoder",
        "Self-attention of the decoder",
        "layer 1, head 2",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("head 1<") && !page.contains("id=\"absent\""));

    let figures = toy.dir.path().join("figures");
    for name in [
        "loss",
        "valid-bleu",
        "lengths-train",
        "f1-by-frequency",
        "attention-1-3-cross",
        "attention-2-0-decoder",
    ] {
        let svg = fs::read_to_string(figures.join(format!("{name}.svg"))).unwrap();
        assert!(
            svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"),
            "{name}"
        );
        let png = fs::read(figures.join(format!("{name}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n") && png.len() > 1000, "{name}");
    }

    // Nothing is replaced unless it is asked for.
    let again = |flags: &str| toy.tool("report", &format!("a {QUICK} {flags}"));
    refused(&again(""), 1, &["report.html is there already", "--overwrite"]);
    refused(
        &again("--output new.html --out figures"),
        1,
        &["figures is not empty", "--overwrite"],
    );
    assert!(!toy.dir.path().join("new.html").exists());
}

#[test]
fn a_run_that_is_going_on_and_a_log_that_is_cut_are_shown_as_far_as_they_are() {
    let toy = Toy::new();
    trained(&toy, "a", "");
    let log = toy.dir.path().join("a/train.json");
    let text = fs::read_to_string(&log).unwrap();
    // In the middle of the last validation.
    fs::write(&log, &text[..text.len() - 40]).unwrap();
    let (page, said) = report(&toy, "a --num-sentences 0 --attention none");
    assert!(
        said.contains("the last line of the log of a is incomplete"),
        "{said}"
    );
    assert!(page.contains("incomplete and left out") && page.contains(">Loss<"));
    assert!(!page.contains("id=\"translations\"") && !page.contains("id=\"attention\""));

    // Before the first checkpoint there is a log alone.
    let first: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
    fs::create_dir(toy.dir.path().join("young")).unwrap();
    fs::write(toy.dir.path().join("young/log.json"), first).unwrap();
    let (page, _) = report(&toy, "young");
    assert!(
        page.contains("No epoch is complete in the log")
            && page.contains("there is no checkpoint, only a log")
    );
    assert_self_contained(&page);
}

#[test]
fn without_a_log_checkpoints_make_the_curves() {
    let toy = Toy::new();
    trained(&toy, "a", "");
    fs::rename(
        toy.dir.path().join("a/train.json"),
        toy.dir.path().join("moved.json"),
    )
    .unwrap();
    let (page, said) = report(&toy, "a --num-sentences 0 --attention none");
    assert!(
        said.contains("a has no log in its folder") && said.contains("--log-file"),
        "{said}"
    );
    // Three epochs, three checkpoints, and the best and the last are two of them.
    assert_eq!(page.matches(" at update ").count(), 3, "{page}");

    let (page, said) = report(&toy, "a --log-file moved.json --num-sentences 0 --attention none");
    assert!(!said.contains("has no log") && page.contains(">Speed<"), "{said}");
    let (page, _) = report(&toy, "moved.json");
    assert!(page.contains(">Speed<") && page.contains("there is no checkpoint, only a log"));
}

#[test]
fn a_log_of_text_draws_what_one_of_json_draws() {
    let toy = Toy::new();
    trained(&toy, "json", "");
    trained(&toy, "text", "--log-format simple");
    let log = |name: &str| Log::read(&toy.dir.path().join(name).join("train.json")).unwrap();
    let (json, text) = (log("json"), log("text"));
    assert!(text.damaged.is_empty() && !text.is_cut);
    let updates = |log: &Log| -> Vec<(Kind, u64)> {
        let records = log.records.iter();
        records
            .map(|record| (record.kind.clone(), record.num_updates))
            .collect()
    };
    assert_eq!(updates(&json), updates(&text));
    // The runs are the same but for the time they took.
    for key in ["loss", "ppl", "lr", "gnorm", "bleu", "padding"] {
        for kind in [Kind::Interval, Kind::Epoch, Kind::Valid("valid".to_owned())] {
            assert_eq!(json.points(&kind, key), text.points(&kind, key), "{key} {kind:?}");
        }
    }
    // The table at the end of the run is in the log and no record of it.
    let content = fs::read_to_string(toy.dir.path().join("text/train.json")).unwrap();
    assert!(
        content.contains("\nepoch    valid loss") && content.contains("loss on validation text"),
        "{content}"
    );
    let (page, said) = report(&toy, "text --num-sentences 0 --attention none");
    assert!(!said.contains("note: "), "{said}");
    let piped = succeed(toy.tool("report", "text --num-sentences 0 --attention none --output -"));
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), page);
    assert!(!toy.dir.path().join("-").exists());
    for figure in [">Loss<", ">Validation BLEU<", ">Gradient norm<", ">Speed<"] {
        assert!(page.contains(figure), "{figure}");
    }
}

#[test]
fn without_data_everything_else_is_shown() {
    let toy = Toy::new();
    trained(&toy, "a", "");
    fs::rename(&toy.data, toy.dir.path().join("elsewhere")).unwrap();
    let (page, _) = report(&toy, &format!("a {QUICK}"));
    assert!(
        page.contains("id=\"absent\"") && page.contains("name the dataset with --data"),
        "{page}"
    );
    assert!(page.contains(">Loss<") && page.contains("All ") && !page.contains("id=\"data\""));

    let (page, _) = report(
        &toy,
        &format!("a {QUICK} --data elsewhere --gen-subset train --beam 2 --nbest 1"),
    );
    assert!(page.contains("12 of 240 sentences of train, beam 2") && !page.contains("id=\"absent\""));
}

#[test]
fn a_model_with_another_attention_says_what_it_lacks() {
    let toy = Toy::new();
    let lstm = "--arch lstm --encoder-embed-dim 8 --decoder-embed-dim 8 --decoder-out-embed-dim 8";
    trained(&toy, "a", lstm);
    let (page, _) = report(&toy, &format!("a {QUICK}"));
    assert!(page.contains("Cross-attention") && page.contains("the model attends to the source only"));
    trained(&toy, "b", &format!("{lstm} --decoder-attention False"));
    let (page, _) = report(&toy, &format!("b {QUICK}"));
    assert!(page.contains("the model has no attention") && !page.contains("Cross-attention"));
}

#[test]
fn what_is_no_run_is_refused_with_its_remedy() {
    let toy = Toy::new();
    trained(&toy, "a", "");
    let dir = toy.dir.path();
    let report = |flags: &str| toy.tool("report", &format!("--output x.html {flags}"));
    refused(&report("nowhere"), 1, &["cannot read nowhere"]);
    refused(
        &report("data-bin"),
        1,
        &["data-bin holds neither checkpoints nor a log", "--save-dir"],
    );
    refused(
        &report("a/checkpoint_best"),
        1,
        &[
            "is one checkpoint, not a run",
            "hint: give the folder that holds it",
        ],
    );
    fs::write(dir.join("notes"), "hello\n").unwrap();
    refused(
        &report("notes"),
        1,
        &["notes has no line of a training log", "--log-file"],
    );
    refused(
        &report("a --log-file notes"),
        1,
        &["notes has no line of a training log"],
    );
    fs::copy(dir.join("a/train.json"), dir.join("a/old.json")).unwrap();
    refused(
        &report("a"),
        1,
        &["a holds 2 logs: a/old.json, a/train.json", "--log-file"],
    );
    fs::remove_file(dir.join("a/old.json")).unwrap();
    refused(
        &report("a --checkpoint best"),
        1,
        &["no checkpoint \"best\"", "checkpoint_best"],
    );
    let quick = |flags: &str| report(&format!("a {QUICK} {flags}"));
    refused(&quick("--gen-subset dev"), 1, &["no split \"dev\""]);
    refused(
        &quick("--attention 20"),
        2,
        &["--attention 20: valid has 20 sentences, counted from 0"],
    );
    refused(
        &quick("--attention-layers 9"),
        2,
        &["--attention-layers 9: the model has"],
    );
    refused(
        &quick("--attention-heads 9"),
        2,
        &["--attention-heads 9: the model has"],
    );
    assert!(!dir.join("x.html").exists());
}

/// The scalars of a set by tag, and where a start says that later ones are void.
fn scalars(logdir: &Path, subset: &str) -> BTreeMap<String, Vec<(i64, f32)>> {
    let mut files: Vec<_> = fs::read_dir(logdir.join(subset))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut found: BTreeMap<String, Vec<(i64, f32)>> = BTreeMap::new();
    for file in files {
        for event in read_events(&fs::read(file).unwrap()).unwrap() {
            let EventRecord {
                step,
                summary,
                session_log,
                ..
            } = event;
            if session_log.is_some() {
                found
                    .values_mut()
                    .for_each(|points| points.retain(|(at, _)| *at < step));
            }
            for value in summary.map_or_else(Vec::new, |summary| summary.value) {
                found
                    .entry(value.tag)
                    .or_default()
                    .push((step, value.simple_value));
            }
        }
    }
    found
}

#[test]
fn tensorboard_gets_what_the_log_says_in_the_folders_of_fairseq() {
    let toy = Toy::new();
    let flags = "--lr 5e-3 --warmup-updates 20 --max-tokens 128 --log-interval 2 --eval-bleu --tensorboard-logdir tb \
                 --log-file log";
    succeed(toy.run("run", &format!("{flags} --max-epoch 2")));
    let logged = fs::read_to_string(toy.dir.path().join("log")).unwrap();
    // The run goes on, with files of its own.
    succeed(toy.run("run", &format!("{flags} --max-epoch 3")));

    let dir = toy.dir.path();
    let log = fs::read_to_string(dir.join("log")).unwrap();
    assert!(log.len() > logged.len());
    let mut compared = 0;
    for (subset, prefix) in [("train_inner", ""), ("train", "train_"), ("valid", "valid_")] {
        let scalars = scalars(&dir.join("tb"), subset);
        let updates = format!("{prefix}num_updates");
        let mut points = 0;
        for line in log.lines() {
            let record: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
            let Some(step) = record.get(&updates).and_then(Value::as_i64) else {
                continue;
            };
            for (key, value) in &record {
                let Some(tag) = key
                    .strip_prefix(prefix)
                    .filter(|tag| !["epoch", "update", "num_updates"].contains(tag))
                else {
                    continue;
                };
                let Some(value) = value.as_f64() else { continue };
                assert!(
                    scalars[tag].contains(&(step, value as f32)),
                    "{subset} {tag} at {step}: {value}"
                );
                compared += 1;
            }
            points += 1;
        }
        assert_eq!(scalars["wps"].len(), points, "{subset}");
        assert_eq!(
            fs::read_dir(dir.join("tb").join(subset)).unwrap().count(),
            2,
            "{subset}: a file for each start"
        );
    }
    assert!(compared > 100, "{compared}");
    assert!(scalars(&dir.join("tb"), "valid").contains_key("bleu"));
}

#[test]
fn a_folder_for_tensorboard_that_cannot_be_written_stops_the_run_before_it_starts() {
    let toy = Toy::new();
    fs::write(toy.dir.path().join("taken"), "x").unwrap();
    let output = toy.run("run", "--max-epoch 1 --tensorboard-logdir taken");
    refused(&output, 1, &["cannot write taken"]);
    assert!(!toy.dir.path().join("run").exists());
    let output = toy.run("run", "--max-epoch 1 --wandb-project x");
    refused(
        &output,
        2,
        &["--wandb-project is not supported", "--tensorboard-logdir"],
    );
}
