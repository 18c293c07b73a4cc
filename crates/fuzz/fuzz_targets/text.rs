//! Input of any content, as `interactive` reads it: lines, each through tokenizers and back, with nothing lost.

#![no_main]

use std::sync::LazyLock;

use burnseq_text::subword_nmt::{LearnOptions, SubwordNmt, learn};
use burnseq_text::whitespace::is_space;
use burnseq_text::{LineReader, TextFiles, TextPipeline, TextSettings};
use libfuzzer_sys::fuzz_target;

static MOSES: LazyLock<TextPipeline> = LazyLock::new(|| {
    let settings = r#"{
        "normalization": {"type": "nmt_nfkc"}, "tokenizer": {"type": "moses", "language": "de"}, "lowercase": true
    }"#;
    let settings: TextSettings = serde_json::from_str(settings).expect("the settings are known");
    TextPipeline::new(settings, &TextFiles::new()).expect("no file is needed")
});
static BPE: LazyLock<SubwordNmt> = LazyLock::new(|| {
    let text = ["der Hund und der Mann", "der Hund und die Hunde"];
    SubwordNmt::new(
        &learn(
            text,
            &LearnOptions {
                symbols: 20,
                ..LearnOptions::default()
            },
        )
        .expect("there are pairs"),
    )
});

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let mut reader = LineReader::new(text.as_bytes(), "stdin");
    while let Ok(Some(line)) = reader.read_line() {
        let tokens = MOSES.encode(line).expect("no line is refused");
        MOSES.decode(&tokens);
        if !line.contains("@@") && !line.contains("</w>") {
            let joined = BPE.decode(&BPE.encode_line(line));
            assert!(words(&joined).eq(words(line)));
        }
    }
    // Bytes that are not UTF-8 are an error, and not the end of the program.
    let mut reader = LineReader::new(input, "stdin");
    while let Ok(Some(_)) = reader.read_line() {}
});

/// Runs of blanks count as one and those at the end do not count, as in subword-nmt.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(is_space).filter(|word| !word.is_empty())
}
