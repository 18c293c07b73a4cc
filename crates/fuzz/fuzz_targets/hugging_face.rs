//! A folder of transformers whose files have any content: an error, or settings and weights.
//!
//! The first byte chooses the file that the rest of the input is: config.json, weights of either kind, or the list of parts.

#![no_main]

use std::cell::OnceCell;

use burnseq_interchange::hugging_face::Folder;
use libfuzzer_sys::fuzz_target;

const FILES: [&str; 4] = [
    "config.json",
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
];

thread_local! {
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, content)) = input.split_first() else {
        return;
    };
    let name = FILES[usize::from(*choice) % FILES.len()];
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
        for file in FILES {
            let _ = std::fs::remove_file(folder.path().join(file));
        }
        std::fs::write(folder.path().join("config.json"), "{\"model_type\": \"bert\"}")
            .expect("the file is written");
        std::fs::write(folder.path().join(name), content).expect("the file is written");
        let Ok(folder) = Folder::open(folder.path()) else {
            return;
        };
        let _ = folder.config().model_type();
        let _ = folder.config().texts("architectures");
        let _ = folder.config().counts("eos_token_id");
        let Ok(weights) = folder.weights() else {
            return;
        };
        for name in weights.names() {
            if let Ok(tensor) = weights.read(name) {
                assert_eq!(
                    tensor.values.len(),
                    tensor.shape.iter().product::<usize>(),
                    "{name}"
                );
            }
        }
    });
});
