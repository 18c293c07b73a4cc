//! Files of `torch.save`: a pickle, and the storages that its tensors are cut from.
//!
//! Since PyTorch 1.6 a file is a zip archive of `NAME/data.pkl`, `NAME/data/KEY` and a few notes; before, it was a
//! sequence of pickles followed by the storages. Both are read, the former is written.

mod legacy;
mod scalar;
mod tensor;
mod writer;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::error::{Error, Result};
use crate::pickle::{self, Graph, View};
use crate::zip::{Archive, Entry};
use burnseq_text::{ByteMeter, FileError};

pub use tensor::{DType, Tensor, TensorInfo};
pub use writer::{Storages, save, save_metered};

/// An opened file; tensors are read when they are asked for.
#[derive(Debug)]
pub struct TorchFile {
    path: PathBuf,
    bytes: Mmap,
    graph: Graph,
    storages: HashMap<String, Stored>,
    meter: ByteMeter,
}

/// Where the bytes of a storage are.
#[derive(Debug)]
struct Stored {
    range: Range<usize>,
    /// The archive's entry with its checksum, and what verifying it gave.
    entry: Option<(Entry, OnceCell<Result<(), String>>)>,
}

impl TorchFile {
    /// Opens a file and reads its pickle.
    ///
    /// # Errors
    /// A file that cannot be read, is of another kind, truncated or damaged; a pickle that is refused.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = FileError::read(path);
        let file = File::open(path).map_err(failed)?;
        // SAFETY: checkpoints are written under temporary names and renamed, by fairseq as by us; one that is changed
        // in place while it is read gives wrong values, which the archive's checksums tell.
        let bytes = unsafe { Mmap::map(&file) }.map_err(failed)?;
        let (graph, storages) = if bytes.starts_with(b"PK") {
            open_archive(path, &bytes)?
        } else if legacy::is_legacy(&bytes) {
            legacy::open(path, &bytes)?
        } else {
            return Err(Error::File {
                path: path.to_owned(),
                problem: "is not a file of torch.save\n\
                          hint: give a checkpoint as PyTorch writes it; a file of PyTorch before 0.1.10 can be \
                          loaded and saved again with a newer one"
                    .to_owned(),
            });
        };
        Ok(Self {
            path: path.to_owned(),
            bytes,
            graph,
            storages,
            meter: ByteMeter::default(),
        })
    }

    /// The same file; `meter` is told what is read of its tensors, four bytes for each element.
    #[must_use]
    pub fn metered(self, meter: ByteMeter) -> Self {
        Self { meter, ..self }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a file that was opened is not empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What was saved.
    pub fn root(&self) -> View<'_> {
        self.graph.root()
    }

    /// An error about a part of the file.
    pub fn entry_error(&self, entry: &str, problem: impl Into<String>) -> Error {
        Error::Entry {
            path: self.path.clone(),
            entry: entry.to_owned(),
            problem: problem.into(),
        }
    }

    /// The bytes of a storage, their checksum verified once.
    fn storage(&self, key: &str) -> Result<&[u8], String> {
        let stored = self
            .storages
            .get(key)
            .ok_or_else(|| format!("its storage {key:?} is not in the file"))?;
        if let Some((entry, verified)) = &stored.entry {
            verified
                .get_or_init(|| entry.content(&self.bytes).map(|_| ()))
                .clone()?;
        }
        Ok(&self.bytes[stored.range.clone()])
    }
}

/// What was saved, and where the storages are.
type Opened = (Graph, HashMap<String, Stored>);

fn open_archive(path: &Path, bytes: &[u8]) -> Result<Opened> {
    let wrong = |problem: String| Error::File {
        path: path.to_owned(),
        problem,
    };
    let archive = Archive::read(bytes).map_err(wrong)?;
    let pickle = archive
        .entries()
        .iter()
        .find(|entry| entry.name.ends_with("/data.pkl"));
    let pickle =
        pickle.ok_or_else(|| wrong("is an archive, but not of torch.save: it has no data.pkl".to_owned()))?;
    let folder = pickle
        .name
        .strip_suffix("data.pkl")
        .expect("the name was found by it");
    let content = |entry: &Entry| {
        entry.content(bytes).map_err(|problem| Error::Entry {
            path: path.to_owned(),
            entry: entry.name.clone(),
            problem,
        })
    };
    let mut storages = HashMap::new();
    for entry in archive.entries() {
        let Some(name) = entry.name.strip_prefix(folder) else {
            continue;
        };
        if name == "byteorder" && content(entry)? != b"little" {
            return Err(wrong(
                "was written on a machine of the other byte order".to_owned(),
            ));
        }
        if let Some(key) = name.strip_prefix("data/") {
            let stored = Stored {
                range: entry.range.clone(),
                entry: Some((entry.clone(), OnceCell::new())),
            };
            storages.insert(key.to_owned(), stored);
        }
    }
    let graph = pickle::read(content(pickle)?).map_err(|source| Error::Pickle {
        path: path.to_owned(),
        entry: pickle.name.clone(),
        source,
    })?;
    Ok((graph, storages))
}
