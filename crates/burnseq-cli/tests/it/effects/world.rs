//! Text, datasets and checkpoints in which every option has something to change, and the commands that they are added to.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::{Device, TensorData};
use burnseq::interchange::hugging_face::FolderWriter;
use burnseq::interchange::torch_file::Tensor;
use burnseq_model::{EncoderModel, ModelConfig, OfConfig, state_dict};
use burnseq_text::Vocab;
use tempfile::TempDir;

use crate::cases::ok;
use crate::fixture::{NOUNS, text};

/// A model of a few hundred parameters.
const TINY: &str = "--arch transformer --encoder-embed-dim 8 --encoder-ffn-embed-dim 8 --encoder-layers 1 \
                    --encoder-attention-heads 2 --decoder-layers 1 --decoder-attention-heads 2 --max-source-positions 30 \
                    --max-target-positions 30 --cpu";

/// A language model of a few hundred parameters.
const LM: &str = "--arch transformer_lm_gpt2_tiny --decoder-embed-dim 8 --decoder-input-dim 8 --decoder-output-dim 8 \
                  --decoder-ffn-embed-dim 8 --decoder-layers 1 --decoder-attention-heads 2 --tokens-per-sample 20 --cpu";

/// The same of each of the other families: the setting that trains one, and its flags.
const OTHER_FAMILIES: [(&str, &str); 3] = [
    (
        "lightconv",
        "--arch lightconv --encoder-embed-dim 8 --encoder-ffn-embed-dim 8 --encoder-layers 1 --encoder-attention-heads 2 \
         --encoder-kernel-size-list 3 --decoder-embed-dim 8 --decoder-ffn-embed-dim 8 --decoder-layers 1 \
         --decoder-attention-heads 2 --decoder-kernel-size-list 3 --max-source-positions 30 --max-target-positions 30 --cpu",
    ),
    (
        "lstm",
        "--arch lstm --encoder-embed-dim 8 --decoder-embed-dim 8 --decoder-out-embed-dim 8 --max-source-positions 30 \
         --max-target-positions 30 --cpu",
    ),
    (
        "fconv",
        "--arch fconv --encoder-embed-dim 8 --encoder-layers '[(8, 3)]' --decoder-embed-dim 8 --decoder-layers '[(8, 3)]' \
         --decoder-out-embed-dim 8 --max-source-positions 30 --max-target-positions 30 --cpu",
    ),
];

/// What makes the datasets and checkpoints, in this order.
const COMMANDS: [&str; 28] = [
    "preprocess -s de -t en --bpe subword_nmt --bpe-size 20",
    "preprocess -s de -t en --bpe subword_nmt --bpe-size 3 --destdir few",
    "preprocess -s de -t en --bpe subword_nmt --bpe-size 20 --joined-dictionary --destdir joined",
    "preprocess -s de -t en --bpe none --trainpref data/train --validpref data/valid --testpref data/cased --destdir raw \
     --dataset-impl raw",
    "preprocess -s de -t en --trainpref data/train --validpref data/valid --testpref data/test --bpe sentencepiece \
     --bpe-size 40 --destdir pieces",
    "preprocess -s de -t en --trainpref data/train --validpref data/valid --testpref data/test --bpe-model unigram.model \
     --destdir unigram",
    "preprocess -s de -t en --trainpref data/train --validpref data/long --testpref data/long --srcdict \
     data-bin/dict.de.txt --tgtdict data-bin/dict.en.txt --bpe-codes data-bin/bpe.codes --destdir long",
    "preprocess -s de -t en --trainpref data/long --validpref data/valid --srcdict data-bin/dict.de.txt --tgtdict \
     data-bin/dict.en.txt --bpe-codes data-bin/bpe.codes --destdir longtrain",
    "preprocess -s de -t en --trainpref data/cased --validpref data/cased --bpe subword_nmt --bpe-size 20 --destdir other",
    // Text that was tokenised and segmented elsewhere, as fairseq's data folders hold it.
    "for s in train valid; do for l in de en; do burnseq text tokenize data/dotted$s.$l -l $l | burnseq text subword encode --codes \
     few/bpe.codes -o data/sub$s.$l || exit 1; done; done",
    "preprocess -s de -t en --trainpref data/subtrain --validpref data/subvalid --bpe none --destdir elsewhere",
    "rm elsewhere/text.de.json elsewhere/text.en.json",
    "train data-bin TINY --max-tokens 100 --max-epoch 3 --save-interval-updates 4 --lr 2e-2 --warmup-updates 2 --dropout 0 \
     --save-dir run",
    "train data-bin TINY --max-tokens 100 --max-epoch 1 --seed 3 --lr 2e-2 --warmup-updates 2 --save-dir run2",
    "train joined TINY --max-tokens 100 --max-epoch 2 --lr 2e-2 --warmup-updates 2 --save-dir m-joined",
    "train raw TINY --max-tokens 100 --max-epoch 2 --lr 2e-2 --warmup-updates 2 --save-dir m-raw",
    "train elsewhere TINY --max-tokens 100 --max-epoch 12 --lr 3e-2 --warmup-updates 2 --dropout 0 --save-dir m-elsewhere",
    "preprocess --only-source --trainpref data/train.en --validpref data/valid.en --testpref data/test.en --bpe none --destdir \
     textdata",
    "train textdata LM --max-tokens 100 --max-epoch 3 --lr 2e-2 --warmup-updates 2 --dropout 0 --save-dir m-textdata",
    "preprocess --only-source --trainpref data/train.en --validpref data/valid.en --srcdict data-bin/dict.en.txt --bpe-codes \
     data-bin/bpe.codes --destdir lmdata; train lmdata LM --max-tokens 100 --max-epoch 1 --lr 2e-2 --warmup-updates 2 --save-dir \
     lm",
    "cp run/checkpoint_last/model.safetensors w.safetensors; cp run/checkpoint_last/checkpoint.json checkpoint.json",
    "burnseq convert run/checkpoint_last model.pt; cp model.pt nameless",
    "generate data-bin --path run/checkpoint_last --cpu --max-len-b 12 --beam 2 > decoded",
    "burnseq text subword encode data/test.de --codes data-bin/bpe.codes -o marked",
    "burnseq text subword encode data/test.de --model pieces/spm.model -o marked.spm",
    "preprocess -s de -t en --trainpref data/train --bpe wordpiece --bpe-size 60 --destdir wordpieces",
    "burnseq text subword encode data/test.de --tokenizer wordpieces/tokenizer.json -o marked.wordpieces",
    "burnseq text subword encode data/test.de --tokenizer wordpieces/tokenizer.json --ids --special-tokens -o marked.ids",
];

