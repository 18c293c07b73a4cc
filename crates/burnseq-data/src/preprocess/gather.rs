//! Facts about a whole text, gathered by several workers and put together at the end.

use std::sync::Mutex;

use super::observer::Observer;
use super::pairs::{Chunk, PairReader, for_each_chunk};
use crate::error::Result;

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
    for_each_chunk(
        &mut reader,
        workers,
        observer,
        || {
            |chunk: &Chunk| {
                let free = lock().pop();
                let mut state = free.unwrap_or_else(&make);
                add(&mut state, chunk)?;
                lock().push(state);
                Ok(())
            }
        },
        |()| Ok(()),
    )?;
    Ok(pool
        .into_inner()
        .expect("no thread panics while it holds the lock"))
}
