//! What a file is, by its first bytes, and its name where those are text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use burnseq_report::log::Log;
use burnseq_text::LineReader;

/// A kind of file that there is more to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// `.idx` or `.bin` of a dataset.
    Index,
    /// A file of `torch.save`.
    Torch,
    Safetensors,
    SentencePiece,
    /// Merges of subword-nmt or fastBPE.
    Codes,
    Dictionary,
    /// Pieces and their scores, as SentencePiece and subword-nmt write them beside a model.
    SubwordVocabulary,
    /// Of training, as JSON or text.
    Log,
    Json,
    Text,
}

/// So many bytes at the start of a file are looked at.
const LOOKED_AT: usize = 1 << 12;

/// What the file `path` is.
///
/// # Errors
/// A file that cannot be read, is empty, or is of no kind that is known.
pub(super) fn of_file(path: &Path) -> Result<FileKind> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LOOKED_AT as u64).read_to_end(&mut start))
        .context("cannot be read")?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The data of a dataset begin with the first token, so that only the file beside them tells what they are.
    if name.ends_with(".bin") {
        let index = path.with_extension("idx");
        if index.is_file() {
            return Ok(FileKind::Index);
        }
        return of_start(&start, &name).map_err(|error| {
            anyhow!(
                "{error}\nhint: if it is the data of a dataset, copy its index beside it: {}",
                index.file_name().unwrap_or_default().to_string_lossy()
            )
        });
    }
    of_start(&start, &name)
}

fn of_start(start: &[u8], name: &str) -> Result<FileKind> {
    if start.is_empty() {
        return Err(anyhow!("the file is empty"));
    }
    let ends = |ending: &str| name.ends_with(ending);
    let known = [
        (start.starts_with(b"MMIDIDX\0\0"), FileKind::Index),
        (start.starts_with(b"TNTIDX\0\0"), FileKind::Index),
        (start.starts_with(b"PK\x03\x04"), FileKind::Torch),
        (
            is_pickle(start) && (ends(".pt") || ends(".pth") || ends(".bin")),
            FileKind::Torch,
        ),
        (is_safetensors(start), FileKind::Safetensors),
        // Readers of text unpack them.
        (start.starts_with(b"\x1f\x8b"), FileKind::Text),
        (start.starts_with(b"\x28\xb5\x2f\xfd"), FileKind::Text),
        (is_sentencepiece(start), FileKind::SentencePiece),
    ];
    if let Some((_, kind)) = known.into_iter().find(|(fits, _)| *fits) {
        return Ok(kind);
    }
    if ends(".idx") {
        return Err(anyhow!(
            "is no index of a dataset: it begins with neither `MMIDIDX` nor `TNTIDX`\nhint: copy it again"
        ));
    }
    // The last character may be cut.
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) => {
            let problem = format!("byte {} is not UTF-8 text", error.valid_up_to() + 1);
            return Err(unknown(start, &problem));
        }
    };
    if text.contains('\0') {
        return Err(unknown(start, "it holds zero bytes"));
    }
    Ok(of_text(text, name))
}

/// How files of other programs begin that are told by name, and what to do with them.
const FOREIGN: [(&[u8], &str, &str); 17] = [
    (b"\x7fELF", "a program", ""),
    (b"\x89PNG", "a picture (PNG)", ""),
    (b"\xff\xd8\xff", "a picture (JPEG)", ""),
    (b"GIF8", "a picture (GIF)", ""),
    (b"RIFF", "sound or video", ""),
    (b"%PDF", "a document (PDF)", "extract its text: `pdftotext FILE`"),
    (
        b"\xd0\xcf\x11\xe0",
        "a document of an office program",
        "save it as plain text",
    ),
    (b"\x89HDF", "an HDF5 file", ""),
    (b"\x93NUMPY", "an array of NumPy", ""),
    (b"GGUF", "a model of llama.cpp (GGUF)", ""),
    (
        b"PAR1",
        "a table (Parquet)",
        "write its text to plain files, one sentence a line",
    ),
    (
        b"ARROW1",
        "a table (Arrow)",
        "write its text to plain files, one sentence a line",
    ),
    (b"SQLite format 3", "a database (SQLite)", ""),
    (b"\x80\x02", PICKLE, SAVE_AGAIN),
    (b"\x80\x03", PICKLE, SAVE_AGAIN),
    (b"\x80\x04", PICKLE, SAVE_AGAIN),
    (b"\x80\x05", PICKLE, SAVE_AGAIN),
];
const PICKLE: &str = "a pickle of Python";
const SAVE_AGAIN: &str = "if it is a checkpoint of fairseq, its name must end in .pt";

