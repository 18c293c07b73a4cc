//! Parallel text read in step, in chunks that workers share out.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use burnseq_text::{LineReader, packed_path};

use crate::error::{Error, Result};
use crate::lines::Lines;
use crate::parallel::ordered_map;
use crate::preprocess::alignment;
use crate::preprocess::observer::Observer;

/// A chunk ends at this many lines or bytes, whichever comes first.
const CHUNK_LINES: usize = 1000;
const CHUNK_BYTES: usize = 1 << 18;

/// Consecutive lines of one or two files, and of their alignments where those are read along.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// 1-based number of the first line.
    pub(crate) first_line: u64,
    /// Lines of each side, source first; all sides have the same number.
    pub(crate) sides: Vec<Lines>,
    /// As many lines of alignments.
    alignments: Option<Lines>,
}

impl Chunk {
    pub(crate) fn len(&self) -> usize {
        self.sides[0].len()
    }

    /// The alignment of line `index`, whose sides have so many tokens; `path` is where it comes from.
    ///
    /// # Errors
    /// When the line is no alignment of these sentences.
    pub(crate) fn alignment(
        &self,
        index: usize,
        path: &Path,
        src_len: usize,
        tgt_len: usize,
    ) -> Result<Vec<u32>> {
        let lines = self.alignments.as_ref().expect("read along with the text");
        alignment::parse(lines.line(index), src_len, tgt_len).map_err(|problem| Error::Alignment {
            path: path.to_owned(),
            line: self.first_line + index as u64,
            problem,
        })
    }
}

/// Reads one file, or two in step, and their alignments on request.
#[derive(Debug)]
pub(crate) struct PairReader {
    paths: Vec<PathBuf>,
    readers: Vec<LineReader<BufReader<File>>>,
    lines: u64,
    /// The last file holds alignments, not text.
    aligned: bool,
}

impl PairReader {
    /// Opens `PREFIX.LANG` for every language; without a language the file is `PREFIX`.
    pub(crate) fn open(prefix: &Path, langs: &[Option<String>]) -> Result<Self> {
        let paths: Vec<PathBuf> = langs
            .iter()
            .map(|lang| text_path(prefix, lang.as_deref()))
            .collect();
        let readers = paths.iter().map(LineReader::open).collect::<Result<_, _>>()?;
        Ok(Self {
            paths,
            readers,
            lines: 0,
            aligned: false,
        })
    }

    /// The same reader, which also reads a file with an alignment for each line.
    pub(crate) fn with_alignments(mut self, path: &Path) -> Result<Self> {
        self.readers.push(LineReader::open(path)?);
        self.paths.push(path.to_owned());
        self.aligned = true;
        Ok(self)
    }

    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Lines of each file that end at a carriage return without a line feed, so far.
    pub(crate) fn lone_carriage_returns(&self) -> Vec<u64> {
        self.readers
            .iter()
            .map(LineReader::lone_carriage_returns)
            .collect()
    }

    /// The next lines, or `None` at the end of all files.
    ///
    /// # Errors
    /// When a file cannot be read, is not UTF-8, or ends before the other.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut sides = vec![Lines::default(); self.readers.len()];
        let first_line = self.lines + 1;
        while sides[0].len() < CHUNK_LINES && sides.iter().all(|side| side.bytes() < CHUNK_BYTES) {
            let mut ended = Vec::new();
            for (reader, side) in self.readers.iter_mut().zip(&mut sides) {
                match reader.read_line()? {
                    Some(line) => side.push(line),
                    None => ended.push(side.len()),
                }
            }
            if ended.is_empty() {
                self.lines += 1;
            } else if ended.len() == self.readers.len() {
                break;
            } else {
                return Err(self.misaligned()?);
            }
        }
        let alignments = if self.aligned { sides.pop() } else { None };
        Ok((sides[0].len() > 0).then_some(Chunk {
            first_line,
            sides,
            alignments,
        }))
    }

    /// Reads all files to the end to tell how many lines each has.
    fn misaligned(&mut self) -> Result<Error> {
        for reader in &mut self.readers {
            while reader.read_line()?.is_some() {}
        }
        let lines: Vec<u64> = self.readers.iter().map(LineReader::line_number).collect();
        let mut hint = String::new();
        for (path, lone) in self.paths.iter().zip(self.lone_carriage_returns()) {
            if lone > 0 {
                hint.push_str(&format!(
                    "\nhint: {lone} of the lines of {} end at a carriage return without a line \
                     feed; remove stray carriage returns",
                    path.display()
                ));
            }
        }
        let other = lines.iter().position(|&count| count != lines[0]);
        let other = other.expect("one file ended before the others");
        Ok(Error::LineCounts {
            src: self.paths[0].clone(),
            src_lines: lines[0],
            tgt: self.paths[other].clone(),
            tgt_lines: lines[other],
            hint,
        })
    }
}

