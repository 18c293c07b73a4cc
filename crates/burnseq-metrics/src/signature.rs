//! The settings behind a score, in sacreBLEU's notation (Post 2018), so that others can repeat it.

use std::fmt;

/// What stands in a signature's `version:` unless [`Signature::with_version`] says otherwise.
pub const VERSION: &str = concat!("burnseq-", env!("CARGO_PKG_VERSION"));

/// How many references the segments of a corpus have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceCount {
    /// All segments have this many.
    Fixed(usize),
    /// The number differs between segments.
    Variable,
}

impl fmt::Display for ReferenceCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(count) => count.fmt(f),
            Self::Variable => f.write_str("var"),
        }
    }
}

/// `key:value` pairs that name the settings of a score; printed as
/// `nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pairs: Vec<(&'static str, String)>,
    version: String,
}

impl Signature {
    /// A signature that holds the number of references and nothing else yet.
    pub fn new(references: ReferenceCount) -> Self {
        Self {
            pairs: vec![("nrefs", references.to_string())],
            version: VERSION.to_owned(),
        }
    }

    /// The same signature with one more pair at its end (before the version).
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.pairs.push((key, value.to_string()));
        self
    }

    /// The same signature with the kind and number of random trials and their seed, which stand
    /// behind the number of references: `bs` for bootstrap resampling, `ar` for approximate randomisation.
    pub fn with_trials(mut self, kind: &'static str, trials: usize, seed: u64) -> Self {
        self.pairs.insert(1, (kind, trials.to_string()));
        self.pairs.insert(2, ("seed", seed.to_string()));
        self
    }

    /// The same signature with `yes` or `no` for `key`.
    pub(crate) fn with_choice(self, key: &'static str, value: bool) -> Self {
        self.with(key, if value { "yes" } else { "no" })
    }

    /// The same signature with `case:lc` or `case:mixed`.
    pub(crate) fn with_case(self, lowercase: bool) -> Self {
        self.with("case", if lowercase { "lc" } else { "mixed" })
    }

    /// The same signature with another `version:`. `2.6.0` claims compatibility with that
    /// sacreBLEU, which is what the scores of this crate are checked against.
    pub fn with_version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// All keys with their values in the order of the signature, the version last.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let pairs = self.pairs.iter().map(|(key, value)| (*key, value.as_str()));
        pairs.chain([("version", self.version.as_str())])
    }

    /// The value of `key`, if the signature has it.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.pairs().find(|(k, _)| *k == key).map(|(_, value)| value)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (key, value)) in self.pairs().enumerate() {
            let bar = if number == 0 { "" } else { "|" };
            write!(f, "{bar}{key}:{value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_comes_last_and_is_ours_by_default() {
        let signature = Signature::new(ReferenceCount::Variable).with_case(true);
        assert_eq!(
            signature.to_string(),
            format!("nrefs:var|case:lc|version:{VERSION}")
        );
        assert!(VERSION.starts_with("burnseq-"));
        assert_eq!(signature.with_version("2.6.0").value("version"), Some("2.6.0"));
    }
}
