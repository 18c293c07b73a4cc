//! Compressed text, unpacked while it is read.

use std::fmt;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::FileError;
use crate::error::{Error, Result};
use crate::file_kind::{FileKind, Foreign, TAR_GZIP, TAR_ZSTD, is_tar, kind_of};

/// Bytes unpacked at a time.
const CAPACITY: usize = 1 << 16;

/// What a path names: the file itself, else the same with `.gz` or `.zst` behind where that is there.
pub fn packed_path(path: PathBuf) -> PathBuf {
    if path.exists() {
        return path;
    }
    let packed = [".gz", ".zst"].map(|suffix| {
        let mut path = path.clone().into_os_string();
        path.push(suffix);
        PathBuf::from(path)
    });
    packed.into_iter().find(|path| path.is_file()).unwrap_or(path)
}

/// A reader that unpacks gzip and zstd, which it knows by their first bytes.
pub(crate) struct Unpacked<R> {
    source: Source<R>,
}

/// The bytes that were looked at, and what follows them.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

enum Source<R> {
    /// Nobody has looked at it.
    New(R),
    Plain(Whole<R>),
    Gzip(Box<Whole<BufReader<MultiGzDecoder<Whole<R>>>>>),
    Zstd(Box<Whole<BufReader<Zstd<Whole<R>>>>>),
    /// It could not be read, or holds no text.
    Closed,
}

impl<R: BufRead> Unpacked<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            source: Source::New(reader),
        }
    }

    /// Looks at the first bytes, once; `name` stands for the reader in errors.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::FileKind`] for what is no text.
    #[inline]
    pub(crate) fn open(&mut self, name: &Path) -> Result<()> {
        if matches!(self.source, Source::New(_)) {
            self.look(name)?;
        }
        Ok(())
    }

    fn look(&mut self, name: &Path) -> Result<()> {
        let Source::New(reader) = std::mem::replace(&mut self.source, Source::Closed) else {
            return Ok(());
        };
        let (kind, whole) = tell(reader, name, kind_of)?;
        self.source = match kind {
            FileKind::Text => Source::Plain(whole),
            FileKind::Gzip => {
                let reader = BufReader::with_capacity(CAPACITY, MultiGzDecoder::new(whole));
                Source::Gzip(Box::new(without_archive(reader, name, TAR_GZIP)?))
            }
            FileKind::Zstd => {
                let reader = BufReader::with_capacity(CAPACITY, Zstd::new(whole));
                Source::Zstd(Box::new(without_archive(reader, name, TAR_ZSTD)?))
            }
            FileKind::Foreign(kind) => return Err(foreign_error(name, kind)),
        };
        Ok(())
    }

    /// The next bytes; [`Unpacked::open`] comes first.
    pub(crate) fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.source {
            Source::Plain(reader) => reader.fill_buf(),
            Source::Gzip(reader) => reader.fill_buf(),
            Source::Zstd(reader) => reader.fill_buf(),
            Source::New(_) | Source::Closed => Ok(&[]),
        }
    }

    pub(crate) fn consume(&mut self, length: usize) {
        match &mut self.source {
            Source::Plain(reader) => reader.consume(length),
            Source::Gzip(reader) => reader.consume(length),
            Source::Zstd(reader) => reader.consume(length),
            Source::New(_) | Source::Closed => {}
        }
    }
}

/// Reads until `kind` can tell what the bytes are; the whole content follows.
fn tell<R: BufRead, K>(
    mut reader: R,
    name: &Path,
    kind: impl Fn(&[u8], bool) -> Option<K>,
) -> Result<(K, Whole<R>)> {
    let mut head = Vec::new();
    loop {
        let buffer = match reader.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(FileError::read(name)(source).into()),
        };
        let (length, ended) = (buffer.len(), buffer.is_empty());
        // Mostly the first bytes tell, and none is taken away.
        if head.is_empty()
            && let Some(kind) = kind(buffer, ended)
        {
            return Ok((kind, Cursor::new(head).chain(reader)));
        }
        head.extend_from_slice(buffer);
        reader.consume(length);
        if let Some(kind) = kind(&head, ended) {
            return Ok((kind, Cursor::new(head).chain(reader)));
        }
    }
}

/// The unpacked content, unless it is an archive.
fn without_archive<R: BufRead>(reader: R, name: &Path, archive: Foreign) -> Result<Whole<R>> {
    // Other kinds of files are told by the first line that is no UTF-8.
    let found = |head: &[u8], ended| kind_of(head, ended).map(|_| is_tar(head));
    let (found, whole) = tell(reader, name, found)?;
    if found {
        return Err(foreign_error(name, archive));
    }
    Ok(whole)
}

fn foreign_error(name: &Path, kind: Foreign) -> Error {
    Error::FileKind {
        path: name.to_owned(),
        kind: kind.name,
        remedy: kind.remedy,
    }
}

impl<R> fmt::Debug for Unpacked<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.source {
            Source::New(_) => "Unpacked(new)",
            Source::Plain(_) => "Unpacked(plain)",
            Source::Gzip(_) => "Unpacked(gzip)",
            Source::Zstd(_) => "Unpacked(zstd)",
            Source::Closed => "Unpacked(closed)",
        })
    }
}

/// Bytes that are in memory, unpacked where they are compressed; `name` stands for them in errors.
///
/// # Errors
/// As [`Unpacked::open`].
pub(crate) fn unpack(bytes: &[u8], name: &Path) -> Result<Option<Vec<u8>>> {
    if kind_of(bytes, true) == Some(FileKind::Text) {
        return Ok(None);
    }
    let mut reader = Unpacked::new(bytes);
    reader.open(name)?;
    let mut unpacked = Vec::new();
    loop {
        let buffer = reader.fill_buf().map_err(FileError::read(name))?;
        if buffer.is_empty() {
            return Ok(Some(unpacked));
        }
        unpacked.extend_from_slice(buffer);
        let length = buffer.len();
        reader.consume(length);
    }
}

