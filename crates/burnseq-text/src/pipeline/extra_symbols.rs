//! Symbols that stay whole in raw text, such as a separator between a question and its answer.

/// The symbols of a pipeline, the longest first, so that one that begins another one does not cut it.
#[derive(Debug, Clone, Default)]
pub(super) struct ExtraSymbols(Vec<String>);

/// A stretch of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// What lies between symbols.
    Text(&'a str),
    /// One of the symbols.
    Symbol(&'a str),
}

impl ExtraSymbols {
    pub(super) fn new(symbols: &[String]) -> Self {
        let mut symbols = symbols.to_vec();
        symbols.sort_by_key(|symbol| std::cmp::Reverse(symbol.len()));
        Self(symbols)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|symbol| symbol == token)
    }

    /// The parts of a line in their order; texts are not empty.
    pub(super) fn parts<'a>(&self, line: &'a str) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        let mut rest = line;
        while !rest.is_empty() {
            let found = self
                .0
                .iter()
                .filter_map(|symbol| Some((rest.find(symbol.as_str())?, symbol.len())))
                .min_by_key(|&(at, length)| (at, std::cmp::Reverse(length)));
            let (at, length) = found.unwrap_or((rest.len(), 0));
            if at > 0 {
                parts.push(Part::Text(&rest[..at]));
            }
            if length > 0 {
                parts.push(Part::Symbol(&rest[at..at + length]));
            }
            rest = &rest[at + length..];
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_symbols_and_the_longest_wins() {
        let symbols = ExtraSymbols::new(&["<a>".to_owned(), "<a><b>".to_owned(), "|".to_owned()]);
        let parts = symbols.parts("x <a><b>y|<a>");
        let expected = [
            Part::Text("x "),
            Part::Symbol("<a><b>"),
            Part::Text("y"),
            Part::Symbol("|"),
            Part::Symbol("<a>"),
        ];
        assert_eq!(parts, expected);
        assert_eq!(symbols.parts("no symbol"), [Part::Text("no symbol")]);
        assert!(symbols.parts("").is_empty());
        assert_eq!(ExtraSymbols::default().parts("<a>"), [Part::Text("<a>")]);
    }
}
