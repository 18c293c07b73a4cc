//! `convert` as a user runs it: to fairseq and back, and what is refused.

use crate::fixture::{assert_says, assert_success};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use burnseq_data::{Dtype, IndexedWriter};
use burnseq_text::Dictionary;
use tempfile::TempDir;

use crate::fixture::tool;
use crate::toy::assert_moved;

/// A data folder of made-up sentences; `types` counts the special symbols.
fn data(dir: &Path, name: &str, types: u32) -> PathBuf {
    let data = dir.join(name);
    fs::create_dir_all(&data).unwrap();
    let mut dict = Dictionary::new();
    for id in 4..types {
        dict.add_symbol(&format!("w{id}"), 1);
    }
    for lang in ["xx", "yy"] {
        dict.save(data.join(format!("dict.{lang}.txt"))).unwrap();
    }
    for (split, count) in [("train", 150), ("valid", 10), ("test", 10)] {
        for (lang, offset) in [("xx", 0), ("yy", 1)] {
            let path = data.join(format!("{split}.xx-yy.{lang}"));
            let mut writer = IndexedWriter::create(path, Dtype::U16).unwrap();
            for number in 0..count {
                let word = |position: u32| 4 + (number * 7 + position * 3 + offset) % (types - 4);
                let mut sentence: Vec<u32> = (0..1 + number % 5).map(word).collect();
                sentence.push(2);
                writer.push(&sentence).unwrap();
            }
            writer.finish().unwrap();
        }
    }
    data
}

fn run(dir: &Path, binary: &str, flags: &str) -> Output {
    tool(binary)
        .current_dir(dir)
        .args(flags.split_whitespace())
        .output()
        .unwrap()
}

#[track_caller]
fn succeed(output: &Output) -> String {
    assert_success(output);
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn refused(output: &Output, code: i32, parts: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

const TRAIN: &str = "data-bin --arch transformer_tiny --cpu --max-tokens 64 --lr 1e-3 --warmup-updates 4 \
                     --log-format json --disable-validation --no-epoch-checkpoints";

/// Trains, and gives what is said on stderr.
fn train(dir: &Path, save_dir: &str, flags: &str) -> String {
    let output = run(dir, "train", &format!("{TRAIN} --save-dir {save_dir} {flags}"));
    succeed(&output);
    String::from_utf8(output.stderr).unwrap()
}

/// Files of a checkpoint that hold tensors and dictionaries.
const FILES: [&str; 4] = [
    "model.safetensors",
    "optimizer.safetensors",
    "dict.src.txt",
    "dict.tgt.txt",
];

#[test]
fn a_run_that_goes_through_fairseq_s_format_ends_as_an_uninterrupted_one() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    data(dir, "data-bin", 24);
    train(dir, "whole", "--max-update 30");
    // In the middle of the first epoch, and at its end.
    for (name, stop) in [("middle", "--max-update 7"), ("end", "--max-epoch 1")] {
        train(dir, name, stop);
        let exported = succeed(&run(dir, "convert", &format!("{name}/checkpoint_last {name}.pt")));
        assert!(
            exported.contains(&format!("wrote {name}.pt: ")) && exported.contains("Adam after update"),
            "{exported}"
        );
        let back =
            format!("--from fairseq {name}.pt --to burnseq {name}-back/checkpoint_last --with-optimizer");
        succeed(&run(dir, "convert", &back));
        for file in FILES {
            let read = |folder: &str| fs::read(dir.join(folder).join("checkpoint_last").join(file)).unwrap();
            assert!(read(name) == read(&format!("{name}-back")), "{name} {file}");
        }
        let last = |folder: &str| dir.join(folder).join("checkpoint_last");
        assert_moved(&last(name), &last("whole"), 1e-3);
        // A run that began anew would end with the same bits.
        let said = train(dir, &format!("{name}-back"), "--max-update 30");
        assert_says(&said, "resuming after update");
        for file in FILES {
            let read = |folder: &str| fs::read(dir.join(folder).join("checkpoint_last").join(file)).unwrap();
            assert!(read("whole") == read(&format!("{name}-back")), "{name} {file}");
        }
    }
}

#[test]
fn a_converted_model_translates_alike() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    data(dir, "data-bin", 24);
    train(dir, "checkpoints", "--max-update 20");
    let weights = "checkpoints/checkpoint_last/model.safetensors weights --arch transformer_tiny";
    let dictionaries = "--srcdict data-bin/dict.xx.txt --tgtdict data-bin/dict.yy.txt";
    succeed(&run(dir, "convert", "checkpoints/checkpoint_last model.pt"));
    succeed(&run(dir, "convert", &format!("model.pt from-pt {dictionaries}")));
    succeed(&run(dir, "convert", &format!("{weights} --data data-bin")));
    let generate = |path: &str| {
        succeed(&run(
            dir,
            "generate",
            &format!("data-bin --cpu --beam 2 --path {path}"),
        ))
    };
    let expected = generate("checkpoints/checkpoint_last");
    assert!(expected.contains("H-0\t"));
    assert_eq!(generate("from-pt"), expected);
    assert_eq!(generate("weights"), expected);
    // Nothing but the weights was taken over, so nobody knows what loss they were trained with.
    for (path, is_known) in [("checkpoints/checkpoint_last", true), ("from-pt", false)] {
        let output = run(
            dir,
            "validate",
            &format!("data-bin --cpu --valid-subset test --path {path}"),
        );
        succeed(&output);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            !said.contains("does not say what loss"),
            is_known,
            "{path}: {said}"
        );
    }
    train(dir, "other", "--max-update 20 --seed 2");
    assert_ne!(generate("other/checkpoint_last"), expected, "the weights matter");
}

