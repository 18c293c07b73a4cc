//! The reference data beside the project, read in place.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::TensorData;
use safetensors::{Dtype, SafeTensors};

/// `golden/numerics`, or nothing (and a reason) where it is absent.
pub fn numerics() -> Option<PathBuf> {
    burnseq_testing::shared("golden/numerics")
}

/// A JSON file.
pub fn json(path: &Path) -> serde_json::Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The tensors of a safetensors file, `f32` and `i64`.
pub fn tensors(path: &Path) -> HashMap<String, TensorData> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let read = |(name, view): (&str, safetensors::tensor::TensorView)| {
        let (bytes, shape) = (view.data(), view.shape().to_vec());
        let data = match view.dtype() {
            Dtype::F32 => {
                let values: Vec<f32> = bytes
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                    .collect();
                TensorData::new(values, shape)
            }
            Dtype::I64 => {
                let values: Vec<i64> = bytes
                    .chunks_exact(8)
                    .map(|b| i64::from_le_bytes(b.try_into().unwrap()))
                    .collect();
                TensorData::new(values, shape)
            }
            other => panic!("{name} has type {other:?}"),
        };
        (name.to_owned(), data)
    };
    file.iter().map(read).collect()
}
