//! Writing an archive from front to back.

use std::io::{self, Write};

use flate2::Crc;

use super::layout::*;

/// An archive under construction: entries first, the directory last.
pub struct ArchiveWriter<W: Write> {
    out: W,
    at: u64,
    directory: Vec<u8>,
    count: u64,
    /// From this position on 64-bit fields are used; smaller in tests.
    limit: u64,
}

impl<W: Write> ArchiveWriter<W> {
    /// Writes to `out` from its current position, which becomes the beginning of the archive.
    pub fn new(out: W) -> Self {
        Self {
            out,
            at: 0,
            directory: Vec::new(),
            count: 0,
            limit: IN_EXTRA.into(),
        }
    }

    /// Adds an entry, whose bytes begin at a multiple of 64.
    ///
    /// # Errors
    /// What the writer says; an entry of 4 GiB or more.
    pub fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let size = u32::try_from(content.len()).ok().filter(|size| *size != IN_EXTRA);
        let size = size.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the entry {name} has 4 GiB or more"),
            )
        })?;
        let name_len = u16::try_from(name.len()).expect("names of entries are short");
        let mut crc = Crc::new();
        content.chunks(1 << 30).for_each(|chunk| crc.update(chunk));
        // Flags (bit 11: the name is UTF-8), method 0 (stored), time and date of 1980-01-01, checksum, sizes.
        let mut common = Vec::with_capacity(24);
        common.extend(0x0800_u16.to_le_bytes());
        common.extend([0, 0, 0, 0, 0x21, 0]);
        common.extend(crc.sum().to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(name_len.to_le_bytes());

        let start = self.at;
        let unpadded = start + LOCAL_LEN as u64 + u64::from(name_len) + 4;
        let padding = unpadded.next_multiple_of(ALIGNMENT) - unpadded;
        let mut header = LOCAL.to_le_bytes().to_vec();
        header.extend(20_u16.to_le_bytes());
        header.extend(&common);
        header.extend((padding as u16 + 4).to_le_bytes());
        header.extend(name.as_bytes());
        header.extend(EXTRA_PADDING.to_le_bytes());
        header.extend((padding as u16).to_le_bytes());
        header.resize(header.len() + padding as usize, b'Z');
        self.write(&header)?;
        self.write(content)?;

        let wide = start >= self.limit;
        self.directory.extend(DIRECTORY.to_le_bytes());
        let version: u16 = if wide { 45 } else { 20 };
        self.directory.extend(version.to_le_bytes());
        self.directory.extend(version.to_le_bytes());
        self.directory.extend(&common);
        let extra_len: u16 = if wide { 12 } else { 0 };
        self.directory.extend(extra_len.to_le_bytes());
        self.directory.extend([0; 10]); // no comment, first disk, no attributes
        let narrow = if wide { IN_EXTRA } else { start as u32 };
        self.directory.extend(narrow.to_le_bytes());
        self.directory.extend(name.as_bytes());
        if wide {
            self.directory.extend(EXTRA_64.to_le_bytes());
            self.directory.extend(8_u16.to_le_bytes());
            self.directory.extend(start.to_le_bytes());
        }
        self.count += 1;
        Ok(())
    }

    /// Writes the directory.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<()> {
        let (start, size) = (self.at, self.directory.len() as u64);
        let directory = std::mem::take(&mut self.directory);
        self.write(&directory)?;
        let wide = start >= self.limit || self.count >= u64::from(u16::MAX);
        let mut end = Vec::with_capacity(END_64_LEN + END_64_LOCATOR_LEN + END_LEN);
        if wide {
            end.extend(END_64.to_le_bytes());
            end.extend((END_64_LEN as u64 - 12).to_le_bytes());
            end.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // versions, disks
            for value in [self.count, self.count, size, start] {
                end.extend(value.to_le_bytes());
            }
            end.extend(END_64_LOCATOR.to_le_bytes());
            end.extend([0; 4]);
            end.extend(self.at.to_le_bytes());
            end.extend(1_u32.to_le_bytes());
        }
        end.extend(END.to_le_bytes());
        end.extend([0; 4]);
        let count = if wide { u16::MAX } else { self.count as u16 };
        end.extend(count.to_le_bytes());
        end.extend(count.to_le_bytes());
        let narrow = |value: u64| u32::try_from(value).ok().filter(|_| !wide).unwrap_or(IN_EXTRA);
        end.extend(narrow(size).to_le_bytes());
        end.extend(narrow(start).to_le_bytes());
        end.extend([0; 2]);
        self.write(&end)?;
        self.out.flush()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Archive;
    use super::*;

    fn archive(limit: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = ArchiveWriter::new(&mut bytes);
        writer.limit = limit;
        writer.add("a/data.pkl", b"pickle").unwrap();
        writer.add("a/data/0", &[7; 100]).unwrap();
        writer.add("a/version", b"3\n").unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn entries_are_read_back_and_aligned() {
        // With a small limit the 64-bit fields are used, which otherwise takes 4 GiB.
        for limit in [u64::from(IN_EXTRA), 100, 0] {
            let bytes = archive(limit);
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
    }

    #[test]
    fn truncated_archives_are_refused_at_every_length() {
        let bytes = archive(IN_EXTRA.into());
        for length in 0..bytes.len() {
            assert!(Archive::read(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_flipped_bit_never_changes_what_is_read() {
        for limit in [u64::from(IN_EXTRA), 0] {
            let bytes = archive(limit);
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
