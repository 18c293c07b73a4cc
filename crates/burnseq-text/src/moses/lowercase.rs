//! Lower case, character by character.

/// The line in lower case, as `lowercase.perl`: each character by itself, so that a capital sigma
/// becomes `σ` even at the end of a word.
pub fn lowercase(line: &str) -> String {
    line.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_do_not_depend_on_their_neighbours() {
        assert_eq!(lowercase("ÄÖÜ ẞ İ ΟΔΟΣ &QUOT;"), "äöü ß i\u{307} οδοσ &quot;");
    }
}
