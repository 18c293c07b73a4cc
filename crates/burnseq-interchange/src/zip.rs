//! Zip archives as PyTorch writes them: entries are stored as they are, so that tensors can be mapped.

use std::io::{self, Cursor, Write};
use std::ops::Range;

use flate2::Crc;
use zip::result::ZipError;
use zip::write::{PreparedZipFile, SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// PyTorch puts tensors at multiples of this many bytes.
const ALIGNMENT: u16 = 64;
/// Kind of the extra field that PyTorch fills gaps with.
const PADDING: u16 = 0x4246;

/// A part of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Where its bytes are in the file.
    pub range: Range<usize>,
    crc: u32,
}

/// The entries of an archive, in the order of its directory.
#[derive(Debug, Clone)]
pub struct Archive {
    entries: Vec<Entry>,
}

const TRUNCATED: &str = "the archive has no directory at its end\nhint: the file is truncated; copy it again";
const DAMAGED: &str = "the directory of the archive is damaged\nhint: copy the file again";

impl Archive {
    /// Reads the directory of an archive that is in memory as a whole.
    ///
    /// # Errors
    /// What is wrong with it: no directory, a position outside of the file, an entry that is compressed or encrypted, two
    /// entries of one name.
    pub fn read(file: &[u8]) -> Result<Self, String> {
        let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|error| match error {
            ZipError::InvalidArchive(_) if !ends_with_directory(file) => TRUNCATED.to_owned(),
            error => format!("{DAMAGED} ({error})"),
        })?;
        if archive.has_duplicate_names() {
            return Err(format!("{DAMAGED} (two entries have one name)"));
        }
        let entries = (0..archive.len()).map(|number| entry(&mut archive, number, file.len()));
        let entries = entries.collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// The entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl Entry {
    /// The bytes of this entry, their checksum verified.
    ///
    /// # Errors
    /// When the checksum is another one.
    pub fn content<'a>(&self, file: &'a [u8]) -> Result<&'a [u8], String> {
        let content = file.get(self.range.clone()).ok_or(DAMAGED)?;
        let mut crc = Crc::new();
        // The counter inside of `Crc` has 32 bits; the checksum itself does not mind.
        content.chunks(1 << 30).for_each(|chunk| crc.update(chunk));
        if crc.sum() == self.crc {
            return Ok(content);
        }
        Err(
            "the content does not have the checksum of the archive\nhint: the file is damaged; copy it again"
                .to_owned(),
        )
    }
}

/// Whether the record that ends a directory is where it may be, before a comment of at most 65,535 bytes.
fn ends_with_directory(file: &[u8]) -> bool {
    let last = &file[file.len().saturating_sub(22 + usize::from(u16::MAX))..];
    last.windows(4).any(|bytes| bytes == b"PK\x05\x06")
}

fn entry(archive: &mut ZipArchive<Cursor<&[u8]>>, number: usize, len: usize) -> Result<Entry, String> {
    let damaged = |error: ZipError| format!("{DAMAGED} ({error})");
    let found = archive.by_index_raw(number).map_err(damaged)?;
    let name = String::from_utf8(found.name_raw().to_vec())
        .map_err(|_| "the name of an entry is not UTF-8".to_owned())?;
    if found.encrypted() {
        return Err(format!("{name} is encrypted"));
    }
    if found.compression() != CompressionMethod::Stored {
        return Err(format!(
            "{name} is compressed; PyTorch stores tensors as they are\nhint: repack the archive without compression"
        ));
    }
    let (size, crc) = (found.size(), found.crc32());
    let start = found.data_start().filter(|_| size == found.compressed_size());
    let end = start.and_then(|start| start.checked_add(size));
    let range = start.zip(end).and_then(|(start, end)| {
        let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        (range.end <= len).then_some(range)
    });
    let range = range.ok_or(DAMAGED)?;
    Ok(Entry { name, range, crc })
}

/// An archive under construction: entries first, the directory last. What it is written to need not seek.
pub struct ArchiveWriter<W: Write>(ZipWriter<StreamWriter<W>>);

impl<W: Write> ArchiveWriter<W> {
    /// Writes to `out` from its current position, which becomes the beginning of the archive.
    pub fn new(out: W) -> Self {
        Self(ZipWriter::new(StreamWriter::new(out)))
    }

    /// Adds an entry, whose bytes begin at a multiple of 64.
    ///
    /// # Errors
    /// What the writer says; an entry of 4 GiB or more.
    pub fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .with_alignment_and_header_id(ALIGNMENT, PADDING);
        // Checksum and length are known before the first byte is written, so that none is mended later.
        let entry = PreparedZipFile::from_data(name, options, content)?;
        Ok(self.0.add_prepared_file(entry)?)
    }

    /// Writes the directory.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self) -> io::Result<()> {
        self.0.finish()?.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = ArchiveWriter::new(&mut bytes);
        writer.add("a/data.pkl", b"pickle").unwrap();
        writer.add("a/data/0", &[7; 100]).unwrap();
        writer.add("a/version", b"3\n").unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn entries_are_read_back_and_aligned() {
        let bytes = archive();
        let archive = Archive::read(&bytes).unwrap();
        let names: Vec<&str> = archive
            .entries()
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(names, ["a/data.pkl", "a/data/0", "a/version"]);
        for (entry, expected) in archive.entries().iter().zip([&b"pickle"[..], &[7; 100], b"3\n"]) {
            assert_eq!(entry.content(&bytes).unwrap(), expected);
            assert_eq!(entry.range.start % 64, 0);
        }
    }

    #[test]
    fn truncated_archives_are_refused_at_every_length() {
        let bytes = archive();
        for length in 0..bytes.len() {
            let error = Archive::read(&bytes[..length]).unwrap_err();
            assert!(
                error.contains("truncated") || error.contains("damaged"),
                "{length}: {error}"
            );
        }
        assert!(
            Archive::read(&bytes[..bytes.len() - 30])
                .unwrap_err()
                .contains("truncated")
        );
    }

    #[test]
    fn a_flipped_bit_never_changes_what_is_read() {
        let bytes = archive();
        let good: Vec<Vec<u8>> = contents(&bytes).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                if let Some(found) = contents(&flipped) {
                    assert!(found.iter().all(|content| good.contains(content)), "byte {at}");
                }
            }
        }
    }

    fn contents(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        let archive = Archive::read(bytes).ok()?;
        archive
            .entries()
            .iter()
            .map(|entry| entry.content(bytes).ok().map(<[u8]>::to_vec))
            .collect()
    }
}
