//! A SentencePiece model of any content: an error, or a model that encodes and decodes any text.

#![no_main]

use burnseq_text::sentencepiece::SentencePiece;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(model) = SentencePiece::from_bytes(input, "spm.model") else {
        return;
    };
    for line in [
        "",
        " ",
        "Ein Mann schläft.",
        "\u{2581}a\0b\u{feff}\u{301}",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 xyzzy",
    ] {
        if let Ok(tokens) = model.encode_line(line) {
            model.decode(&tokens);
        }
    }
});
