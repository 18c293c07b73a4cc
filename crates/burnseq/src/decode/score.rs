//! Scores of translations: BLEU on tokens as fairseq prints it; sacreBLEU, chrF and TER on text.

use burnseq_metrics::{Bleu, Chrf, Metric, References, Ter, TokenisedBleu, TokenisedBleuScore};

use crate::error::Result;

use super::{TargetText, Unk};

/// How fairseq writes `<unk>` in references, so that it equals no `<unk>` of a hypothesis.
const UNK_IN_REFERENCE: &str = "<<unk>>";

/// Stand-ins for sacreBLEU, whose tokenizer would split `<<unk>>` into parts that match those of `<unk>`.
const SACREBLEU_UNK_IN_REFERENCE: &str = "UNKNOWNTOKENINREF";
const SACREBLEU_UNK_IN_HYPOTHESIS: &str = "UNKNOWNTOKENINHYP";

/// A metric of detokenised text, as sacreBLEU computes it.
#[derive(Debug, Clone)]
pub enum TextMetric {
    /// BLEU (Papineni et al. 2002).
    Bleu(Bleu),
    /// chrF (Popović 2015).
    Chrf(Chrf),
    /// Translation edit rate (Snover et al. 2006).
    Ter(Ter),
}

/// Collects hypotheses and references.
#[derive(Debug, Default)]
pub struct ScoreKeeper {
    tokenised: TokenisedBleu,
    hypotheses: Vec<String>,
    references: Vec<String>,
}

impl ScoreKeeper {
    /// Takes in the ids of a hypothesis and of its reference; `replacements` stand for the first `<unk>` of the hypothesis.
    pub fn add(&mut self, text: &TargetText, hypothesis: &[u32], replacements: &[String], reference: &[u32]) {
        let replaced = |rest| {
            let each = replacements;
            text.text(hypothesis, Unk { each, rest })
        };
        let unk = text.dict().symbol(text.dict().unk());
        self.tokenised
            .add_lines(&text.text(reference, UNK_IN_REFERENCE), &replaced(unk));
        self.hypotheses.push(replaced(SACREBLEU_UNK_IN_HYPOTHESIS));
        self.references
            .push(text.text(reference, SACREBLEU_UNK_IN_REFERENCE));
    }

    /// Whether nothing was taken in.
    pub fn is_empty(&self) -> bool {
        self.hypotheses.is_empty()
    }

    /// BLEU on the white-space tokens of the text, as fairseq computes it.
    ///
    /// # Errors
    /// When nothing was taken in.
    pub fn tokenised(&self) -> Result<TokenisedBleuScore> {
        Ok(self.tokenised.score()?)
    }

    /// The score of the text with its signature, as sacreBLEU prints it.
    ///
    /// # Errors
    /// When nothing was taken in.
    pub fn text_score(&self, metric: &TextMetric) -> Result<String> {
        let (hypotheses, references) = (&self.hypotheses, [&self.references]);
        let references = References::from_streams(&references)?;
        Ok(match metric {
            TextMetric::Bleu(metric) => metric.corpus_score(hypotheses, &references)?.to_string(),
            TextMetric::Chrf(metric) => metric.corpus_score(hypotheses, &references)?.to_string(),
            TextMetric::Ter(metric) => metric.corpus_score(hypotheses, &references)?.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use burnseq_text::{Dictionary, RemoveBpe, TextFiles, TextPipeline, TextSettings};

    fn text() -> TargetText {
        let mut dict = Dictionary::new();
        for token in ["a", "b", "c", "d", "e"] {
            dict.add_symbol(token, 1);
        }
        let pipeline = TextPipeline::new(TextSettings::default(), &TextFiles::new()).unwrap();
        TargetText::new(Arc::new(dict), pipeline, RemoveBpe::None)
    }

    #[test]
    fn equal_text_scores_100_on_both_counts() {
        let mut keeper = ScoreKeeper::default();
        keeper.add(&text(), &[4, 5, 6, 7, 2], &[], &[4, 5, 6, 7, 2]);
        assert!((keeper.tokenised().unwrap().score - 100.0).abs() < 1e-9);
        for (metric, expected) in [
            (TextMetric::Bleu(Bleu::default()), " = 100.00 100.0/"),
            (TextMetric::Chrf(Chrf::default()), " = 100.00"),
            (TextMetric::Ter(Ter::default()), " = 0.00"),
        ] {
            let score = keeper.text_score(&metric).unwrap();
            assert!(score.contains(expected), "{score}");
        }
    }

    #[test]
    fn unknown_tokens_match_nothing() {
        let mut keeper = ScoreKeeper::default();
        keeper.add(&text(), &[4, 5, 6, 7, 3, 2], &[], &[4, 5, 6, 7, 3, 2]);
        assert_eq!(keeper.tokenised().unwrap().matched, [4, 3, 2, 1]);
        let bleu = keeper.text_score(&TextMetric::Bleu(Bleu::default())).unwrap();
        assert!(bleu.contains(" 80.0/75.0/66.7/50.0 "), "{bleu}"); // 4/5, 3/4, 2/3, 1/2
    }

    #[test]
    fn what_stands_for_unknown_tokens_is_scored() {
        let mut keeper = ScoreKeeper::default();
        keeper.add(&text(), &[4, 5, 3, 7, 2], &["c".to_owned()], &[4, 5, 6, 7, 2]);
        assert_eq!(keeper.tokenised().unwrap().matched, [4, 3, 2, 1]);
        let bleu = keeper.text_score(&TextMetric::Bleu(Bleu::default())).unwrap();
        assert!(bleu.contains(" = 100.00 "), "{bleu}");
    }

    #[test]
    fn nothing_has_no_score() {
        assert!(ScoreKeeper::default().is_empty());
        assert!(ScoreKeeper::default().tokenised().is_err());
        assert!(
            ScoreKeeper::default()
                .text_score(&TextMetric::Bleu(Bleu::default()))
                .is_err()
        );
    }
}
