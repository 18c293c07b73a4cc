//! How far a conversion is.

use std::sync::Arc;

use burnseq_text::ByteMeter;

/// What a conversion does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Weights and moments are read.
    Reading,
    /// They become those of the other model.
    Converting,
    /// They are written.
    Writing,
}

/// Is told how far a conversion is; `()` does not listen.
pub trait Observer: Send + Sync {
    /// A stage begins, which reads or writes so many bytes of numbers; 0 where it does neither.
    fn stage(&self, stage: Stage, bytes: u64) {
        let _ = (stage, bytes);
    }

    /// So many more bytes of the stage are done.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }
}

impl Observer for () {}

/// A meter that tells an observer.
pub(super) fn meter(observer: &Arc<dyn Observer>) -> ByteMeter {
    let observer = Arc::clone(observer);
    ByteMeter::new(move |bytes| observer.advance(bytes))
}
