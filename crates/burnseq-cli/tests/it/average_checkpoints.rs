//! `burnseq average` from end to end.

use crate::fixture::assert_says;
use std::collections::HashMap;
use std::path::Path;

use burn::tensor::TensorData;
use burnseq_train::Checkpoint;

use crate::toy::{Toy, assert_moved, logged, refused, stderr, succeed};

const AVERAGE: &str = "average";

fn tensors(path: &Path) -> HashMap<String, TensorData> {
    Checkpoint::open(path).unwrap().model_tensors().unwrap()
}

fn values(data: &TensorData) -> &[f32] {
    data.as_slice().unwrap()
}

#[test]
fn the_average_is_the_mean_of_the_weights_and_translates() {
    let toy = Toy::new();
    let flags = "--max-epoch 4 --lr 5e-3 --warmup-updates 5 --dropout 0.1 --max-tokens 300";
    let losses = logged(&succeed(toy.run("run", flags)), "valid_loss");
    // The mean of equal weights would be any of them.
    let epoch = |number: usize| toy.save_dir("run").join(format!("checkpoint{number}"));
    assert_moved(&epoch(2), &epoch(3), 1e-3);
    assert_moved(&epoch(3), &epoch(4), 1e-3);
    let average = |flags: &str| succeed(toy.tool(AVERAGE, flags));
    average("--inputs run/checkpoint2 run/checkpoint3.pt run/checkpoint4 --output named.pt");
    let output = average("--inputs run --num-epoch-checkpoints 3 --output latest");
    assert!(stderr(&output).contains("averaged run/checkpoint4, run/checkpoint3, run/checkpoint2"));
    average("--inputs run --num-epoch-checkpoints 2 --checkpoint-upper-bound 3 --output bounded");

    let at = |name: &str| tensors(&toy.dir.path().join(name));
    let epochs = [2, 3, 4].map(|epoch| at(&format!("run/checkpoint{epoch}")));
    let (named, latest, bounded) = (at("named"), at("latest"), at("bounded"));
    assert_eq!(named.len(), epochs[0].len());
    for (name, mean) in &named {
        assert_eq!(values(mean), values(&latest[name]));
        for (position, &value) in values(mean).iter().enumerate() {
            let [two, three, four] = epochs
                .each_ref()
                .map(|epoch| f64::from(values(&epoch[name])[position]));
            assert_eq!(value, ((two + three + four) / 3.0) as f32, "{name}");
            assert_eq!(
                values(&bounded[name])[position],
                ((two + three) / 2.0) as f32,
                "{name}"
            );
        }
    }

    let validate = "validate";
    let output = succeed(toy.tool(validate, "data-bin --path latest --cpu --log-format json"));
    let loss = logged(&output, "valid_loss");
    assert!(loss[0] < losses[0] - 0.2, "{loss:?} after {losses:?}");
    let generate = "generate";
    let output = succeed(toy.tool(
        generate,
        "data-bin --path latest --gen-subset valid --cpu --quiet",
    ));
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.starts_with("Generate valid with beam=5: BLEU4 = "), "{out}");
    // Without a step, a run from these weights has their loss.
    let tuned = toy.run("tuned", "--finetune-from-model latest --max-epoch 1 --lr 0");
    assert_eq!(logged(&succeed(tuned), "valid_loss"), loss);
}

#[test]
fn the_folder_of_a_run_stands_for_its_latest_checkpoints() {
    let toy = Toy::new();
    succeed(toy.run("run", "--max-epoch 6 --max-tokens 200"));
    let average = |flags: &str| stderr(&succeed(toy.tool(AVERAGE, flags)));
    let said = average("--inputs run --output x");
    let latest = [6, 5, 4, 3, 2].map(|epoch| format!("run/checkpoint{epoch}"));
    assert_says(&said, &format!("averaged {}\n", latest.join(", ")));
    let said = average("--inputs run --output x --overwrite --num-epoch-checkpoints 1");
    assert_says(&said, "averaged run/checkpoint6\n");
    let single = tensors(&toy.dir.path().join("run/checkpoint6"));
    let run = toy.save_dir("run");
    assert_moved(&run.join("checkpoint5"), &run.join("checkpoint6"), 1e-5);
    assert!(!single.is_empty());
    for (name, mean) in tensors(&toy.dir.path().join("x")) {
        assert_eq!(values(&mean), values(&single[&name]), "{name}");
    }

    succeed(toy.run(
        "updates",
        "--max-update 3 --save-interval-updates 1 --no-epoch-checkpoints --max-tokens 200",
    ));
    let said = average("--inputs updates --output y");
    assert_says(&said, "updates/checkpoint_1_");
}