/// All frames of a zstd stream, one after the other.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    /// The decoder is inside a frame.
    open: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
            open: false,
        }
    }

    /// Begins the next frame; at the end of the stream there is none.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.open = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(&mut self.source.by_ref().take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(damaged(error)),
            }
        }
    }

    fn check_sum(&self) -> io::Result<()> {
        let (read, computed) = (
            self.decoder.get_checksum_from_data(),
            self.decoder.get_calculated_checksum(),
        );
        if read.is_some() && read != computed {
            return Err(damaged("its checksum is another one"));
        }
        Ok(())
    }
}

fn damaged(cause: impl fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the zstd stream is damaged: {cause}"),
    )
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.open && !self.begin()? {
                return Ok(0);
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(bytes);
            }
            if self.decoder.is_finished() {
                self.check_sum()?;
                self.open = false;
                continue;
            }
            let blocks = BlockDecodingStrategy::UptoBlocks(1);
            self.decoder
                .decode_blocks(&mut self.source, blocks)
                .map_err(damaged)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::LineReader;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const TEXT: &str = "ein Hund\nzwei Hünde\n\nvier\n";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn lines(bytes: &[u8], capacity: usize) -> Result<Vec<String>> {
        LineReader::new(BufReader::with_capacity(capacity, bytes), "f").collect()
    }

    #[test]
    fn compressed_text_is_read_whatever_the_size_of_the_pieces_it_comes_in() {
        let expected: Vec<&str> = TEXT.lines().collect();
        let skipped = [b"\x50\x2a\x4d\x18\x03\0\0\0abc", &zstd(TEXT.as_bytes())[..]].concat();
        for bytes in [
            TEXT.as_bytes().to_vec(),
            gzip(TEXT.as_bytes()),
            zstd(TEXT.as_bytes()),
            skipped,
        ] {
            for capacity in [1, 2, 3, 5, 1 << 16] {
                assert_eq!(lines(&bytes, capacity).unwrap(), expected, "{capacity}");
            }
            assert_eq!(
                unpack(&bytes, Path::new("f")).unwrap().unwrap_or(bytes),
                TEXT.as_bytes()
            );
        }
    }

    #[test]
    fn parts_one_after_the_other_are_one_text() {
        for pack in [gzip, zstd] {
            let parts = [pack(b"a\nb"), pack(b""), pack(b"c\n")].concat();
            assert_eq!(lines(&parts, 7).unwrap(), ["a", "bc"]);
            assert!(lines(&pack(b""), 7).unwrap().is_empty());
        }
    }

    #[test]
    fn damaged_files_are_errors_and_never_a_part_of_the_text() {
        let text = TEXT.repeat(200);
        for pack in [gzip, zstd] {
            let packed = pack(text.as_bytes());
            for length in [5, packed.len() / 2, packed.len() - 1] {
                let error = lines(&packed[..length], 1 << 16).unwrap_err();
                assert_eq!(error.to_string(), "cannot read f", "{length}");
            }
            let mut changed = packed.clone();
            let last = changed.len() - 6;
            changed[last] ^= 1;
            assert!(lines(&changed, 1 << 16).is_err() || pack(b"x") == zstd(b"x"));
        }
    }

    #[test]
    fn what_is_no_text_is_named_with_its_remedy() {
        let wide: Vec<u8> = "\u{feff}ein Hund\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for capacity in [1, 3, 4096] {
            let error = lines(&wide, capacity).unwrap_err().to_string();
            assert_eq!(
                error,
                "f is UTF-16 text, not UTF-8\nhint: convert it: `iconv -f UTF-16 -t UTF-8 FILE`"
            );
            let error = lines(b"\xfd7zXZ\0\0\x04", capacity).unwrap_err().to_string();
            assert!(error.starts_with("f is compressed with xz"), "{error}");
        }
        let mut archive = vec![0; 512];
        archive[..6].copy_from_slice(b"a/x.de");
        archive[257..263].copy_from_slice(b"ustar\0");
        archive.extend_from_slice(TEXT.as_bytes());
        for (bytes, remedy) in [
            (archive.clone(), "`tar -xOf FILE`"),
            (gzip(&archive), "`tar -xzOf FILE`"),
            (zstd(&archive), "`tar --zstd -xOf FILE`"),
        ] {
            for capacity in [1, 3, 4096] {
                let error = lines(&bytes, capacity).unwrap_err().to_string();
                assert!(
                    error.starts_with("f is a tar archive") && error.contains(remedy),
                    "{error}"
                );
            }
            let error = unpack(&bytes, Path::new("f")).unwrap_err().to_string();
            assert!(error.contains(remedy), "{error}");
        }
        // The reader stays closed.
        let mut reader = LineReader::new(&b"PK\x03\x04"[..], "f");
        assert!(reader.read_bytes().is_err() && reader.read_bytes().unwrap().is_none());
    }

    #[test]
    fn packed_files_stand_for_absent_ones() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["a.gz", "b.zst", "c", "c.gz"] {
            std::fs::write(path(name), "").unwrap();
        }
        for (name, expected) in [("a", "a.gz"), ("b", "b.zst"), ("c", "c"), ("d", "d")] {
            assert_eq!(packed_path(path(name)), path(expected));
        }
    }
}
