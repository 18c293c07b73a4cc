//! Which regular expressions of tokenizers are taken.
//!
//! The library's engine backtracks and panics when a match takes too many steps. Taken are expressions that find each
//! match in a number of steps that is linear in the text, and those of well-known models.

use regex_syntax::hir::{Hir, HirKind};

/// Expressions with look-ahead that end in linear time: of cl100k (GPT-4, Llama 3), of Qwen 2 and of GPT-2.
const KNOWN: [&str; 3] = [
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
];
/// Repetitions of up to this number count as bounded.
const FEW: u32 = 16;

/// Makes sure that an expression can be used.
///
/// # Errors
/// Why not.
pub(super) fn check(expression: &str) -> Result<(), String> {
    if KNOWN.contains(&expression) {
        return Ok(());
    }
    let hir = regex_syntax::parse(expression).map_err(|_| {
        format!(
            "the regular expression {expression:?} is not supported: it uses look-around or references, or it is broken"
        )
    })?;
    let simple = match hir.kind() {
        HirKind::Alternation(alternatives) => alternatives.iter().all(is_linear),
        _ => is_linear(&hir),
    };
    if simple {
        return Ok(());
    }
    Err(format!(
        "the regular expression {expression:?} is not supported: it may take too many steps to find a match"
    ))
}

/// Whether it repeats without a bound once at most, and only single characters.
fn is_linear(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Concat(parts) => {
            parts.iter().all(is_part) && parts.iter().filter(|part| repeats(part)).count() <= 1
        }
        _ => is_part(hir),
    }
}

fn is_part(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty => false,
        HirKind::Literal(_) | HirKind::Class(_) => true,
        HirKind::Look(_) => false,
        HirKind::Repetition(repetition) => {
            matches!(repetition.sub.kind(), HirKind::Class(_))
                || matches!(repetition.sub.kind(), HirKind::Literal(text) if is_one_character(&text.0))
        }
        HirKind::Capture(capture) => is_literals(&capture.sub),
        HirKind::Alternation(_) | HirKind::Concat(_) => is_literals(hir),
    }
}

/// Whether it is made of literals and classes alone.
fn is_literals(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => true,
        HirKind::Alternation(parts) | HirKind::Concat(parts) => parts.iter().all(is_literals),
        _ => false,
    }
}

fn repeats(hir: &Hir) -> bool {
    matches!(hir.kind(), HirKind::Repetition(repetition) if repetition.max.is_none_or(|most| most > FEW))
}

fn is_one_character(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.chars().count() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_in_use_are_taken_and_those_without_a_bound_are_not() {
        for good in [
            " {2,}",
            r"\s+",
            r"\p{N}{1,3}",
            r"'s|'t| ?\p{L}+|[0-9]",
            r"[^\s]+|a+",
        ] {
            check(good).unwrap();
        }
        KNOWN.iter().for_each(|known| check(known).unwrap());
        for bad in [
            "(a*)*b",
            "a*a*b",
            r"(?=a)b",
            r"(a)\1",
            "(",
            "",
            "a|",
            r"(?:ab|b)+",
            "^a",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
