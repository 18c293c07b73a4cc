//! Single numbers, which checkpoints hold as Python's, numpy's or tensors.

use super::TorchFile;
use crate::error::Result;
use crate::pickle::{Node, View};

impl TorchFile {
    /// A number of Python, numpy or PyTorch; nothing for `None`.
    ///
    /// # Errors
    /// A value that is not a number.
    pub fn number(&self, name: &str, view: View<'_>) -> Result<Option<f64>> {
        if view.is_none() {
            return Ok(None);
        }
        if let Some(number) = view.as_f64().or_else(|| numpy_scalar(view)) {
            return Ok(Some(number));
        }
        match self.tensor(name, view)? {
            Some(info) => match self.read_one(&info) {
                Ok(number) => Ok(Some(number)),
                Err(problem) => Err(self.entry_error(name, problem)),
            },
            None => Err(self.entry_error(name, format!("is {}, expected a number", view.kind()))),
        }
    }
}

/// `numpy.core.multiarray.scalar(dtype, bytes)` of the usual types.
fn numpy_scalar(view: View<'_>) -> Option<f64> {
    let (class, args, _) = view.instance()?;
    if !class.ends_with("multiarray.scalar") {
        return None;
    }
    let [dtype, bytes] = args.as_slice() else {
        return None;
    };
    let (_, dtype, _) = dtype.instance()?;
    let bytes = python_bytes(*bytes)?;
    match dtype.first()?.as_str()? {
        "f8" => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        "f4" => Some(f32::from_le_bytes(bytes.try_into().ok()?).into()),
        "i8" => Some(i64::from_le_bytes(bytes.try_into().ok()?) as f64),
        "i4" => Some(i32::from_le_bytes(bytes.try_into().ok()?).into()),
        _ => None,
    }
}

/// Bytes; protocol 2 writes them as `_codecs.encode(text, 'latin1')`.
fn python_bytes(view: View<'_>) -> Option<Vec<u8>> {
    if let Node::Bytes(bytes) = view.node() {
        return Some(bytes.clone());
    }
    let ("_codecs.encode", args, _) = view.instance()? else {
        return None;
    };
    let text = args.first()?.as_str()?;
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}
