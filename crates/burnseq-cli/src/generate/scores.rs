//! The lines with scores behind those of the sentences.

use anyhow::Result;
use burnseq::decode::{ScoreKeeper, TextMetric};
use burnseq_metrics::{Bleu, Chrf, Ter};

use super::args::Scoring;
use crate::decoding::coded;

/// The lines of what `keeper` has collected; `head` stands before each, `reference` says what text was compared with.
///
/// # Errors
/// When nothing was collected.
pub(super) fn lines(
    keeper: &ScoreKeeper,
    scoring: Scoring,
    head: &str,
    reference: &str,
) -> Result<Vec<String>> {
    let metric = match scoring {
        Scoring::Bleu | Scoring::Sacrebleu => TextMetric::Bleu(Bleu::default()),
        Scoring::Chrf => TextMetric::Chrf(Chrf::default()),
        Scoring::Ter => TextMetric::Ter(Ter::default()),
    };
    let mut lines = Vec::new();
    if scoring == Scoring::Bleu {
        lines.push(format!("{head}: {}", keeper.tokenised().map_err(coded)?));
    }
    let score = keeper.text_score(&metric).map_err(coded)?;
    lines.push(format!("{head}: {score} [{reference}]"));
    Ok(lines)
}
