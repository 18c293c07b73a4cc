//! What fairseq's state dicts hold beside parameters.
//!
//! A parameter's path in a model is fairseq's name for it. A conversion leaves out the entries listed here when it reads
//! a file of fairseq, and adds them when it writes one.

/// An entry of fairseq's state dict that is no parameter of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Extra {
    /// Its name.
    pub name: String,
    /// What fairseq expects there.
    pub value: ExtraValue,
    /// The parameter that it precedes; none: a version and embeddings come first on their side, others behind everything.
    pub before: Option<String>,
}

/// What an [`Extra`] holds.
#[derive(Debug, Clone, PartialEq)]
pub enum ExtraValue {
    /// The parameter of that name once more.
    SameAs(String),
    /// Zeros of that shape: never used. fairseq counts them among the parameters, and older versions do not have them.
    Zeros(Vec<usize>),
    /// One number, `[1]`: the version of a module, or one that nothing reads.
    Version {
        /// What is written.
        written: f32,
        /// The least that can be read; a file without a number is of version 1.
        least: f32,
    },
}

impl Extra {
    fn new(name: impl Into<String>, value: ExtraValue) -> Self {
        Self {
            name: name.into(),
            value,
            before: None,
        }
    }

    pub(super) fn same_as(name: impl Into<String>, parameter: impl Into<String>) -> Self {
        Self::new(name, ExtraValue::SameAs(parameter.into()))
    }

    pub(super) fn zeros(name: impl Into<String>, shape: &[usize]) -> Self {
        Self::new(name, ExtraValue::Zeros(shape.to_vec()))
    }

    /// The number of a version that is written; a file with any one can be read.
    pub(super) fn version(name: impl Into<String>, written: f32) -> Self {
        Self::new(name, ExtraValue::Version { written, least: 0.0 })
    }

    /// The same, for files of this version and later ones.
    pub(super) fn at_least(self, version: f32) -> Self {
        let value = match self.value {
            ExtraValue::Version { written, .. } => ExtraValue::Version {
                written,
                least: version,
            },
            other => other,
        };
        Self { value, ..self }
    }

    /// The same, at the place before `parameter`.
    pub(super) fn before(self, parameter: impl Into<String>) -> Self {
        Self {
            before: Some(parameter.into()),
            ..self
        }
    }
}
