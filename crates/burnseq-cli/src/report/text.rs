//! Perplexity by position, of runs of language models.

use anyhow::{Context, Result};
use burnseq::decode::{BlockScorer, BlockScores, BlockScoring, TextModel};
use burnseq::tasks::TaskConfig;
use burnseq::tasks::language_modeling::{self, LanguageModelingTask};
use burnseq_data::{Dataset, TextDir};
use burnseq_kernels::Compute;
use burnseq_report::{Absent, PositionPart};
use burnseq_train::Checkpoint;

use super::args::ReportArgs;
use super::data::one_line;
use super::runs::Loaded;
use crate::decoding::format::thousands;

/// Most tokens that are measured.
const MOST_TOKENS: usize = 100_000;
/// Blocks that are scored together.
const CHUNK: usize = 64;
/// Most tokens in a batch.
const MAX_TOKENS: usize = 12_000;
/// Positions are taken together up to this multiple of the first of them.
const GROWTH: f64 = 1.25;

/// Whether a run trained a language model.
pub(super) fn is_language_model(loaded: &Loaded) -> bool {
    loaded.run.task.as_deref() == Some(language_modeling::NAME)
}

/// Measures the checkpoint of run `number`. Parts that a language model does not have, and why there is no curve, go to
/// `absent`.
pub(super) fn positions(
    args: &ReportArgs,
    (number, loaded): (usize, &Loaded),
    compute: &Compute,
    absent: &mut Vec<Absent>,
) -> Option<PositionPart> {
    let name = &loaded.run.name;
    absent.push(Absent {
        part: format!("Sentence pairs, translations and attention of {name}"),
        why: "it is a language model, which reads text of one side".to_owned(),
    });
    let checkpoint = loaded.translator.as_ref()?;
    match measured(args, loaded, checkpoint, compute) {
        Ok((what, points)) => Some(PositionPart {
            run: number,
            checkpoint: checkpoint
                .path()
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            what,
            points,
        }),
        Err(error) => {
            absent.push(Absent {
                part: format!("Perplexity by position of {name}"),
                why: format!("{}; name the dataset with --data", one_line(&error)),
            });
            None
        }
    }
}

/// What was read, and the curve.
type Measured = (String, Vec<(f64, f64)>);

fn measured(
    args: &ReportArgs,
    loaded: &Loaded,
    checkpoint: &Checkpoint,
    compute: &Compute,
) -> Result<Measured> {
    let record = loaded.record.as_ref();
    let config = record.and_then(|record| TaskConfig::from_value(record.task.clone()).ok());
    let Some(TaskConfig::LanguageModeling(mut config)) = config else {
        anyhow::bail!("the checkpoint does not say how its text was cut into blocks");
    };
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    let subset = args.gen_subset.clone().or(config.valid_subset.first().cloned());
    let subset = subset.context("the run has no set to validate on")?;
    let task = LanguageModelingTask::open(config.clone())?;
    let model = TextModel::load(checkpoint.path(), compute)?;
    let dir = task.dir();
    model.check_dictionary(dir.dictionary(), &dir.path().join(TextDir::DICTIONARY))?;
    let blocks = task.blocks(&subset, dir.load(&subset)?, 1, 1)?;
    let mut scorer = BlockScorer::new(
        &model,
        BlockScoring {
            context_window: 0,
            max_tokens: MAX_TOKENS,
            max_blocks: usize::MAX,
        },
    );
    let mut curve = Curve::default();
    let mut read = 0;
    while read < blocks.len() && curve.tokens < MOST_TOKENS {
        let range = read..blocks.len().min(read + CHUNK);
        read = range.end;
        scorer
            .score(&blocks, range)?
            .iter()
            .for_each(|block| curve.add(block));
    }
    let what = format!(
        "{} of {} blocks of at most {} tokens of {subset}",
        thousands(read),
        thousands(blocks.len()),
        config.tokens_per_sample
    );
    Ok((what, curve.points()))
}

/// Sums over positions.
#[derive(Debug, Default)]
struct Curve {
    tokens: usize,
    /// Of each position nats and tokens.
    positions: Vec<(f64, usize)>,
}

impl Curve {
    /// Adds a block; one that was scored in parts has no positions of its own.
    fn add(&mut self, block: &BlockScores) {
        self.tokens += block.scores.len();
        if block.cut {
            return;
        }
        if self.positions.len() < block.scores.len() {
            self.positions.resize(block.scores.len(), (0.0, 0));
        }
        for ((nats, count), score) in self.positions.iter_mut().zip(&block.scores) {
            *nats -= f64::from(*score);
            *count += 1;
        }
    }

    /// The mean position and the perplexity of positions that are taken together: early ones alone, later ones many.
    fn points(&self) -> Vec<(f64, f64)> {
        let mut points = Vec::new();
        let mut first = 0;
        while first < self.positions.len() {
            let end = ((first as f64 * GROWTH) as usize).max(first + 1);
            let end = end.min(self.positions.len());
            let (mut nats, mut count, mut places) = (0.0, 0, 0.0);
            for (position, (sum, tokens)) in (first..end).zip(&self.positions[first..end]) {
                nats += sum;
                count += tokens;
                places += (position * tokens) as f64;
            }
            if count > 0 {
                points.push((places / count as f64, (nats / count as f64).exp()));
            }
            first = end;
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_taken_together_where_they_are_many_and_parts_of_blocks_are_left_out() {
        let mut curve = Curve::default();
        let block = |len: usize, nats: f32, cut: bool| BlockScores {
            tokens: vec![4; len],
            scores: vec![-nats; len],
            cut,
        };
        curve.add(&block(10, 1.0, false));
        curve.add(&block(2, 3.0, false));
        curve.add(&block(9, 9.0, true));
        assert_eq!(curve.tokens, 21);
        let points = curve.points();
        // 0 to 7 alone, then 8 and 9, whose mean is 8.5.
        let places: Vec<f64> = points.iter().map(|point| point.0).collect();
        assert_eq!(places, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.5]);
        let e = std::f64::consts::E;
        assert!((points[0].1 - e.powi(2)).abs() < 1e-6, "{points:?}"); // (1 + 3) / 2 nats
        assert!((points[8].1 - e).abs() < 1e-6, "{points:?}");
    }
}
