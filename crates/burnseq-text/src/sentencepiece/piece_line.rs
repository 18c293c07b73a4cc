//! A line of pieces in the making.

/// Pieces separated by blanks, with those that the model does not know written as the library writes them.
pub(super) struct PieceLine {
    line: String,
    byte_fallback: bool,
    after_unknown: bool,
}

impl PieceLine {
    /// Without pieces yet. `byte_fallback`: unknown characters become pieces that stand for their bytes.
    pub(super) fn new(byte_fallback: bool, capacity: usize) -> Self {
        Self {
            line: String::with_capacity(capacity),
            byte_fallback,
            after_unknown: false,
        }
    }

    pub(super) fn push_known(&mut self, piece: &str) {
        if !self.line.is_empty() {
            self.line.push(' ');
        }
        self.line.push_str(piece);
        self.after_unknown = false;
    }

    /// Bytes, where the model has them; else one piece for all unknown characters in a row.
    pub(super) fn push_unknown(&mut self, piece: &str) {
        if self.byte_fallback {
            for byte in piece.bytes() {
                self.push_known(&format!("<0x{byte:02X}>"));
            }
        } else if self.after_unknown {
            self.line.push_str(piece);
        } else {
            self.push_known(piece);
            self.after_unknown = true;
        }
    }

    pub(super) fn finish(self) -> String {
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_characters_in_a_row_are_one_piece_or_bytes() {
        let line = |byte_fallback: bool| {
            let mut line = PieceLine::new(byte_fallback, 0);
            line.push_known("a");
            line.push_unknown("ü");
            line.push_unknown("b");
            line.push_known("c");
            line.push_unknown("d");
            line.finish()
        };
        assert_eq!(line(false), "a üb c d");
        assert_eq!(line(true), "a <0xC3> <0xBC> <0x62> c <0x64>");
    }
}
