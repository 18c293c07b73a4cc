//! Checkpoints that fairseq has written, against the same tensors in safetensors files.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use burnseq_interchange::fairseq::{FairseqCheckpoint, Layout};
use safetensors::SafeTensors;

/// `golden`, or nothing (and a reason) where it is absent.
pub fn golden() -> Option<PathBuf> {
    burnseq_testing::shared("golden")
}

/// Bits of the tensors of a safetensors file of `f32`.
fn expected(path: &Path) -> HashMap<String, (Vec<usize>, Vec<u8>)> {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let read = |(name, view): (&str, safetensors::tensor::TensorView)| {
        (name.to_owned(), (view.shape().to_vec(), view.data().to_vec()))
    };
    file.iter().map(read).collect()
}

/// Compares all weights but the second names of tied ones bit for bit.
fn compare(checkpoint: &FairseqCheckpoint, safetensors: &Path) {
    let expected = expected(safetensors);
    let mut weights: HashMap<_, _> = checkpoint
        .weights(&Layout::default())
        .unwrap()
        .into_iter()
        .collect();
    let output = weights.remove("decoder.output_projection.weight").unwrap();
    assert_eq!(output, weights["decoder.embed_tokens.weight"]);
    assert_eq!(weights.len(), expected.len());
    for (name, tensor) in &weights {
        let (shape, bytes) = &expected[name];
        assert_eq!(&tensor.shape, shape, "{name}");
        let found: Vec<u8> = tensor
            .values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        assert!(found == *bytes, "{name}");
    }
}

#[test]
fn the_weights_are_those_of_fairseq_bit_for_bit() {
    let Some(golden) = golden() else { return };
    let base = golden.join("numerics/base");
    for name in ["init", "train_clip0.after5"] {
        let checkpoint = FairseqCheckpoint::open(&base.join(format!("{name}.pt"))).unwrap();
        compare(&checkpoint, &base.join(format!("{name}.safetensors")));
    }
}

#[test]
fn the_trained_model_is_that_of_fairseq_bit_for_bit() {
    let Some(golden) = golden() else { return };
    let packed = fs::File::open(golden.join("generate/model.pt.xz")).unwrap();
    let unpacked = match Command::new("xz").arg("-dc").stdin(packed).output() {
        Ok(output) if output.status.success() => output.stdout,
        _ => return eprintln!("skipped: there is no program xz"),
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.pt");
    fs::write(&path, unpacked).unwrap();
    let weights = dir.path().join("model.safetensors");
    let packed = fs::File::open(golden.join("generate/model.safetensors.gz")).unwrap();
    std::io::copy(
        &mut flate2::read::GzDecoder::new(packed),
        &mut fs::File::create(&weights).unwrap(),
    )
    .unwrap();

    let checkpoint = FairseqCheckpoint::open(&path).unwrap();
    compare(&checkpoint, &weights);
    let progress = checkpoint.progress().unwrap();
    assert_eq!(
        (progress.epoch, progress.iterations_in_epoch, progress.num_updates),
        (8, 0, 3381)
    );
    assert_eq!((progress.val_loss, progress.best), (Some(3.817), Some(3.817)));
    assert!((progress.seconds - 1767.67).abs() < 0.01);
    assert!(
        checkpoint
            .adam(&Layout::default(), &["decoder.output_projection.weight"])
            .unwrap()
            .is_none()
    );
    assert!(!checkpoint.has_ema());
}

#[test]
fn the_state_of_adam_is_about_the_parameters_of_the_model() {
    let Some(golden) = golden() else { return };
    let checkpoint = FairseqCheckpoint::open(&golden.join("numerics/base/train_clip0.after5.pt")).unwrap();
    let weights = checkpoint.weights(&Layout::default()).unwrap();
    let adam = checkpoint
        .adam(&Layout::default(), &["decoder.output_projection.weight"])
        .unwrap()
        .unwrap();
    assert_eq!(adam.step, 5);
    assert_eq!(adam.moments.len(), weights.len() - 1);
    for ((name, [first, second]), (weight_name, weight)) in adam.moments.iter().zip(&weights) {
        assert_eq!(name, weight_name);
        assert_eq!((&first.shape, &second.shape), (&weight.shape, &weight.shape));
        assert!(second.values.iter().all(|value| *value >= 0.0), "{name}");
        assert!(second.values.iter().any(|value| *value > 0.0), "{name}");
    }
    let progress = checkpoint.progress().unwrap();
    assert_eq!(
        (progress.epoch, progress.iterations_in_epoch, progress.num_updates),
        (1, 5, 5)
    );
    assert_eq!(progress.optimizer.as_deref(), Some("FairseqAdam"));
    // Without the second name there is one parameter too many.
    let error = checkpoint.adam(&Layout::default(), &[]).unwrap_err().to_string();
    assert!(
        error.contains("is about 86 parameters, the model has 87"),
        "{error}"
    );
}
