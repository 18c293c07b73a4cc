//! A run: what its log, its settings and its checkpoints say.

use std::collections::BTreeMap;

use crate::config::Settings;
use crate::log::{Kind, Log, Record};

/// A checkpoint of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointRow {
    /// Names of the folders that hold it.
    pub names: Vec<String>,
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Updates since the start of training.
    pub num_updates: u64,
    /// Value of the metric that chooses the best checkpoint, at the validation before it was saved.
    pub value: Option<f64>,
    /// Seconds of training.
    pub wall: f64,
    /// Bytes of its files.
    pub bytes: u64,
}

/// The best validation of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// Updates since the start of training.
    pub num_updates: u64,
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Value of the metric.
    pub value: f64,
}

/// A run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// What the report calls it.
    pub name: String,
    /// Where it is.
    pub place: String,
    /// Its task, where a checkpoint says.
    pub task: Option<String>,
    /// Its model in words, where a checkpoint says: `transformer, 6,005,760 parameters`.
    pub model: Option<String>,
    /// Its settings, where a checkpoint says.
    pub settings: Settings,
    /// Its checkpoints, by updates.
    pub checkpoints: Vec<CheckpointRow>,
    /// Its log.
    pub log: Option<Log>,
    /// Metric that chooses the best checkpoint; empty where no checkpoint says.
    pub metric: String,
    /// A larger value of it is better.
    pub maximize: bool,
}

impl Run {
    /// Metric that chooses the best checkpoint, `loss` where nothing is known.
    pub fn metric(&self) -> &str {
        if self.metric.is_empty() {
            "loss"
        } else {
            &self.metric
        }
    }

    /// The validation set that chooses the best checkpoint: the first one of the log.
    pub fn first_subset(&self) -> Option<Kind> {
        let log = self.log.as_ref()?;
        log.subsets().first().map(|name| Kind::Valid((*name).to_owned()))
    }

    /// The best validation: of the log, else of the checkpoints. Of equally good ones the latest, as the checkpoint is.
    pub fn best(&self) -> Option<Best> {
        let of_log = || {
            let (log, subset) = (self.log.as_ref()?, self.first_subset()?);
            let values = log.of(&subset).filter_map(|record| {
                Some(Best {
                    num_updates: record.num_updates,
                    epoch: record.epoch,
                    value: record.value(self.metric())?,
                })
            });
            self.best_of(values)
        };
        let of_checkpoints = || {
            let values = self.checkpoints.iter().filter_map(|row| {
                Some(Best {
                    num_updates: row.num_updates,
                    epoch: row.epoch,
                    value: row.value?,
                })
            });
            self.best_of(values)
        };
        of_log().or_else(of_checkpoints)
    }

    fn best_of(&self, values: impl Iterator<Item = Best>) -> Option<Best> {
        let rank = |best: &Best| if self.maximize { best.value } else { -best.value };
        values.max_by(|a, b| rank(a).total_cmp(&rank(b)))
    }

    /// A log made of what the checkpoints record, for a run without one: the value of the metric at each of them, and the
    /// time. None where no checkpoint has a value.
    pub fn log_of_checkpoints(&self, subset: &str) -> Option<Log> {
        let record = |row: &CheckpointRow| {
            Some(Record {
                kind: Kind::Valid(subset.to_owned()),
                epoch: row.epoch,
                num_updates: row.num_updates,
                values: BTreeMap::from([
                    (self.metric().to_owned(), row.value?),
                    ("wall".to_owned(), row.wall),
                ]),
            })
        };
        let records: Vec<Record> = self.checkpoints.iter().filter_map(record).collect();
        (!records.is_empty()).then(|| Log {
            records,
            ..Log::default()
        })
    }

    /// Updates, epochs and seconds of the run so far.
    pub fn progress(&self) -> (u64, u32, f64) {
        let records = self.log.iter().flat_map(|log| log.records.iter());
        let of_log = records.map(|record| {
            (
                record.num_updates,
                record.epoch,
                record.value("wall").unwrap_or(0.0),
            )
        });
        let of_checkpoints = self
            .checkpoints
            .iter()
            .map(|row| (row.num_updates, row.epoch, row.wall));
        of_log.chain(of_checkpoints).fold((0, 0, 0.0), |far, one| {
            (far.0.max(one.0), far.1.max(one.1), f64::max(far.2, one.2))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(num_updates: u64, value: Option<f64>) -> CheckpointRow {
        CheckpointRow {
            names: vec![format!("checkpoint{num_updates}")],
            epoch: 1,
            num_updates,
            value,
            wall: 2.0 * num_updates as f64,
            bytes: 0,
        }
    }

    #[test]
    fn the_best_is_the_smallest_loss_or_the_largest_bleu() {
        let checkpoints = vec![
            row(10, Some(5.0)),
            row(20, Some(4.0)),
            row(30, None),
            row(40, Some(4.5)),
        ];
        let mut run = Run {
            checkpoints,
            ..Run::default()
        };
        assert_eq!(run.best().unwrap().num_updates, 20);
        run.maximize = true;
        assert_eq!(run.best().unwrap().num_updates, 10);
    }

    #[test]
    fn the_log_comes_first() {
        let log = Log::parse(
            "{\"epoch\":1,\"valid_loss\":3.0,\"valid_num_updates\":11}\n\
             {\"epoch\":2,\"valid_loss\":3.0,\"valid_num_updates\":22}\n\
             {\"epoch\":3,\"valid_loss\":3.5,\"valid_num_updates\":33}\n",
        );
        let run = Run {
            checkpoints: vec![row(10, Some(1.0))],
            log: Some(log),
            ..Run::default()
        };
        let best = run.best().unwrap();
        assert_eq!((best.num_updates, best.epoch, best.value), (22, 2, 3.0));
        assert_eq!(run.progress(), (33, 3, 20.0));
    }

    #[test]
    fn checkpoints_alone_make_a_curve() {
        let run = Run {
            metric: "bleu".to_owned(),
            checkpoints: vec![row(10, Some(5.0)), row(20, None), row(30, Some(7.0))],
            ..Run::default()
        };
        let log = run.log_of_checkpoints("valid").unwrap();
        assert_eq!(
            log.points(&Kind::Valid("valid".to_owned()), "bleu"),
            [(10.0, 5.0), (30.0, 7.0)]
        );
        assert_eq!(Run::default().log_of_checkpoints("valid"), None);
    }
}