/// The folder, made once for all tests.
pub(super) fn world() -> &'static Path {
    static WORLD: OnceLock<TempDir> = OnceLock::new();
    WORLD.get_or_init(make).path()
}

fn make() -> TempDir {
    let folder = TempDir::new().unwrap();
    let dir = folder.path();
    fs::create_dir(dir.join("data")).unwrap();
    let write = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
    let english = |n: usize| text(n, 1);
    for (side, lang) in ["de", "en"].iter().enumerate() {
        for (split, n) in [("train", 200), ("valid", 9), ("test", 21)] {
            write(&format!("data/{split}.{lang}"), &text(n, side));
            let dotted = text(n, side).replace(' ', ", ").replace('\n', ".\n");
            write(&format!("data/dotted{split}.{lang}"), &dotted);
        }
        let long = vec![NOUNS[0][side]; 40].join(" ");
        write(
            &format!("data/long.{lang}"),
            &format!("{}{long}\n", text(8, side)),
        );
        let cased = text(30, side)
            .replace("Hund", "HUND")
            .replace("dog", "DOG, dog-like");
        let more = ["z. B. ja", "yes"][side];
        write(
            &format!("data/cased.{lang}"),
            &format!("{cased}(Ball) A&B A-B -- {more}\n"),
        );
    }
    write("data/train.align", &"0-0\n".repeat(200));
    // A sentence more on one side is not parallel; a word more is.
    write("data/uneven.de", &text(9, 0).replace("0\n", "0 1 2 3\n"));
    write("data/uneven.en", &english(9));
    write("data/uneven.fr", &text(9, 1).replace("and", "et et et"));
    write("data/train.fr", &text(200, 1).replace("and", "et"));
    write(
        "data/lowered.en",
        &fs::read_to_string(dir.join("data/cased.en"))
            .unwrap()
            .to_lowercase(),
    );
    write("data/dots.en", &"a b .\n".repeat(120));
    write("data/asian.en", "\u{4e2d}\u{6587} \u{5b57}\n");
    write("data/asianhyp.en", "\u{4e2d} \u{6587}\u{5b57}\n");
    write("data/punct.en", "A \"b\", c.\n");
    write("data/puncthyp.en", "A b c\n");
    write("data/spaced.en", "a bc d\n");
    write("data/spacedhyp.en", "ab cd\n");
    let both = english(21);
    let twice: String = both.lines().map(|line| format!("{line}\t{line} x\n")).collect();
    write("data/tabbed", &twice);
    let words = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    let constrained: String = text(9, 0)
        .lines()
        .zip(english(9).lines())
        .map(|(source, target)| format!("{source}\t{}\n", words(target)))
        .collect();
    write("constrained", &constrained);
    write("unknown", "Hund Zebra Q\nXylophon 1\n");
    write("dashes", "Hund-Ball Mann\n");
    write("amp", "A&B\n");
    write("abbreviated", "Hund zz. Mann A@B.de ja\n");
    write("prefixes", "zz\n");
    write("protected", "[A-Z]@[A-Z]\\.de\n");
    write("quotes", "\u{201e}Hund\u{201c} \u{ab}Mann\u{bb} 1\u{a0}500\n");
    write("tokens", "Hund &apos; s EU : n Haus , &quot; ja &quot;\n");
    write("batches", "0 1 2\n3 4\n5 6 7\n");
    write(
        "vectors",
        &format!("2 8\n0{0}\n1{0}\n2{0}\n3{0}\n", " 1".repeat(8)),
    );
    write("shots", "dog\tball 1\nman\tbird 2\n");
    write("choices", "ball\tbird\n");
    write("gaps", "Hund und [MASK] 1\n[MASK] Ball [MASK]\n");
    write("gap", "Mann [MASK]\n");
    write("vocabulary", "Hund 5\nMann 50\n");
    write("data/train.tags.de-en.de", "<url>x</url>\nHund und Ball\n");
    let unigram = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../burnseq-text/tests/data/sentencepiece/unigram.model"
    );
    fs::copy(unigram, dir.join("unigram.model")).unwrap();
    for command in COMMANDS {
        ok(
            dir,
            &command.replace("TINY", TINY).replace("LM ", &format!("{LM} ")),
        );
    }
    write_odd(dir);
    write_encoder(dir);
    folder
}

