//! Where text goes: standard output, or files that appear when everything is complete.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use burnseq_text::AtomicFile;

use crate::output::check_free;

/// One text.
pub(super) enum Output {
    Stdout(io::BufWriter<io::StdoutLock<'static>>),
    File(AtomicFile),
}

impl Output {
    /// # Errors
    /// When the file exists and may not be overwritten, or cannot be written.
    pub(super) fn create(path: Option<&PathBuf>, overwrite: bool) -> Result<Self> {
        match path {
            None => Ok(Self::Stdout(io::BufWriter::with_capacity(
                1 << 16,
                io::stdout().lock(),
            ))),
            Some(path) => {
                check_free([path.as_path()], overwrite)?;
                Ok(Self::File(AtomicFile::create(path)?))
            }
        }
    }

    /// # Errors
    /// When the text cannot be written to its end.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::Stdout(mut stdout) => stdout.flush().context("cannot write to standard output"),
            Self::File(file) => Ok(file.commit()?),
        }
    }

    /// Writes text and, when asked, hands it on at once.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn push(&mut self, text: &str, flush: bool) -> Result<()> {
        let writer: &mut dyn Write = match self {
            Self::Stdout(stdout) => stdout,
            Self::File(file) => file,
        };
        let written = writer.write_all(text.as_bytes());
        let written = written.and_then(|()| if flush { writer.flush() } else { Ok(()) });
        written.with_context(|| match &*self {
            Self::Stdout(_) => "cannot write to standard output".to_owned(),
            Self::File(file) => format!("cannot write {}", file.path().display()),
        })
    }
}

/// Both sides of parallel text.
pub(super) struct PairOutput {
    files: [AtomicFile; 2],
    /// Pairs so far.
    pub(super) pairs: u64,
}

impl PairOutput {
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn create(paths: &[PathBuf; 2]) -> Result<Self> {
        let [src, tgt] = paths;
        Ok(Self {
            files: [AtomicFile::create(src)?, AtomicFile::create(tgt)?],
            pairs: 0,
        })
    }

    /// # Errors
    /// When a line cannot be written.
    pub(super) fn push(&mut self, lines: [&str; 2]) -> Result<()> {
        for (file, line) in self.files.iter_mut().zip(lines) {
            let written = writeln!(file, "{line}");
            written.with_context(|| format!("cannot write {}", file.path().display()))?;
        }
        self.pairs += 1;
        Ok(())
    }

    /// # Errors
    /// When a file cannot be written to its end.
    pub(super) fn finish(self) -> Result<()> {
        for file in self.files {
            file.commit()?;
        }
        Ok(())
    }
}
