//! What a file holds, by its first bytes: text, compressed text that can be read, or what only another program reads.

/// So many bytes at the start of a file are looked at.
const LOOKED_AT: usize = 1 << 12;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Nothing speaks against UTF-8.
    Text,
    Gzip,
    Zstd,
    Foreign(Foreign),
}

/// Files that are told from text, and refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// With its article.
    pub(crate) name: &'static str,
    /// How it becomes text.
    pub(crate) remedy: &'static str,
}

const fn foreign(name: &'static str, remedy: &'static str) -> FileKind {
    FileKind::Foreign(Foreign { name, remedy })
}

const XZ: FileKind = foreign("compressed with xz", "unpack it first: `xz -dc FILE`");
const BZIP2: FileKind = foreign("compressed with bzip2", "unpack it first: `bzip2 -dc FILE`");
const ZIP: FileKind = foreign("a zip archive", "unpack it first: `unzip -p FILE`");
const TAR: FileKind = foreign("a tar archive", "unpack it first: `tar -xOf FILE`");
const SEVEN_ZIP: FileKind = foreign("a 7z archive", "unpack it first: `7z e -so FILE`");
const LZ4: FileKind = foreign("compressed with lz4", "unpack it first: `lz4 -dc FILE`");
const LZIP: FileKind = foreign("compressed with lzip", "unpack it first: `lzip -dc FILE`");
const COMPRESS: FileKind = foreign("compressed with compress", "unpack it first: `gzip -dc FILE`");
const UTF16: FileKind = foreign("UTF-16 text", "convert it: `iconv -f UTF-16 -t UTF-8 FILE`");
const UTF16_LE: FileKind = foreign("UTF-16 text", "convert it: `iconv -f UTF-16LE -t UTF-8 FILE`");
const UTF16_BE: FileKind = foreign("UTF-16 text", "convert it: `iconv -f UTF-16BE -t UTF-8 FILE`");
const UTF32: FileKind = foreign("UTF-32 text", "convert it: `iconv -f UTF-32 -t UTF-8 FILE`");
const UTF32_LE: FileKind = foreign("UTF-32 text", "convert it: `iconv -f UTF-32LE -t UTF-8 FILE`");
const UTF32_BE: FileKind = foreign("UTF-32 text", "convert it: `iconv -f UTF-32BE -t UTF-8 FILE`");

/// How files of a kind begin; of two that fit, the earlier counts.
const SIGNATURES: &[(&[u8], FileKind)] = &[
    (b"\x1f\x8b", FileKind::Gzip),
    (b"\x28\xb5\x2f\xfd", FileKind::Zstd),
    (b"\xfd7zXZ\0", XZ),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"PK\x07\x08", ZIP),
    (b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (b"\x04\x22\x4d\x18", LZ4),
    (b"LZIP\x01", LZIP),
    (b"\x1f\x9d", COMPRESS),
    (b"\xff\xfe\0\0", UTF32),
    (b"\0\0\xfe\xff", UTF32),
    (b"\xff\xfe", UTF16),
    (b"\xfe\xff", UTF16),
];

/// A tar archive that is compressed with gzip.
pub(crate) const TAR_GZIP: Foreign = Foreign {
    name: "a tar archive, packed with gzip",
    remedy: "unpack it first: `tar -xzOf FILE`",
};
/// A tar archive that is compressed with zstd.
pub(crate) const TAR_ZSTD: Foreign = Foreign {
    name: "a tar archive, packed with zstd",
    remedy: "unpack it first: `tar --zstd -xOf FILE`",
};

/// Length of the header that a tar archive begins with.
const TAR_HEADER: usize = 512;
/// In this header: the name of the first file, filled up with NUL; where the mode of that file ends, with a NUL or a blank;
/// the sum of all bytes, in octal digits; and the mark that newer archives have.
const TAR_NAME: usize = 100;
const TAR_MODE_END: usize = 108;
const TAR_SUM: std::ops::Range<usize> = 148..156;
const TAR_MARK: usize = 257;

