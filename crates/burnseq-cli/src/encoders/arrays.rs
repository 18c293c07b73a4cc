//! Vectors to files: arrays of NumPy, and safetensors.

use std::io::{self, Write};

use burnseq::text_encoder::Features;

/// Writes `[texts, width]` as NumPy's format 1.0: a header in the notation of Python, padded to a multiple of 64 bytes, and
/// the numbers.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write_npy(out: &mut dyn Write, features: &[Features]) -> io::Result<()> {
    const MAGIC: &[u8] = b"\x93NUMPY\x01\0";
    let width = features.first().map_or(0, |features| features.width);
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {width}), }}",
        features.len()
    );
    let before = MAGIC.len() + size_of::<u16>();
    let total = (before + header.len() + 1).next_multiple_of(64);
    header.extend(std::iter::repeat_n(' ', total - before - header.len() - 1));
    header.push('\n');
    let length = u16::try_from(header.len()).map_err(io::Error::other)?;
    out.write_all(MAGIC)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for features in features {
        write_values(out, &features.values)?;
    }
    Ok(())
}

/// Writes safetensors: one matrix `features` where every text has one vector, else a matrix for each text under its number
/// from 0.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write_safetensors(
    out: &mut dyn Write,
    features: &[Features],
    by_token: bool,
) -> io::Result<()> {
    let width = features.first().map_or(0, |features| features.width);
    let tensors: Vec<(String, [usize; 2])> = if by_token {
        let texts = features.iter().enumerate();
        texts
            .map(|(text, features)| (text.to_string(), [features.len(), features.width]))
            .collect()
    } else {
        vec![("features".to_owned(), [features.len(), width])]
    };
    let mut end = 0;
    let infos = tensors.into_iter().map(|(name, shape)| {
        let start = end;
        end += size_of::<f32>() * shape[0] * shape[1];
        let info = safetensors::tensor::TensorInfo {
            dtype: safetensors::Dtype::F32,
            shape: shape.to_vec(),
            data_offsets: (start, end),
        };
        (name, info)
    });
    let header = safetensors::tensor::Metadata::new(None, infos.collect()).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    for features in features {
        write_values(out, &features.values)?;
    }
    Ok(())
}

fn write_values(out: &mut dyn Write, values: &[f32]) -> io::Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    out.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features() -> [Features; 2] {
        [vec![1.0, 2.0], vec![3.0, 4.0, 5.0, 6.0]].map(|values| Features { values, width: 2 })
    }

    #[test]
    fn arrays_have_the_header_of_numpy() {
        let mut file = Vec::new();
        write_npy(&mut file, &features()[..1]).unwrap();
        assert_eq!(&file[..10], b"\x93NUMPY\x01\0v\0");
        let header = std::str::from_utf8(&file[10..128]).unwrap();
        assert_eq!(
            header.trim_end(),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }"
        );
        assert!(header.ends_with('\n'));
        assert_eq!(file[128..], [0, 0, 128, 63, 0, 0, 0, 64]);
    }

    #[test]
    fn tensors_are_one_matrix_or_one_for_each_text() {
        let read = |by_token: bool, features: &[Features]| {
            let mut file = Vec::new();
            write_safetensors(&mut file, features, by_token).unwrap();
            let file = safetensors::SafeTensors::deserialize(&file).unwrap();
            let mut found: Vec<(String, Vec<usize>)> = file
                .iter()
                .map(|(name, view)| (name.to_owned(), view.shape().to_vec()))
                .collect();
            found.sort();
            found
        };
        assert_eq!(
            read(true, &features()),
            [("0".to_owned(), vec![1, 2]), ("1".to_owned(), vec![2, 2])]
        );
        assert_eq!(
            read(false, &features()[..1]),
            [("features".to_owned(), vec![1, 2])]
        );
    }
}
