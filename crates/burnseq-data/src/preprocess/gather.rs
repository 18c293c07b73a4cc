//! Facts about a whole text, gathered by several workers and put together at the end.

use std::sync::Mutex;

use super::observer::Observer;
use super::pairs::{Chunk, PairReader};
use crate::error::{Error, Result};
use crate::parallel::ordered_map;

/// Hands every chunk of the text to `add`, with one of the states that `make` makes: workers
/// borrow them in turn, so the sum of all states is fixed but not who counted what.
///
/// # Errors
/// When the text cannot be read, `add` fails, or the observer asks to stop.
pub(crate) fn gather<S: Send>(
    mut reader: PairReader,
    workers: usize,
    observer: &dyn Observer,
    make: impl Fn() -> S + Sync,
    add: impl Fn(&mut S, &Chunk) -> Result<()> + Sync,
) -> Result<Vec<S>> {
    let pool: Mutex<Vec<S>> = Mutex::default();
    let lock = || pool.lock().expect("no thread panics while it holds the lock");
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
            |chunk: Chunk| {
                let free = lock().pop();
                let mut state = free.unwrap_or_else(&make);
                add(&mut state, &chunk)?;
                lock().push(state);
                Ok(chunk.len() as u64)
            }
        },
        |lines| {
            observer.advance(lines);
            Ok(())
        },
    )?;
    Ok(pool
        .into_inner()
        .expect("no thread panics while it holds the lock"))
}