/// Small models of the families beside the Transformer.
const FAMILIES: [(&str, &str); 3] = [
    (
        "dynamicconv",
        "--arch lightconv --encoder-embed-dim 16 --encoder-ffn-embed-dim 16 --encoder-layers 2 --encoder-attention-heads 2 \
         --encoder-kernel-size-list 3 --decoder-embed-dim 16 --decoder-ffn-embed-dim 16 --decoder-layers 2 \
         --decoder-attention-heads 2 --decoder-normalize-before --share-all-embeddings",
    ),
    (
        "lstm",
        "--arch lstm --encoder-embed-dim 16 --encoder-bidirectional --encoder-freeze-embed --decoder-embed-dim 12 \
         --decoder-out-embed-dim 8",
    ),
    (
        "fconv",
        "--arch fconv --encoder-embed-dim 16 --encoder-layers [(16,3)]*2 --decoder-embed-dim 16 --decoder-layers \
         [(16,3),(12,3)] --decoder-attention [True,True] --decoder-out-embed-dim 8",
    ),
];

#[test]
fn runs_of_every_family_go_on_and_translate_after_fairseq_s_format() {
    for (family, model) in FAMILIES {
        let dir = TempDir::new().unwrap();
        let dir = dir.path();
        data(dir, "data-bin", 24);
        train(dir, "whole", &format!("{model} --max-update 16"));
        train(dir, "half", &format!("{model} --max-update 7"));
        succeed(&run(dir, "convert", "half/checkpoint_last model.pt"));
        succeed(&run(
            dir,
            "convert",
            "model.pt back/checkpoint_last --with-optimizer",
        ));
        for file in FILES {
            let read = |folder: &str| fs::read(dir.join(folder).join("checkpoint_last").join(file)).unwrap();
            assert!(read("half") == read("back"), "{family} {file}");
        }
        let generate = |name: &str| {
            let flags = format!("data-bin --cpu --beam 2 --path {name}/checkpoint_last");
            succeed(&run(dir, "generate", &flags))
        };
        let expected = generate("half");
        assert!(expected.contains("H-0\t"), "{family}");
        assert_eq!(generate("back"), expected, "{family}");
        let said = train(dir, "back", &format!("{model} --max-update 16"));
        assert!(said.contains("resuming after update"), "{family}: {said}");
        for file in FILES {
            let read = |folder: &str| fs::read(dir.join(folder).join("checkpoint_last").join(file)).unwrap();
            assert!(read("whole") == read("back"), "{family} {file}");
        }
        // A run takes the file itself, and its architecture with it.
        let taken = "data-bin --cpu --max-tokens 64 --disable-validation --restore-file model.pt --max-update 8 \
                     --warmup-updates 4 --lr 1e-3 --save-dir taken --log-format json";
        let output = run(dir, "train", taken);
        succeed(&output);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("the architecture is that of model.pt"),
            "{family}: {said}"
        );
    }
}

