//! One side of a split as it is written: ids in fairseq's mmap format, or text.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::indexed::{Dtype, EncodedChunk, IndexedWriter};
use burnseq_text::FileError;

/// Writes the sentences of one side.
pub(crate) enum SideWriter {
    /// `PREFIX.bin` and `PREFIX.idx`.
    Ids(IndexedWriter),
    /// `PREFIX`, one sentence per line.
    Text(PathBuf, BufWriter<File>),
}

/// Sentences made on one thread and written on another.
pub(crate) enum SideChunk {
    Ids(EncodedChunk),
    Text(String),
}

impl SideWriter {
    /// Starts `PREFIX`, as text or as ids for a dictionary of `vocab` types.
    ///
    /// # Errors
    /// When a file cannot be created.
    pub(crate) fn create(prefix: &Path, raw: bool, vocab: usize) -> Result<Self> {
        Ok(if raw {
            let file = File::create(prefix).map_err(FileError::write(prefix))?;
            Self::Text(prefix.to_owned(), BufWriter::with_capacity(1 << 16, file))
        } else {
            Self::Ids(IndexedWriter::create(prefix, Dtype::for_vocab(vocab))?)
        })
    }

    /// Appends sentences; they are of the kind that this writer was created for.
    ///
    /// # Errors
    /// When writing fails.
    pub(crate) fn append(&mut self, chunk: &SideChunk) -> Result<()> {
        match (self, chunk) {
            (Self::Ids(writer), SideChunk::Ids(chunk)) => writer.append(chunk),
            (Self::Text(path, file), SideChunk::Text(text)) => {
                Ok(file.write_all(text.as_bytes()).map_err(FileError::write(path))?)
            }
            _ => unreachable!("writer and chunk were made from the same settings"),
        }
    }

    /// Makes sure that everything is on the disk.
    ///
    /// # Errors
    /// When writing fails.
    pub(crate) fn finish(self) -> Result<()> {
        match self {
            Self::Ids(writer) => writer.finish(),
            Self::Text(path, file) => {
                let file = file.into_inner().map_err(std::io::IntoInnerError::into_error);
                Ok(file
                    .and_then(|file| file.sync_all())
                    .map_err(FileError::write(&path))?)
            }
        }
    }
}

impl SideChunk {
    /// An empty chunk for a writer that was created with the same settings.
    pub(crate) fn new(raw: bool, vocab: usize) -> Self {
        if raw {
            Self::Text(String::new())
        } else {
            Self::Ids(EncodedChunk::new(Dtype::for_vocab(vocab)))
        }
    }

    /// Adds a sentence, given as its tokens and as their ids.
    pub(crate) fn push(&mut self, tokens: &str, ids: &[u32]) {
        match self {
            Self::Ids(chunk) => chunk.push(ids),
            Self::Text(text) => {
                text.push_str(tokens);
                text.push('\n');
            }
        }
    }
}
