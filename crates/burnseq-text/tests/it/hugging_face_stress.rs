//! Damaged files of tokenizers: an error or a tokenizer, and no panic.

use std::fs;
use std::path::Path;

use burnseq_testing::golden;
use burnseq_text::hugging_face::{EncodeOptions, HfTokenizer, Truncation};
use burnseq_text::{SampleRng, TextFiles};

use super::shared::read;

/// Texts that lead into many corners.
const TEXTS: [&str; 7] = [
    "",
    "  ",
    "Hello, World! 3.14 1,000",
    "a\u{301}\u{200d}\0 \u{feff}猫 한국어 😀",
    "[CLS] <mask> </s> <|endoftext|>",
    "\t\r\n \u{2581}##x \u{120}y</w>",
    "ﬁ Ⅷ ﷺ",
];

/// Uses a tokenizer in every way.
fn use_it(tokenizer: &HfTokenizer) {
    let cut = EncodeOptions {
        truncation: Some(Truncation::new(5)),
        ..EncodeOptions::default()
    };
    for text in TEXTS {
        for options in [EncodeOptions::default(), cut] {
            let _ = tokenizer.encode_pair(text, "a b c d e", &options);
            if let Ok(encoding) = tokenizer.encode(text, &options) {
                let tokens: Vec<&str> = encoding.tokens.iter().map(String::as_str).collect();
                let _ = tokenizer.decode_tokens(&tokens);
                for skip in [false, true] {
                    let _ = tokenizer.decode(&encoding.ids, skip);
                }
            }
        }
    }
    let _ = tokenizer.decode(&[0, u32::MAX, tokenizer.len() as u32], true);
}

/// Changes some bytes, or repeats or drops a stretch.
fn damage(bytes: &mut Vec<u8>, rng: &mut SampleRng) {
    let mut below = |limit: usize| (rng.uniform() * limit as f64) as usize;
    if bytes.is_empty() {
        return;
    }
    match below(4) {
        0 => bytes.truncate(below(bytes.len())),
        1 => {
            let start = below(bytes.len());
            let end = (start + below(40)).min(bytes.len());
            bytes.drain(start..end);
        }
        2 => {
            let start = below(bytes.len());
            let end = (start + below(40)).min(bytes.len());
            let part = bytes[start..end].to_vec();
            let at = below(bytes.len());
            bytes.splice(at..at, part);
        }
        _ => {
            for _ in 0..=below(3) {
                let at = below(bytes.len());
                let with = b"0129\"{}[]:,-a# \\";
                bytes[at] = with[below(with.len())];
            }
        }
    }
}

fn files(folder: &Path) -> TextFiles {
    let mut files = TextFiles::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("expected") || name.starts_with("pairs") || name.ends_with("spiece.vocab") {
            continue;
        }
        let unpacked = name.strip_suffix(".gz").map(str::to_owned);
        let content = match &unpacked {
            Some(_) => read(&path).into_bytes(),
            None => fs::read(&path).unwrap(),
        };
        files.insert(unpacked.unwrap_or(name), content);
    }
    files
}

#[test]
fn golden_damaged_tokenizers_are_refused_or_work() {
    let Some(root) = golden("families/tokenizers") else {
        return;
    };
    let rounds: u64 = std::env::var("BURNSEQ_STRESS").map_or(6, |rounds| rounds.parse().expect("a number"));
    let (mut refused, mut opened) = (0, 0);
    for entry in fs::read_dir(&root).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let sound = files(&folder);
        let names: Vec<&String> = sound.keys().collect();
        for round in 0..rounds {
            for (number, name) in names.iter().enumerate() {
                let mut rng = SampleRng::for_sentence(round, 7, number as u64);
                let mut files = sound.clone();
                damage(files.get_mut(*name).expect("it is there"), &mut rng);
                if round % 2 == 1 && *name != "tokenizer.json" {
                    files.remove("tokenizer.json");
                }
                match HfTokenizer::from_files(&files) {
                    Err(error) => {
                        refused += 1;
                        assert!(!error.to_string().is_empty());
                    }
                    Ok(tokenizer) => {
                        opened += 1;
                        use_it(&tokenizer);
                    }
                }
            }
        }
    }
    assert!(refused > 0 && opened > 0, "{refused} refused, {opened} opened");
}