#[test]
fn text_settings_that_differ_in_names_of_files_alone_are_equal() {
    let toy = Toy::new();
    for name in ["train.xx", "train.yy"] {
        std::fs::write(toy.dir.path().join(name), "ab ab abc\nabc b\n").unwrap();
    }
    let preprocess = |flags: &str| {
        let flags = format!("-s xx -t yy --trainpref train --validpref train {flags}");
        succeed(toy.tool("preprocess", &flags))
    };
    let train = |data: &str, name: &str| {
        let flags = format!(
            "{data} --save-dir {name} --arch transformer_tiny --cpu --max-update 1 --no-epoch-checkpoints --max-tokens 99"
        );
        succeed(toy.tool("train", &flags));
    };
    preprocess("--bpe subword_nmt --bpe-size 3 --destdir one");
    std::fs::copy(
        toy.dir.path().join("one/bpe.codes"),
        toy.dir.path().join("merges"),
    )
    .unwrap();
    preprocess("--bpe-codes merges,merges --destdir two");
    preprocess("--bpe subword_nmt --bpe-size 2 --destdir three");
    train("one", "a");
    train("two", "b");
    train("three", "c");
    let files = |name: &str| {
        let checkpoint = Checkpoint::open(&toy.dir.path().join(name).join("checkpoint_last")).unwrap();
        let names: Vec<String> = checkpoint.file_names().map(str::to_owned).collect();
        names.join(" ")
    };
    assert_ne!(files("a"), files("b"), "the same codes under other names");
    succeed(toy.tool(AVERAGE, "--inputs a/checkpoint_last b/checkpoint_last --output x"));
    let other = toy.tool(AVERAGE, "--inputs a/checkpoint_last c/checkpoint_last --output y");
    refused(&other, 1, &["cannot be averaged"]);
}

#[test]
fn the_best_are_chosen_in_the_direction_of_the_metric() {
    let toy = Toy::new();
    for (run, metric) in [
        ("loss", "--best-checkpoint-metric loss"),
        ("bleu", "--best-checkpoint-metric bleu --eval-bleu"),
    ] {
        // The learning rate is so high in the last epochs that the model gets worse.
        let flags = format!(
            "--max-epoch 6 --lr-scheduler fixed --lr 3e-3,3e-3,3e-3,3e-3,0.3,0.3 --dropout 0 --max-tokens 64 {metric}"
        );
        let output = succeed(toy.run(run, &flags));
        let mut found: Vec<(f64, usize)> = logged(&output, &format!("valid_{run}"))
            .into_iter()
            .zip(1..)
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        if run == "bleu" {
            found.reverse();
        }
        assert!(found[0].1 <= 4 && found[0].0 != found[5].0, "{found:?}");
        let flags = format!("--inputs {run} --num-best-checkpoints 2 --output best_{run}");
        let output = succeed(toy.tool(AVERAGE, &flags));
        // checkpoint_best and checkpoint_last are further names of some of these.
        let expected = format!(
            "averaged {run}/checkpoint{}, {run}/checkpoint{}",
            found[0].1, found[1].1
        );
        assert!(
            stderr(&output).contains(&expected),
            "{expected}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn what_does_not_belong_together_is_not_averaged_and_nothing_is_overwritten() {
    let toy = Toy::new();
    succeed(toy.run(
        "run",
        "--max-epoch 1 --no-epoch-checkpoints --save-interval-updates 1",
    ));
    succeed(toy.run("deeper", "--max-epoch 1 --encoder-layers 3"));
    let average = |flags: &str| toy.tool(AVERAGE, flags);
    refused(
        &average("--inputs run/checkpoint_last deeper/checkpoint_last --output x"),
        1,
        &["cannot be averaged", "encoder_layers 2 there, 3 here"],
    );
    refused(
        &average("--inputs run --num-epoch-checkpoints 2 --output x"),
        2,
        &[
            "run holds 0 checkpointN, 2 were asked for",
            "hint: `train` writes them unless",
        ],
    );
    refused(
        &average("--inputs deeper --num-best-checkpoints 2 --output x"),
        2,
        &[
            "deeper holds 1 validated checkpoints, 2 were",
            "hint: ask for 1 to 1",
        ],
    );
    refused(&average("--inputs run/absent --output x"), 1, &["run/absent"]);
    refused(
        &average("--inputs data-bin --output x"),
        1,
        &["data-bin: no checkpoint here"],
    );
    refused(
        &average("--inputs run/checkpoint_last --output deeper/checkpoint1"),
        1,
        &["deeper/checkpoint1: is there already", "hint: ", "--overwrite"],
    );
    refused(
        &average("--inputs run/checkpoint_last --output data-bin --overwrite"),
        1,
        &["data-bin: is there already", "move it away"],
    );
    assert!(!toy.dir.path().join("x").exists());

    let dict = toy.data.join("dict.yy.txt");
    let text = std::fs::read_to_string(&dict).unwrap();
    std::fs::write(&dict, text.replace("w7 ", "v7 ")).unwrap();
    succeed(toy.run("renamed", "--max-epoch 1"));
    refused(
        &average("--inputs run/checkpoint_last renamed/checkpoint_last --output x"),
        1,
        &["another dict.tgt.txt"],
    );
}
