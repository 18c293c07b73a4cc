//! A codes file of any content, applied to text of any content: an error, or tokens that join to the text again.
//!
//! The input is the codes, a NUL, the text.

#![no_main]

use burnseq_text::subword_nmt::{Codes, SubwordNmt};
use burnseq_text::whitespace::is_space;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|&byte| byte == 0).unwrap_or(input.len());
    let (codes, text) = input.split_at(end);
    let Ok(codes) = Codes::parse(codes, "codes") else {
        return;
    };
    let bpe = SubwordNmt::new(&codes);
    for line in String::from_utf8_lossy(text.get(1..).unwrap_or_default()).lines() {
        let tokens = bpe.encode_line(line);
        // A mark in the text itself cannot be told from one that was put there.
        if !line.contains("@@") && !line.contains("</w>") {
            assert!(words(&bpe.decode(&tokens)).eq(words(line)));
        }
    }
});

/// Runs of blanks count as one and those at the end do not count, as in subword-nmt.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(is_space).filter(|word| !word.is_empty())
}
