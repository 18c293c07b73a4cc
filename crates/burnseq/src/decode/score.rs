//! BLEU of translations: tokenised as fairseq prints it, and sacreBLEU.

use burnseq_metrics::{BleuScore, TokenisedBleu, TokenisedBleuScore, sacrebleu};

use crate::error::Result;

use super::TargetText;

/// How fairseq writes `<unk>` in references, so that it equals no `<unk>` of a hypothesis.
const UNK_IN_REFERENCE: &str = "<<unk>>";

/// Stand-ins for sacreBLEU, whose tokenizer would split `<<unk>>` into parts that match those of `<unk>`.
const SACREBLEU_UNK_IN_REFERENCE: &str = "UNKNOWNTOKENINREF";
const SACREBLEU_UNK_IN_HYPOTHESIS: &str = "UNKNOWNTOKENINHYP";

/// Collects hypotheses and references.
#[derive(Debug, Default)]
pub struct ScoreKeeper {
    tokenised: TokenisedBleu,
    hypotheses: Vec<String>,
    references: Vec<String>,
}

/// Both scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// BLEU on the white-space tokens of the text, as fairseq computes it.
    pub tokenised: TokenisedBleuScore,
    /// sacreBLEU of the text.
    pub sacrebleu: BleuScore,
}

impl ScoreKeeper {
    /// Takes in the ids of a hypothesis and of its reference.
    pub fn add(&mut self, text: &TargetText, hypothesis: &[u32], reference: &[u32]) {
        let unk = text.dict().symbol(text.dict().unk());
        self.tokenised.add_lines(
            &text.text(reference, UNK_IN_REFERENCE),
            &text.text(hypothesis, unk),
        );
        self.hypotheses
            .push(text.text(hypothesis, SACREBLEU_UNK_IN_HYPOTHESIS));
        self.references
            .push(text.text(reference, SACREBLEU_UNK_IN_REFERENCE));
    }

    /// Whether nothing was taken in.
    pub fn is_empty(&self) -> bool {
        self.hypotheses.is_empty()
    }

    /// The scores.
    ///
    /// # Errors
    /// When nothing was taken in.
    pub fn scores(&self) -> Result<Scores> {
        Ok(Scores {
            tokenised: self.tokenised.score()?,
            sacrebleu: sacrebleu(&self.hypotheses, &[&self.references])?,
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
        keeper.add(&text(), &[4, 5, 6, 7, 2], &[4, 5, 6, 7, 2]);
        let scores = keeper.scores().unwrap();
        assert!((scores.tokenised.score - 100.0).abs() < 1e-9);
        assert!((scores.sacrebleu.score - 100.0).abs() < 1e-9);
    }

    #[test]
    fn unknown_tokens_match_nothing() {
        let mut keeper = ScoreKeeper::default();
        keeper.add(&text(), &[4, 5, 6, 7, 3, 2], &[4, 5, 6, 7, 3, 2]);
        let scores = keeper.scores().unwrap();
        assert_eq!(scores.tokenised.matched, [4, 3, 2, 1]);
        assert_eq!(scores.sacrebleu.details.counts, [4.0, 3.0, 2.0, 1.0]);
    }

    #[test]
    fn nothing_has_no_score() {
        assert!(ScoreKeeper::default().is_empty());
        assert!(ScoreKeeper::default().scores().is_err());
    }
}
