//! Values of flags in the spellings that fairseq takes: comma lists and Python literals.

use std::fmt::Display;
use std::str::FromStr;

/// A list of values: `5e-4`, `5e-4,1e-4`, `[5e-4, 1e-4]` or `(0.9, 0.98)`.
#[derive(Debug, Clone, PartialEq)]
pub struct List<T>(pub Vec<T>);

impl<T> FromStr for List<T>
where
    T: FromStr,
    T::Err: Display,
{
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let inner = strip_brackets(text.trim())?;
        let items = inner.trim_end().strip_suffix(',').unwrap_or(inner);
        let values: Result<Vec<T>, String> = items
            .split(',')
            .map(|item| {
                let item = item.trim();
                item.parse().map_err(|error| format!("`{item}`: {error}"))
            })
            .collect();
        values.map(Self)
    }
}

/// What is between `(` and `)` or `[` and `]`, or the text itself.
fn strip_brackets(text: &str) -> Result<&str, String> {
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some(rest) = text.strip_prefix(open) {
            return rest
                .strip_suffix(close)
                .ok_or_else(|| format!("`{open}` without `{close}`"));
        }
    }
    Ok(text)
}

/// Adam's two decay rates: `0.9,0.98` or `(0.9, 0.98)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Betas(pub f64, pub f64);

impl FromStr for Betas {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<List<f64>>()?.0.as_slice() {
            [first, second] => Ok(Self(*first, *second)),
            other => Err(format!(
                "expected two numbers such as `(0.9, 0.98)`, got {}",
                other.len()
            )),
        }
    }
}

/// Three shares: `0.1,0.4,0.5` or `(0.1, 0.4, 0.5)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares(pub f64, pub f64, pub f64);

impl FromStr for Shares {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<List<f64>>()?.0.as_slice() {
            [first, second, third] => Ok(Self(*first, *second, *third)),
            other => Err(format!(
                "expected three numbers such as `(0.1, 0.4, 0.5)`, got {}",
                other.len()
            )),
        }
    }
}

/// A limit for which fairseq writes "none" as a number at or below some value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit(pub i64);

impl FromStr for Limit {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Limit {
    /// The limit, where 0 and below mean none.
    pub fn above_zero(self) -> Option<u64> {
        u64::try_from(self.0).ok().filter(|&limit| limit > 0)
    }

    /// As [`above_zero`](Self::above_zero), for a number of things in memory.
    pub fn count(self) -> Option<usize> {
        self.above_zero()
            .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Vec<f64>, String> {
        text.parse::<List<f64>>().map(|list| list.0)
    }

    #[test]
    fn lists_are_taken_in_all_spellings() {
        assert_eq!(list("5e-4"), Ok(vec![5e-4]));
        assert_eq!(list("5e-4,1e-4"), Ok(vec![5e-4, 1e-4]));
        assert_eq!(list("[5e-4, 1e-4]"), Ok(vec![5e-4, 1e-4]));
        assert_eq!(list("(0.9, 0.98)"), Ok(vec![0.9, 0.98]));
        assert_eq!(list("(0.9,)"), Ok(vec![0.9]));
        assert!(list("(0.9").unwrap_err().contains("without"));
        assert!(list("0.9;1").unwrap_err().contains("`0.9;1`"));
        assert!(list("").is_err());
    }

    #[test]
    fn betas_are_two() {
        assert_eq!("(0.9, 0.98)".parse(), Ok(Betas(0.9, 0.98)));
        assert_eq!("0.9,0.98".parse(), Ok(Betas(0.9, 0.98)));
        assert!("0.9".parse::<Betas>().is_err());
    }

    #[test]
    fn shares_are_three() {
        assert_eq!("(0.1, 0.4, 0.5)".parse(), Ok(Shares(0.1, 0.4, 0.5)));
        assert!("0.5,0.5".parse::<Shares>().unwrap_err().contains("three"));
    }

    #[test]
    fn no_limit_is_written_as_in_fairseq() {
        let limit = |text: &str| text.parse::<Limit>().unwrap();
        assert_eq!(
            (limit("0").above_zero(), limit("7").above_zero()),
            (None, Some(7))
        );
        assert_eq!((limit("-1").count(), limit("7").count()), (None, Some(7)));
    }
}
