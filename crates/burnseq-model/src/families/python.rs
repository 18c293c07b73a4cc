//! Lists as fairseq's users write them: literals of Python, such as `[3, 7] + [31] * 4`.

/// Most items that a list may have: one for each layer.
const MAX_ITEMS: usize = 1000;

/// A text is not the list that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at character {at}")]
pub struct LiteralError {
    expected: &'static str,
    /// Counted from 1.
    at: usize,
}

/// What is left of a text.
pub(super) struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, rest: text }
    }

    fn error(&self, expected: &'static str) -> LiteralError {
        LiteralError {
            expected,
            at: self.text[..self.text.len() - self.rest.len()].chars().count() + 1,
        }
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Whether a list comes next.
    pub(super) fn at_list(&mut self) -> bool {
        self.skip_spaces();
        self.rest.starts_with(['[', '('])
    }

    /// Whether `token` is next, which stays.
    pub(super) fn at(&mut self, token: char) -> bool {
        self.skip_spaces();
        self.rest.starts_with(token)
    }

    /// Whether `token` is next; it is read then.
    pub(super) fn takes(&mut self, token: char) -> bool {
        let found = self.at(token);
        if found {
            self.rest = &self.rest[token.len_utf8()..];
        }
        found
    }

    pub(super) fn expect(&mut self, token: char, expected: &'static str) -> Result<(), LiteralError> {
        if self.takes(token) {
            Ok(())
        } else {
            Err(self.error(expected))
        }
    }

    pub(super) fn number(&mut self) -> Result<usize, LiteralError> {
        self.skip_spaces();
        let digits = self
            .rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let number = self.rest[..digits].parse().map_err(|_| self.error("a number"))?;
        self.rest = &self.rest[digits..];
        Ok(number)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, LiteralError> {
        self.skip_spaces();
        for (name, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(name) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(self.error("True or False"))
    }

    pub(super) fn end(mut self) -> Result<(), LiteralError> {
        self.skip_spaces();
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.error("`+`, `*` or the end"))
        }
    }

    /// Sums of lists, each of which may be repeated.
    pub(super) fn lists<T: Clone>(
        &mut self,
        item: impl Fn(&mut Self) -> Result<T, LiteralError>,
    ) -> Result<Vec<T>, LiteralError> {
        let mut all = Vec::new();
        loop {
            let list = self.list(&item)?;
            let times = if self.takes('*') { self.number()? } else { 1 };
            if list.len().saturating_mul(times).saturating_add(all.len()) > MAX_ITEMS {
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
    fn list<T>(
        &mut self,
        item: &impl Fn(&mut Self) -> Result<T, LiteralError>,
    ) -> Result<Vec<T>, LiteralError> {
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
            if list.len() > MAX_ITEMS {
                return Err(self.error("at most 1000 layers"));
            }
            if !self.takes(',') {
                self.expect(closing, "`,` or the end of the list")?;
                return Ok(list);
            }
        }
    }

    /// Numbers between commas, without brackets.
    fn bare_numbers(&mut self) -> Result<Vec<usize>, LiteralError> {
        let mut numbers = vec![self.number()?];
        while self.takes(',') {
            self.skip_spaces();
            if self.rest.is_empty() {
                break;
            }
            numbers.push(self.number()?);
            if numbers.len() > MAX_ITEMS {
                return Err(self.error("at most 1000 layers"));
            }
        }
        Ok(numbers)
    }
}

/// Whole numbers: `[3, 7, 15]`, `(3, 7)`, `[3] + [31] * 6`, `3,7,15`, or one number alone.
///
/// # Errors
/// What was expected, and where.
pub fn numbers(text: &str) -> Result<Vec<usize>, LiteralError> {
    let mut reader = Reader::new(text);
    let numbers = if reader.at_list() {
        reader.lists(Reader::number)?
    } else {
        reader.bare_numbers()?
    };
    reader.end()?;
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_form_of_fairseq() {
        for (text, expected) in [
            ("[3,7,15]", vec![3, 7, 15]),
            (" (3, 7,) ", vec![3, 7]),
            ("3,7, 15", vec![3, 7, 15]),
            ("31", vec![31]),
            ("[3] * 2 + [7]", vec![3, 3, 7]),
            ("[]", vec![]),
        ] {
            assert_eq!(numbers(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_numbers_is_refused_with_its_place() {
        for (text, expected) in [
            ("", "expected a number at character 1"),
            ("[3, x]", "expected a number at character 5"),
            ("[3, -1]", "expected a number at character 5"),
            ("[3", "expected `,` or the end of the list at character 3"),
            ("[3] 4", "expected `+`, `*` or the end at character 5"),
            ("3 7", "expected `+`, `*` or the end at character 3"),
            ("[3] * 1001", "expected at most 1000 layers at character 11"),
        ] {
            assert_eq!(numbers(text).unwrap_err().to_string(), expected, "{text}");
        }
    }
}
