//! Splits: distinct sentences, nothing of validation and test in training, but every word of theirs.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use crate::Pair;
use crate::rng::Rng;
use crate::sampler::Sampler;
use crate::sentence::sentence;

/// The seed of the corpus in `data/`.
pub const SEED: u64 = 20_251;

/// German sentences longer than this many words are not kept.
const MAX_WORDS: usize = 18;

/// How many pairs each split gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Pairs in [`Corpus::train`].
    pub train: usize,
    /// Pairs in [`Corpus::valid`].
    pub valid: usize,
    /// Pairs in [`Corpus::test`].
    pub test: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            train: 20_000,
            valid: 500,
            test: 500,
        }
    }
}

/// A generated corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    /// What a model learns from.
    pub train: Vec<Pair>,
    /// What training is watched with.
    pub valid: Vec<Pair>,
    /// What the score is for.
    pub test: Vec<Pair>,
}

/// A split's name and pairs.
pub type Split<'a> = (&'static str, &'a [Pair]);

impl Corpus {
    /// The corpus of a seed. All German sentences differ from one another, and so do all English ones.
    ///
    /// Validation and test contain compounds that training lacks, but no other word and no part of a compound.
    #[must_use]
    pub fn generate(seed: u64, sizes: Sizes) -> Self {
        let mut seen = Seen::default();
        let mut sampler = Sampler {
            rng: Rng::new(seed),
            held_out: false,
        };
        let mut train = Vec::with_capacity(sizes.train);
        while train.len() < sizes.train {
            let pair = sentence(&mut sampler);
            if is_short(&pair) && seen.is_new(&pair) {
                train.push(pair);
            }
        }
        let known = Vocabulary::of(&train);
        sampler.held_out = true;
        let mut later = Vec::with_capacity(sizes.valid + sizes.test);
        while later.len() < sizes.valid + sizes.test {
            let pair = sentence(&mut sampler);
            if is_short(&pair) && known.covers(&pair) && seen.is_new(&pair) {
                later.push(pair);
            }
        }
        let test = later.split_off(sizes.valid);
        Self {
            train,
            valid: later,
            test,
        }
    }

    /// The splits in their usual order.
    #[must_use]
    pub fn splits(&self) -> [Split<'_>; 3] {
        [
            ("train", &self.train),
            ("valid", &self.valid),
            ("test", &self.test),
        ]
    }

    /// Writes `train.de`, `train.en` and so on, one sentence per line.
    ///
    /// # Errors
    /// When the folder cannot be made or a file cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for (name, pairs) in self.splits() {
            let lines = |side: fn(&Pair) -> &str| {
                pairs
                    .iter()
                    .map(|pair| format!("{}\n", side(pair)))
                    .collect::<String>()
            };
            std::fs::write(folder.join(format!("{name}.de")), lines(|pair| &pair.de))?;
            std::fs::write(folder.join(format!("{name}.en")), lines(|pair| &pair.en))?;
        }
        Ok(())
    }
}

fn is_short(pair: &Pair) -> bool {
    pair.de.split(' ').count() <= MAX_WORDS
}

/// What has been written so far.
#[derive(Default)]
struct Seen {
    de: HashSet<String>,
    en: HashSet<String>,
}

impl Seen {
    /// Notes the pair, unless one of its sides is there already.
    fn is_new(&mut self, pair: &Pair) -> bool {
        if self.de.contains(&pair.de) || self.en.contains(&pair.en) {
            return false;
        }
        self.de.insert(pair.de.clone());
        self.en.insert(pair.en.clone());
        true
    }
}

/// The words of the training set, in lower case.
struct Vocabulary {
    de: HashSet<String>,
    en: HashSet<String>,
}

impl Vocabulary {
    fn of(pairs: &[Pair]) -> Self {
        Self {
            de: pairs.iter().flat_map(|pair| words(&pair.de)).collect(),
            en: pairs.iter().flat_map(|pair| words(&pair.en)).collect(),
        }
    }

    /// Every word is known, or a German compound of a known first part and a known noun.
    fn covers(&self, pair: &Pair) -> bool {
        words(&pair.en).all(|word| self.en.contains(&word))
            && words(&pair.de).all(|word| self.de.contains(&word) || self.is_compound(&word))
    }

    fn is_compound(&self, word: &str) -> bool {
        crate::lexicon::nouns::MODIFIERS.iter().any(|modifier| {
            let first = modifier.de.to_lowercase();
            word.strip_prefix(first.as_str())
                .is_some_and(|head| self.de.contains(head))
        })
    }
}

/// Lower-cased words without punctuation.
fn words(sentence: &str) -> impl Iterator<Item = String> {
    let is_mark = |letter: char| ".,?!:„“\"".contains(letter);
    sentence
        .split(' ')
        .map(move |word| word.trim_matches(is_mark).to_lowercase())
}
