//! A checkpoint whose pickle has any content: an error, or weights, options, progress and Adam's state.
//!
//! The input is the pickle; the archive around it is sound, and two small storages lie beside it. The archive itself
//! takes any content, too, when the input begins as an archive does.

#![no_main]

use std::cell::OnceCell;

use burnseq_interchange::fairseq::{FairseqCheckpoint, Layout};
use burnseq_interchange::zip::ArchiveWriter;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    let file = if input.starts_with(b"PK") {
        input.to_vec()
    } else {
        archive(input)
    };
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
        let path = folder.path().join("model.pt");
        std::fs::write(&path, file).expect("the file is written");
        let Ok(checkpoint) = FairseqCheckpoint::open(&path) else {
            return;
        };
        let _ = checkpoint.progress();
        let _ = checkpoint.adam(&Layout::default(), &[]);
        for (name, tensor) in checkpoint.weights(&Layout::default()).unwrap_or_default() {
            assert_eq!(
                tensor.values.len(),
                tensor.shape.iter().product::<usize>(),
                "{name}"
            );
        }
    });
});

fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = ArchiveWriter::new(&mut file);
    let content: Vec<u8> = (0..64).collect();
    for (name, content) in [
        ("archive/data.pkl", pickle),
        ("archive/byteorder", b"little"),
        ("archive/data/0", &content),
        ("archive/data/1", &content[..24]),
        ("archive/version", b"3\n"),
    ] {
        writer.add(name, content).expect("memory takes everything");
    }
    writer.finish().expect("memory takes everything");
    file
}
