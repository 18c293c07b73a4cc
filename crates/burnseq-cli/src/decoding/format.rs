//! Numbers and lines as fairseq prints them.

use std::io::Write;

use burnseq_search::{Attention, Hypothesis};

use crate::spelling::spelled;

/// A line for people, on stderr.
pub(crate) fn note(line: &str) {
    // Nobody is left to tell when stderr itself is closed.
    let _ = writeln!(std::io::stderr(), "note: {}", spelled(line));
}

/// A number as Python's `str` writes it: the shortest digits that give it back, with an exponent below 1e-4 and from
/// 1e16 on.
pub(crate) fn python_float(x: f64) -> String {
    if !x.is_finite() {
        return if x.is_nan() {
            "nan".to_owned()
        } else {
            format!("{}inf", if x < 0.0 { "-" } else { "" })
        };
    }
    // Of two shortest forms that are equally near, Python takes the one with the even digit, as exact formatting does.
    let even = |shortest: String, exact: String| match exact.parse::<f64>() {
        Ok(same) if x == same => exact,
        _ => shortest,
    };
    let decimals = |shortest: &str| {
        let digits = shortest
            .split('e')
            .next()
            .and_then(|digits| digits.split_once('.'));
        digits.map_or(0, |(_, decimals)| decimals.len())
    };
    let size = x.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        let shortest = format!("{x:?}");
        let places = decimals(&shortest);
        return even(shortest, format!("{x:.places$}"));
    }
    let shortest = format!("{x:e}");
    let places = decimals(&shortest);
    let scientific = even(shortest, format!("{x:.places$e}"));
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (sign, exponent) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// `39469056` as `39,469,056`.
pub(crate) fn thousands(number: usize) -> String {
    burnseq_report::thousands(number as u64)
}

/// The `H-`, `D-` and `P-` lines of a hypothesis; scores are in base 2.
pub(crate) fn hypothesis_lines(id: usize, hypothesis: &Hypothesis, tokens: &str, text: &str) -> String {
    let score = python_float(f64::from(hypothesis.score_base2()));
    let positional: Vec<String> = hypothesis
        .positional_scores_base2()
        .map(|score| format!("{score:.4}"))
        .collect();
    format!(
        "H-{id}\t{score}\t{tokens}\nD-{id}\t{score}\t{text}\nP-{id}\t{}\n",
        positional.join(" ")
    )
}

/// The `A-` line of the source token that each token looked at most, as pairs `source-target` of 0-based places.
pub(crate) fn hard_alignment_line(id: usize, attention: &Attention) -> String {
    let pairs = attention.hard().into_iter().enumerate();
    let pairs: Vec<String> = pairs
        .map(|(target, source)| format!("{source}-{target}"))
        .collect();
    format!("A-{id}\t{}\n", pairs.join(" "))
}

/// The `A-` line of how much each token, `</s>` included, looked at each source token.
pub(crate) fn soft_alignment_line(id: usize, attention: &Attention) -> String {
    let row = |row: &[f32]| {
        let row: Vec<String> = row
            .iter()
            .map(|probability| format!("{probability:.6}"))
            .collect();
        row.join(",")
    };
    let rows: Vec<String> = attention.rows().map(row).collect();
    format!("A-{id}\t{}\n", rows.join(" "))
}

/// fairseq's line about speed.
pub(crate) fn speed_line(done: &str, what: &str, count: usize, tokens: usize, seconds: f64) -> String {
    // A clock that saw no time pass must not print infinity.
    let per_second = |n: usize| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
    format!(
        "{done} {} {what} ({} tokens) in {seconds:.1}s ({:.2} {what}/s, {:.2} tokens/s)",
        thousands(count),
        thousands(tokens),
        per_second(count),
        per_second(tokens)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_in_python() {
        let cases = [
            (-0.3054494559764862, "-0.3054494559764862"),
            (f64::from(-2.465_004_f32), "-2.4650039672851562"), // ends with ...5625
            (0.0, "0.0"),
            (-1.0, "-1.0"),
            (1e-4, "0.0001"),
            (-0.00001, "-1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (2.5e120, "2.5e+120"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (number, expected) in cases {
            assert_eq!(python_float(number), expected);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        let shown: Vec<_> = [7, 999, 1000, 39_469_056].map(thousands).into();
        assert_eq!(shown, ["7", "999", "1,000", "39,469,056"]);
    }

    #[test]
    fn lines_have_fairseqs_layout() {
        let ln_2 = std::f32::consts::LN_2;
        let hypothesis = Hypothesis {
            tokens: vec![4, 5, 2],
            score: -0.75 * ln_2,
            positional_scores: vec![-0.5 * ln_2, -1.75 * ln_2, 0.0],
            attention: None,
        };
        assert_eq!(
            hypothesis_lines(7, &hypothesis, "Hu@@ nd", "Hund"),
            "H-7\t-0.75\tHu@@ nd\nD-7\t-0.75\tHund\nP-7\t-0.5000 -1.7500 0.0000\n"
        );
        let attention = Attention::new(vec![0.25, 0.5, 0.25, 0.5, 0.25, 0.25, 0.0, 0.0, 1.0], 3);
        assert_eq!(hard_alignment_line(7, &attention), "A-7\t1-0 0-1\n");
        assert_eq!(
            soft_alignment_line(7, &attention),
            "A-7\t0.250000,0.500000,0.250000 0.500000,0.250000,0.250000 0.000000,0.000000,1.000000\n"
        );
        assert_eq!(
            speed_line("Translated", "sentences", 1000, 14_097, 10.0),
            "Translated 1,000 sentences (14,097 tokens) in 10.0s (100.00 sentences/s, 1409.70 tokens/s)"
        );
    }
}
