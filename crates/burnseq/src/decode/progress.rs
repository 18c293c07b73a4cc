//! What is told of long work between its batches, and how it is ended there.

use std::ops::ControlFlow;

use crate::error::{Error, Result};

/// How far work on sentences is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Sentences whose results are there.
    pub done: usize,
    /// All sentences.
    pub total: usize,
}

/// Is called after each batch; [`ControlFlow::Break`] ends the work with [`Error::Interrupted`].
pub type OnBatch<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// An [`OnBatch`] for work that nobody watches.
pub fn unwatched(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Calls `on_batch`.
///
/// # Errors
/// It ends the work.
pub(crate) fn after_batch(on_batch: OnBatch<'_>, done: usize, total: usize) -> Result<()> {
    match on_batch(Progress { done, total }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Interrupted { done, total }),
    }
}
