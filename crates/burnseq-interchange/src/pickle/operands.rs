//! What follows an instruction: numbers, texts, names. Lengths are checked before anything is allocated.

use super::PickleError;
use super::graph::Node;
use super::opcode::*;
use super::reader::{Machine, Result};

impl<'a> Machine<'a> {
    pub(super) fn number(&mut self, opcode: u8) -> Result<Node> {
        let node = match opcode {
            BININT => {
                let bytes = self.take(4)?.try_into().expect("four bytes were taken");
                Node::Int(i128::from(i32::from_le_bytes(bytes)))
            }
            BININT1 => Node::Int(self.unsigned(1)? as i128),
            BININT2 => Node::Int(self.unsigned(2)? as i128),
            BINFLOAT => {
                let bytes = self.take(8)?.try_into().expect("eight bytes were taken");
                Node::Float(f64::from_be_bytes(bytes))
            }
            LONG1 | LONG4 => {
                let length = self.unsigned(if opcode == LONG1 { 1 } else { 4 })?;
                let bytes = self.take(length)?;
                if length > 16 {
                    return Err(self.broken("an integer has more than 128 bits"));
                }
                let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
                let mut wide = [if negative { 0xff } else { 0 }; 16];
                wide[..length].copy_from_slice(bytes);
                Node::Int(i128::from_le_bytes(wide))
            }
            INT | LONG => match self.line()? {
                "00" => Node::Bool(false),
                "01" => Node::Bool(true),
                text => match text.trim_end_matches('L').parse() {
                    Ok(number) => Node::Int(number),
                    Err(_) => return Err(self.broken("an integer is not one")),
                },
            },
            _ => match self.line()?.parse() {
                Ok(number) => Node::Float(number),
                Err(_) => return Err(self.broken("a number is not one")),
            },
        };
        Ok(node)
    }

    /// Text; the strings of Python 2, which may be either, are text when they are UTF-8.
    pub(super) fn text(&mut self, opcode: u8) -> Result<Node> {
        let bytes = match opcode {
            STRING => {
                let line = self.line()?;
                let quoted = |quote: char| line.strip_prefix(quote)?.strip_suffix(quote);
                let inside = quoted('\'').or_else(|| quoted('"'));
                match inside {
                    Some(text) if !text.contains('\\') => text.as_bytes(),
                    _ => {
                        return Err(
                            self.broken("a string has no quotes, or escapes, which no checkpoint needs")
                        );
                    }
                }
            }
            UNICODE => match self.line()? {
                text if !text.contains('\\') => text.as_bytes(),
                _ => return Err(self.broken("a text has escapes, which no checkpoint needs")),
            },
            _ => {
                let length = match opcode {
                    SHORT_BINSTRING | SHORT_BINUNICODE => self.unsigned(1)?,
                    BINSTRING | BINUNICODE => self.unsigned(4)?,
                    _ => self.unsigned(8)?,
                };
                self.take(length)?
            }
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Node::Str(text.to_owned())),
            Err(_) if matches!(opcode, BINSTRING | SHORT_BINSTRING) => Ok(Node::Bytes(bytes.to_vec())),
            Err(_) => Err(self.broken("a text is not UTF-8")),
        }
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let taken = self
            .at
            .checked_add(length)
            .and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(PickleError::Truncated {
            offset: self.bytes.len(),
        })?;
        self.at += length;
        Ok(taken)
    }

    /// A little-endian number of `width` bytes, at most 8.
    pub(super) fn unsigned(&mut self, width: usize) -> Result<usize> {
        let bytes = self.take(width)?;
        let value = bytes
            .iter()
            .rev()
            .fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        usize::try_from(value).map_err(|_| self.broken("a length is larger than memory"))
    }

    /// Up to the next line feed, without it.
    pub(super) fn line(&mut self) -> Result<&'a str> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            return Err(PickleError::Truncated {
                offset: self.bytes.len(),
            });
        };
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).map_err(|_| self.broken("a name is not UTF-8"))
    }

    pub(super) fn line_number(&mut self) -> Result<usize> {
        let line = self.line()?;
        line.parse()
            .map_err(|_| self.broken("the number of a stored value is not one"))
    }
}
