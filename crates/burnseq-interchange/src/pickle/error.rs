//! Why a pickle is refused.

/// Why a pickle was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// It asks for something outside of [`classes`](super::classes).
    #[error(
        "the pickle asks for {module}.{name}, which is not on the list of classes that checkpoints hold\n\
         hint: nothing was executed; a checkpoint of fairseq does not need it, so the file is something else, was made \
         with plug-ins, or is meant to do harm"
    )]
    Class {
        /// Where it lives.
        module: String,
        /// What it is called.
        name: String,
    },
    /// It calls what may only be named.
    #[error("the pickle calls {name} at byte {offset}, which may only be named")]
    Call {
        /// `module.name`, or the kind of value.
        name: String,
        /// Position in the pickle.
        offset: usize,
    },
    /// It ends before its end mark.
    #[error("the pickle ends in the middle, at byte {offset}")]
    Truncated {
        /// Position in the pickle.
        offset: usize,
    },
    /// An instruction that does not exist, or that no checkpoint needs.
    #[error("the pickle has the unknown instruction 0x{opcode:02x} at byte {offset}")]
    Opcode {
        /// Its number.
        opcode: u8,
        /// Position in the pickle.
        offset: usize,
    },
    /// An instruction that does not fit the values it works on.
    #[error("the pickle is broken at byte {offset}: {problem}")]
    Broken {
        /// What does not fit.
        problem: &'static str,
        /// Position in the pickle.
        offset: usize,
    },
    /// Larger than any checkpoint's.
    #[error("the pickle has more than {limit} {what}, which no checkpoint needs")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// What there is too much of.
        what: &'static str,
    },
}
