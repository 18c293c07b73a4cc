//! Writing a folder that transformers opens.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use burnseq_text::{ByteMeter, FileError, write_atomically};
use safetensors::{
    Dtype,
    tensor::{Metadata, TensorInfo},
};
use serde::Serialize;
use serde_json::{
    Map, Value,
    ser::{Formatter, PrettyFormatter},
};
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::torch_file::Tensor;

/// A folder that is written beside its place and gets its name at the end; dropped before
/// [`commit`](Self::commit), it leaves nothing behind.
#[derive(Debug)]
pub struct FolderWriter {
    path: PathBuf,
    staged: TempDir,
    meter: ByteMeter,
}

impl FolderWriter {
    /// Begins a folder.
    ///
    /// # Errors
    /// Something is at `path` already, unless it is an empty folder; its parent cannot be written to.
    pub fn create(path: &Path) -> Result<Self> {
        let is_empty = |path: &Path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if path.exists() && !is_empty(path) {
            return Err(Error::File {
                path: path.to_owned(),
                problem: "exists already\nhint: give another folder, or remove this one first".to_owned(),
            });
        }
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let failed = FileError::write(path);
        fs::create_dir_all(parent).map_err(failed)?;
        let staged = tempfile::Builder::new().prefix(".writing-").tempdir_in(parent);
        Ok(Self {
            path: path.to_owned(),
            staged: staged.map_err(failed)?,
            meter: ByteMeter::default(),
        })
    }

    /// The same folder; `meter` is told the bytes of weights that are written.
    #[must_use]
    pub fn metered(self, meter: ByteMeter) -> Self {
        Self { meter, ..self }
    }

    /// Adds a file of any content.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn file(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        write_atomically(&self.staged.path().join(name), write).map_err(Error::Write)
    }

    /// Adds a file of settings, such as `config.json`, written as Python writes it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn settings(&self, name: &str, fields: &Map<String, Value>) -> Result<()> {
        self.file(name, |out| {
            let mut text = Vec::new();
            let formatter = PythonFormatter(PrettyFormatter::with_indent(b"  "));
            fields.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))?;
            text.push(b'\n');
            out.write_all(&text)
        })
    }

    /// Adds `model.safetensors`, its tensors sorted by name, as transformers does.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn weights(&self, tensors: &[(String, Tensor)]) -> Result<()> {
        let mut sorted: Vec<&(String, Tensor)> = tensors.iter().collect();
        sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.file("model.safetensors", |out| {
            out.write_all(&header(&sorted)?)?;
            let mut bytes = Vec::new();
            for (_, tensor) in sorted {
                for values in tensor.values.chunks(1 << 18) {
                    bytes.clear();
                    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                    out.write_all(&bytes)?;
                    self.meter.count(bytes.len() as u64);
                }
            }
            Ok(())
        })
    }

    /// Gives the folder its name.
    ///
    /// # Errors
    /// It cannot be renamed, as when another program has written to its place meanwhile.
    pub fn commit(self) -> Result<()> {
        let staged = self.staged.keep();
        let renamed = readable_by_others(&staged).and_then(|()| fs::rename(&staged, &self.path));
        if let Err(source) = renamed {
            _ = fs::remove_dir_all(&staged);
            return Err(FileError::write(&self.path)(source).into());
        }
        Ok(())
    }
}

/// Two blanks for each level, and fractions as Python writes them.
struct PythonFormatter(PrettyFormatter<'static>);

impl Formatter for PythonFormatter {
    fn write_f64<W: ?Sized + Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        // The shortest digits that give the number back, with an exponent of two digits below 1e-4 and from 1e16 on.
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = exponent.parse().map_err(io::Error::other)?;
        if (-4..16).contains(&exponent) {
            write!(out, "{value:?}")
        } else {
            let sign = if exponent < 0 { '-' } else { '+' };
            write!(out, "{digits}e{sign}{:02}", exponent.abs())
        }
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

/// The length of the header and the header, which keeps values at multiples of 8 bytes.
fn header(tensors: &[&(String, Tensor)]) -> io::Result<Vec<u8>> {
    let mut end = 0;
    let infos = tensors.iter().map(|(name, tensor)| {
        let start = end;
        end += size_of::<f32>() * tensor.values.len();
        let info = TensorInfo {
            dtype: Dtype::F32,
            shape: tensor.shape.clone(),
            data_offsets: (start, end),
        };
        (name.clone(), info)
    });
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let header = Metadata::new(Some(metadata), infos.collect()).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut header);
    Ok(bytes)
}

/// Temporary folders are for their owner alone; a folder of weights is as any other.
fn readable_by_others(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    _ = path;
    Ok(())
}