/// What is said of a file that is neither text nor of a known kind: what else it is, or else the `problem` of reading it as text.
fn unknown(start: &[u8], problem: &str) -> anyhow::Error {
    const IS_NONE: &str = "is no file that burnseq or fairseq writes";
    if let Some((_, name, remedy)) = FOREIGN.iter().find(|(begin, ..)| start.starts_with(begin)) {
        let hint = if remedy.is_empty() {
            String::new()
        } else {
            format!("\nhint: {remedy}")
        };
        return anyhow!("{IS_NONE}: it is {name}{hint}");
    }
    // Readers of text know other encodings and packers, and their remedies.
    let read = LineReader::new(start, "FILE").read_line().map(|_| ());
    match read {
        Err(burnseq_text::Error::FileKind { kind, remedy, .. }) => {
            anyhow!("is {kind}, not UTF-8\nhint: {remedy}")
        }
        Err(burnseq_text::Error::InvalidUtf8 { offset, hint, .. }) if !start.iter().any(is_of_no_text) => {
            anyhow!(
                "is text, but not UTF-8: byte {} is none\nhint: {hint}",
                offset + 1
            )
        }
        _ => anyhow!("{IS_NONE}: {problem}, and no known file begins like this"),
    }
}

/// Control characters that no text has, in whatever encoding of bytes.
fn is_of_no_text(byte: &u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c' | b'\x1b')
}

/// The first field of the model is a list of messages, each of which begins with a text that it is longer than.
fn is_sentencepiece(start: &[u8]) -> bool {
    match *start {
        [0x0a, message, 0x0a, text, ..] => text > 0 && message >= text.saturating_add(2) && message < 0x80,
        _ => false,
    }
}

/// Protocol 2 and later, and the magic number of PyTorch's older files behind it.
fn is_pickle(start: &[u8]) -> bool {
    start[0] == 0x80 && start.get(1).is_some_and(|protocol| (2..=5).contains(protocol))
}

fn is_safetensors(start: &[u8]) -> bool {
    let length = start.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    length.is_some_and(|length| (2..100 << 20).contains(&length)) && start.get(8) == Some(&b'{')
}

fn of_text(text: &str, name: &str) -> FileKind {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if name.starts_with("dict.") && name.ends_with(".txt") {
        return FileKind::Dictionary;
    }
    if first.starts_with("#version:") || name.ends_with(".codes") {
        return FileKind::Codes;
    }
    if !Log::parse(text).records.is_empty() {
        return FileKind::Log;
    }
    if first.trim_start().starts_with('{') && name.ends_with(".json") {
        return FileKind::Json;
    }
    // A cut last line is no witness.
    let whole: Vec<&str> = std::iter::once(first).chain(lines).take(20).collect();
    let whole = if whole.len() > 1 && !text.ends_with('\n') && text.len() + 4 > LOOKED_AT {
        &whole[..whole.len() - 1]
    } else {
        &whole
    };
    let all = |fits: fn(&str) -> bool| whole.iter().all(|line| fits(line));
    if all(
        |line| matches!(line.split_once('\t'), Some((piece, score)) if !piece.is_empty() && score.parse::<f64>().is_ok()),
    ) {
        FileKind::SubwordVocabulary
    } else if all(
        |line| matches!(line.rsplit_once(' '), Some((token, count)) if !token.is_empty() && !token.contains(' ') && count.parse::<i64>().is_ok()),
    ) {
        FileKind::Dictionary
    } else {
        FileKind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let cases: [(&[u8], &str, FileKind); 12] = [
            (b"MMIDIDX\0\0\x01", "x", FileKind::Index),
            (b"TNTIDX\0\0", "x", FileKind::Index),
            (b"PK\x03\x04", "model.pt", FileKind::Torch),
            (b"\x80\x02\x8a\x0a", "model.pt", FileKind::Torch),
            (b"\x40\0\0\0\0\0\0\0{\"a\"", "x", FileKind::Safetensors),
            (b"\x0a\x0e\x0a\x05<unk>", "m.model", FileKind::SentencePiece),
            (b"#version: 0.2\ne r\n", "codes", FileKind::Codes),
            (b"the 10\nof 9\n", "vocab", FileKind::Dictionary),
            (b"", "dict.de.txt", FileKind::Dictionary),
            (
                b"<unk>\t0\n\xe2\x96\x81a\t-1.5\n",
                "m.vocab",
                FileKind::SubwordVocabulary,
            ),
            (
                b"{\"epoch\": 1, \"loss\": 2, \"num_updates\": 3}\n",
                "log",
                FileKind::Log,
            ),
            (b"ein haus\nzwei\n", "train.de", FileKind::Text),
        ];
        for (start, name, kind) in cases {
            if start.is_empty() {
                assert!(of_start(start, name).is_err());
            } else {
                assert_eq!(of_start(start, name).unwrap(), kind, "{name}");
            }
        }
    }

    #[test]
    fn foreign_files_are_of_no_kind() {
        for start in [&b"\x89PNG\r\n\x1a\n\0"[..], b"\x7fELF\x02\x01\x01\0\0", b"a\0b"] {
            let error = of_start(start, "x").unwrap_err().to_string();
            assert!(
                error.starts_with("is no file that burnseq or fairseq writes"),
                "{error}"
            );
        }
    }
}
