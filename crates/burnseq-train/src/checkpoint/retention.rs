//! Which checkpoints of a save folder to keep.

use std::{fs, path::Path};

use super::{
    META_FILE, folder,
    names::{self, Kind},
};
use crate::Result;
use burnseq_text::FileError;

/// How many checkpoints of each kind to keep; `None` keeps all.
///
/// `checkpoint_last`, `checkpoint_best`, the newest epoch and every name that is not burnseq's are
/// always kept; so is the newest `checkpoint_E_U`, and the best `checkpoint.best_*`, even where the
/// count is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Newest `checkpointN`.
    pub keep_last_epochs: Option<usize>,
    /// Newest `checkpoint_E_U`.
    pub keep_interval_updates: Option<usize>,
    /// Every `checkpoint_E_U` whose `U` is a multiple of this is kept beside those.
    pub keep_interval_updates_pattern: Option<u64>,
    /// Best `checkpoint.best_METRIC_VALUE`.
    pub keep_best_checkpoints: Option<usize>,
    /// Whether a larger value of the metric is better.
    pub maximize: bool,
}

impl Retention {
    /// The names that are no longer to be kept, of all those in a save folder; names of the best have a rounded value,
    /// and `standing` gives the exact one, where it is known.
    fn expired(&self, names: &[String], standing: impl Fn(&str) -> Option<Standing>) -> Vec<String> {
        let mut epochs = Vec::new();
        let mut updates = Vec::new();
        let mut best = Vec::new();
        for name in names {
            match names::parse(name) {
                Some(Kind::Epoch(epoch)) => epochs.push((epoch as f64, 0, name)),
                Some(Kind::Updates(count)) if self.is_in_pattern(count) => {}
                Some(Kind::Updates(count)) => updates.push((count as f64, 0, name)),
                Some(Kind::Best(rounded)) => {
                    let (value, updates) = standing(name)
                        .map_or((rounded, 0), |standing| (standing.value, standing.num_updates));
                    // Of equally good ones the latest is kept, as under `checkpoint_best`.
                    best.push((if self.maximize { value } else { -value }, updates, name));
                }
                None => {}
            }
        }
        let kinds = [
            (epochs, self.keep_last_epochs),
            (updates, self.keep_interval_updates),
            (best, self.keep_best_checkpoints),
        ];
        let mut expired = Vec::new();
        for (mut found, keep) in kinds {
            let Some(keep) = keep else { continue };
            // Those to keep first.
            found.sort_by(|(a, a_updates, _), (b, b_updates, _)| {
                b.total_cmp(a).then(b_updates.cmp(a_updates))
            });
            let names = found.into_iter().map(|(_, _, name)| name.clone());
            expired.extend(names.skip(keep.max(1)));
        }
        expired
    }

    fn is_in_pattern(&self, updates: u64) -> bool {
        self.keep_interval_updates_pattern
            .is_some_and(|pattern| updates.is_multiple_of(pattern))
    }

    /// Deletes what is no longer to be kept from a save folder, and says what it was.
    ///
    /// # Errors
    /// The folder cannot be read, or a checkpoint not deleted.
    pub fn prune(&self, save_dir: &Path) -> Result<Vec<String>> {
        let mut names = folder::list(save_dir)?;
        names.retain(|name| save_dir.join(name).join(META_FILE).is_file());
        let expired = self.expired(&names, |name| Standing::of(&save_dir.join(name)));
        for name in &expired {
            let path = save_dir.join(name);
            fs::remove_dir_all(&path).map_err(FileError::write(&path))?;
        }
        Ok(expired)
    }
}

/// What a checkpoint says of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    /// Value of the metric of its run when it was saved.
    pub(crate) value: f64,
    /// Updates until then.
    pub(crate) num_updates: u64,
}

