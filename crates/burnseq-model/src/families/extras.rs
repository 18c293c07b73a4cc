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
}

/// What an [`Extra`] holds.
#[derive(Debug, Clone, PartialEq)]
pub enum ExtraValue {
    /// The parameter of that name once more.
    SameAs(String),
    /// Zeros of that shape: never used.
    Zeros(Vec<usize>),
    /// One number, `[1]`: the version of a module. A file with a lower one has another layout.
    Version(f32),
}

impl Extra {
    pub(super) fn same_as(name: impl Into<String>, parameter: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: ExtraValue::SameAs(parameter.into()),
        }
    }

    pub(super) fn zeros(name: impl Into<String>, shape: &[usize]) -> Self {
        Self {
            name: name.into(),
            value: ExtraValue::Zeros(shape.to_vec()),
        }
    }

    pub(super) fn version(name: impl Into<String>, version: f32) -> Self {
        Self {
            name: name.into(),
            value: ExtraValue::Version(version),
        }
    }
}
