//! Writing: a stream of sentences; both files appear under their names only when complete.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Dtype, HEADER, MAGIC, VERSION, with_suffix};
use crate::error::{Error, Result};
use burnseq_text::FileError;

/// Writes `PREFIX.bin` and `PREFIX.idx` sentence by sentence, in constant memory.
///
/// Until [`IndexedWriter::finish`] the files are called `PREFIX.bin.tmp` and `PREFIX.idx.tmp`;
/// dropping an unfinished writer removes them.
#[derive(Debug)]
pub struct IndexedWriter {
    bin_path: PathBuf,
    idx_path: PathBuf,
    bin: Option<BufWriter<File>>,
    idx: Option<BufWriter<File>>,
    dtype: Dtype,
    len: u64,
    scratch: Vec<u8>,
}

impl IndexedWriter {
    /// Starts a dataset whose tokens are stored as `dtype`.
    ///
    /// # Errors
    /// When the files cannot be created.
    pub fn create(prefix: impl AsRef<Path>, dtype: Dtype) -> Result<Self> {
        let bin_path = with_suffix(prefix.as_ref(), ".bin");
        let idx_path = with_suffix(prefix.as_ref(), ".idx");
        let mut writer = Self {
            bin_path,
            idx_path,
            bin: None,
            idx: None,
            dtype,
            len: 0,
            scratch: Vec::new(),
        };
        writer.bin = Some(open(&temporary(&writer.bin_path))?);
        let mut idx = open(&temporary(&writer.idx_path))?;
        // The number of sentences is filled in at the end.
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.push(dtype.code());
        header.extend_from_slice(&0_u64.to_le_bytes());
        idx.write_all(&header)
            .map_err(FileError::write(&writer.idx_path))?;
        writer.idx = Some(idx);
        Ok(writer)
    }

    /// How tokens are stored.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Appends a sentence.
    ///
    /// # Errors
    /// When writing fails or a token does not fit the type.
    pub fn push(&mut self, tokens: &[u32]) -> Result<()> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        let chunk = EncodedChunk::encode_into(bytes, self.dtype, std::iter::once(tokens))
            .map_err(|problem| self.problem(problem))?;
        self.append(&chunk)?;
        self.scratch = chunk.bytes;
        Ok(())
    }

    /// Appends sentences that another thread has encoded.
    ///
    /// # Errors
    /// When writing fails.
    pub fn append(&mut self, chunk: &EncodedChunk) -> Result<()> {
        assert_eq!(chunk.dtype, self.dtype, "chunks are encoded for this writer");
        let bin = self.bin.as_mut().expect("open until `finish`");
        bin.write_all(&chunk.bytes)
            .map_err(FileError::write(&self.bin_path))?;
        let idx = self.idx.as_mut().expect("open until `finish`");
        for length in &chunk.lengths {
            idx.write_all(&length.to_le_bytes())
                .map_err(FileError::write(&self.idx_path))?;
        }
        self.len += chunk.lengths.len() as u64;
        Ok(())
    }

    /// Writes the offsets, then gives both files their names.
    ///
    /// # Errors
    /// When writing or renaming fails; nothing is left behind then.
    pub fn finish(mut self) -> Result<()> {
        let bin = self.bin.take().expect("open until `finish`");
        close(bin).map_err(FileError::write(&self.bin_path))?;
        let idx = self.idx.take().expect("open until `finish`");
        self.write_offsets(idx)
            .map_err(FileError::write(&self.idx_path))?;
        // The index goes last: a reader that finds it finds the tokens too.
        for path in [&self.bin_path, &self.idx_path] {
            fs::rename(temporary(path), path).map_err(FileError::write(path))?;
        }
        Ok(())
    }

    /// Reads the lengths back and appends their running sum, so that memory stays constant.
    fn write_offsets(&self, mut idx: BufWriter<File>) -> std::io::Result<()> {
        idx.flush()?;
        let mut lengths = BufReader::new(File::open(temporary(&self.idx_path))?);
        lengths.seek(SeekFrom::Start(HEADER as u64))?;
        let mut offset = 0_i64;
        let mut length = [0; 4];
        for _ in 0..self.len {
            lengths.read_exact(&mut length)?;
            idx.write_all(&offset.to_le_bytes())?;
            offset += i64::from(i32::from_le_bytes(length)) * self.dtype.size() as i64;
        }
        idx.seek(SeekFrom::Start(HEADER as u64 - 8))?;
        idx.write_all(&self.len.to_le_bytes())?;
        close(idx)
    }

    fn problem(&self, problem: String) -> Error {
        Error::Index {
            path: self.bin_path.clone(),
            problem,
        }
    }
}

impl Drop for IndexedWriter {
    fn drop(&mut self) {
        for path in [&self.bin_path, &self.idx_path] {
            // Already renamed, or never made: nothing to remove.
            let _ = fs::remove_file(temporary(path));
        }
    }
}

/// Sentences as they will lie in the `.bin`, made on one thread and written on another.
#[derive(Debug)]
pub struct EncodedChunk {
    dtype: Dtype,
    bytes: Vec<u8>,
    lengths: Vec<i32>,
}

impl EncodedChunk {
    /// An empty chunk for a writer of this type.
    pub fn new(dtype: Dtype) -> Self {
        Self {
            dtype,
            bytes: Vec::new(),
            lengths: Vec::new(),
        }
    }

    /// Adds a sentence.
    ///
    /// # Panics
    /// When a token does not fit the type, which [`Dtype::for_vocab`] rules out, or when the
    /// sentence has more than `i32::MAX` tokens.
    pub fn push(&mut self, tokens: &[u32]) {
        self.try_push(tokens)
            .expect("the type was chosen for this vocabulary");
    }

    fn try_push(&mut self, tokens: &[u32]) -> std::result::Result<(), String> {
        let length = i32::try_from(tokens.len())
            .map_err(|_| format!("a sentence of {} tokens is too long to store", tokens.len()))?;
        for &token in tokens {
            if !self.dtype.encode(token, &mut self.bytes) {
                return Err(format!("token id {token} does not fit type {:?}", self.dtype));
            }
        }
        self.lengths.push(length);
        Ok(())
    }

    fn encode_into<'a>(
        bytes: Vec<u8>,
        dtype: Dtype,
        sentences: impl Iterator<Item = &'a [u32]>,
    ) -> std::result::Result<Self, String> {
        let mut chunk = Self {
            dtype,
            bytes,
            lengths: Vec::new(),
        };
        for sentence in sentences {
            chunk.try_push(sentence)?;
        }
        Ok(chunk)
    }
}

fn temporary(path: &Path) -> PathBuf {
    with_suffix(path, ".tmp")
}

fn open(path: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(
        1 << 16,
        File::create(path).map_err(FileError::write(path))?,
    ))
}

/// Flushes to the disk, so that a full disk is noticed here and not after the rename.
fn close(writer: BufWriter<File>) -> std::io::Result<()> {
    writer
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .sync_all()
}