/// Behind `BZh` and a digit: a first block, or the end of an empty file.
const BZIP2_BLOCKS: [&[u8]; 2] = [b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"];

/// What a file holds that begins with `head`; `None` when a few more bytes would tell, which `ended` says there are not.
pub(crate) fn kind_of(head: &[u8], ended: bool) -> Option<FileKind> {
    let mut open = false;
    let mut begins = |signature: &[u8]| {
        open |= head.len() < signature.len() && signature.starts_with(head);
        head.starts_with(signature)
    };
    if let Some((_, kind)) = SIGNATURES.iter().find(|(signature, _)| begins(signature)) {
        // The shorter mark of UTF-16 is also how UTF-32 begins.
        let longer = head == b"\xff\xfe" || head == b"\xff\xfe\0";
        return (!longer || ended).then_some(*kind);
    }
    if matches!(head, [0x50..=0x5f, ..]) && begins(&[head[0], 0x2a, 0x4d, 0x18]) {
        // A frame that zstd skips, as its parallel versions write first.
        return Some(FileKind::Zstd);
    }
    if matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', ..]) {
        for block in BZIP2_BLOCKS {
            if begins(&[&head[..4], block].concat()) {
                return Some(BZIP2);
            }
        }
    } else {
        begins(b"BZh9");
    }
    open |= may_become_tar(head);
    if open && !ended && !head.is_empty() {
        return None;
    }
    if is_tar(head) {
        return Some(TAR);
    }
    Some(wide_text(&head[..head.len().min(LOOKED_AT)]).unwrap_or(FileKind::Text))
}

/// Whether these are the first bytes of a tar archive: with the mark of newer ones, or with the right sum.
pub(crate) fn is_tar(head: &[u8]) -> bool {
    let nul = head.iter().take(TAR_MARK).any(|&byte| byte == 0);
    nul && (head
        .get(TAR_MARK..)
        .is_some_and(|rest| rest.starts_with(b"ustar"))
        || has_tar_sum(head))
}

/// Whether the sum in the header is that of its bytes, where the sum itself counts as blanks.
fn has_tar_sum(head: &[u8]) -> bool {
    let Some(header) = head.get(..TAR_HEADER).filter(|header| header[0] != 0) else {
        return false;
    };
    let digits = header[TAR_SUM].trim_ascii_start();
    let length = digits
        .iter()
        .take_while(|byte| matches!(byte, b'0'..=b'7'))
        .count();
    let written = digits[..length]
        .iter()
        .fold(0_u32, |sum, &digit| sum * 8 + u32::from(digit - b'0'));
    let counted = header.iter().enumerate().map(|(at, &byte)| {
        let byte = if TAR_SUM.contains(&at) { b' ' } else { byte };
        u32::from(byte)
    });
    length > 0 && counted.sum::<u32>() == written
}

/// Whether a tar archive may begin with these bytes, of which there are too few to tell. A line that ends, or goes on without
/// the NUL of a header, is text: nobody who types it waits.
fn may_become_tar(head: &[u8]) -> bool {
    let ends = |&byte: &u8| matches!(byte, b'\n' | b'\r');
    let name = &head[..head.len().min(TAR_NAME)];
    head.len() < TAR_HEADER && !name.iter().any(ends) && (head.len() <= TAR_MODE_END || head.contains(&0))
}

