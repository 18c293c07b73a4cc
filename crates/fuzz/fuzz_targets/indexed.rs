//! An `.idx` and a `.bin` of any content: an error, or sentences that can all be read.
//!
//! The input is the length of the `.idx` (two bytes, little-endian), the `.idx`, the `.bin`.

#![no_main]

use std::cell::OnceCell;

use burnseq_data::IndexedDataset;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    let [low, high, files @ ..] = input else { return };
    let idx = usize::from(u16::from_le_bytes([*low, *high])).min(files.len());
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
        let prefix = folder.path().join("set");
        std::fs::write(folder.path().join("set.idx"), &files[..idx]).expect("the index is written");
        std::fs::write(folder.path().join("set.bin"), &files[idx..]).expect("the tokens are written");
        let Ok(dataset) = IndexedDataset::open(&prefix) else {
            return;
        };
        let tokens: usize = (0..dataset.len())
            .map(|index| dataset.sentence(index).len())
            .sum();
        assert_eq!(tokens, dataset.total_tokens());
    });
});
