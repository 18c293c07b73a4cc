//! What can go wrong while a model is configured or its weights are read.

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// `--arch` names nothing we know; the choices are sorted, nearest first.
    #[error("unknown architecture `{name}`; choose one of: {choices}")]
    UnknownArch {
        /// What was asked for.
        name: String,
        /// Every known name, nearest first.
        choices: String,
    },
    /// A field has a value that no model can be built from.
    #[error("'{field}' = {value}: {rule}")]
    Config {
        /// The offending field.
        field: &'static str,
        /// Its value.
        value: String,
        /// The rule it breaks, with the remedy.
        rule: String,
    },
    /// A field that the family does not have.
    #[error("unknown field `{field}`: {model} has none of this name")]
    UnknownField {
        /// A model of the family, within a sentence.
        model: &'static str,
        /// The field.
        field: String,
    },
    /// The family cannot do what is asked for.
    #[error("{model} has no {feature}")]
    Unsupported {
        /// A model of the family, within a sentence.
        model: &'static str,
        /// What it cannot do.
        feature: String,
    },
    /// A model is given where one of another role is needed.
    #[error("{model} is not {role}")]
    WrongRole {
        /// A model of the family, within a sentence.
        model: &'static str,
        /// The role, within a sentence.
        role: &'static str,
    },
    /// The configuration describes a far larger model than the weights are of.
    #[error(
        "the model needs {needed} weights, {held} are there\nhint: {}",
        Self::OTHER_ARCH
    )]
    TooFewWeights {
        /// Parameters of the model.
        needed: u128,
        /// Numbers in the file.
        held: u128,
    },
    /// The weights lack a tensor the model needs.
    #[error("weight `{name}` is missing\nhint: {}", Self::OTHER_ARCH)]
    MissingTensor {
        /// Name of the parameter.
        name: String,
    },
    /// The weights hold a tensor the model has no place for.
    #[error("weight `{name}` has no place in this model\nhint: {}", Self::OTHER_ARCH)]
    ExtraTensor {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor has another shape than its parameter.
    #[error(
        "weight `{name}` has shape {found:?}, the model needs {expected:?}\nhint: {}",
        Self::OTHER_ARCH
    )]
    TensorShape {
        /// Name of the parameter.
        name: String,
        /// Shape in the model.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<usize>,
    },
    /// A tensor is not made of floating-point numbers.
    #[error("weight `{name}` has type {dtype}, expected a floating-point type")]
    TensorType {
        /// Name of the parameter.
        name: String,
        /// Its element type.
        dtype: String,
    },
    /// A tensor holds NaN or infinity.
    #[error(
        "weight `{name}` holds a value that is not finite at position {index}\nhint: the run that wrote it diverged; use an earlier checkpoint"
    )]
    NotFinite {
        /// Name of the parameter.
        name: String,
        /// Position of the first such value, row-major.
        index: usize,
    },
}

impl ModelError {
    const OTHER_ARCH: &'static str =
        "the weights come from another architecture or vocabulary; give the settings they were trained with";
}
