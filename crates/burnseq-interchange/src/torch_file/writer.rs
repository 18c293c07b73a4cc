//! Writing files that `torch.load` opens, with `weights_only=True` too where the object is plain.

use std::path::Path;

use burnseq_text::{ByteMeter, write_atomically};

use crate::error::{Error, Result};
use crate::pickle::{self, Object};
use crate::zip::ArchiveWriter;

/// The storages of a file under construction.
#[derive(Debug, Default)]
pub struct Storages<'a> {
    values: Vec<&'a [f32]>,
}

impl<'a> Storages<'a> {
    /// Adds a storage; gives the tensor of this shape over it. Tied tensors are clones of what this gives.
    ///
    /// # Panics
    /// A shape of another number of elements.
    pub fn tensor(&mut self, shape: &[usize], values: &'a [f32]) -> Object {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "shape {shape:?}");
        let key = self.values.len().to_string();
        self.values.push(values);
        let storage = vec![
            "storage".into(),
            Object::Global("torch", "FloatStorage"),
            key.as_str().into(),
            "cpu".into(),
            values.len().into(),
        ];
        let mut stride = 1;
        let mut strides: Vec<Object> = Vec::with_capacity(shape.len());
        for size in shape.iter().rev() {
            strides.insert(0, stride.into());
            stride *= size;
        }
        let args = vec![
            Object::Persistent(Box::new(Object::Tuple(storage))),
            Object::Int(0),
            Object::Tuple(shape.iter().map(|size| (*size).into()).collect()),
            Object::Tuple(strides),
            Object::Bool(false), // requires_grad
            Object::OrderedDict(Vec::new()),
        ];
        Object::Call("torch._utils", "_rebuild_tensor_v2", args)
    }
}

/// Saves an object, whose tensors were made by `storages`. The file appears complete or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn save(path: &Path, object: &Object, storages: &Storages<'_>) -> Result<()> {
    save_metered(path, object, storages, &ByteMeter::default())
}

/// As [`save`]; `meter` is told the bytes of each storage.
///
/// # Errors
/// The file cannot be written.
pub fn save_metered(path: &Path, object: &Object, storages: &Storages<'_>, meter: &ByteMeter) -> Result<()> {
    let folder = path
        .file_stem()
        .map_or("archive".into(), |stem| stem.to_string_lossy());
    write_atomically(path, |out| {
        let mut archive = ArchiveWriter::new(out);
        let mut add = |name: &str, content: &[u8]| archive.add(&format!("{folder}/{name}"), content);
        add("data.pkl", &pickle::write(object))?;
        add(".format_version", b"1")?;
        add(".storage_alignment", b"64")?;
        add("byteorder", b"little")?;
        for (key, values) in storages.values.iter().enumerate() {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            add(&format!("data/{key}"), &bytes)?;
            meter.count(bytes.len() as u64);
        }
        add("version", b"3\n")?;
        archive.finish()
    })
    .map_err(Error::Write)
}
