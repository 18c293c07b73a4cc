//! Sentences of token ids on disk, memory-mapped: fairseq's `MMapIndexedDataset`.
//!
//! `PREFIX.bin` holds the tokens of all sentences one after another, `PREFIX.idx` a header, the
//! length of every sentence and its place in the `.bin`. Everything is little-endian:
//!
//! | bytes | `.idx` |
//! |---|---|
//! | 9 | `MMIDIDX`, two zero bytes |
//! | 8 | version, 1 |
//! | 1 | code of the token type, see [`Dtype`] |
//! | 8 | sentences `n` |
//! | 4 `n` | tokens of each sentence, `</s>` included (i32) |
//! | 8 `n` | byte offset of each sentence in the `.bin` (i64) |
//!
//! The header is 26 bytes long, so both arrays are unaligned. This is what is written; also read are
//! - files of 2 GiB and more whose offsets wrapped around while fairseq computed them (fairseq#5532);
//! - Megatron-LM's variant, where the number of documents follows that of sentences, and the first
//!   sentence of each document follows the offsets;
//! - fairseq's older `cached` and `lazy` format, see `legacy.rs`.

mod dtype;
mod index;
mod legacy;
mod reader;
mod writer;

pub use dtype::Dtype;
pub use reader::{IndexedDataset, Tokens};
pub use writer::{EncodedChunk, IndexedWriter};

/// First bytes of an `.idx`.
const MAGIC: &[u8; 9] = b"MMIDIDX\0\0";
/// First bytes of the index of fairseq's older `cached` and `lazy` formats.
const LEGACY_MAGIC: &[u8; 8] = b"TNTIDX\0\0";
/// The only version there is.
const VERSION: u64 = 1;
/// Bytes before the lengths.
const HEADER: usize = 26;
/// Bytes before the lengths in files of Megatron-LM.
const MEGATRON_HEADER: usize = HEADER + 8;

/// `PREFIX.idx` or `PREFIX.bin`; a dot inside the prefix stays.
pub(crate) fn with_suffix(prefix: &std::path::Path, suffix: &str) -> std::path::PathBuf {
    let mut name = prefix.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
