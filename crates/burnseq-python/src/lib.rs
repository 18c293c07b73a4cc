//! The native part of the Python package `burnseq`: classes over the crate `burnseq`, which does all of the work.
//!
//! - [`translator`], [`language_model`], [`tokenizer`]: a class each; [`hypothesis`]: what they give.
//! - [`options`]: keyword arguments to options of the library; [`texts`]: a text or a list of texts.
//! - [`work`]: long work outside the interpreter lock, with progress and Ctrl-C.
//! - [`errors`]: errors of the library as exceptions.

mod errors;
mod hypothesis;
mod language_model;
mod options;
mod texts;
mod tokenizer;
mod translator;
mod work;

/// The native module, which `burnseq/__init__.py` exports from.
#[pyo3::pymodule]
mod _burnseq {
    #[pymodule_export]
    use crate::errors::Error;
    #[pymodule_export]
    use crate::hypothesis::{Hypothesis, ScoredText};
    #[pymodule_export]
    use crate::language_model::LanguageModel;
    #[pymodule_export]
    use crate::tokenizer::Tokenizer;
    #[pymodule_export]
    use crate::translator::Translator;

    /// Version of the package.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "its name in Python")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