/// `bert`, a folder of transformers with a model of a few thousand parameters and the tokenizer of `wordpieces`.
fn write_encoder(dir: &Path) {
    let tokenizer = fs::read(dir.join("wordpieces/tokenizer.json")).unwrap();
    let types = burnseq_text::hugging_face::HfTokenizer::from_json(&tokenizer, "tokenizer.json")
        .unwrap()
        .len();
    let fields = serde_json::json!({
        "architectures": ["BertForMaskedLM"], "hidden_size": 8, "intermediate_size": 8, "max_position_embeddings": 30,
        "model_type": "bert", "num_attention_heads": 2, "num_hidden_layers": 2, "vocab_size": types,
    });
    let fields = fields.as_object().unwrap();
    let config = ModelConfig::from_hugging_face(fields).unwrap().config;
    let vocab = Vocab::fairseq(types, types);
    let model = EncoderModel::init(&config, &vocab, 1, &Device::flex()).unwrap();
    let weights: HashMap<String, TensorData> = state_dict(&model).into_iter().collect();
    let stored = config.in_hugging_face(&vocab).unwrap().tensors.into_iter();
    let tensors: Vec<(String, Tensor)> = stored
        .map(|stored| {
            let weight = &weights[&stored.parameters[0]];
            let tensor = Tensor {
                shape: weight.shape().to_vec(),
                // Larger than they are drawn, so that tokens make a difference.
                values: weight.iter::<f32>().map(|value| 20.0 * value).collect(),
            };
            (stored.name, tensor)
        })
        .collect();
    let folder = FolderWriter::create(&dir.join("bert")).unwrap();
    folder.settings("config.json", fields).unwrap();
    folder.weights(&tensors).unwrap();
    folder
        .file("tokenizer.json", |out| out.write_all(&tokenizer))
        .unwrap();
    let class = serde_json::json!({ "tokenizer_class": "BertTokenizerFast", "mask_token": "[MASK]" });
    folder
        .settings("tokenizer_config.json", class.as_object().unwrap())
        .unwrap();
    folder.commit().unwrap();
}

/// `model.pt` with an option that nobody knows, `dropaut` in the place of `dropout`.
fn write_odd(dir: &Path) {
    let mut bytes = fs::read(dir.join("model.pt")).unwrap();
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let length =
        |bytes: &[u8], at: usize| usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
    // The first entry of the archive is the pickle; it is stored, not compressed.
    let start = 30 + length(&bytes, 26) + length(&bytes, 28);
    let crc = |bytes: &[u8], size: usize| {
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[start..start + size]);
        crc.sum()
    };
    let listed = bytes
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    let size = number(&bytes, listed + 24) as usize;
    let old = crc(&bytes, size).to_le_bytes();
    let name = b"\x07\x00\x00\x00dropout";
    let places: Vec<usize> = (start..start + size)
        .filter(|&at| bytes[at..].starts_with(name))
        .collect();
    assert_eq!(places.len(), 1, "the model has one option of that name");
    bytes[places[0] + name.len() - 3] = b'a';
    let new = crc(&bytes, size).to_le_bytes();
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] == old {
            bytes[at..at + 4].copy_from_slice(&new);
        }
    }
    fs::write(dir.join("odd.pt"), bytes).unwrap();
}

