//! Options of `train` from end to end: what each changes in a run.

use std::fs;
use std::path::Path;

use burnseq_data::{DatasetDir, Dtype, IndexedWriter, Mt19937, PairOptions};
use burnseq_train::Checkpoint;

use crate::fixture::assert_says;
use crate::toy::{Toy, assert_moved, log, logged, refused, resumed, stderr, succeed};

fn file(checkpoint: &Path, name: &str) -> Vec<u8> {
    fs::read(checkpoint.join(name)).unwrap()
}

fn updates(output: &std::process::Output) -> Vec<f64> {
    logged(output, "train_num_updates")
}

#[test]
fn a_resumed_run_with_a_moving_average_ends_with_the_same_bits() {
    let toy = Toy::new();
    let flags = "--store-ema --ema-decay 0.9 --ema-start-update 5 --dropout 0.2 --max-tokens 64 --lr 1e-2 --warmup-updates 5";
    succeed(toy.run("whole", &format!("{flags} --max-epoch 3")));
    succeed(toy.run("parts", &format!("{flags} --max-epoch 2")));
    resumed(toy.run("parts", &format!("{flags} --max-epoch 3")), 1);
    let last = |name: &str| toy.save_dir(name).join("checkpoint_last");
    for name in ["model.safetensors", "raw.safetensors", "optimizer.safetensors"] {
        assert!(file(&last("whole"), name) == file(&last("parts"), name), "{name}");
    }
    let (average, raw) = (
        file(&last("whole"), "model.safetensors"),
        file(&last("whole"), "raw.safetensors"),
    );
    assert!(average != raw, "what is translated with is the average");

    // An average that forgets everything at once is the model itself.
    let flags = "--dropout 0.2 --max-tokens 64 --max-epoch 1 --lr 1e-2 --warmup-updates 5";
    succeed(toy.run("forgetful", &format!("{flags} --store-ema --ema-decay 0")));
    succeed(toy.run("plain", flags));
    let model = |name: &str| file(&last(name), "model.safetensors");
    assert!(model("forgetful") == file(&last("forgetful"), "raw.safetensors"));
    assert!(model("forgetful") == model("plain"));
    assert!(!last("plain").join("raw.safetensors").exists());
}

#[test]
fn batches_as_large_as_memory_allows_are_for_gpus_but_a_run_keeps_those_it_began_with() {
    let toy = Toy::new();
    let flags = "--lr 5e-3 --warmup-updates 5";
    let auto = format!("{flags} --max-tokens auto --max-epoch");
    let expected = ["--max-tokens auto", "memory of a GPU", "give a number"];
    refused(&toy.run("parts", &format!("{auto} 2")), 2, &expected);

    succeed(toy.run("whole", &format!("{flags} --max-tokens 64 --max-epoch 2")));
    succeed(toy.run("parts", &format!("{flags} --max-tokens 64 --max-epoch 1")));
    let rest = resumed(toy.run("parts", &format!("{auto} 2")), 1);
    assert!(stderr(&rest).contains("--max-tokens auto: 64 tokens, as the run began"));
    let last = |name: &str| toy.save_dir(name).join("checkpoint_last");
    let model = |name: &str| file(&last(name), "model.safetensors");
    assert!(model("whole") == model("parts"));
    assert_moved(&toy.save_dir("whole").join("checkpoint1"), &last("whole"), 5e-3);
}

#[test]
fn every_optimiser_learns_and_resumes_exactly() {
    for flags in [
        "--optimizer sgd --momentum 0.9 --lr 0.3",
        "--optimizer nag --momentum 0.9 --lr 0.3",
        "--optimizer adam --lr 3e-3",
    ] {
        let toy = Toy::new();
        let flags = format!("{flags} --lr-scheduler fixed --clip-norm 1 --dropout 0.1 --max-tokens 128");
        let whole = succeed(toy.run("whole", &format!("{flags} --max-epoch 6")));
        let loss = logged(&whole, "valid_loss");
        assert!(loss[5] < loss[0] - 0.3, "{flags}: {loss:?}");
        succeed(toy.run("parts", &format!("{flags} --max-epoch 3")));
        resumed(toy.run("parts", &format!("{flags} --max-epoch 6")), 3);
        let last = |name: &str| toy.save_dir(name).join("checkpoint_last");
        for name in ["model.safetensors", "optimizer.safetensors"] {
            assert!(
                file(&last("whole"), name) == file(&last("parts"), name),
                "{flags}: {name}"
            );
        }
    }
}

