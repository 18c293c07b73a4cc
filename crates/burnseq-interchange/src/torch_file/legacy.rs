//! Files of PyTorch before 1.6: five pickles (a magic number, a version, the machine, the object, the keys of its
//! storages), then the storages in the order of these keys, each behind its number of elements.

use std::collections::HashMap;
use std::path::Path;

use super::tensor::storage_type;
use super::{Opened, Stored};
use crate::error::{Error, Result};
use crate::pickle::{self, Graph, Node};

/// What the first pickle holds.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// What the second one holds.
const VERSION: i128 = 1001;

/// Whether a file begins like one of the old format.
pub(super) fn is_legacy(bytes: &[u8]) -> bool {
    matches!(pickle::read_prefix(&bytes[..bytes.len().min(64)]), Ok((graph, _)) if *graph.root().node() == Node::Int(MAGIC))
}

/// Reads the pickles and finds the storages.
pub(super) fn open(path: &Path, bytes: &[u8]) -> Result<Opened> {
    let wrong = |problem: &str| Error::File {
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    let mut at = 0;
    let mut next = |entry: &str| -> Result<Graph> {
        let (graph, length) = pickle::read_prefix(&bytes[at..]).map_err(|source| Error::Pickle {
            path: path.to_owned(),
            entry: entry.to_owned(),
            source,
        })?;
        at += length;
        Ok(graph)
    };
    next("the magic number")?;
    if *next("the version")?.root().node() != Node::Int(VERSION) {
        return Err(wrong("has an unknown version of the old format of torch.save"));
    }
    let system = next("the description of the machine")?;
    if matches!(system.root().get("little_endian"), Some(little) if *little.node() == Node::Bool(false)) {
        return Err(wrong("was written on a machine of the other byte order"));
    }
    let graph = next("the object")?;
    let keys = next("the list of storages")?;

    let mut widths = HashMap::new();
    for description in graph.persistent() {
        let (key, dtype) = storage_type(description).map_err(|problem| wrong(&problem))?;
        widths.insert(key, dtype.width());
    }
    let mut storages = HashMap::new();
    let keys = keys
        .root()
        .items()
        .ok_or_else(|| wrong("has no list of storages"))?;
    for key in keys {
        let truncated =
            || wrong("ends in the middle of its tensors\nhint: the file is truncated; copy it again");
        let key = key
            .as_str()
            .ok_or_else(|| wrong("has a storage without a name"))?;
        let width = *widths
            .get(key)
            .ok_or_else(|| wrong("has a storage that no tensor is cut from"))?;
        let header = bytes.get(at..at + 8).ok_or_else(truncated)?;
        let elements = u64::from_le_bytes(header.try_into().expect("eight bytes were taken"));
        let end = usize::try_from(elements)
            .ok()
            .and_then(|elements| elements.checked_mul(width)?.checked_add(at + 8))
            .filter(|end| *end <= bytes.len())
            .ok_or_else(truncated)?;
        let range = at + 8..end;
        at = end;
        storages.insert(key.to_owned(), Stored { range, entry: None });
    }
    Ok((graph, storages))
}
