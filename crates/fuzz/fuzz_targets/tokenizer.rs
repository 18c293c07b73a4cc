//! Files of a tokenizer of Hugging Face of any content: an error, or a tokenizer that takes any text.
//!
//! The first byte says which files the others are: those of a folder, separated by U+001E.

#![no_main]

use burnseq_text::TextFiles;
use burnseq_text::hugging_face::{EncodeOptions, HfSubword, HfTokenizer, Truncation};
use libfuzzer_sys::fuzz_target;

/// Files that make a tokenizer together.
const FOLDERS: [&[&str]; 5] = [
    &["tokenizer.json", "tokenizer_config.json"],
    &["vocab.txt", "tokenizer_config.json", "added_tokens.json"],
    &["vocab.json", "merges.txt", "tokenizer_config.json"],
    &["spiece.model", "tokenizer_config.json"],
    &["vocab.json", "source.spm", "target.spm"],
];

fuzz_target!(|input: &[u8]| {
    let Some((&first, rest)) = input.split_first() else {
        return;
    };
    let names = FOLDERS[usize::from(first) % FOLDERS.len()];
    let contents = rest.splitn(names.len(), |&byte| byte == 0x1e);
    let files: TextFiles = names
        .iter()
        .map(|name| (*name).to_owned())
        .zip(contents.map(<[u8]>::to_vec))
        .collect();
    let Ok(tokenizer) = HfTokenizer::from_files(&files) else {
        return;
    };
    let tokens: Vec<String> = (0..50).filter_map(|id| tokenizer.token(id)).collect();
    let cut = EncodeOptions {
        truncation: Some(Truncation::new(5)),
        ..EncodeOptions::default()
    };
    for text in [
        "",
        " ",
        "Ein Mann schläft, 1,000!",
        "\u{2581}a\0b\u{feff}\u{301} [CLS]<mask></s>",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 한국어 猫\u{a0}\n",
        &tokens.concat(),
        &tokens.join(" "),
    ] {
        for options in [EncodeOptions::default(), cut] {
            if let Ok(encoding) = tokenizer.encode_pair(text, "a b c", &options) {
                let _ = tokenizer.decode(&encoding.ids, true);
            }
        }
    }
    if let Ok(subword) = HfSubword::new(tokenizer, "tokenizer") {
        if let Ok(line) = subword.encode_line("Ein Mann") {
            subword.decode(&line);
        }
    }
});
