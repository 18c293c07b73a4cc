//! Bytes that are read or written, told while that goes on.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use crate::FileError;

/// Bytes between two calls, so that they cost nothing.
const CHUNK: u64 = 8 << 20;

/// Is told the bytes of each part of a long file; the default tells nobody.
#[derive(Clone, Default)]
pub struct ByteMeter(Option<Arc<dyn Fn(u64) + Send + Sync>>);

impl ByteMeter {
    /// Calls `tell` with the bytes of each part.
    pub fn new(tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// So many more bytes are done.
    pub fn count(&self, bytes: u64) {
        if let Some(tell) = &self.0 {
            tell(bytes);
        }
    }

    /// A whole file.
    ///
    /// # Errors
    /// It cannot be read.
    ///
    /// ```
    /// # use burnseq_text::ByteMeter;
    /// # use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    /// let file = tempfile::NamedTempFile::new()?;
    /// std::fs::write(file.path(), "twelve bytes")?;
    /// let bytes = Arc::new(AtomicU64::new(0));
    /// let counted = Arc::clone(&bytes);
    /// let meter = ByteMeter::new(move |bytes| _ = counted.fetch_add(bytes, Ordering::Relaxed));
    /// assert_eq!(meter.read(file.path())?, b"twelve bytes");
    /// assert_eq!(bytes.load(Ordering::Relaxed), 12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, FileError> {
        if self.0.is_none() {
            return std::fs::read(path).map_err(FileError::read(path));
        }
        let read = || {
            let mut file = File::open(path)?;
            let mut content = Vec::with_capacity(file.metadata()?.len().try_into().unwrap_or(0));
            loop {
                let bytes = Read::by_ref(&mut file).take(CHUNK).read_to_end(&mut content)?;
                if bytes == 0 {
                    return Ok(content);
                }
                self.count(bytes as u64);
            }
        };
        read().map_err(FileError::read(path))
    }

    /// A writer that tells what goes through it to `out`.
    pub fn writer<'a>(&'a self, out: &'a mut dyn Write) -> impl Write + 'a {
        Metered { out, meter: self }
    }
}

impl fmt::Debug for ByteMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ByteMeter").field(&self.0.is_some()).finish()
    }
}

struct Metered<'a> {
    out: &'a mut dyn Write,
    meter: &'a ByteMeter,
}

impl Write for Metered<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = bytes.len().min(CHUNK as usize);
        let written = self.out.write(&bytes[..part])?;
        self.meter.count(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
