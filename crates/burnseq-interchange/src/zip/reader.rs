//! The directory of an archive.

use std::ops::Range;

use flate2::Crc;

use super::layout::*;

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
    /// What is wrong with it: no directory, a position outside of the file, an entry that is compressed.
    pub fn read(file: &[u8]) -> Result<Self, String> {
        let (count, mut at) = directory(file)?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let (entry, next) = entry(file, at)?;
            entries.push(entry);
            at = next;
        }
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

/// Number of entries, and where the directory begins.
fn directory(file: &[u8]) -> Result<(u64, usize), String> {
    // A comment of up to 65,535 bytes may follow the record.
    let earliest = file.len().saturating_sub(END_LEN + usize::from(u16::MAX));
    let latest = file.len().checked_sub(END_LEN).ok_or(TRUNCATED)?;
    let is_end = |at: &usize| u32_at(file, *at) == Some(END);
    let end = (earliest..=latest).rev().find(is_end).ok_or(TRUNCATED)?;
    let field = |offset| u32_at(file, end + offset).ok_or(DAMAGED);
    let (count, start) = (field(8)? >> 16, field(16)?);
    if count != u32::from(u16::MAX) && start != IN_EXTRA {
        return Ok((count.into(), start as usize));
    }
    let locator = end.checked_sub(END_64_LOCATOR_LEN).ok_or(DAMAGED)?;
    if u32_at(file, locator) != Some(END_64_LOCATOR) {
        return Err(DAMAGED.to_owned());
    }
    let end_64 = usize_at(file, locator + 8).ok_or(DAMAGED)?;
    if u32_at(file, end_64) != Some(END_64) {
        return Err(DAMAGED.to_owned());
    }
    let field = |offset: usize| {
        end_64
            .checked_add(offset)
            .and_then(|at| usize_at(file, at))
            .ok_or(DAMAGED)
    };
    Ok((field(32)? as u64, field(48)?))
}

/// The entry whose record begins at `at`, and where the next record begins.
fn entry(file: &[u8], at: usize) -> Result<(Entry, usize), String> {
    let record = at
        .checked_add(DIRECTORY_LEN)
        .and_then(|end| file.get(at..end))
        .ok_or(DAMAGED)?;
    let short = |offset| usize::from(u16_at(record, offset).expect("inside of the record"));
    let long = |offset| u32_at(record, offset).expect("inside of the record");
    if long(0) != DIRECTORY {
        return Err(DAMAGED.to_owned());
    }
    let (name_len, extra_len, comment_len) = (short(28), short(30), short(32));
    let variable = file.get(at + DIRECTORY_LEN..).ok_or(DAMAGED)?;
    let name = variable.get(..name_len).ok_or(DAMAGED)?;
    let name =
        String::from_utf8(name.to_vec()).map_err(|_| "the name of an entry is not UTF-8".to_owned())?;
    let extra = variable.get(name_len..name_len + extra_len).ok_or(DAMAGED)?;
    if short(8) & 1 != 0 {
        return Err(format!("{name} is encrypted"));
    }
    if short(10) != 0 {
        return Err(format!(
            "{name} is compressed; PyTorch stores tensors as they are\nhint: repack the archive without compression"
        ));
    }
    // 64-bit values stand in the extra field in this order, each only when its 32-bit field says so.
    let mut wide = extra_64(extra).into_iter();
    let mut value = |narrow: u32| match narrow {
        IN_EXTRA => wide.next().ok_or(DAMAGED),
        narrow => Ok(u64::from(narrow)),
    };
    let (size, compressed, local) = (value(long(24))?, value(long(20))?, value(long(42))?);
    if size != compressed {
        return Err(DAMAGED.to_owned());
    }
    let range = content_range(file, local, size).ok_or(DAMAGED)?;
    let entry = Entry {
        name,
        range,
        crc: long(16),
    };
    Ok((entry, at + DIRECTORY_LEN + name_len + extra_len + comment_len))
}

/// Where the content is of the entry that begins at `local`: behind its header.
fn content_range(file: &[u8], local: u64, size: u64) -> Option<Range<usize>> {
    let local = usize::try_from(local).ok()?;
    let header = file.get(local..local.checked_add(LOCAL_LEN)?)?;
    if u32_at(header, 0)? != LOCAL {
        return None;
    }
    let skipped = usize::from(u16_at(header, 26)?) + usize::from(u16_at(header, 28)?);
    let start = local + LOCAL_LEN + skipped;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    (end <= file.len()).then_some(start..end)
}

/// The values of the 64-bit extra field.
fn extra_64(mut extra: &[u8]) -> Vec<u64> {
    while let (Some(kind), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let Some(content) = extra.get(4..4 + usize::from(length)) else {
            break;
        };
        if kind == EXTRA_64 {
            let wide = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("chunks have 8 bytes"));
            return content.chunks_exact(8).map(wide).collect();
        }
        extra = &extra[4 + usize::from(length)..];
    }
    Vec::new()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn usize_at(bytes: &[u8], at: usize) -> Option<usize> {
    let wide = u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?);
    usize::try_from(wide).ok()
}
