//! The index of fairseq's older `cached` and `lazy` formats, which Torch's `indexed_dataset` began.
//!
//! Everything is a little-endian integer of 64 bits. A dataset is a list of tensors, of which a
//! sentence is one with a single dimension:
//!
//! | integers | `.idx` |
//! |---|---|
//! | 1 | `TNTIDX`, two zero bytes |
//! | 1 | version, 1 |
//! | 2 | code of the token type, see [`Dtype`](super::Dtype), and its bytes |
//! | 2 | sentences `n`, and dimensions of all sentences together, which are as many |
//! | `n + 1` | place of each sentence's dimension among all, so 0, 1, ... `n` |
//! | `n + 1` | first token of each sentence in the `.bin`, in tokens; then the number of all tokens |
//! | `n` | tokens of each sentence, `</s>` included |
//!
//! Lua counts from 1, and so do the tokens: each is stored one higher.

use super::index::{Column, Layout, check_version, dtype_of, short_header, u64_at, wrong_length};

/// Bytes before the first array.
const HEADER: usize = 48;

/// Where the arrays are.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn layout(idx: &[u8]) -> Result<Layout, String> {
    if idx.len() < HEADER {
        return Err(short_header(HEADER, idx));
    }
    check_version(u64_at(idx, 8))?;
    let dtype = dtype_of(u64_at(idx, 16))?;
    let token_size = u64_at(idx, 24);
    if token_size != dtype.size() as u64 {
        return Err(format!(
            "says that a token of type {dtype:?} takes {token_size} bytes; it takes {}",
            dtype.size()
        ));
    }
    let (len, dimensions) = (u64_at(idx, 32), u64_at(idx, 40));
    if dimensions != len {
        return Err(format!(
            "holds {len} tensors of {dimensions} dimensions together; sentences have one dimension each"
        ));
    }
    // Three arrays, of which two have an end behind the last sentence.
    let expected = len
        .checked_mul(24)
        .and_then(|bytes| bytes.checked_add(HEADER as u64 + 16));
    if expected != Some(idx.len() as u64) {
        return Err(wrong_length(idx, len, expected));
    }
    let len = len as usize;
    let column = |number: usize| Column {
        at: HEADER + 8 * (len + 1) * number,
        width: 8,
    };
    let (places, starts, lengths) = (column(0), column(1), column(2));
    if let Some(index) = (0..=len).find(|&index| places.get(idx, index) != index as i64) {
        return Err(format!(
            "places the dimension of sentence {index} at {}, expected {index}; the file is damaged or foreign",
            places.get(idx, index)
        ));
    }
    Ok(Layout {
        dtype,
        len,
        lengths,
        starts,
        unit: token_size,
        bias: 1,
    })
}