/// UTF-16 and UTF-32 without a mark, where most characters are of an alphabet: their high bytes are NUL or other control
/// characters, which text has hardly any of.
fn wide_text(head: &[u8]) -> Option<FileKind> {
    let control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    if !head.contains(&0) {
        return None;
    }
    // The share of units in which all of these bytes are control characters.
    let mostly = |unit: usize, at: &[usize]| {
        let units = head.chunks_exact(unit);
        let all = units.len();
        let found = units
            .filter(|unit| at.iter().all(|&at| control(unit[at])))
            .count();
        all >= 2 && found * 10 >= all * 9
    };
    let units = [
        (4, &[2, 3][..], &[0][..], UTF32_LE),
        (4, &[0, 1], &[3], UTF32_BE),
        (2, &[1], &[0], UTF16_LE),
        (2, &[0], &[1], UTF16_BE),
    ];
    units.into_iter().find_map(|(unit, high, low, kind)| {
        let wide = mostly(unit, high) && !mostly(unit, low);
        wide.then_some(kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(head: &[u8]) -> FileKind {
        kind_of(head, true).unwrap()
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn compressed_files_are_told_by_how_they_begin() {
        for (head, kind) in [
            (&b"\x1f\x8b\x08\0"[..], FileKind::Gzip),
            (b"\x28\xb5\x2f\xfd\x24", FileKind::Zstd),
            (b"\x5e\x2a\x4d\x18\x04\0\0\0", FileKind::Zstd),
            (b"\xfd7zXZ\0\0", XZ),
            (b"PK\x03\x04\x14", ZIP),
            (b"BZh91AY&SY\xaa", BZIP2),
            (b"BZh9\x17\x72\x45\x38\x50\x90", BZIP2),
            (b"7z\xbc\xaf\x27\x1c\0", SEVEN_ZIP),
            (b"\x04\x22\x4d\x18d", LZ4),
            (b"LZIP\x01\x0c", LZIP),
            (b"\x1f\x9d\x90", COMPRESS),
        ] {
            assert_eq!(whole(head), kind, "{head:?}");
            assert_eq!(kind_of(head, false), Some(kind), "{head:?}");
        }
    }

    #[test]
    fn text_that_begins_alike_is_text() {
        for text in [
            "",
            "B",
            "BZh",
            "BZh9 is a name",
            "PK",
            "PKW",
            "(",
            "P*",
            "LZIP is old",
            "7z\n",
            "a\nb\n",
            "\u{feff}a",
            "a\0b c d\n",
            "漢字\n",
            "\t\n\r\n",
            "a\u{1}b\u{1}c\u{1}",
        ] {
            assert_eq!(whole(text.as_bytes()), FileKind::Text, "{text:?}");
        }
        // Nothing waits for more once a byte differs.
        let long = "word ".repeat(22);
        for text in ["B\n", "BZh0\n", "(\n", "Pf\n", "a\r", "\n", "7\n", &long] {
            assert_eq!(kind_of(text.as_bytes(), false), Some(FileKind::Text), "{text:?}");
        }
        for head in [
            &b"B"[..],
            b"BZh9",
            b"BZh91A",
            b"(",
            b"P",
            b"P*M",
            b"\x1f",
            b"\xff\xfe",
            b"7z",
            b"\xff\xfe\0",
        ] {
            assert_eq!(kind_of(head, false), None, "{head:?}");
        }
    }

    /// The header of an archive, with the mark of its kind, and a file behind it.
    fn tar(mark: &[u8]) -> Vec<u8> {
        let mut header = vec![0; TAR_HEADER];
        header[..4].copy_from_slice(b"a.de");
        header[TAR_NAME..TAR_MODE_END].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(b"00000000003\0");
        header[TAR_MARK..TAR_MARK + mark.len()].copy_from_slice(mark);
        header[TAR_SUM].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header.extend_from_slice(b"ja\n");
        header
    }

    #[test]
    fn tar_archives_are_told_by_their_header() {
        for mark in [&b"ustar\x0000"[..], b"ustar  \0", b""] {
            let archive = tar(mark);
            assert_eq!(whole(&archive), TAR);
            for length in [1, 4, 5, 100, 108, 109, 257, 511] {
                assert_eq!(kind_of(&archive[..length], false), None, "{length}");
            }
            assert_eq!(kind_of(&archive[..TAR_HEADER], false), Some(TAR));
        }
        // Text with the mark in its place, and a header with another sum.
        let text = format!("{}ustar\n{}", "a".repeat(257), "b\n".repeat(200));
        assert_eq!(whole(text.as_bytes()), FileKind::Text);
        let mut other = tar(b"");
        other[0] = b'b';
        assert_ne!(whole(&other), TAR);
    }

    #[test]
    fn wide_text_is_told_with_and_without_its_mark() {
        for text in [
            "Ein Hund.\nZwei\n",
            "Это собака.\n",
            "Ένας σκύλος\n",
            "Hi",
            "a\tb\r\n",
        ] {
            let (little, big) = (utf16(text, u16::to_le_bytes), utf16(text, u16::to_be_bytes));
            assert_eq!(whole(&little), UTF16_LE, "{text}");
            assert_eq!(whole(&big), UTF16_BE, "{text}");
            let wide =
                |bytes: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| bytes(c as u32)).collect::<Vec<u8>>();
            assert_eq!(whole(&wide(u32::to_le_bytes)), UTF32_LE, "{text}");
            assert_eq!(whole(&wide(u32::to_be_bytes)), UTF32_BE, "{text}");
            let marked = format!("\u{feff}{text}");
            assert_eq!(whole(&utf16(&marked, u16::to_le_bytes)), UTF16);
            assert_eq!(whole(&utf16(&marked, u16::to_be_bytes)), UTF16);
            let wide: Vec<u8> = marked.chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
            assert_eq!(whole(&wide), UTF32);
        }
        let marked = utf16("\u{feff}漢字", u16::to_le_bytes);
        assert_eq!(whole(&marked), UTF16);
    }
}
