//! Lines of text in one string: one allocation for thousands of them.

/// Lines in one string.
#[derive(Debug, Default, Clone)]
pub(crate) struct Lines {
    text: String,
    ends: Vec<usize>,
}

impl Lines {
    pub(crate) fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.ends.push(self.text.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all lines.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn line(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }
}
