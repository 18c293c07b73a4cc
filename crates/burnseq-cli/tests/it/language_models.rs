//! Language models from end to end: trained, measured and used on tiny text.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{assert_fails, assert_says, stdout, tool};
use crate::toy::{Toy, log, logged, refused, stderr, succeed};
use crate::train::{RESUME_FLAGS, assert_resumes_to_the_same_bits};

/// A folder with a dataset of text alone, `text-bin`, in which every word has one successor.
pub struct Text {
    pub dir: TempDir,
}

/// A small model; `--tokens-per-sample` comes from the test.
const MODEL: &str = "--arch transformer_lm_gpt2_tiny --decoder-embed-dim 32 --decoder-input-dim 32 --decoder-output-dim 32 \
     --decoder-ffn-embed-dim 32 --decoder-attention-heads 4";

impl Text {
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let text = |lines: usize, first: usize| -> String {
            let line = |number: usize| {
                let words = (0..1 + number % 7).map(|place| format!("w{}", (number * 5 + place) % 12));
                words.collect::<Vec<_>>().join(" ") + "\n"
            };
            (first..first + lines).map(line).collect()
        };
        fs::write(dir.path().join("train.txt"), text(400, 0)).unwrap();
        fs::write(dir.path().join("valid.txt"), text(40, 3)).unwrap();
        let found = Self { dir };
        succeed(found.tool(
            "preprocess",
            "--only-source --bpe none --trainpref train.txt --validpref valid.txt --destdir text-bin",
        ));
        found
    }

    /// `train` on the text with a tiny model, saving to `name`.
    pub fn command(&self, name: &str, flags: &str) -> Command {
        let mut command = tool("train");
        command
            .current_dir(self.dir.path())
            .args(["text-bin", "--cpu", "--log-format", "json", "--save-dir", name])
            .args(MODEL.split_whitespace())
            .args(flags.split_whitespace());
        command
    }

    pub fn train(&self, name: &str, flags: &str) -> Output {
        self.command(name, flags).output().unwrap()
    }

    /// Another command in the same folder.
    pub fn tool(&self, binary: &str, flags: &str) -> Output {
        let mut command = tool(binary);
        let command = command.current_dir(self.dir.path());
        command.args(flags.split_whitespace()).output().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A model that has learned which word follows which, in `lm/checkpoint_best`.
    pub fn trained() -> Self {
        let text = Self::new();
        succeed(text.train(
            "lm",
            "--tokens-per-sample 16 --max-tokens 256 --max-epoch 12 --lr 5e-3 --warmup-updates 20 --no-epoch-checkpoints",
        ));
        text
    }
}

fn meta(checkpoint: &Path) -> Value {
    serde_json::from_slice(&fs::read(checkpoint.join("checkpoint.json")).unwrap()).unwrap()
}

#[test]
fn a_language_model_learns_which_word_follows_and_says_so_in_perplexity() {
    let text = Text::trained();
    let meta = meta(&text.path("lm/checkpoint_best"));
    assert_eq!(meta["task"]["type"], "language_modeling");
    assert_eq!(meta["dictionaries"]["sides"].as_array().unwrap().len(), 1);
    assert_eq!(meta["model_config"]["max_target_positions"], 16);
    assert!(text.path("lm/checkpoint_best/dict.txt").is_file());

    let validated = text.tool(
        "burnseq",
        "validate text-bin --path lm/checkpoint_best --log-format json",
    );
    let line = &log(&succeed(validated))[0];
    // Twelve words and the end: words follow from the one before, ends and first words do not.
    let perplexity = line["valid_ppl"].as_f64().unwrap();
    assert!((1.0..3.0).contains(&perplexity), "{line}");
    let bits = line["valid_loss"].as_f64().unwrap();
    assert!((bits.exp2() - perplexity).abs() < 0.02, "{line}");

    let inspected = stdout(&text.tool("inspect", "lm/checkpoint_best"));
    assert_says(&inspected, "language_modeling");
    succeed(text.tool(
        "average",
        "--inputs lm/checkpoint_best lm/checkpoint_last --output averaged",
    ));
    let averaged = text.tool("validate", "text-bin --path averaged --log-format json");
    assert!(logged(&succeed(averaged), "valid_ppl")[0] < 3.0);
}

#[test]
fn blocks_end_where_the_break_mode_says() {
    let text = Text::new();
    let once = "--max-update 1 --no-save --dropout 0.0 --attention-dropout 0.0";
    let said = |flags: &str| stderr(&succeed(text.train("x", &format!("{once} {flags}"))));
    // 400 sentences of 1 to 7 words and an end each: 400 * 5 tokens, less two.
    assert_says(&said("--tokens-per-sample 100"), "data: 20 training blocks");
    assert_says(
        &said("--tokens-per-sample 8 --sample-break-mode eos"),
        "data: 400 training blocks",
    );
    let shortened = "--tokens-per-sample 4 --sample-break-mode complete --shorten-method truncate";
    assert!(!said(shortened).contains("left out"));
    let named = said(&format!(
        "{shortened} --shorten-data-split-list train --disable-validation --max-epoch 1"
    ));
    assert!(!named.contains("left out"), "{named}");
    assert_says(
        &said("--tokens-per-sample 4 --sample-break-mode complete --disable-validation --max-epoch 1"),
        "too long, left out",
    );
    said("--tokens-per-sample 16 --add-bos-token --max-epoch 1");
}

