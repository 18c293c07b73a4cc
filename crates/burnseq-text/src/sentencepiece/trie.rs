//! Strings by their characters, to find all that a text begins with.

use rustc_hash::FxHashMap;

/// Node without children at the start.
const ROOT: u32 = 0;

/// A set of strings, each with a value.
#[derive(Debug, Default)]
pub(super) struct Trie<T> {
    children: FxHashMap<(u32, u32), u32>,
    values: Vec<Option<T>>,
}

impl<T: Copy> Trie<T> {
    pub(super) fn new<'a>(strings: impl IntoIterator<Item = (&'a str, T)>) -> Self {
        let mut trie = Self {
            children: FxHashMap::default(),
            values: vec![None],
        };
        for (string, value) in strings {
            let mut node = ROOT;
            for c in string.chars() {
                let next = u32::try_from(trie.values.len()).expect("a model has fewer than 2^32 characters");
                node = *trie.children.entry((node, c as u32)).or_insert(next);
                if node == next {
                    trie.values.push(None);
                }
            }
            trie.values[node as usize] = Some(value);
        }
        trie
    }

    /// Length in bytes and value of each string that `text` begins with, the shortest first.
    pub(super) fn prefixes<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, T)> + 'a {
        let mut node = ROOT;
        let nodes = text.char_indices().map_while(move |(begin, c)| {
            node = *self.children.get(&(node, c as u32))?;
            Some((begin + c.len_utf8(), self.values[node as usize]))
        });
        nodes.filter_map(|(length, value)| Some((length, value?)))
    }

    /// Length in bytes and value of the longest string that `text` begins with.
    pub(super) fn longest_prefix(&self, text: &str) -> Option<(usize, T)> {
        self.prefixes(text).last()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.children.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_strings_that_a_text_begins_with_are_found() {
        let trie = Trie::new([("ab", 1), ("a", 2), ("abcü", 3), ("b", 4), ("ab", 5)]);
        let found = |text: &str| trie.prefixes(text).collect::<Vec<_>>();
        assert_eq!(found("abcüd"), [(1, 2), (2, 5), (5, 3)]);
        assert_eq!(found("abd"), [(1, 2), (2, 5)]);
        assert!(found("c").is_empty() && found("").is_empty());
        assert_eq!(trie.longest_prefix("abc"), Some((2, 5)));
        assert_eq!(trie.longest_prefix("xab"), None);
        assert!(!trie.is_empty() && Trie::<u8>::new([]).is_empty());
    }
}
