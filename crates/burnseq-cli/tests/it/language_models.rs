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

    let validated = text.tool("validate", "text-bin --path lm/checkpoint_best --log-format json");
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
    refuse(
        "--tokens-per-sample 64 --max-tokens 32",
        2,
        "--max-tokens 32 is below the length of a block, 64 tokens",
    );
    refuse("--past-target", 2, "--past-target");
    refuse("--eval-bleu", 2, "--eval-bleu belongs to --task translation");
    refused(
        &text.train("x", "--tokens-per-sample 16 --train-subset other"),
        1,
        &["there is no split", "choose one of: train, valid"],
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
    let from_weights = "--save-dir x --finetune-from-model lm/checkpoint_best";
    refused(
        &other("few-bin", from_weights),
        1,
        &[
            "it lacks ",
            "preprocess --like lm/checkpoint_best",
            "--extend-dictionary",
        ],
    );
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
fn extra_symbols_come_last_and_the_model_grows_with_them() {
    let text = Text::trained();
    fs::write(text.path("more.txt"), "w1 w2 <q> w3 <a>\n".repeat(50)).unwrap();
    let like = "--only-source --like lm/checkpoint_best --trainpref more.txt --validpref more.txt";
    succeed(text.tool(
        "preprocess",
        &format!("{like} --extra-symbols <q>,<a> --destdir more-bin"),
    ));
    let dictionary = |path: &str| fs::read_to_string(text.path(path)).unwrap();
    let old = dictionary("lm/checkpoint_best/dict.txt");
    assert_eq!(dictionary("more-bin/dict.txt"), format!("{old}<q> 0\n<a> 0\n"));
    let tune = "--cpu --max-update 3 --tokens-per-sample 16 --finetune-from-model lm/checkpoint_best";
    let grown = succeed(text.tool("train", &format!("more-bin {tune} --save-dir grown")));
    assert_says(&stderr(&grown), "2 new ones begin with the mean");
    succeed(text.tool(
        "eval-lm",
        "more-bin --path grown/checkpoint_last --gen-subset valid",
    ));

    // The same tokens in another order.
    fs::create_dir(text.path("swapped")).unwrap();
    let mut lines: Vec<&str> = old.lines().collect();
    lines.swap(0, 1);
    fs::write(text.path("swapped/dict.txt"), lines.join("\n") + "\n").unwrap();
    succeed(text.tool(
        "preprocess",
        "--only-source --bpe none --srcdict swapped/dict.txt --trainpref more.txt --validpref more.txt --destdir swapped-bin",
    ));
    let swapped = text.tool("train", &format!("swapped-bin {tune} --save-dir swapped-run"));
    refused(
        &swapped,
        1,
        &["in another order", "preprocess --like", "--extend-dictionary"],
    );

    // Bands are of frequent and rare tokens.
    let banded = "--adaptive-softmax-cutoff 8 --max-update 2 --tokens-per-sample 16";
    let trained = text.train("banded", banded);
    if trained.status.success() {
        let tune = "--cpu --max-update 3 --tokens-per-sample 16 --finetune-from-model banded/checkpoint_last";
        let refusal = text.tool("train", &format!("more-bin {tune} --save-dir x"));
        refused(
            &refusal,
            1,
            &["--adaptive-softmax-cutoff", "into bands", "preprocess --like"],
        );
    } else {
        panic!("{}", stderr(&trained));
    }
}

#[test]
fn a_language_model_does_not_translate_and_a_translation_model_is_no_language_model() {
    let text = Text::trained();
    for command in [
        "interactive --path lm/checkpoint_best --task translation",
        "generate text-bin --path lm/checkpoint_best --task translation",
        "generate --input train.txt --path lm/checkpoint_best --task translation",
    ] {
        let (binary, flags) = command.split_once(' ').unwrap();
        let output = text.tool(binary, flags);
        assert!(!output.status.success(), "{command}");
        assert_says(&stderr(&output), "hint: ");
        assert_says(&stderr(&output), "language_modeling");
    }
    let toy = Toy::new();
    succeed(toy.run("run", "--max-update 2 --warmup-updates 1"));
    for (binary, flags) in [
        ("generate", "--path run/checkpoint_last --prompt w5"),
        (
            "generate",
            "--path run/checkpoint_last --task language_modeling --input x",
        ),
        ("eval-lm", "--path run/checkpoint_last --input x"),
    ] {
        let output = toy.tool(binary, flags);
        refused(&output, 2, &["was trained for the task `translation`", "hint: "]);
    }
    let idle = toy.tool(
        "generate",
        "data-bin --path run/checkpoint_last --gen-subset valid --sliding-window --task translation",
    );
    refused(
        &idle,
        2,
        &["--sliding-window belongs to --task language_modeling"],
    );
}

/// What `generate` prints on the processor.
fn generated(text: &Text, flags: &str) -> String {
    stdout(&text.tool("generate", &format!("--path lm/checkpoint_best --cpu {flags}")))
}

#[test]
fn prompts_are_continued_from_the_command_line_a_file_and_a_dataset() {
    let text = Text::trained();
    // Every word has one successor.
    let greedy = "--beam 1 --max-new-tokens 3";
    let continued = generated(&text, &format!("{greedy} --prompt w3 --min-len 3"));
    assert_eq!(continued, "w3 w4 w5 w6\n");
    let new = generated(
        &text,
        &format!("{greedy} --prompt w3 --min-len 3 --continuation-only"),
    );
    assert_eq!(new, "w4 w5 w6\n");

    fs::write(text.path("prompts.txt"), "w3\n\nw11\nw7 w8 w9\nw0\n").unwrap();
    let together = generated(&text, &format!("{greedy} --input prompts.txt"));
    let lines: Vec<&str> = together.lines().collect();
    assert_eq!(lines.len(), 5, "{together}");
    for (line, prompt) in lines.iter().zip(["w3", "", "w11", "w7 w8 w9", "w0"]) {
        let mut command = tool("generate");
        let command = command
            .current_dir(text.dir.path())
            .args(["--path", "lm/checkpoint_best", "--cpu", "--prompt", prompt])
            .args(greedy.split(' '));
        let alone = command.output().unwrap();
        assert_eq!(stdout(&alone).trim_end_matches('\n'), *line);
    }
    let one_by_one = generated(&text, &format!("{greedy} --input prompts.txt --batch-size 1"));
    assert_eq!(one_by_one, together);

    let dataset = generated(
        &text,
        "text-bin --gen-subset valid --prefix-size 1 --beam 2 --nbest 2 --max-len-b 4",
    );
    for (kind, count) in [('S', 40), ('H', 80), ('D', 80), ('P', 80)] {
        let lines = dataset.lines().filter(|line| line.starts_with(kind));
        assert_eq!(lines.count(), count, "{kind}");
    }
    let counted = generated(
        &text,
        "text-bin --gen-subset valid --prefix-size 1 --beam 2 --max-len-b 4 --count-prompt",
    );
    assert_ne!(counted, dataset);
    let quiet = generated(&text, "text-bin --gen-subset valid --quiet");
    assert_eq!(quiet, "");
}

#[test]
fn samples_differ_by_seed_and_go_on_behind_lines_and_positions() {
    let text = Text::trained();
    let sample = |flags: &str| {
        generated(
            &text,
            &format!("--sampling --beam 3 --nbest 3 --prompt w3 --prompt w5 {flags}"),
        )
    };
    let first = sample("--seed 7");
    assert_eq!(first, sample("--seed 7"));
    assert_ne!(first, sample("--seed 8"));
    assert_eq!(first.lines().count(), 6, "{first}");
    assert_ne!(first, sample("--seed 7 --temperature 3"));

    // Sixteen positions.
    let long = generated(
        &text,
        "--sampling --beam 1 --prompt w3 --ignore-eos --sliding-window --max-len-b 60 --continuation-only",
    );
    let tokens = long.split_whitespace().count() + long.trim_end().lines().count() - 1;
    assert!((59..=60).contains(&tokens), "{tokens}: {long}");
    assert!(long.trim_end().lines().count() > 2, "{long}");
    let ended = text.tool(
        "generate",
        "--path lm/checkpoint_best --cpu --beam 1 --prompt w3 --ignore-eos --max-len-b 60",
    );
    assert_says(&stderr(&ended), "texts ended at the 16 positions of the model");
}

#[test]
fn odd_prompts_are_noted_and_wrong_flags_refused() {
    let text = Text::trained();
    let long = ["w3"; 40].join(" ");
    let output = {
        let mut command = tool("generate");
        let command = command
            .current_dir(text.dir.path())
            .args(["--path", "lm/checkpoint_best", "--cpu"]);
        command
            .args(["--prompt", &long, "--prompt", "w3 nobody w5"])
            .output()
            .unwrap()
    };
    let said = stderr(&succeed(output));
    assert_says(
        &said,
        "1 prompts are longer than the model reads and were cut from the left",
    );
    assert_says(&said, "1 tokens of the prompts are not in the dictionary");

    for (flags, part) in [
        (
            "--prompt w3 --source-lang de",
            "--source-lang belongs to --task translation",
        ),
        (
            "--prompt w3 --score-reference",
            "--score-reference belongs to --task translation",
        ),
        (
            "--prompt w3 --count-prompt --sampling",
            "--count-prompt and --sampling exclude each other",
        ),
        (
            "--prompt w3 --ignore-eos --min-len 3",
            "--ignore-eos and --min-len exclude each other",
        ),
        ("--prompt w3 --input prompts.txt", "cannot be used with"),
    ] {
        let output = text.tool("generate", &format!("--path lm/checkpoint_best --cpu {flags}"));
        refused(&output, 2, &[part]);
    }
}

#[test]
fn perplexity_is_told_by_line_and_as_a_whole() {
    let text = Text::trained();
    fs::write(text.path("lines.txt"), "w1 w2 w3\nw3 w1 w2\n\nw5 new\n").unwrap();
    let output = text.tool("eval-lm", "--path lm/checkpoint_best --cpu --input lines.txt");
    assert_says(&stderr(&output), "1 of 12 tokens are not in the dictionary");
    let printed = stdout(&output);
    let lines: Vec<Vec<&str>> = printed.lines().map(|line| line.split('\t').collect()).collect();
    let number = |line: usize, column: usize| lines[line][column].parse::<f64>().unwrap();
    assert_eq!(
        (lines.len(), lines[0][0], number(0, 3)),
        (5, "L-0", 4.0),
        "{printed}"
    );
    assert!(
        number(0, 2) < number(1, 2),
        "text in order is likelier: {printed}"
    );
    let mean = (0..4).map(|line| number(line, 1) * number(line, 3)).sum::<f64>() / 12.0;
    let whole = lines[4][0]
        .strip_prefix("Loss (base 2): ")
        .unwrap()
        .split_once(',')
        .unwrap()
        .0;
    assert!(
        (whole.parse::<f64>().unwrap() - mean).abs() < 2e-4,
        "{mean}: {printed}"
    );

    let quiet = stdout(&text.tool(
        "eval-lm",
        "--path lm/checkpoint_best --cpu --input lines.txt --quiet",
    ));
    assert_eq!(quiet.trim_end(), lines[4][0]);
    let stream = stdout(&text.tool(
        "eval-lm",
        "--path lm/checkpoint_best --cpu --input lines.txt --sample-break-mode none --tokens-per-sample 8 --context-window 4",
    ));
    assert_eq!(stream.lines().count(), 1);
    assert_ne!(stream, quiet);

    for (flags, part) in [
        ("--input none.txt", "cannot read none.txt"),
        (
            "text-bin --gen-subset valid --tokens-per-sample 99",
            "--tokens-per-sample 99 is above the 16 positions",
        ),
        (
            "text-bin --context-window 8 --tokens-per-sample 8",
            "leaves nothing of blocks of 8 tokens",
        ),
    ] {
        let output = text.tool("eval-lm", &format!("--path lm/checkpoint_best --cpu {flags}"));
        assert!(!output.status.success());
        assert_says(&stderr(&output), part);
    }
}

#[test]
fn examples_and_choices_are_scored_as_by_hand() {
    let text = Text::trained();
    fs::write(text.path("questions.tsv"), "w3\tw4\nw7\tw8\nw10\tw11\n").unwrap();
    fs::write(text.path("choices.tsv"), "w4\tw1\nw2\tw8\nw11\tw0\n").unwrap();
    fs::write(text.path("shots.tsv"), "w1\tw2\nw5\tw6\n").unwrap();
    let chosen = |flags: &str| {
        generated(
            &text,
            &format!("--input questions.tsv --choices choices.tsv {flags}"),
        )
    };
    let zero = chosen("");
    let lines: Vec<Vec<&str>> = zero.lines().map(|line| line.split('\t').collect()).collect();
    for (line, (number, choice)) in lines.iter().zip([("0", "w4"), ("1", "w8"), ("0", "w11")]) {
        assert_eq!((line[1], line[2]), (number, choice), "{zero}");
    }
    assert_eq!(zero.lines().last().unwrap(), "Accuracy: 100.00 % (3 of 3)");
    // The score of a choice is the likelihood of its token behind the prompt, as eval-lm gives it.
    fs::write(text.path("whole.txt"), "w3 w4\n").unwrap();
    let words = stdout(&text.tool(
        "eval-lm",
        "--path lm/checkpoint_best --cpu --input whole.txt --output-word-probs",
    ));
    let w4 = words.split('\t').nth(1).unwrap();
    let nats: f64 = w4
        .trim_end_matches(']')
        .rsplit_once('[')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let bits: f64 = lines[0][3].split(' ').next().unwrap().parse().unwrap();
    assert!(
        (nats / std::f64::consts::LN_2 - bits).abs() < 2e-4,
        "{words} {zero}"
    );

    let few = chosen("--shots shots.tsv");
    assert_ne!(few, zero);
    assert_ne!(chosen("--shots shots.tsv --num-shots 1"), few);
    assert_eq!(chosen("--shots shots.tsv --num-shots 0"), zero);
    let written = generated(
        &text,
        "--input questions.tsv --shots shots.tsv --beam 1 --max-len-b 1 --continuation-only",
    );
    assert_eq!(written, "w4\nw8\nw11\n");

    fs::write(text.path("unequal.tsv"), "w4\tw1\nw2\n").unwrap();
    fs::write(text.path("two.tsv"), "w4\tw1\nw2\tw8\n").unwrap();
    fs::write(text.path("wide.tsv"), "w1\tw2\tw3\n").unwrap();
    for (flags, part) in [
        (
            "--input questions.tsv --choices unequal.tsv",
            "unequal.tsv:2: 1 choices, line 1 has 2",
        ),
        (
            "--input questions.tsv --choices two.tsv",
            "two.tsv has 2 lines of choices",
        ),
        ("--input wide.tsv --choices choices.tsv", "wide.tsv:1: 3 columns"),
        ("--input questions.tsv --shots wide.tsv", "wide.tsv:1: 3 columns"),
        (
            "--input questions.tsv --shots shots.tsv --num-shots 3",
            "--num-shots 3: shots.tsv holds 2 examples",
        ),
    ] {
        let output = text.tool("generate", &format!("--path lm/checkpoint_best --cpu {flags}"));
        assert!(!output.status.success(), "{flags}");
        assert_says(&stderr(&output), part);
        assert_says(&stderr(&output), "hint: ");
    }
}

#[test]
fn a_language_model_votes_in_translation_and_needs_the_target_dictionary() {
    let toy = Toy::new();
    succeed(toy.run("run", "--max-epoch 2 --warmup-updates 4 --lr 1e-2"));
    let lines = (0..80).map(|number| format!("w{} w{}\n", 4 + number % 20, 4 + (number * 7 + 1) % 20));
    fs::write(toy.dir.path().join("text"), lines.collect::<String>()).unwrap();
    succeed(toy.tool(
        "preprocess",
        "--like run/checkpoint_last --like-side target --trainpref text --destdir text-bin",
    ));
    let dictionary = |path: &str| fs::read(toy.dir.path().join(path)).unwrap();
    assert!(dictionary("text-bin/dict.txt") == dictionary("data-bin/dict.yy.txt"));
    let train = |data: &str, name: &str| {
        toy.tool(
            "train",
            &format!(
                "{data} {MODEL} --tokens-per-sample 4 --max-epoch 3 --disable-validation --cpu --warmup-updates 2 --lr 1e-2 \
                 --patience -1 --save-dir {name}"
            ),
        )
    };
    succeed(train("text-bin", "lm"));
    let decode = |flags: &str| {
        toy.tool(
            "generate",
            &format!(
                "data-bin --path run/checkpoint_last --gen-subset valid --cpu --max-len-b 9 --beam 3 {flags}"
            ),
        )
    };
    let hypotheses = |flags: &str| -> Vec<String> {
        let printed = stdout(&decode(flags));
        let lines = printed.lines().filter(|line| line.starts_with("H-"));
        lines.map(str::to_owned).collect()
    };
    let alone = hypotheses("");
    // More positions than the language model has are decoded, too.
    let fused = hypotheses("--lm-path lm/checkpoint_last --lm-weight 0.5");
    assert_ne!(fused, alone);
    assert_eq!(fused.len(), alone.len());
    assert_eq!(hypotheses("--lm-path lm/checkpoint_last --lm-weight 0"), alone);
    assert_ne!(hypotheses("--lm-path lm/checkpoint_last"), fused);
    let interactive = toy.tool(
        "interactive",
        "--path run/checkpoint_last --lm-path lm/checkpoint_last --lm-weight 0.5 --cpu --input text",
    );
    succeed(interactive);

    fs::write(toy.dir.path().join("other"), "a b c\n".repeat(30)).unwrap();
    succeed(toy.tool(
        "preprocess",
        "--only-source --bpe none --trainpref other --destdir other-bin",
    ));
    succeed(train("other-bin", "other-lm"));
    refused(
        &decode("--lm-path other-lm/checkpoint_last"),
        1,
        &[
            "is not the target dictionary of the translation model",
            "--like-side target",
        ],
    );
    refused(
        &decode("--lm-path run/checkpoint_last"),
        2,
        &["was trained for the task `translation`", "hint: "],
    );
}

#[test]
fn text_of_one_side_has_the_dictionary_and_the_subwords_of_a_translation_model() {
    let text = Text::new();
    let lines = |words: [&str; 3]| -> String {
        let line = |number: usize| format!("{} {}\n", words[number % 3], words[(number * 7 + 1) % 3]);
        (0..60).map(line).collect()
    };
    fs::write(text.path("p.xx"), lines(["lower", "newer", "wider"])).unwrap();
    fs::write(text.path("p.yy"), lines(["hund", "hunde", "mund"])).unwrap();
    succeed(text.tool(
        "preprocess",
        "-s xx -t yy --bpe subword_nmt --bpe-size 8 --trainpref p --validpref p --destdir pair-bin",
    ));
    succeed(text.tool(
        "train",
        "pair-bin --arch transformer_tiny --max-update 1 --cpu --save-dir pairs",
    ));
    let of_side = "--like pairs/checkpoint_last --trainpref p.yy --validpref p.yy";
    succeed(text.tool(
        "preprocess",
        &format!("{of_side} --like-side target --destdir one"),
    ));
    succeed(text.tool(
        "preprocess",
        "--only-source --srcdict pair-bin/dict.yy.txt --trainpref p.yy --validpref p.yy --destdir other",
    ));
    // The text in data/ is that of the side, too.
    fs::create_dir(text.path("data")).unwrap();
    fs::copy(text.path("p.yy"), text.path("data/train.yy")).unwrap();
    succeed(text.tool(
        "preprocess",
        "--like pairs/checkpoint_last --like-side target --destdir default",
    ));
    let read = |path: &str| fs::read(text.path(path)).unwrap();
    for folder in ["one", "other", "default"] {
        for (name, in_pair) in [
            ("dict.txt", "dict.yy.txt"),
            ("text.json", "text.yy.json"),
            ("bpe.codes", "bpe.codes"),
            ("train.bin", "train.xx-yy.yy.bin"),
        ] {
            assert!(
                read(&format!("{folder}/{name}")) == read(&format!("pair-bin/{in_pair}")),
                "{folder}/{name}"
            );
        }
    }
    let lm = format!("one {MODEL} --tokens-per-sample 8 --max-update 2 --cpu --save-dir one-lm");
    succeed(text.tool("train", &lm));
    let of_lm = text.tool(
        "preprocess",
        "--only-source --like one-lm/checkpoint_last --like-side target --trainpref p.yy --destdir x",
    );
    refused(
        &of_lm,
        2,
        &["--like-side chooses a side of a translation model", "hint: "],
    );
}

#[test]
fn a_line_after_the_other_is_continued_as_generate_does() {
    let text = Text::trained();
    fs::write(text.path("prompts.txt"), "w3\nw3 nobody\n\nw7 w8\n").unwrap();
    let flags = "--path lm/checkpoint_best --cpu --input prompts.txt --beam 1 --max-new-tokens 3";
    let interactive = succeed(text.tool("interactive", flags));
    assert_eq!(
        stdout(&interactive),
        generated(&text, "--input prompts.txt --beam 1 --max-new-tokens 3")
    );
    assert!(
        stdout(&interactive)
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("w3 nobody "),
        "{interactive:?}"
    );
    assert_says(&stderr(&interactive), "the first of them \"nobody\"");
    let new = stdout(&text.tool(
        "interactive",
        &format!("text-bin {flags} --continuation-only --buffer-size 3"),
    ));
    assert!(new.starts_with("w4"), "{new}");
    for (flags, part) in [
        ("--constraints", "--constraints belongs to --task translation"),
        ("-s de", "--source-lang belongs to --task translation"),
        ("--max-len-b 4 --max-new-tokens 4", "cannot be used with"),
    ] {
        let output = text.tool("interactive", &format!("--path lm/checkpoint_best --cpu {flags}"));
        refused(&output, 2, &[part]);
    }
}

#[test]
fn choices_say_what_they_could_not_read() {
    let text = Text::trained();
    let choose = |question: &str, choices: &str, template: &str| {
        fs::write(text.path("q.tsv"), format!("{question}\n")).unwrap();
        fs::write(text.path("c.tsv"), format!("{choices}\n")).unwrap();
        let mut command = tool("generate");
        let command = command
            .current_dir(text.dir.path())
            .args([
                "--path",
                "lm/checkpoint_best",
                "--cpu",
                "--input",
                "q.tsv",
                "--choices",
                "c.tsv",
            ])
            .args(["--template", template]);
        command.output().unwrap()
    };
    let said = stderr(&succeed(choose("w3 nobody", "w4\tw5", "{0} {1}")));
    assert_says(&said, "1 tokens of the prompts are not in the dictionary");
    let long = ["w3"; 40].join(" ");
    let said = stderr(&succeed(choose(&long, "w4\tw5", "{0} {1}")));
    assert_says(&said, "1 prompts are longer than the model reads");
    // A choice that becomes part of an unknown word.
    let merged = choose("nobody", "else\tbut", "{0}{1}");
    refused(
        &merged,
        1,
        &["the choice \"else\" adds no token", "\"nobody\"", "put a blank"],
    );
    refused(&choose("w3", "w4\t ", "{0} {1}"), 1, &["a choice is empty"]);
    refused(
        &choose("w3", &format!("w4\t{long}"), "{0} {1}"),
        1,
        &["has 40 tokens, the model scores at most 15"],
    );
}

#[test]
fn marks_that_no_token_carries_and_full_disks_are_told() {
    let text = Text::trained();
    let marked = text.tool(
        "generate",
        "--path lm/checkpoint_best --cpu --prompt w3 --remove-bpe=letter",
    );
    assert_says(
        &stderr(&marked),
        "no token of the dictionary carries the mark `|` of --remove-bpe letter, so words run together",
    );
    let measured = text.tool(
        "eval-lm",
        "--path lm/checkpoint_best --cpu --input valid.txt --remove-bpe",
    );
    assert_says(
        &stderr(&measured),
        "carries the mark `@@` of --remove-bpe subword_nmt, so it changes nothing",
    );
    let drawn = text.tool(
        "generate",
        "--path lm/checkpoint_best --cpu --prompt w3 --sampling --sampling-topk 0",
    );
    assert_says(&stderr(&drawn), "--sampling-topk 0 changes nothing here");
    let two = text.tool(
        "eval-lm",
        "--path lm/checkpoint_best:lm/checkpoint_last --cpu --input valid.txt",
    );
    refused(&two, 2, &["names several checkpoints", "hint: "]);
    if let Ok(full) = fs::File::options().write(true).open("/dev/full") {
        for (binary, flags) in [
            ("generate", "--prompt w3"),
            ("eval-lm", "--input valid.txt"),
            ("interactive", "--input valid.txt"),
        ] {
            let mut command = tool(binary);
            let command = command
                .current_dir(text.dir.path())
                .args(["--path", "lm/checkpoint_best", "--cpu"])
                .args(flags.split(' '))
                .stdout(full.try_clone().unwrap());
            let output = command.output().unwrap();
            assert!(!output.status.success(), "{binary}");
            assert_says(&stderr(&output), "cannot write to stdout: ");
        }
    }
    let learnt = text.tool(
        "preprocess",
        "--only-source --bpe characters --bpe-size 50 --trainpref train.txt --destdir x",
    );
    refused(
        &learnt,
        2,
        &["--bpe characters and --bpe bytes learn nothing", "hint: "],
    );
    let pairs = text.tool("train", "text-bin --arch transformer_tiny --max-update 1 --cpu");
    refused(
        &pairs,
        1,
        &["holds text without a second side", "--task language_modeling"],
    );
}

#[test]
fn a_checkpoint_goes_to_fairseq_and_comes_back_and_trains_on() {
    let text = Text::trained();
    succeed(text.tool("convert", "lm/checkpoint_best lm.pt"));
    succeed(text.tool("convert", "lm.pt back --data text-bin --with-optimizer"));
    let measured = |path: &str| {
        let flags = format!("text-bin --path {path} --cpu --gen-subset valid");
        stdout(&text.tool("eval-lm", &flags))
    };
    assert_eq!(measured("back"), measured("lm/checkpoint_best"));
    for name in ["model.safetensors", "optimizer.safetensors", "dict.txt"] {
        let read = |folder: &str| fs::read(text.path(folder).join(name)).unwrap();
        assert!(read("back") == read("lm/checkpoint_best"), "{name}");
    }
    let one_dictionary = text.tool("convert", "lm.pt alone --srcdict text-bin/dict.txt");
    succeed(one_dictionary);
    let goes_on = text.train(
        "on",
        "--restore-file lm.pt --tokens-per-sample 16 --max-tokens 256 --max-epoch 30 --patience 1",
    );
    assert_says(&stderr(&succeed(goes_on)), "was written by another program");
    let tuned = text.train(
        "tuned",
        "--finetune-from-model lm.pt --tokens-per-sample 16 --max-update 2",
    );
    succeed(tuned);
    let toy = Toy::new();
    succeed(toy.run("run", "--max-update 2 --warmup-updates 1"));
    succeed(toy.tool("convert", "run/checkpoint_last pairs.pt"));
    fs::copy(toy.dir.path().join("pairs.pt"), text.path("pairs.pt")).unwrap();
    let other = text.tool(
        "train",
        "text-bin --task language_modeling --restore-file pairs.pt --cpu --max-update 1 --save-dir other",
    );
    assert!(!other.status.success());
    assert_says(&stderr(&other), "translation");
}

#[test]
fn a_report_shows_perplexity_by_position_and_a_device_can_be_checked() {
    let text = Text::trained();
    succeed(text.tool("report", "lm --output page.html --cpu --out figures"));
    let page = fs::read_to_string(text.path("page.html")).unwrap();
    assert_says(&page, "blocks of at most 16 tokens of valid");
    assert_says(&page, "it is a language model, which reads text of one side");
    assert!(text.path("figures/perplexity-by-position.svg").is_file());

    let model = "--cpu --decoder-embed-dim 16 --decoder-input-dim 16 --decoder-output-dim 16 --decoder-ffn-embed-dim 16 \
         --decoder-layers 1 --decoder-attention-heads 2 --tokens-per-sample 16";
    let checked = text.tool(
        "train",
        &format!("--arch transformer_lm_gpt {model} --check-device --tgt-vocab 50"),
    );
    let lines = stdout(&checked);
    assert!(
        lines.contains("logits") && lines.contains("update of decoder.embed_tokens.weight"),
        "{lines}"
    );
    let timed = text.tool(
        "train",
        &format!("--arch transformer_lm_gpt {model} --benchmark 1 --lengths a b"),
    );
    refused(
        &timed,
        2,
        &["--benchmark times batches of sentence pairs", "hint: "],
    );
}

#[test]
fn characters_and_bytes_are_tokens_and_come_back_as_text() {
    let dir = TempDir::new().unwrap();
    let run = |binary: &str, flags: &str| {
        let mut command = tool(binary);
        let command = command.current_dir(dir.path());
        command.args(flags.split(' ')).output().unwrap()
    };
    fs::write(dir.path().join("text"), "ein Hüne 中\nzwei Hünen\n".repeat(40)).unwrap();
    for (bpe, types) in [("characters", 9), ("bytes", 256)] {
        let flags = format!(
            "--only-source --bpe {bpe} --trainpref text --validpref text --padding-factor 1 --destdir {bpe}-bin"
        );
        succeed(run("preprocess", &flags));
        let dictionary = fs::read_to_string(dir.path().join(format!("{bpe}-bin/dict.txt"))).unwrap();
        assert_eq!(dictionary.lines().count(), types, "{dictionary}");
        succeed(run(
            "train",
            &format!(
                "{bpe}-bin --cpu --tokens-per-sample 24 --max-tokens 240 --max-epoch 30 --lr 1e-2 --warmup-updates 10 \
                 --no-epoch-checkpoints --save-dir {bpe} {MODEL}"
            ),
        ));
        let model = format!("--path {bpe}/checkpoint_best --cpu");
        let text = stdout(&run("generate", &format!("{model} --prompt ein --beam 1")));
        assert_eq!(text, "ein Hüne 中\n");
        // A blank at the end of a prompt is read, and what the dictionary lacks is printed as it was given.
        let mut command = tool("generate");
        let command = command.current_dir(dir.path()).args(model.split(' '));
        let blank = command.args(["--prompt", "ein ", "--beam", "1", "--continuation-only"]);
        assert_eq!(stdout(&blank.output().unwrap()), "Hüne 中\n");
        let odd = stdout(&run(
            "generate",
            &format!("{model} --prompt Ÿein --beam 1 --max-len-b 1"),
        ));
        assert!(odd.starts_with("Ÿein"), "{odd}");
        let measured = stdout(&run("eval-lm", &format!("{model} --input text")));
        assert_says(&measured, "Per word (280 words)");
    }
    let both = run(
        "preprocess",
        "--only-source --bpe characters --tokenizer space --trainpref text --destdir x",
    );
    refused(&both, 2, &["leave out --tokenizer"]);
}
