//! Translations with their references, and their scores.

use burnseq_metrics::{Bleu, Chrf, Metric, References};

use crate::error::Result;

/// One hypothesis.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Its text.
    pub text: String,
    /// Length-normalised log-probability in nats.
    pub score: f64,
}

/// A sentence, its reference, and what a model made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// Its number in the set, counted from 0.
    pub id: usize,
    /// Its text.
    pub source: String,
    /// The text of its reference.
    pub reference: String,
    /// Best first, at least one.
    pub hypotheses: Vec<Hypothesis>,
}

impl Translated {
    /// The text of the best hypothesis.
    pub fn text(&self) -> &str {
        self.hypotheses.first().map_or("", |best| &best.text)
    }
}

/// Scores of a set of translations.
#[derive(Debug, Clone, PartialEq)]
pub struct CorpusScores {
    /// BLEU as sacreBLEU computes it (Papineni et al. 2002), in percent, with its signature.
    pub bleu: f64,
    /// The line that sacreBLEU prints.
    pub bleu_line: String,
    /// chrF2 (Popović 2015), in percent.
    pub chrf: f64,
    /// The line that sacreBLEU prints.
    pub chrf_line: String,
    /// Words of the translations by those of the references.
    pub length_ratio: f64,
}

/// Scores of the best hypotheses.
///
/// # Errors
/// Without a sentence.
pub fn corpus_scores(translated: &[&Translated]) -> Result<CorpusScores> {
    let hypotheses: Vec<&str> = translated.iter().map(|one| one.text()).collect();
    let streams = [translated
        .iter()
        .map(|one| one.reference.as_str())
        .collect::<Vec<_>>()];
    let references = References::from_streams(&streams)?;
    let bleu = Bleu::default().corpus_score(&hypotheses, &references)?;
    let chrf = Chrf::default().corpus_score(&hypotheses, &references)?;
    Ok(CorpusScores {
        bleu: bleu.score,
        bleu_line: bleu.to_string(),
        chrf: chrf.score,
        chrf_line: chrf.to_string(),
        length_ratio: bleu.details.ratio(),
    })
}

/// Places of the sentences in `translated` by the chrF2 of their best hypothesis, lowest first, with that score in percent;
/// of equal ones, in their order.
///
/// # Errors
/// None is expected: every sentence has a reference.
pub fn ranked(translated: &[Translated]) -> Result<Vec<(usize, f64)>> {
    let metric = Chrf::default();
    let score = |(place, one): (usize, &Translated)| {
        Ok((
            place,
            metric
                .sentence_score(one.text(), &[one.reference.as_str()])?
                .score,
        ))
    };
    let mut scores: Vec<(usize, f64)> = translated.iter().enumerate().map(score).collect::<Result<_>>()?;
    scores.sort_by(|a, b| a.1.total_cmp(&b.1));
    Ok(scores)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A sentence with a single hypothesis.
    pub(crate) fn translated(id: usize, hypothesis: &str, reference: &str) -> Translated {
        Translated {
            id,
            source: format!("source {id}"),
            reference: reference.to_owned(),
            hypotheses: vec![Hypothesis {
                text: hypothesis.to_owned(),
                score: -0.5,
            }],
        }
    }

    #[test]
    fn equal_text_is_the_best_and_other_text_the_worst() {
        let all = [
            translated(0, "a dog runs", "a dog sleeps"),
            translated(1, "a cat sleeps", "a cat sleeps"),
            translated(2, "xyz", "quick brown"),
        ];
        let ranked = ranked(&all).unwrap();
        let order: Vec<usize> = ranked.iter().map(|(place, _)| *place).collect();
        assert_eq!(order, [2, 0, 1]);
        assert_eq!(ranked[0].1, 0.0);
        assert!((ranked[2].1 - 100.0).abs() < 1e-9);
    }

    #[test]
    fn corpus_scores_are_those_of_the_best_hypotheses() {
        let all = [translated(0, "a b c d e", "a b c d e")];
        let scores = corpus_scores(&[&all[0]]).unwrap();
        assert!((scores.bleu - 100.0).abs() < 1e-9 && (scores.chrf - 100.0).abs() < 1e-9);
        assert_eq!(scores.length_ratio, 1.0);
        assert!(scores.bleu_line.starts_with("BLEU|"), "{}", scores.bleu_line);
        assert!(corpus_scores(&[]).is_err());
    }
}
