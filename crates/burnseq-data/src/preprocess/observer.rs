//! How a caller follows and stops a run; the library itself never prints.

/// Receives what happens during a run of `preprocess`.
///
/// Every method has an empty default, so that `()` is an observer, too.
pub trait Observer: Sync {
    /// A stage begins; `lines` is how many lines it will go through, when that is known.
    fn stage(&self, name: &str, lines: Option<u64>) {
        let _ = (name, lines);
    }

    /// Some more lines of the current stage are done.
    fn advance(&self, lines: u64) {
        let _ = lines;
    }

    /// About how many lines the current stage will go through, when that is an estimate.
    fn expect(&self, lines: u64) {
        let _ = lines;
    }

    /// So many of at most `wanted` pieces or merges of a subword model are learnt.
    fn learnt(&self, done: u64, wanted: u64) {
        let _ = (done, wanted);
    }

    /// Something the user should know; the report repeats it.
    fn note(&self, text: &str) {
        let _ = text;
    }

    /// Asked again and again; `true` makes the run end with [`crate::Error::Interrupted`] and
    /// clean up.
    fn interrupted(&self) -> bool {
        false
    }
}

impl Observer for () {}
