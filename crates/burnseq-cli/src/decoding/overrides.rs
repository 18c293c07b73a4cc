//! The value of `--model-overrides`: a dictionary, written as JSON or as Python does.

use serde_json::{Map, Number, Value};

/// Settings by name.
pub type Overrides = Map<String, Value>;

/// Deepest nesting of lists and dictionaries.
const MAX_DEPTH: usize = 16;

/// Reads a dictionary literal of Python or a JSON object; what both share is read alike.
///
/// # Errors
/// What was expected, and where.
pub(crate) fn parse(text: &str) -> Result<Overrides, String> {
    let mut parser = Parser {
        text,
        position: 0,
        depth: 0,
    };
    let value = parser.value().and_then(|value| {
        parser.skip_space();
        if parser.rest().is_empty() {
            Ok(value)
        } else {
            Err(parser.expected("nothing more"))
        }
    });
    let hint = "give a dictionary, such as \"{'encoder_layers': 3}\"";
    match value {
        Ok(Value::Object(overrides)) => Ok(overrides),
        Ok(_) => Err(format!("expected a dictionary\nhint: {hint}")),
        Err(problem) => Err(format!("{problem}\nhint: {hint}")),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Bytes read.
    position: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.position..]
    }

    fn skip_space(&mut self) {
        self.position = self.text.len() - self.rest().trim_start().len();
    }

    fn expected(&self, what: &str) -> String {
        let place = self.text[..self.position].chars().count() + 1;
        let found: String = self.rest().chars().take(10).collect();
        if found.is_empty() {
            format!("expected {what} at the end")
        } else {
            format!("expected {what} at character {place}, got {found:?}")
        }
    }

    /// Reads `token` if it comes next.
    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(token);
        if found {
            self.position += token.len();
        }
        found
    }

    fn value(&mut self) -> Result<Value, String> {
        self.skip_space();
        match self.rest().chars().next() {
            Some('{') => self.nested(Self::dictionary),
            Some('[') => self.nested(|parser| parser.list("[", "]")),
            Some('(') => self.nested(|parser| parser.list("(", ")")),
            Some('"' | '\'') => self.string().map(Value::String),
            _ => self.word(),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Value, String>) -> Result<Value, String> {
        if self.depth == MAX_DEPTH {
            return Err(self.expected("no deeper nesting"));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn dictionary(&mut self) -> Result<Value, String> {
        self.take("{");
        let mut entries = Map::new();
        while !self.take("}") {
            if !entries.is_empty() && !self.take(",") {
                return Err(self.expected("`,` or `}`"));
            }
            if !entries.is_empty() && self.take("}") {
                break;
            }
            let key = self.string()?;
            if !self.take(":") {
                return Err(self.expected("`:`"));
            }
            let value = self.value()?;
            entries.insert(key, value);
        }
        Ok(Value::Object(entries))
    }

    fn list(&mut self, open: &str, close: &str) -> Result<Value, String> {
        self.take(open);
        let mut items = Vec::new();
        while !self.take(close) {
            if !items.is_empty() && !self.take(",") {
                return Err(self.expected(&format!("`,` or `{close}`")));
            }
            if !items.is_empty() && self.take(close) {
                break;
            }
            items.push(self.value()?);
        }
        Ok(Value::Array(items))
    }

    fn string(&mut self) -> Result<String, String> {
        self.skip_space();
        let quote = match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => quote,
            _ => return Err(self.expected("a string in quotes")),
        };
        let mut string = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((place, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.position += place + 1;
                    return Ok(string);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => string.push('\n'),
                    Some((_, 't')) => string.push('\t'),
                    Some((_, c @ ('\\' | '/' | '"' | '\''))) => string.push(c),
                    _ => {
                        self.position += place;
                        return Err(self.expected("one of the escapes \\n \\t \\\\ \\/ \\\" \\'"));
                    }
                },
                c => string.push(c),
            }
        }
        Err(self.expected(&format!("a closing {quote}")))
    }

    /// A number or one of the constants.
    fn word(&mut self) -> Result<Value, String> {
        let end = self
            .rest()
            .find(|c: char| !(c.is_alphanumeric() || "+-._".contains(c)));
        let word = &self.rest()[..end.unwrap_or(self.rest().len())];
        let value = match word {
            "True" | "true" => Value::Bool(true),
            "False" | "false" => Value::Bool(false),
            "None" | "null" => Value::Null,
            word => {
                let integer = word.parse::<i64>().ok().map(Number::from);
                let number = integer.or_else(|| word.parse().ok().and_then(Number::from_f64));
                Value::Number(number.ok_or_else(|| self.expected("a value"))?)
            }
        };
        self.position += word.len();
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn python_and_json_are_read_alike() {
        let expected =
            json!({"encoder_layers": 3, "dropout": 0.3, "share": true, "data": null, "betas": [0.9, 0.98]});
        for text in [
            "{'encoder_layers': 3, 'dropout': 0.3, 'share': True, 'data': None, 'betas': (0.9, 0.98,)}",
            r#"{"encoder_layers":3,"dropout":3e-1,"share":true,"data":null,"betas":[0.9,0.98]}"#,
            " { \"encoder_layers\" : 3 , 'dropout': .3, 'share': True, 'data': None, 'betas': [0.9, 0.98], } ",
        ] {
            assert_eq!(Value::Object(parse(text).unwrap()), expected, "{text}");
        }
        assert!(parse("{}").unwrap().is_empty());
        assert_eq!(parse(r"{'a': 'it\'s', 'b': {'c': -1}}").unwrap()["a"], "it's");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("[1]", "expected a dictionary"),
            ("", "expected a value at the end"),
            ("{'a': 3", "expected `,` or `}` at the end"),
            ("{'a' 3}", "expected `:` at character 6, got \"3}\""),
            ("{a: 3}", "expected a string in quotes at character 2"),
            ("{'a': x}", "expected a value at character 7, got \"x}\""),
            ("{'a': nan}", "expected a value"),
            ("{'a': 'b}", "expected a closing '"),
            ("{'a': 1} 2", "expected nothing more at character 10"),
            ("{'ä': ö}", "at character 7"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(
                problem.starts_with(expected) || problem.contains(expected),
                "{text}: {problem}"
            );
        }
        assert!(
            parse(&format!("{{'a': {}", "[".repeat(100_000)))
                .unwrap_err()
                .contains("deeper")
        );
    }
}
