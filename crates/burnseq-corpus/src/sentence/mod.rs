//! Sentence patterns, and how often they occur.

mod complex;
mod questions;
mod simple;

use crate::Pair;
use crate::clause::{Clause, Order};
use crate::punctuation::finish;
use crate::sampler::Sampler;
use complex::{contrast, described_person, infinitive, quotation, reported, sequence, subordinate};
use questions::{question_word, yes_no_question};
use simple::{comparison, description, existence, liking, measure, order, statement, stressed_object};

/// A sentence pattern.
type Pattern = fn(&mut Sampler) -> Pair;

/// Patterns and how often they occur, out of 100.
const PATTERNS: &[(usize, Pattern)] = &[
    (23, statement),
    (5, stressed_object),
    (7, description),
    (3, comparison),
    (3, measure),
    (8, yes_no_question),
    (10, question_word),
    (7, reported),
    (9, subordinate),
    (6, described_person),
    (6, infinitive),
    (4, order),
    (3, contrast),
    (2, existence),
    (3, liking),
    (1, quotation),
    (2, sequence),
];

/// One random sentence in both languages.
pub(crate) fn sentence(sampler: &mut Sampler) -> Pair {
    let pattern = sampler.rng.weighted(PATTERNS);
    pattern(sampler)
}

fn pair(de: &str, en: &str, mark: &str) -> Pair {
    Pair {
        de: finish(&format!("{de} {mark}"), false),
        en: finish(&format!("{en} {mark}"), true),
    }
}

fn one_clause(clause: &Clause, order: Order, mark: &str) -> Pair {
    pair(&clause.german(order), &clause.english(mark == "?"), mark)
}