impl Standing {
    /// Reads it; `None` where a checkpoint is damaged or was not validated.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        let json = fs::read(folder.join(META_FILE)).ok()?;
        let meta: serde_json::Value = serde_json::from_slice(&json).ok()?;
        let state = meta.pointer("/train_state/state")?;
        Some(Self {
            value: state.get("val_loss")?.as_f64()?,
            num_updates: state.get("num_updates")?.as_u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expired(retention: Retention, names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        retention.expired(&names, |_| None)
    }

    #[test]
    fn rounded_values_are_compared_exactly_and_of_equal_ones_the_latest_is_kept() {
        let names: Vec<String> = (1..=4).map(|number| names::best("bleu", 9.5, number)).collect();
        let standing = |name: &str| {
            let values = [(9.5001, 10), (9.5004, 20), (9.5001, 30), (9.4999, 40)];
            let index = names.iter().position(|known| known == name)?;
            let (value, num_updates) = values[index];
            Some(Standing { value, num_updates })
        };
        let best = |keep, maximize| Retention {
            keep_best_checkpoints: Some(keep),
            maximize,
            ..Retention::default()
        };
        let left_out = |retention: Retention| retention.expired(&names, standing);
        assert_eq!(left_out(best(2, true)), [names[0].clone(), names[3].clone()]);
        assert_eq!(left_out(best(2, false)), [names[0].clone(), names[1].clone()]);
        assert!(left_out(best(4, true)).is_empty());
    }

    const NAMES: [&str; 12] = [
        "checkpoint_last",
        "checkpoint_best",
        "checkpoint9",
        "checkpoint10",
        "checkpoint2",
        "checkpoint_1_500",
        "checkpoint_2_1000",
        "checkpoint_10_900",
        "checkpoint.best_bleu_9.500",
        "checkpoint.best_bleu_34.780",
        "checkpoint.best_bleu_10.000",
        "notes",
    ];

    #[test]
    fn the_newest_and_the_best_are_kept_by_number_and_not_by_text() {
        let retention = Retention {
            keep_last_epochs: Some(2),
            keep_interval_updates: Some(1),
            keep_interval_updates_pattern: None,
            keep_best_checkpoints: Some(2),
            maximize: true,
        };
        assert_eq!(
            expired(retention, &NAMES),
            [
                "checkpoint2",
                "checkpoint_10_900",
                "checkpoint_1_500",
                "checkpoint.best_bleu_9.500"
            ]
        );
        let minimize = Retention {
            keep_best_checkpoints: Some(1),
            ..Retention::default()
        };
        assert_eq!(
            expired(minimize, &NAMES),
            ["checkpoint.best_bleu_10.000", "checkpoint.best_bleu_34.780"]
        );
    }

    #[test]
    fn a_pattern_keeps_its_multiples_beside_the_newest() {
        let retention = Retention {
            keep_interval_updates: Some(1),
            keep_interval_updates_pattern: Some(1000),
            ..Retention::default()
        };
        let names = [500, 1000, 1500, 2000, 2500].map(|update| format!("checkpoint_1_{update}"));
        assert_eq!(
            retention.expired(&names, |_| None),
            ["checkpoint_1_1500", "checkpoint_1_500"]
        );
    }

    #[test]
    fn nothing_is_deleted_unless_asked_and_the_newest_never() {
        assert!(expired(Retention::default(), &NAMES).is_empty());
        let none = Retention {
            keep_last_epochs: Some(0),
            keep_interval_updates: Some(0),
            keep_interval_updates_pattern: None,
            keep_best_checkpoints: Some(0),
            maximize: true,
        };
        for only in NAMES {
            assert!(expired(none, &[only]).is_empty(), "{only}");
        }
        let kept = expired(none, &NAMES);
        for name in [
            "checkpoint_last",
            "checkpoint_best",
            "checkpoint10",
            "checkpoint.best_bleu_34.780",
            "notes",
        ] {
            assert!(!kept.contains(&name.to_owned()), "{name}");
        }
    }

    #[test]
    fn only_folders_that_hold_a_checkpoint_are_deleted() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["checkpoint1", "checkpoint2", "checkpoint3"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            if name != "checkpoint1" {
                fs::write(dir.path().join(name).join(META_FILE), "{}").unwrap();
            }
        }
        let retention = Retention {
            keep_last_epochs: Some(1),
            ..Retention::default()
        };
        assert_eq!(retention.prune(dir.path()).unwrap(), ["checkpoint2"]);
        assert_eq!(folder::list(dir.path()).unwrap(), ["checkpoint1", "checkpoint3"]);
    }
}