/// Files that are in the way of outputs, in the folder of a run.
pub(super) fn occupy(world: &Path, dir: &Path) {
    let there = dir.join("there");
    fs::create_dir(&there).unwrap();
    for name in [
        "generate-test.txt",
        "dict.de.txt",
        "model.pt",
        "text",
        "clean.de",
        "clean.en",
        "vectors.npy",
    ] {
        fs::write(there.join(name), "x 1\n").unwrap();
    }
    let checkpoint = there.join("checkpoint");
    fs::create_dir(&checkpoint).unwrap();
    for entry in fs::read_dir(world.join("run/checkpoint1")).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), checkpoint.join(entry.file_name())).unwrap();
    }
}

/// The command that options of a binary are added to.
pub(super) fn base(binary: &str, setting: &str) -> String {
    let command = command(binary, setting);
    if setting == "device" {
        command.replace(" --cpu", "")
    } else {
        command
    }
}

fn command(binary: &str, setting: &str) -> String {
    let family = OTHER_FAMILIES.iter().find(|(family, _)| *family == setting);
    let tiny = match setting {
        "textdata" => LM,
        _ => family.map_or(TINY, |(_, flags)| *flags),
    };
    let data = match setting {
        _ if family.is_some() => "data-bin",
        "" | "tri" | "dropout" | "free" | "text" | "device" => "data-bin",
        other => other,
    };
    let model = match setting {
        "" | "long" | "free" | "text" | "device" | "there" => "run".to_owned(),
        "dropout" => "run2".to_owned(),
        other => format!("m-{other}"),
    };
    let short = if setting == "free" { "" } else { "--max-len-b 12" };
    let preprocess = "preprocess -s de -t en --trainpref data/train --validpref data/valid";
    match (binary, setting) {
        ("train", _) => {
            let warmup = if setting == "tri" {
                ""
            } else {
                "--warmup-updates 2"
            };
            format!(
                "train {data} {tiny} --max-tokens 100 --max-epoch 2 --lr 2e-2 {warmup} --dropout 0.1 --save-dir out --log-format \
                 json --log-interval 3"
            )
        }
        ("generate", "prompt") => {
            format!("generate --path m-textdata/checkpoint_last --cpu {short} --prompt 'dog and'")
        }
        ("generate", "text") => format!("generate --path run/checkpoint_last --cpu {short}"),
        ("generate", _) => format!("generate {data} --path {model}/checkpoint_last --cpu {short}"),
        ("interactive", "lm") => {
            format!(
                "burnseq interactive --path m-textdata/checkpoint_last --cpu {short} --input data/test.en"
            )
        }
        ("interactive", "joined") => {
            format!(
                "burnseq interactive joined --path {model}/checkpoint_last --cpu {short} --input data/test.de"
            )
        }
        ("interactive", _) => {
            format!("burnseq interactive --path {model}/checkpoint_last --cpu {short} --input data/test.de")
        }
        ("eval-lm", "text") => "burnseq eval-lm --path m-textdata/checkpoint_last --cpu".to_owned(),
        ("eval-lm", _) => "burnseq eval-lm textdata --path m-textdata/checkpoint_last --cpu".to_owned(),
        ("validate", _) => format!("burnseq validate {data} --path {model}/checkpoint_last --cpu"),
        ("report", "there") => format!("burnseq report {model} --output there/text --cpu --num-sentences 4"),
        ("report", _) => format!("burnseq report {model} --output page.html --cpu --num-sentences 4 {short}"),
        ("preprocess", "") => format!("{preprocess} --bpe none --destdir out"),
        ("preprocess", "one-sided") => format!("{preprocess} --only-source --bpe none --destdir out"),
        ("preprocess", "one-text") => {
            "preprocess --trainpref data/train.en --validpref data/valid.en --destdir out".to_owned()
        }
        ("preprocess", "auto") => format!("{preprocess} --destdir out"),
        ("preprocess", "there") => format!("{preprocess} --bpe none --destdir there"),
        ("score", "") => "burnseq score data/test.en --sys data/test.de".to_owned(),
        ("score", "tokens") => "burnseq score -r data/test.en --sys data/test.de".to_owned(),
        ("score", "tokens-cased") => "burnseq score -r data/cased.en --sys data/lowered.en".to_owned(),
        ("score", "no-reference") => "burnseq score --sys data/test.de".to_owned(),
        ("score", "no-system") => "burnseq score data/test.en".to_owned(),
        ("score", "tabbed") => "burnseq score data/tabbed --sys data/test.de".to_owned(),
        ("score", "cased") => "burnseq score data/cased.en --sys data/lowered.en".to_owned(),
        ("score", "dots") => "burnseq score data/dots.en --sys data/dots.en".to_owned(),
        ("score", "asian") => "burnseq score data/asian.en --sys data/asianhyp.en".to_owned(),
        ("score", "punct") => "burnseq score data/punct.en --sys data/puncthyp.en".to_owned(),
        ("score", "spaced") => "burnseq score data/spaced.en --sys data/spacedhyp.en".to_owned(),
        ("features", "there") => {
            "burnseq features --path bert --input data/test.de --output there/vectors.npy --cpu".to_owned()
        }
        ("features", _) => {
            "burnseq features --path bert --input data/test.de --output vectors.safetensors --cpu".to_owned()
        }
        ("similarity", _) => "burnseq similarity --path bert --input data/tabbed --cpu".to_owned(),
        ("fill-mask", _) => "burnseq fill-mask --path bert --input gaps --cpu".to_owned(),
        ("inspect", "") => "burnseq inspect data/test.de".to_owned(),
        ("doctor", "") => "burnseq doctor".to_owned(),
        ("man", "") => "burnseq man out".to_owned(),
        ("completions", "") => "burnseq completions bash".to_owned(),
        ("average", "") => "burnseq average --inputs run/checkpoint3 --output out".to_owned(),
        ("average", "there") => {
            "burnseq average --inputs run/checkpoint3 --output there/checkpoint".to_owned()
        }
        ("average", "run") => "burnseq average --inputs run --output out".to_owned(),
        ("convert", "") => "burnseq convert model.pt out".to_owned(),
        ("convert", "there") => "burnseq convert run/checkpoint_last there/model.pt".to_owned(),
        ("convert", "nameless") => "burnseq convert nameless out".to_owned(),
        ("convert", "odd") => "burnseq convert odd.pt out".to_owned(),
        ("convert", "weights") => "burnseq convert w.safetensors out".to_owned(),
        ("text", "tokenize") => "burnseq text tokenize dashes -l de".to_owned(),
        ("text", "tokenize-amp") => "burnseq text tokenize amp -l de".to_owned(),
        ("text", "tokenize-abbreviated") => "burnseq text tokenize abbreviated -l de".to_owned(),
        ("text", "tokenize-there") => "burnseq text tokenize dashes -l de -o there/text".to_owned(),
        ("text", "detokenize") => "burnseq text detokenize tokens -l de".to_owned(),
        ("text", "normalize-punctuation") => "burnseq text normalize-punctuation quotes -l en".to_owned(),
        ("text", "clean") => "burnseq text clean data/train out -s de -t en".to_owned(),
        ("text", "clean-uneven") => "burnseq text clean data/uneven out -s de -t en".to_owned(),
        ("text", "clean-there") => "burnseq text clean data/train there/clean -s de -t en".to_owned(),
        ("text", "split") => "burnseq text split data/train a b -s de -t en --every 5".to_owned(),
        ("text", "split-there") => {
            "burnseq text split data/train there/clean b -s de -t en --every 5".to_owned()
        }
        ("text", "extract") => "burnseq text extract data/train.tags.de-en.de".to_owned(),
        ("text", "extract-there") => "burnseq text extract data/train.tags.de-en.de -o there/text".to_owned(),
        ("text", "encode") => "burnseq text subword encode data/test.de".to_owned(),
        ("text", "encode-unigram") => {
            "burnseq text subword encode data/test.de --model unigram.model".to_owned()
        }
        ("text", "encode-tokenizer") => {
            "burnseq text subword encode data/test.de --tokenizer wordpieces/tokenizer.json".to_owned()
        }
        ("text", "decode-tokens") => "burnseq text subword decode marked.wordpieces".to_owned(),
        ("text", "decode-ids") => {
            "burnseq text subword decode marked.ids --tokenizer wordpieces/tokenizer.json".to_owned()
        }
        ("text", "decode") => "burnseq text subword decode marked".to_owned(),
        ("text", "decode-pieces") => "burnseq text subword decode marked.spm".to_owned(),
        _ => panic!("no command of {binary} is called {setting:?}"),
    }
}
