//! A safetensors file in memory-mapped form.

use std::fs::File;
use std::path::{Path, PathBuf};

use burnseq_text::FileError;
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, tensor::Metadata};

use crate::error::{Error, Result};
use crate::torch_file::{DType, Tensor};

/// A file whose header is read; tensors are read when they are asked for.
#[derive(Debug)]
pub(super) struct SafetensorsFile {
    path: PathBuf,
    bytes: Mmap,
    header: Metadata,
    /// Where the values begin.
    start: usize,
}

impl SafetensorsFile {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = FileError::read(path);
        let file = File::open(path).map_err(failed)?;
        // SAFETY: weights are downloaded or written under temporary names and renamed; one that is changed in place while
        // it is read gives wrong values, as reading it would.
        let bytes = unsafe { Mmap::map(&file) }.map_err(failed)?;
        let (length, header) = SafeTensors::read_metadata(&bytes).map_err(|error| Error::File {
            path: path.to_owned(),
            problem: format!("is not a safetensors file: {error}\nhint: the file is damaged; copy it again"),
        })?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            header,
            start: length + size_of::<u64>(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Names and shapes, in the order of the file.
    pub(super) fn tensors(&self) -> impl Iterator<Item = (String, Vec<usize>)> {
        self.header.offset_keys().into_iter().map(|name| {
            let shape = self.header.info(&name).map(|info| info.shape.clone());
            (name, shape.unwrap_or_default())
        })
    }

    /// The values of a floating-point tensor, row-major.
    pub(super) fn read(&self, name: &str) -> Result<Tensor> {
        let wrong = |problem: String| Error::Entry {
            path: self.path.clone(),
            entry: name.to_owned(),
            problem,
        };
        let info = self.header.info(name);
        let info = info.ok_or_else(|| wrong("is not in the file".to_owned()))?;
        let dtype = match info.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F64 => DType::F64,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => return Err(wrong(format!("has type {other}, expected a floating-point type"))),
        };
        let (from, to) = info.data_offsets;
        // The header was checked against the size of the file when it was opened.
        let bytes = &self.bytes[self.start + from..self.start + to];
        Ok(Tensor {
            shape: info.shape.clone(),
            values: dtype.widen(bytes),
        })
    }
}
