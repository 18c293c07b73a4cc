//! A dictionary file of any content: an error, or a dictionary that survives being written and read again.

#![no_main]

use burnseq_text::Dictionary;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(dictionary) = Dictionary::parse(input, "dict.txt") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("dict.txt");
    dictionary.save(&path).expect("what was read can be written");
    let again = Dictionary::load(&path).expect("what was written can be read");
    assert!(dictionary.iter().eq(again.iter()));
});
