//! Tensors in safetensors files: a JSON header and raw little-endian values; nothing is executed.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use burn::tensor::{DType, TensorData, bf16, f16};
use safetensors::{
    Dtype, SafeTensors,
    tensor::{Metadata, TensorInfo},
};

/// Writes `f32` tensors in the given order, with one entry of metadata.
///
/// One entry, because the order of several would differ between runs and files could not be compared.
pub(super) fn write(
    out: &mut dyn Write,
    tensors: &[(String, TensorData)],
    (key, value): (&str, String),
) -> io::Result<()> {
    let mut infos = Vec::with_capacity(tensors.len());
    let mut end = 0;
    for (name, data) in tensors {
        assert_eq!(data.dtype(), DType::F32, "`{name}` is stored as f32");
        let start = end;
        end += data.as_bytes().len();
        let info = TensorInfo {
            dtype: Dtype::F32,
            shape: data.shape().to_vec(),
            data_offsets: (start, end),
        };
        infos.push((name.clone(), info));
    }
    let metadata = HashMap::from([(key.to_owned(), value)]);
    let header = Metadata::new(Some(metadata), infos).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' '); // keeps the values aligned
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    for (_, data) in tensors {
        out.write_all(data.as_bytes())?;
    }
    Ok(())
}

/// Tensors in the order of the file, as `f32`, and the metadata.
#[derive(Debug)]
pub(super) struct Contents {
    /// Name and values.
    pub(super) tensors: Vec<(String, TensorData)>,
    /// The `__metadata__` entries of the header.
    pub(super) metadata: HashMap<String, String>,
}

/// Reads a file's bytes; floating-point tensors only, of any of the usual widths.
///
/// # Errors
/// What is wrong, without the file's name.
pub(super) fn read(bytes: &[u8]) -> Result<Contents, String> {
    let broken = |error| format!("not a safetensors file: {error}");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let file = SafeTensors::deserialize(bytes).map_err(broken)?;
    let mut tensors = Vec::with_capacity(file.len());
    for name in header.offset_keys() {
        let view = file.tensor(&name).map_err(broken)?;
        let data = view.data();
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => data
                .chunks_exact(4)
                .map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]]))
                .collect(),
            Dtype::F16 => data
                .chunks_exact(2)
                .map(|c| f16::from_le_bytes([c[0], c[1]]).to_f32())
                .collect(),
            Dtype::BF16 => data
                .chunks_exact(2)
                .map(|c| bf16::from_le_bytes([c[0], c[1]]).to_f32())
                .collect(),
            Dtype::F64 => {
                let wide = |c: &[u8]| f64::from_le_bytes(c.try_into().expect("chunks have 8 bytes"));
                data.chunks_exact(8).map(|c| wide(c) as f32).collect()
            }
            other => {
                return Err(format!(
                    "`{name}` has type {other}, expected a floating-point type"
                ));
            }
        };
        tensors.push((name, TensorData::new(values, view.shape())));
    }
    Ok(Contents {
        tensors,
        metadata: header.metadata().clone().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(tensors: &[(String, TensorData)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, tensors, ("format", "pt".to_owned())).unwrap();
        bytes
    }

    #[test]
    fn tensors_survive_in_order_with_their_metadata() {
        let tensors = vec![
            (
                "z.weight".to_owned(),
                TensorData::new(vec![1.0f32, -2.5, 3.0, 4.0, 5.0, 6.0], [2, 3]),
            ),
            ("a.bias".to_owned(), TensorData::new(vec![f32::MIN_POSITIVE], [1])),
        ];
        let contents = read(&bytes(&tensors)).unwrap();
        assert_eq!(contents.tensors, tensors);
        assert_eq!(contents.metadata["format"], "pt");
        assert_eq!(bytes(&tensors), bytes(&tensors));
    }

    #[test]
    fn half_precision_is_widened() {
        let half: Vec<u8> = [1.5f32, -0.25]
            .iter()
            .flat_map(|v| f16::from_f32(*v).to_le_bytes())
            .collect();
        let view = safetensors::tensor::TensorView::new(Dtype::F16, vec![2], &half).unwrap();
        let file = safetensors::serialize([("x", view)], None).unwrap();
        assert_eq!(
            read(&file).unwrap().tensors[0].1,
            TensorData::new(vec![1.5f32, -0.25], [2])
        );
    }

    #[test]
    fn truncated_and_foreign_files_are_refused_at_every_length() {
        let file = bytes(&[("x".to_owned(), TensorData::new(vec![1.0f32, 2.0], [2]))]);
        for length in 0..file.len() {
            let problem = read(&file[..length]).unwrap_err();
            assert!(problem.contains("not a safetensors file"), "{problem}");
        }
        assert!(read(b"PK\x03\x04 a pickle in a zip, as PyTorch writes it").is_err());
        let ids = 7i64.to_le_bytes();
        let view = safetensors::tensor::TensorView::new(Dtype::I64, vec![1], &ids).unwrap();
        let problem = read(&safetensors::serialize([("ids", view)], None).unwrap()).unwrap_err();
        assert!(problem.contains("`ids` has type"), "{problem}");
    }
}