/// `PREFIX.LANG`, or `PREFIX` for text of no particular language; the same with `.gz` or `.zst` where that is all there is.
pub(crate) fn text_path(prefix: &Path, lang: Option<&str>) -> PathBuf {
    let path = lang.map_or_else(
        || prefix.to_owned(),
        |lang| crate::indexed::with_suffix(prefix, &format!(".{lang}")),
    );
    packed_path(path)
}

/// Reads text once: looks at its chunks on `workers` threads, each with its own closure of `make_work`, and hands what they
/// give to `take`, in the order of the text. The observer hears of the lines that are done.
///
/// # Errors
/// When the text cannot be read, one of the closures fails, or the observer asks to stop.
pub(crate) fn for_each_chunk<T: Send, Work: FnMut(&Chunk) -> Result<T>>(
    reader: &mut PairReader,
    workers: usize,
    observer: &dyn Observer,
    make_work: impl Fn() -> Work + Sync,
    mut take: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    ordered_map(
        workers,
        || {
            if observer.interrupted() {
                Err(Error::Interrupted)
            } else {
                reader.next_chunk()
            }
        },
        || {
            let mut work = make_work();
            move |chunk: Chunk| Ok((chunk.len() as u64, work(&chunk)?))
        },
        |(lines, done)| {
            take(done)?;
            observer.advance(lines);
            Ok(())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(src: &str, tgt: &str) -> (tempfile::TempDir, PairReader) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x.de"), src).unwrap();
        std::fs::write(dir.path().join("x.en"), tgt).unwrap();
        let langs = [Some("de".to_owned()), Some("en".to_owned())];
        let reader = PairReader::open(&dir.path().join("x"), &langs).unwrap();
        (dir, reader)
    }

    #[test]
    fn chunks_hold_all_pairs_in_order() {
        let n = 2 * CHUNK_LINES + 7;
        let text = |word: &str| (0..n).map(|i| format!("{word}{i}\n")).collect::<String>();
        let (_dir, mut reader) = open(&text("a"), &text("b"));
        let mut seen = 0;
        while let Some(chunk) = reader.next_chunk().unwrap() {
            assert_eq!(chunk.first_line, seen as u64 + 1);
            for index in 0..chunk.len() {
                assert_eq!(chunk.sides[0].line(index), format!("a{seen}"));
                assert_eq!(chunk.sides[1].line(index), format!("b{seen}"));
                seen += 1;
            }
        }
        assert_eq!(seen, n);
    }

    #[test]
    fn a_shorter_side_is_an_error_with_both_counts() {
        for (src, tgt, expected) in [
            ("a\nb\nc\n", "a\n", "x.de has 3 lines but "),
            ("a\n", "a\nb\n", "x.en has 2;"),
            ("", "a\n", "x.de has 0 lines but "),
        ] {
            let error = open(src, tgt).1.next_chunk().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hint"), "{error}");
        }
        let error = open("a\rb\nc\n", "a\n").1.next_chunk().unwrap_err().to_string();
        assert!(error.contains("hint: 1 of the lines of"), "{error}");
    }
}
