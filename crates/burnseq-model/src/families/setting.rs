//! Settings of families: the fields that users set by name, and how their values are written.
//!
//! A family declares each of its settings once, in [`FamilyConfig::SETTINGS`](super::FamilyConfig::SETTINGS). Flags with
//! their help, overrides by name and the options of fairseq's checkpoints follow from that.

use serde_json::{Number, Value};

use super::python;

/// A field of a configuration that is set by name.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The field.
    pub field: &'static str,
    /// Other names of it, in the spelling of fields.
    pub aliases: &'static [&'static str],
    /// Its values.
    pub kind: Kind,
    /// Whether nothing is a value, too: what the field then stands for is in the documentation of the field.
    pub optional: bool,
    /// What it means, on one line.
    pub help: &'static str,
}

/// Values of a [`Setting`], and how they are written.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Off, and on where it is named.
    Switch,
    /// On or off, written as Python does.
    Bool,
    /// A whole number of at least 0.
    Count,
    /// A number: the probability that something is dropped.
    Probability,
    /// A number.
    Number,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// Whole numbers, in a list of Python.
    Counts,
    /// A text in a notation that the type of the field reads.
    Notation {
        /// An example.
        example: &'static str,
        /// Checks a text.
        check: fn(&str) -> Result<(), String>,
    },
}

/// A setting that is on where it is named.
pub(super) const fn switch(field: &'static str, help: &'static str) -> Setting {
    setting(field, Kind::Switch, help)
}

/// A setting whose value is True or False.
pub(super) const fn boolean(field: &'static str, help: &'static str) -> Setting {
    setting(field, Kind::Bool, help)
}

/// A setting whose value is a whole number.
pub(super) const fn count(field: &'static str, help: &'static str) -> Setting {
    setting(field, Kind::Count, help)
}

/// A setting whose value is a drop probability.
pub(super) const fn probability(field: &'static str, help: &'static str) -> Setting {
    setting(field, Kind::Probability, help)
}

/// A setting whose value is a number.
pub(super) const fn number(field: &'static str, help: &'static str) -> Setting {
    setting(field, Kind::Number, help)
}

/// A setting whose value is one of `names`.
pub(super) const fn choice(
    field: &'static str,
    names: &'static [&'static str],
    help: &'static str,
) -> Setting {
    setting(field, Kind::Choice(names), help)
}

/// A setting whose value is a list of whole numbers.
pub(super) const fn counts(field: &'static str, help: &'static str) -> Setting {
    setting(field, Kind::Counts, help)
}

/// A setting whose value is a text, such as `example`, that `check` accepts.
pub(super) const fn notation(
    field: &'static str,
    example: &'static str,
    check: fn(&str) -> Result<(), String>,
    help: &'static str,
) -> Setting {
    setting(field, Kind::Notation { example, check }, help)
}

const fn setting(field: &'static str, kind: Kind, help: &'static str) -> Setting {
    Setting {
        field,
        aliases: &[],
        kind,
        optional: false,
        help,
    }
}

/// The names of a table of names and values.
pub(super) const fn names_of<T, const N: usize>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut number = 0;
    while number < N {
        names[number] = table[number].0;
        number += 1;
    }
    names
}

impl Setting {
    /// The same setting, which has these other names.
    pub(in crate::families) const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// The same setting, whose field may be left open.
    pub(in crate::families) const fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }

    /// Whether `name`, in the spelling of fields, is one of its names.
    pub fn is_called(&self, name: &str) -> bool {
        self.field == name || self.aliases.contains(&name)
    }

    /// A value that comes from elsewhere, such as an override or an option of fairseq, as the field takes it; a text is
    /// read as [`Kind::parse`] does.
    ///
    /// # Errors
    /// What the setting takes instead.
    pub fn read(&self, value: &Value) -> Result<Value, String> {
        let fits = match (self.kind, value) {
            (_, Value::Null) => self.optional,
            (_, Value::String(text)) => return self.kind.parse(text),
            (Kind::Switch | Kind::Bool, Value::Bool(_))
            | (Kind::Probability | Kind::Number, Value::Number(_)) => true,
            // fairseq has some of them as floating-point numbers.
            (Kind::Count, number) => match number.as_f64() {
                Some(whole) if whole >= 0.0 && whole.fract() == 0.0 => return Ok((whole as u64).into()),
                _ => false,
            },
            (Kind::Counts, Value::Array(items)) => items.iter().all(Value::is_u64),
            // fairseq takes one number for a list of one.
            (Kind::Counts, number) if number.is_u64() => return Ok(vec![number.clone()].into()),
            // Its notation is that of Python, in which these are True and False.
            (Kind::Notation { check, .. }, Value::Bool(value)) => {
                let text = if *value { "True" } else { "False" };
                return check(text).map(|()| text.into());
            }
            _ => false,
        };
        if fits {
            Ok(value.clone())
        } else {
            Err(format!("expected {}", self.kind.expected()))
        }
    }
}

impl Kind {
    /// What a value is, for messages.
    pub fn expected(&self) -> String {
        match self {
            Self::Switch | Self::Bool => "True or False".to_owned(),
            Self::Count => "a whole number".to_owned(),
            Self::Probability | Self::Number => "a number".to_owned(),
            Self::Choice(names) => format!("one of: {}", names.join(", ")),
            Self::Counts => "whole numbers such as [3, 7, 15]".to_owned(),
            Self::Notation { example, .. } => format!("something like {example}"),
        }
    }