#[test]
fn what_is_there_is_only_replaced_on_request() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    data(dir, "data-bin", 24);
    train(dir, "checkpoints", "--max-update 1");
    let export = "checkpoints/checkpoint_last model.pt";
    succeed(&run(dir, "convert", export));
    let before = fs::read(dir.join("model.pt")).unwrap();
    refused(
        &run(dir, "convert", export),
        1,
        &["model.pt is there already", "hint: ", "--overwrite"],
    );
    succeed(&run(dir, "convert", &format!("{export} --overwrite")));
    assert!(
        fs::read(dir.join("model.pt")).unwrap() == before,
        "the same file again"
    );

    succeed(&run(dir, "convert", "model.pt out"));
    refused(&run(dir, "convert", "model.pt out"), 1, &["out is there already"]);
    succeed(&run(dir, "convert", "model.pt out --force"));
    fs::create_dir(dir.join("thesis")).unwrap();
    refused(
        &run(dir, "convert", "model.pt thesis --force"),
        1,
        &["thesis", "not a checkpoint"],
    );
}

#[test]
fn what_cannot_be_converted_is_told() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    data(dir, "data-bin", 24);
    data(dir, "other", 32);
    train(dir, "checkpoints", "--max-update 1 --no-save-optimizer-state");
    succeed(&run(dir, "convert", "checkpoints/checkpoint_last model.pt"));
    let sizes = ["other/dict.xx.txt: has 32 types", "embeddings of 24", "hint: "];
    refused(&run(dir, "convert", "model.pt out --data other"), 1, &sizes);
    let no_state = ["model.pt: was saved without the state of its optimiser", "hint: "];
    refused(
        &run(dir, "convert", "model.pt out --with-optimizer"),
        1,
        &no_state,
    );
    refused(&run(dir, "convert", "none.pt out"), 1, &["cannot read none.pt"]);
    refused(&run(dir, "convert", "none out.pt"), 2, &["--from"]);
    refused(
        &run(dir, "convert", "--from burnseq none out.pt"),
        1,
        &["none: no checkpoint here"],
    );
    fs::write(
        dir.join("cut.pt"),
        &fs::read(dir.join("model.pt")).unwrap()[..5000],
    )
    .unwrap();
    refused(&run(dir, "convert", "cut.pt out"), 1, &["cut.pt", "truncated"]);
    // A checkpoint of fairseq where one of ours is expected.
    let convert = [
        "model.pt: this is a checkpoint of fairseq",
        "hint: ",
        "`burnseq convert model.pt FOLDER --data data-bin`",
    ];
    refused(
        &run(dir, "generate", "data-bin --cpu --path model.pt"),
        1,
        &convert,
    );
    fs::write(dir.join("text"), "no model\n").unwrap();
    refused(
        &run(dir, "generate", "data-bin --cpu --path text"),
        1,
        &["text: no checkpoint here", "`burnseq convert FILE.pt FOLDER"],
    );
    // Files of a checkpoint in place of its folder.
    let weights = "checkpoints/checkpoint_last/model.safetensors";
    refused(
        &run(
            dir,
            "generate",
            &format!("--input {weights} --cpu --path {weights}"),
        ),
        2,
        &[
            "model.safetensors is a file of a checkpoint",
            "hint: give the folder: checkpoints/checkpoint_last",
        ],
    );
    refused(
        &run(dir, "validate", &format!("data-bin --cpu --path {weights}")),
        1,
        &[
            "model.safetensors: this is a file of a checkpoint",
            "hint: give the folder: checkpoints/checkpoint_last",
        ],
    );
    assert!(!dir.join("out").exists());
}
