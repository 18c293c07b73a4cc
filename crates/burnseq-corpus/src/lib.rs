//! The small German-English corpus in `data/`, written by a grammar.
//!
//! The parts, in the order in which words become sentences:
//! - `lexicon`: nouns, verbs, adjectives and the rest, with one English word for each German one;
//! - `german`, `english`: inflection, that is case, gender, number, person and tense;
//! - `noun_phrase`, `clause`, `punctuation`: which word goes where;
//! - `sampler`, `sentence`: which words and patterns occur together;
//! - [`Corpus`]: 20,000 training, 500 validation and 500 test pairs from a seed.
//!
//! ```
//! use burnseq_corpus::{Corpus, SEED, Sizes};
//!
//! let corpus = Corpus::generate(SEED, Sizes { train: 300, valid: 10, test: 10 });
//! assert_eq!((corpus.train.len(), corpus.valid.len(), corpus.test.len()), (300, 10, 10));
//! assert!(corpus.train.iter().all(|pair| pair.de != pair.en));
//! ```

mod clause;
mod corpus;
mod english;
mod german;
mod lexicon;
mod noun_phrase;
mod punctuation;
mod rng;
mod sampler;
mod sentence;

pub use corpus::{Corpus, SEED, Sizes, Split};

/// A sentence and its translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// German.
    pub de: String,
    /// English.
    pub en: String,
}
