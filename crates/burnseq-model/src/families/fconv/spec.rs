//! fairseq's notation for convolutions and attention: Python lists such as `[(512, 3)] * 9 + [(1024, 3)] * 4`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer, de};

/// Most layers that a specification may have.
const MAX_LAYERS: usize = 1000;

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

/// A specification cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at character {at} of {text:?}")]
pub struct SpecError {
    expected: &'static str,
    /// Counted from 1.
    at: usize,
    text: String,
}

impl AttentionSpec {
    /// Whether layer `layer` (from 0) attends.
    pub fn attends(&self, layer: usize) -> bool {
        match self {
            Self::All(attends) => *attends,
            Self::Layers(layers) => layers.get(layer).copied().unwrap_or(false),
        }
    }
}

/// What is left of a text.
struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, rest: text }
    }

    fn error(&self, expected: &'static str) -> SpecError {
        SpecError {
            expected,
            at: self.text[..self.text.len() - self.rest.len()].chars().count() + 1,
            text: self.text.to_owned(),
        }
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Whether `token` is next; it is read then.
    fn takes(&mut self, token: char) -> bool {
        self.skip_spaces();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: char, expected: &'static str) -> Result<(), SpecError> {
        if self.takes(token) {
            Ok(())
        } else {
            Err(self.error(expected))
        }
    }

    fn number(&mut self) -> Result<usize, SpecError> {
        self.skip_spaces();
        let digits = self
            .rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let number = self.rest[..digits].parse().map_err(|_| self.error("a number"))?;
        self.rest = &self.rest[digits..];
        Ok(number)
    }

    fn boolean(&mut self) -> Result<bool, SpecError> {
        self.skip_spaces();
        for (name, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(name) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(self.error("True or False"))
    }

    fn end(mut self) -> Result<(), SpecError> {
        self.skip_spaces();
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.error("`+`, `*` or the end"))
        }
    }

    /// Sums of lists, each of which may be repeated.
    fn lists<T: Clone>(
        &mut self,
        item: impl Fn(&mut Self) -> Result<T, SpecError>,
    ) -> Result<Vec<T>, SpecError> {
        let mut all = Vec::new();
        loop {
            let list = self.list(&item)?;
            let times = if self.takes('*') { self.number()? } else { 1 };
            if list.len().saturating_mul(times).saturating_add(all.len()) > MAX_LAYERS {
                return Err(self.error("at most 1000 layers"));
            }
            for _ in 0..times {
                all.extend(list.iter().cloned());
            }
            if !self.takes('+') {
                return Ok(all);
            }
        }
    }

    /// A list in brackets, or a tuple of items in parentheses.
    fn list<T>(&mut self, item: &impl Fn(&mut Self) -> Result<T, SpecError>) -> Result<Vec<T>, SpecError> {
        let closing = if self.takes('[') {
            ']'
        } else {
            self.expect('(', "`[`")?;
            ')'
        };
        let mut list = Vec::new();
        loop {
            if self.takes(closing) {
                return Ok(list);
            }
            list.push(item(self)?);
            if list.len() > MAX_LAYERS {
                return Err(self.error("at most 1000 layers"));
            }
            if !self.takes(',') {
                self.expect(closing, "`,` or the end of the list")?;
                return Ok(list);
            }
        }
    }

    /// `(channels, kernel_size)` or `(channels, kernel_size, residual)`.
    fn conv_layer(&mut self) -> Result<ConvLayer, SpecError> {
        self.expect('(', "`(`")?;
        let channels = self.number()?;
        self.expect(',', "`,`")?;
        let kernel_size = self.number()?;
        let mut residual = 1;
        if self.takes(',') && !self.rest.trim_start().starts_with(')') {
            residual = self.number()?;
            self.takes(',');
        }
        self.expect(')', "`)`")?;
        Ok(ConvLayer {
            channels,
            kernel_size,
            residual,
        })
    }
}

impl FromStr for ConvSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut reader = Reader::new(text);
        let layers = reader.lists(Reader::conv_layer)?;
        reader.end()?;
        Ok(Self(layers))
    }
}

impl FromStr for AttentionSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut reader = Reader::new(text);
        reader.skip_spaces();
        let spec = if reader.rest.starts_with(['[', '(']) {
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
                text.parse().map_err(de::Error::custom)
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
    }

    #[test]
    fn errors_name_the_place() {
        let error = |text: &str| text.parse::<ConvSpec>().unwrap_err().to_string();
        assert_eq!(error("[(512 3)]"), "expected `,` at character 7 of \"[(512 3)]\"");
        assert_eq!(
            error("[(512, x)]"),
            "expected a number at character 8 of \"[(512, x)]\""
        );
        assert!(error("[(512, 3)] * 1001").contains("at most 1000 layers"));
        assert!(error("[(512, 3)] * 99999999999999999999").contains("a number"));
        assert!(error("__import__('os')").contains("expected `[`"));
        assert!(error("[(512, 3)] - 1").contains("expected `+`, `*` or the end"));
        assert!("Yes".parse::<AttentionSpec>().is_err());
    }
}
