//! fairseq's notation for convolutions and attention: Python lists such as `[(512, 3)] * 9 + [(1024, 3)] * 4`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer, de};

use crate::families::python::{LiteralError, Reader};

/// One convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvLayer {
    /// Output channels, after the gated linear unit.
    pub channels: usize,
    /// Taps.
    pub kernel_size: usize,
    /// How many layers before lies what is added to the output: 1 is the input of this layer, 0 nothing.
    pub residual: usize,
}

/// The convolutions of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvSpec(pub Vec<ConvLayer>);

/// Which decoder layers attend to the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttentionSpec {
    /// All of them, or none.
    All(bool),
    /// Each by itself.
    Layers(Vec<bool>),
}

impl AttentionSpec {
    /// Whether layer `layer` (from 0) attends.
    pub fn attends(&self, layer: usize) -> bool {
        match self {
            Self::All(attends) => *attends,
            Self::Layers(layers) => layers.get(layer).copied().unwrap_or(false),
        }
    }

    /// One value for all layers, where all of them are alike.
    pub(super) fn shortest(&self) -> Self {
        match self {
            Self::Layers(layers) => match layers.as_slice() {
                [first, rest @ ..] if rest.iter().all(|attends| attends == first) => Self::All(*first),
                _ => self.clone(),
            },
            Self::All(_) => self.clone(),
        }
    }
}

/// `(channels, kernel_size)` or `(channels, kernel_size, residual)`.
fn conv_layer(reader: &mut Reader<'_>) -> Result<ConvLayer, LiteralError> {
    reader.expect('(', "`(`")?;
    let channels = reader.number()?;
    reader.expect(',', "`,`")?;
    let kernel_size = reader.number()?;
    let mut residual = 1;
    if reader.takes(',') && !reader.at(')') {
        residual = reader.number()?;
        reader.takes(',');
    }
    reader.expect(')', "`)`")?;
    Ok(ConvLayer {
        channels,
        kernel_size,
        residual,
    })
}

impl FromStr for ConvSpec {
    type Err = LiteralError;

    fn from_str(text: &str) -> Result<Self, LiteralError> {
        let mut reader = Reader::new(text);
        let layers = reader.lists(conv_layer)?;
        reader.end()?;
        Ok(Self(layers))
    }
}

impl FromStr for AttentionSpec {
    type Err = LiteralError;

    fn from_str(text: &str) -> Result<Self, LiteralError> {
        let mut reader = Reader::new(text);
        let spec = if reader.at_list() {
            Self::Layers(reader.lists(Reader::boolean)?)
        } else {
            Self::All(reader.boolean()?)
        };
        reader.end()?;
        Ok(spec)
    }
}

impl fmt::Display for ConvLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            channels,
            kernel_size,
            residual,
        } = self;
        match residual {
            1 => write!(f, "({channels}, {kernel_size})"),
            _ => write!(f, "({channels}, {kernel_size}, {residual})"),
        }
    }
}

/// Runs of one layer as `[layer] * times`, in fairseq's notation.
impl fmt::Display for ConvSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("[]");
        }
        for (number, run) in self.0.chunk_by(PartialEq::eq).enumerate() {
            if number > 0 {
                f.write_str(" + ")?;
            }
            write!(f, "[{}]", run[0])?;
            if run.len() > 1 {
                write!(f, " * {}", run.len())?;
            }
        }
        Ok(())
    }
}

fn python(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

impl fmt::Display for AttentionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(attends) => f.write_str(python(*attends)),
            Self::Layers(layers) => {
                let layers: Vec<&str> = layers.iter().map(|attends| python(*attends)).collect();
                write!(f, "[{}]", layers.join(", "))
            }
        }
    }
}

/// Reads and writes a type as fairseq's notation.
macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let spec = text.parse::<Self>();
                spec.map_err(|error| de::Error::custom(format_args!("{error} of {text:?}")))
            }
        }
    };
}

as_text!(ConvSpec);
as_text!(AttentionSpec);

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(channels: usize, kernel_size: usize, residual: usize) -> ConvLayer {
        ConvLayer {
            channels,
            kernel_size,
            residual,
        }
    }

    #[test]
    fn sums_and_repetitions_are_read() {
        let cases = [
            ("[(512, 3)] * 2", vec![layer(512, 3, 1); 2]),
            (
                " [(8,3), (16 , 5, 0)]+[(4, 1, 2)]*1 ",
                vec![layer(8, 3, 1), layer(16, 5, 0), layer(4, 1, 2)],
            ),
            ("((512, 3),) * 3", vec![layer(512, 3, 1); 3]),
            ("[]", vec![]),
        ];
        for (text, expected) in cases {
            let spec: ConvSpec = text.parse().unwrap();
            assert_eq!(spec.0, expected, "{text}");
            assert_eq!(spec.to_string().parse(), Ok(spec));
        }
        let spec: ConvSpec = "[(8, 3)] * 2 + [(9, 1)]".parse().unwrap();
        assert_eq!(spec.to_string(), "[(8, 3)] * 2 + [(9, 1)]");
    }

    #[test]
    fn attention_is_one_for_all_or_one_for_each() {
        assert_eq!("True".parse(), Ok(AttentionSpec::All(true)));
        let each: AttentionSpec = "[True, False] * 2".parse().unwrap();
        assert_eq!(each.to_string(), "[True, False, True, False]");
        assert!(each.attends(2) && !each.attends(3));
        assert_eq!(each.shortest(), each);
        let alike: AttentionSpec = "[True] * 3".parse().unwrap();
        assert_eq!(alike.shortest(), AttentionSpec::All(true));
    }

    #[test]
    fn errors_name_the_place() {
        let error = |text: &str| text.parse::<ConvSpec>().unwrap_err().to_string();
        assert_eq!(error("[(512 3)]"), "expected `,` at character 7");
        assert_eq!(error("[(512, x)]"), "expected a number at character 8");
        assert!(error("[(512, 3)] * 1001").contains("at most 1000 layers"));
        assert!(error("[(512, 3)] * 99999999999999999999").contains("a number"));
        assert!(error("__import__('os')").contains("expected `[`"));
        assert!(error("[(512, 3)] - 1").contains("expected `+`, `*` or the end"));
        assert!("Yes".parse::<AttentionSpec>().is_err());
    }
}