#[test]
fn accuracy_is_logged_and_chooses_the_best_checkpoint() {
    let toy = Toy::new();
    let flags = "--report-accuracy --best-checkpoint-metric accuracy --max-epoch 8 --lr 5e-3 --warmup-updates 20 \
                 --dropout 0 --max-tokens 64 --no-epoch-checkpoints";
    let output = succeed(toy.run("run", flags));
    let valid = logged(&output, "valid_accuracy");
    assert_eq!((valid.len(), logged(&output, "train_accuracy").len()), (8, 8));
    assert!(
        valid[7] > valid[0] + 20.0 && valid.iter().all(|share| (0.0..=100.0).contains(share)),
        "{valid:?}"
    );
    // The most frequent token, `</s>`, is a fifth of all.
    assert!(valid[7] > 60.0, "{valid:?}");
    let best = valid.iter().copied().fold(0.0, f64::max);
    assert_eq!(logged(&output, "valid_best_accuracy")[7], best);
    refused(
        &toy.run("other", "--best-checkpoint-metric accuracy"),
        2,
        &["accuracy is not computed", "--report-accuracy"],
    );
}

#[test]
fn the_weights_of_another_run_are_taken_once() {
    let toy = Toy::new();
    let flags = "--dropout 0 --lr 5e-3 --warmup-updates 5 --max-tokens 128 --no-epoch-checkpoints";
    let first = succeed(toy.run("first", &format!("{flags} --max-epoch 4")));
    let losses = logged(&first, "valid_loss");
    let reached = losses[3];
    assert!(reached < losses[0] - 0.5, "{losses:?}");
    let per_epoch = updates(&first)[0];

    let finetune = format!("{flags} --finetune-from-model first/checkpoint_last");
    let tuned = succeed(toy.run("tuned", &format!("{finetune} --max-epoch 1 --lr 0")));
    assert_eq!(
        logged(&tuned, "valid_loss"),
        [reached],
        "the weights, and no step"
    );
    assert_eq!(updates(&tuned), [per_epoch], "counted from 0");
    let resumed = succeed(toy.run("tuned", &format!("{finetune} --max-epoch 2 --lr 0")));
    assert_says(&stderr(&resumed), "resuming after update");

    let go_on = format!("{flags} --continue-once first/checkpoint_last.pt --max-epoch 5");
    let continued = succeed(toy.run("continued", &go_on));
    assert_eq!(updates(&continued), [5.0 * per_epoch], "one epoch more");
    let whole = succeed(toy.run("whole", &format!("{flags} --max-epoch 5")));
    assert_eq!(
        logged(&continued, "valid_loss")[0],
        logged(&whole, "valid_loss")[4]
    );

    refused(
        &toy.run("other", "--finetune-from-model nowhere --max-epoch 1"),
        1,
        &["nowhere", "no checkpoint here"],
    );
    refused(
        &toy.run(
            "other",
            "--finetune-from-model first/checkpoint_last --reset-optimizer",
        ),
        2,
        &["--reset-optimizer"],
    );
}

#[test]
fn the_learning_rate_can_start_anew() {
    let toy = Toy::new();
    let train = |name: &str, flags: &str| {
        let flags = format!("--warmup-updates 5 --max-tokens 200 --log-interval 1 {flags}");
        logged(&succeed(toy.run(name, &flags)), "lr")
    };
    let first = train("run", "--max-epoch 1");
    let on = train("run", "--max-epoch 2");
    assert_eq!(first.len(), on.len());
    assert_ne!(first, on);

    train("anew", "--max-epoch 1");
    assert_eq!(train("anew", "--max-epoch 2 --reset-lr-scheduler"), first);
    assert_eq!(train("anew", "--max-epoch 3"), on, "once is enough");
    let second = |name: &str| {
        let state = fs::read(toy.save_dir(name).join("checkpoint2/checkpoint.json")).unwrap();
        let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
        state["train_state"]["state"]["num_updates"].as_u64()
    };
    assert_eq!(second("run"), second("anew"), "updates are counted on");
}

