//! Words and their pieces, remembered: text repeats its words, and looking one up takes far less time than segmenting it.

use std::hash::Hasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::{FxHashMap, FxHasher};

/// Bytes of words and pieces that are remembered at most, which are some 80,000 words; then the memory starts afresh. The
/// table takes up to 4 MiB more.
const CAPACITY: usize = 2 << 20;

/// Longer words (in bytes) are not remembered: they are rare, and the room is for those that come back.
const LONGEST: usize = 128;

/// The memory of one model. Threads that share it wait for each other; a clone remembers on its own, from nothing.
#[derive(Debug, Default)]
pub(crate) struct WordCache {
    words: Mutex<KnownWords>,
}

impl Clone for WordCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl WordCache {
    /// The memory, for as long as a line takes.
    pub(crate) fn lock(&self) -> MutexGuard<'_, KnownWords> {
        // A poisoned lock only means that another thread panicked; the entries are complete.
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct KnownWords {
    /// By the hashes of the words; of two words with the same hash the later one is remembered.
    entries: FxHashMap<u64, Entry>,
    /// Each word with its pieces behind it: they are found in one place of the memory.
    text: String,
}

/// A place in the text.
#[derive(Debug, Clone, Copy)]
struct Entry {
    begin: u32,
    word_len: u32,
    pieces_len: u32,
}

impl KnownWords {
    /// The pieces of a word, as they were given to [`KnownWords::insert`].
    pub(crate) fn get(&self, word: &str) -> Option<&str> {
        let entry = self.entries.get(&hash(word))?;
        let text = &self.text[entry.begin as usize..];
        let pieces = text.strip_prefix(word)?;
        (entry.word_len as usize == word.len()).then(|| &pieces[..entry.pieces_len as usize])
    }

    /// Remembers the pieces of a word that is not known yet.
    pub(crate) fn insert(&mut self, word: &str, pieces: &str) {
        let bytes = word.len() + pieces.len();
        if word.len() > LONGEST || bytes > CAPACITY {
            return;
        }
        if self.text.len() + bytes > CAPACITY {
            self.entries.clear();
            self.text.clear();
        }
        let len = |text: &str| u32::try_from(text.len()).expect("the capacity is below 4 GiB");
        let entry = Entry {
            begin: len(&self.text),
            word_len: len(word),
            pieces_len: len(pieces),
        };
        self.text.push_str(word);
        self.text.push_str(pieces);
        self.entries.insert(hash(word), entry);
    }
}

fn hash(word: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(word.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_starts_afresh() {
        let cache = WordCache::default();
        let mut known = cache.lock();
        let pieces = "p".repeat(1000);
        let fitting = CAPACITY / 1005;
        for number in 0..fitting {
            known.insert(&format!("{number:05}"), &pieces);
        }
        assert_eq!(known.entries.len(), fitting);
        assert!((0..fitting).all(|number| known.get(&format!("{number:05}")) == Some(pieces.as_str())));
        known.insert("one more", &pieces);
        assert_eq!(known.get("00000"), None);
        assert_eq!(known.get("one more"), Some(pieces.as_str()));
        assert_eq!((known.entries.len(), known.text.len()), (1, 1008));
        known.insert("too much", &"p".repeat(CAPACITY));
        assert_eq!(known.get("too much"), None);
        assert_eq!(known.entries.len(), 1);
    }

    #[test]
    fn words_are_told_apart() {
        let mut known = KnownWords::default();
        // What stands in the text behind `a` begins like the word `ab`.
        known.insert("a", "bc");
        known.insert("ab", "");
        assert_eq!(
            (known.get("a"), known.get("ab"), known.get("abc")),
            (Some("bc"), Some(""), None)
        );
        // Another word of the same hash.
        let entry = known.entries[&hash("a")];
        known.entries.insert(hash("abc"), entry);
        known.entries.insert(hash("b"), entry);
        assert_eq!((known.get("abc"), known.get("b")), (None, None));
    }

    #[test]
    fn long_words_are_not_remembered_and_clones_remember_on_their_own() {
        let cache = WordCache::default();
        let (long, longest) = ("w".repeat(LONGEST + 1), "w".repeat(LONGEST));
        cache.lock().insert(&long, "piece");
        cache.lock().insert(&longest, "piece");
        assert_eq!(cache.lock().get(&long), None);
        assert_eq!(cache.lock().get(&longest), Some("piece"));
        assert_eq!(cache.clone().lock().get(&longest), None);
    }
}