#[test]
fn the_run_of_a_language_model_goes_on_after_a_kill_with_the_same_bits() {
    let text = Text::new();
    let flags = format!(
        "{RESUME_FLAGS} --max-tokens 96 --tokens-per-sample 12 --sample-break-mode complete --add-bos-token"
    );
    assert_resumes_to_the_same_bits(|name| text.command(name, &flags), |name| text.path(name));
}

#[test]
fn the_task_follows_from_the_model_or_the_data() {
    let text = Text::new();
    let flags = "--max-update 1 --no-save --tokens-per-sample 16";
    let by_model = succeed(text.train("x", flags));
    assert_says(&stderr(&by_model), "so the task is language_modeling");
    let named = succeed(text.train("x", &format!("{flags} --task language_modeling")));
    assert!(!stderr(&named).contains("so the task is"));

    let by_data = text.tool(
        "train",
        "text-bin --max-update 1 --no-save --cpu --decoder-layers 1 --tokens-per-sample 16 --source-lang de",
    );
    refused(&by_data, 2, &["--source-lang belongs to --task translation"]);
    let translation = text.tool(
        "train",
        "text-bin --task translation --max-update 1 --no-save --cpu",
    );
    assert!(!translation.status.success());
}

#[test]
fn what_cannot_be_learned_is_refused_with_the_remedy() {
    let text = Text::new();
    let refuse = |flags: &str, code: i32, part: &str| {
        refused(
            &text.train("x", &format!("--max-update 1 {flags}")),
            code,
            &[part, "hint: "],
        );
    };
    refuse(
        "--tokens-per-sample 0",
        2,
        "--tokens-per-sample 0 leaves no token in a block",
    );
    refuse(
        "--tokens-per-sample 64 --max-target-positions 32",
        2,
        "blocks of 64 tokens are longer than the 32 positions",
    );
    refuse("--past-target", 2, "--past-target");
    refuse("--eval-bleu", 2, "--eval-bleu belongs to --task translation");
    refuse(
        "--tokens-per-sample 16 --train-subset other",
        1,
        "there is no split",
    );
    fs::write(text.path("empty.txt"), "").unwrap();
    let empty = text.tool(
        "preprocess",
        "--only-source --trainpref empty.txt --destdir empty-bin",
    );
    if empty.status.success() {
        let run = text.tool("train", &format!("empty-bin --max-update 1 --cpu {MODEL}"));
        refused(&run, 1, &["holds no text", "hint: "]);
    }

    // Sentence pairs, and the reverse.
    let toy = Toy::new();
    let pairs = toy.tool("train", &format!("data-bin --max-update 1 --cpu {MODEL}"));
    refused(&pairs, 1, &["holds sentence pairs", "--only-source"]);
    let encoder_decoder = text.tool(
        "train",
        "text-bin --task language_modeling --arch transformer_tiny --max-update 1 --cpu",
    );
    refused(&encoder_decoder, 2, &["is not a language model", "hint: "]);
}

#[test]
fn a_dictionary_that_shrank_is_noticed_and_a_grown_one_extends_the_embeddings() {
    let text = Text::trained();
    fs::write(text.path("few.txt"), "w1 w2 w3\n".repeat(50)).unwrap();
    fs::write(text.path("more.txt"), "w1 w2 w3 new words\n".repeat(50)).unwrap();
    for name in ["few", "more"] {
        let flags = format!(
            "--only-source --bpe none --trainpref {name}.txt --validpref {name}.txt --destdir {name}-bin"
        );
        succeed(text.tool("preprocess", &flags));
    }
    let other = |data: &str, flags: &str| {
        text.tool(
            "train",
            &format!("{data} --cpu --tokens-per-sample 16 --max-update 3 --log-format json {MODEL} {flags}"),
        )
    };
    let going_on = other("few-bin", "--save-dir lm");
    refused(&going_on, 1, &["preprocess --like", "--only-source", "hint: "]);
    succeed(other(
        "more-bin",
        "--save-dir grown --finetune-from-model lm/checkpoint_best --extend-dictionary",
    ));
    succeed(text.tool(
        "preprocess",
        "--only-source --like lm/checkpoint_best --trainpref more.txt --validpref more.txt --destdir like-bin",
    ));
    let validated = text.tool("validate", "like-bin --path lm/checkpoint_best");
    succeed(validated);
    let few = text.tool("validate", "few-bin --path lm/checkpoint_best");
    assert_fails(
        &few,
        1,
        "is not the dictionary that the language model was trained with",
    );
}

#[test]
fn a_language_model_does_not_translate_and_a_translation_model_is_no_language_model() {
    let text = Text::trained();
    for command in [
        "interactive --path lm/checkpoint_best",
        "generate text-bin --path lm/checkpoint_best --task translation",
    ] {
        let (binary, flags) = command.split_once(' ').unwrap();
        let output = text.tool(binary, flags);
        assert!(!output.status.success(), "{command}");
        assert_says(&stderr(&output), "hint: ");
        assert_says(&stderr(&output), "language_modeling");
    }
}