#[test]
fn embeddings_start_as_in_their_files() {
    let toy = Toy::new();
    let vector = |value: f32| format!("{value} ").repeat(64);
    let lines = format!("2 64\nw4 {}\nw9 {}\nstranger 1 2\n", vector(0.5), vector(-0.25));
    fs::write(toy.dir.path().join("vectors.txt"), lines).unwrap();
    let flags = "--encoder-embed-path vectors.txt --decoder-embed-path vectors.txt --lr 0 --max-epoch 1";
    let output = succeed(toy.run("run", flags));
    assert_says(
        &stderr(&output),
        "2 of 24 encoder embeddings start as in vectors.txt",
    );
    let tensors = Checkpoint::open(&toy.save_dir("run").join("checkpoint_last"))
        .unwrap()
        .model_tensors()
        .unwrap();
    for side in ["encoder", "decoder"] {
        let table = &tensors[&format!("{side}.embed_tokens.weight")];
        let row = |id: usize| &table.as_slice::<f32>().unwrap()[id * 64..(id + 1) * 64];
        assert!(row(4).iter().all(|value| *value == 0.5) && row(9).iter().all(|value| *value == -0.25));
        assert!(row(5).iter().any(|value| *value != row(5)[0]), "drawn at random");
    }
    refused(
        &toy.run("other", "--encoder-embed-path vectors.txt --encoder-embed-dim 32"),
        2,
        &["vectors.txt:2", "64 numbers", "32"],
    );
    refused(
        &toy.run("other", "--encoder-embed-path absent.txt"),
        1,
        &["cannot read absent.txt"],
    );
}

#[test]
fn sources_that_are_too_long_are_cut_on_request() {
    let toy = Toy::new();
    let flags = "--max-source-positions 4 --max-epoch 1 --skip-invalid-size-inputs-valid-test";
    let dropped = succeed(toy.run("dropped", flags));
    assert_says(&stderr(&dropped), "too long, left out");
    let cut = succeed(toy.run("cut", &format!("{flags} --truncate-source")));
    assert_says(&stderr(&cut), "data: 240 training sentences\n");
}

#[test]
fn the_first_training_set_can_be_taken_more_often_than_the_others() {
    let toy = Toy::new();
    for lang in ["xx", "yy"] {
        let prefix = toy.data.join(format!("train1.xx-yy.{lang}"));
        let mut writer = IndexedWriter::create(prefix, Dtype::U16).unwrap();
        (0..10).for_each(|_| writer.push(&[4, 5, 2]).unwrap());
        writer.finish().unwrap();
    }
    for (flags, sentences) in [("", 250), ("--upsample-primary 3", 730)] {
        let output = succeed(toy.run(&format!("run{sentences}"), &format!("--max-epoch 1 {flags}")));
        let expected = format!("data: {sentences} training sentences");
        assert_says(&stderr(&output), &expected);
    }
    refused(
        &toy.run("run", "--upsample-primary 0"),
        2,
        &["--upsample-primary"],
    );
}

#[test]
fn a_last_update_of_fewer_batches_can_be_left_out() {
    let toy = Toy::new();
    let flags = "--batch-size 32 --required-batch-size-multiple 1 --update-freq 3 --max-epoch 2";
    let all = succeed(toy.run("all", flags));
    let full = succeed(toy.run("full", &format!("{flags} --skip-remainder-batch")));
    // 240 sentences are 8 batches: two updates of 3, and one of 2.
    assert_eq!((updates(&all), updates(&full)), (vec![3.0, 6.0], vec![2.0, 4.0]));
    refused(
        &toy.run("none", "--batch-size 32 --update-freq 99 --skip-remainder-batch"),
        2,
        &["no update", "99"],
    );
}

#[test]
fn a_curriculum_goes_from_short_to_long_sentences() {
    let toy = Toy::new();
    let flags = "--batch-size 24 --required-batch-size-multiple 1 --max-epoch 1 --log-interval 1";
    let words_per_batch = |name: &str, flags: &str| logged(&succeed(toy.run(name, flags)), "wpb");
    let shuffled = words_per_batch("shuffled", flags);
    let sorted = words_per_batch("sorted", &format!("{flags} --curriculum 1"));
    assert_eq!(sorted.len(), 10);
    assert!(
        sorted.is_sorted() && !shuffled.is_sorted(),
        "{sorted:?} {shuffled:?}"
    );
}

#[test]
fn checkpoints_of_a_pattern_are_kept() {
    let toy = Toy::new();
    let flags = "--batch-size 24 --save-interval-updates 2 --keep-interval-updates 1 --keep-interval-updates-pattern 4 \
                 --max-update 9 --no-epoch-checkpoints";
    succeed(toy.run("run", flags));
    assert_eq!(
        toy.checkpoints("run"),
        [
            "checkpoint_1_4",
            "checkpoint_1_6",
            "checkpoint_1_8",
            "checkpoint_best",
            "checkpoint_last"
        ],
        "the multiples of 4, and the latest of the others"
    );
}