    /// The value that a text stands for, as JSON.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let expected = || format!("expected {}", self.expected());
        match self {
            Self::Switch | Self::Bool => match text {
                "True" | "true" | "1" => Ok(true.into()),
                "False" | "false" | "0" => Ok(false.into()),
                _ => Err(expected()),
            },
            Self::Count => match text.parse::<usize>() {
                Ok(count) => Ok(count.into()),
                Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => {
                    Err("the number is too large".to_owned())
                }
                Err(_) if text.starts_with('-') => Err("expected a whole number of at least 0".to_owned()),
                Err(_) => Err(expected()),
            },
            Self::Probability | Self::Number => {
                let number = text.parse().ok().and_then(Number::from_f64);
                number.map(Value::Number).ok_or_else(expected)
            }
            Self::Choice(names) if names.contains(&text) => Ok(text.into()),
            Self::Choice(_) => Err(expected()),
            Self::Counts => python::numbers(text)
                .map(Value::from)
                .map_err(|error| format!("{error}; give {}", self.expected())),
            Self::Notation { check, .. } => check(text)
                .map(|()| text.into())
                .map_err(|error| format!("{error}; give {}", self.expected())),
        }
    }
}

/// Settings that several families have, with the same meaning.
pub(super) mod shared {
    use super::*;
    use crate::layers::ActivationFn;

    const ACTIVATIONS: [&str; ActivationFn::NAMES.len()] = names_of(&ActivationFn::NAMES);

    pub(in crate::families) const ENCODER_FFN_EMBED_DIM: Setting = count(
        "encoder_ffn_embed_dim",
        "Inner width of the encoder's feed-forward blocks",
    );
    pub(in crate::families) const ENCODER_NORMALIZE_BEFORE: Setting = switch(
        "encoder_normalize_before",
        "Pre-norm instead of post-norm in the encoder",
    );
    pub(in crate::families) const ENCODER_LEARNED_POS: Setting = switch(
        "encoder_learned_pos",
        "Learned instead of sinusoidal positions in the encoder",
    );
    pub(in crate::families) const DECODER_FFN_EMBED_DIM: Setting = count(
        "decoder_ffn_embed_dim",
        "Inner width of the decoder's feed-forward blocks",
    );
    pub(in crate::families) const DECODER_NORMALIZE_BEFORE: Setting = switch(
        "decoder_normalize_before",
        "Pre-norm instead of post-norm in the decoder",
    );
    pub(in crate::families) const DECODER_LEARNED_POS: Setting = switch(
        "decoder_learned_pos",
        "Learned instead of sinusoidal positions in the decoder",
    );
    pub(in crate::families) const SHARE_DECODER_INPUT_OUTPUT_EMBED: Setting = switch(
        "share_decoder_input_output_embed",
        "Use the decoder's embeddings as output projection",
    );
    pub(in crate::families) const SHARE_ALL_EMBEDDINGS: Setting = switch(
        "share_all_embeddings",
        "One table for source, target and output; needs a joined dictionary",
    );
    pub(in crate::families) const ACTIVATION_DROPOUT: Setting = probability(
        "activation_dropout",
        "Drop probability inside the feed-forward blocks",
    )
    .or(&["relu_dropout"]);
    pub(in crate::families) const ACTIVATION_FN: Setting = choice(
        "activation_fn",
        &ACTIVATIONS,
        "Non-linearity of the feed-forward blocks: relu, relu_squared, gelu, gelu_accurate (= gelu_fast), tanh, swish, linear",
    );
    pub(in crate::families) const LAYERNORM_EMBEDDING: Setting = switch(
        "layernorm_embedding",
        "Normalise the sum of embedding and position",
    );
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_read_as_on_a_command_line() {
        for (kind, text, expected) in [
            (Kind::Bool, "True", json!(true)),
            (Kind::Bool, "0", json!(false)),
            (Kind::Count, "31", json!(31)),
            (Kind::Probability, "1e-1", json!(0.1)),
            (Kind::Choice(&["a", "b"]), "b", json!("b")),
            (Kind::Counts, "[3] * 2", json!([3, 3])),
        ] {
            assert_eq!(kind.parse(text), Ok(expected), "{text}");
        }
        for (kind, text, expected) in [
            (Kind::Bool, "Yes", "expected True or False"),
            (Kind::Count, "x", "expected a whole number"),
            (Kind::Count, "-1", "expected a whole number of at least 0"),
            (Kind::Count, "99999999999999999999", "the number is too large"),
            (Kind::Probability, "nan", "expected a number"),
            (Kind::Choice(&["a", "b"]), "c", "expected one of: a, b"),
            (
                Kind::Counts,
                "[3, x]",
                "expected a number at character 5; give whole numbers such as [3, 7, 15]",
            ),
        ] {
            assert_eq!(kind.parse(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn other_values_keep_their_type() {
        let open = count("x", "").optional();
        assert_eq!(open.read(&json!(null)), Ok(json!(null)));
        assert_eq!(open.read(&json!("3")), Ok(json!(3)));
        assert_eq!(counts("x", "").read(&json!([3, 7])), Ok(json!([3, 7])));
        assert_eq!(counts("x", "").read(&json!(3)), Ok(json!([3])));
        for (setting, value) in [
            (count("x", ""), json!(null)),
            (count("x", ""), json!(2.5)),
            (switch("x", ""), json!(1)),
            (probability("x", ""), json!(true)),
            (counts("x", ""), json!([3, -1])),
            (choice("x", &["a"], ""), json!(0)),
        ] {
            assert!(setting.read(&value).is_err(), "{value}");
        }
    }
}