#[test]
fn a_checkpoint_says_how_to_train_it_again() {
    let toy = Toy::new();
    let flags = "--max-epoch 2 --lr 3e-3 --dropout 0.2 --criterion cross_entropy --optimizer nag --momentum 0.5 \
                 --lr-scheduler fixed --max-tokens 100 --clip-norm 0.7 --seed 5 --eval-bleu --truncate-source";
    let first = succeed(toy.run("first", flags));
    let again = toy.tool(
        "train",
        "--config first/checkpoint_last --save-dir again --cpu --log-format json",
    );
    let again = succeed(again);
    for key in ["valid_loss", "valid_bleu"] {
        let values = logged(&first, key);
        assert_eq!(values.len(), 2, "{key}");
        assert_eq!(values, logged(&again, key), "{key}");
    }
    let model = |name: &str| file(&toy.save_dir(name).join("checkpoint_last"), "model.safetensors");
    assert!(model("first") == model("again"));
    let run = toy.save_dir("first");
    assert_moved(&run.join("checkpoint1"), &run.join("checkpoint_last"), 1e-3);
    // Flags win over the file.
    let longer = toy.tool(
        "train",
        "--config first/checkpoint_last/checkpoint.json --save-dir longer --cpu --log-format json --max-epoch 3",
    );
    assert_eq!(updates(&succeed(longer)).len(), 3);
}

#[test]
fn a_configuration_that_cannot_be_used_is_wrong_usage() {
    let toy = Toy::new();
    let wrong = |content: &str| {
        fs::write(toy.dir.path().join("my.json"), content).unwrap();
        toy.run("run", "--config my.json")
    };
    refused(
        &wrong("arch: transformer"),
        2,
        &[
            "my.json",
            "not JSON",
            "line 1 column 1",
            "hint: write it like {\"arch\"",
        ],
    );
    refused(
        &wrong("{\n\"train\": {\"stopp\": {}}}"),
        2,
        &["my.json: unknown field `stopp`", "line 2", "did you mean `stop`?"],
    );
    fs::write(toy.dir.path().join("my.json"), r#"{"arch": "transformer_tinny"}"#).unwrap();
    let output = toy.tool("train", "data-bin --save-dir run --config my.json");
    refused(
        &output,
        2,
        &["unknown architecture `transformer_tinny`", "transformer_tiny"],
    );
    refused(
        &toy.run("run", "--config absent.json"),
        1,
        &["cannot read absent.json"],
    );
    refused(
        &toy.run("run", "--recipe toy --config x"),
        2,
        &["--recipe", "--config"],
    );
    refused(
        &toy.run("run", "--recipe tooy"),
        2,
        &["unknown recipe `tooy`", "choose one of: toy"],
    );
    assert!(!toy.save_dir("run").exists());
}

#[test]
fn fewer_validation_batches_are_fewer_sentences() {
    let toy = Toy::new();
    let flags = "--max-epoch 1 --batch-size-valid 8 --lr 0";
    let all = succeed(toy.run("all", flags));
    let one = succeed(toy.run("one", &format!("{flags} --max-valid-steps 1")));
    let sentences = |output| logged(output, "valid_bsz");
    // 20 sentences in batches of 8, 8 and 4.
    assert!((sentences(&all)[0] - 6.7).abs() < 0.1, "{:?}", log(&all));
    assert_eq!(sentences(&one), [8.0]);
    assert_ne!(logged(&all, "valid_loss"), logged(&one, "valid_loss"));
}

/// The dataset of `toy` as text, in the folder `raw`.
fn write_raw(toy: &Toy) {
    let raw = toy.dir.path().join("raw");
    fs::create_dir(&raw).unwrap();
    let data = DatasetDir::open(&toy.data, Some("xx"), Some("yy")).unwrap();
    for (lang, dict) in [("xx", data.src_dict()), ("yy", data.tgt_dict())] {
        dict.save(raw.join(format!("dict.{lang}.txt"))).unwrap();
    }
    for split in data.splits().unwrap() {
        let pairs = data.load(&split, false, PairOptions::default()).unwrap();
        let sides = [
            ("xx", pairs.src(), data.src_dict()),
            ("yy", pairs.tgt().unwrap(), data.tgt_dict()),
        ];
        for (lang, side, dict) in sides {
            let line = |index| dict.decode(&side.sentence(index)) + "\n";
            let text: String = (0..side.len()).map(line).collect();
            fs::write(raw.join(format!("{split}.xx-yy.{lang}")), text).unwrap();
        }
    }
}

#[test]
fn text_is_learnt_from_as_the_ids_it_stands_for() {
    let mut toy = Toy::new();
    write_raw(&toy);
    let flags = "--max-epoch 2 --max-tokens 100 --lr 5e-3 --warmup-updates 5";
    succeed(toy.run("ids", &format!("{flags} --dataset-impl mmap")));
    refused(
        &toy.run("none", "--max-epoch 2 --dataset-impl raw"),
        1,
        &["there is no split"],
    );

    toy.data = toy.dir.path().join("raw");
    succeed(toy.run("text", &format!("{flags} --dataset-impl raw")));
    refused(
        &toy.run("none", "--max-epoch 2 --dataset-impl mmap"),
        1,
        &["there is no split"],
    );
    let weights = |name: &str| file(&toy.save_dir(name).join("checkpoint_last"), "model.safetensors");
    assert!(weights("ids") == weights("text"), "the weights differ");
    let ids = toy.save_dir("ids");
    assert_moved(&ids.join("checkpoint1"), &ids.join("checkpoint_last"), 5e-3);

    let validate = |flags: &str| {
        let flags = format!("{flags} --path text/checkpoint_last -s xx -t yy --cpu --log-format json");
        toy.tool("validate", &flags)
    };
    let loss = |flags: &str| logged(&succeed(validate(flags)), "valid_loss");
    let of_text = loss("raw --dataset-impl raw");
    assert_eq!(of_text.len(), 1);
    assert_eq!(of_text, loss("data-bin --dataset-impl mmap"));
    refused(&validate("raw --dataset-impl mmap"), 1, &["there is no split"]);
}

#[test]
fn bpe_dropout_changes_what_is_learned_from_and_resumes_exactly() {
    let toy = Toy::new();
    refused(
        &toy.run("run", "--bpe-dropout 0.1 --max-epoch 1"),
        1,
        &["no subword model", "hint: "],
    );
    refused(&toy.run("run", "--bpe-dropout 1.5"), 2, &["BPE-dropout", "1.5"]);

    // Words of random letters: every letter is left alone somewhere, so that the dictionary has it.
    let mut rng = Mt19937::new(3);
    let mut word = || -> String {
        let letters = 2 + rng.interval(3);
        (0..letters)
            .map(|_| char::from(b'a' + rng.interval(5) as u8))
            .collect()
    };
    let text: String = (0..200)
        .map(|_| format!("{} {} {}\n", word(), word(), word()))
        .collect();
    for name in ["train.xx", "train.yy", "valid.xx", "valid.yy"] {
        fs::write(toy.dir.path().join(name), &text).unwrap();
    }
    let preprocess =
        "-s xx -t yy --trainpref train --validpref valid --destdir bin --bpe subword_nmt --bpe-size 40";
    succeed(toy.tool("preprocess", preprocess));
    let train = |name: &str, flags: &str| {
        let flags = format!(
            "bin --save-dir {name} --arch transformer_tiny --cpu --log-format json --max-tokens 400 --dropout 0.1 {flags}"
        );
        succeed(toy.tool("train", &flags))
    };
    let tokens = |output| logged(output, "train_wpb");
    let plain = train("plain", "--max-epoch 3");
    let whole = train("whole", "--bpe-dropout 0.4 --max-epoch 3");
    train("parts", "--bpe-dropout 0.4 --max-epoch 2");
    resumed(
        train("parts", "--bpe-dropout 0.4 --max-epoch 3 --num-workers 0"),
        1,
    );
    let last = |name: &str| toy.save_dir(name).join("checkpoint_last");
    let model = |name: &str| file(&last(name), "model.safetensors");
    assert!(model("whole") == model("parts"));
    assert!(
        model("whole") != model("plain"),
        "nothing is learned, or the same"
    );
    let (stored, drawn) = (tokens(&plain), tokens(&whole));
    assert_eq!(stored[0], stored[2]);
    assert!(
        drawn[0] > stored[0] * 1.1,
        "words are split further: {drawn:?} {stored:?}"
    );
    assert_ne!(drawn[0], drawn[1], "and differently in every epoch");
    let updates = |output| logged(output, "train_num_updates");
    assert_eq!(updates(&plain), updates(&whole), "in the same updates");
}
