//! When a run ends: by itself, or because it is asked to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

/// Validations without improvement after which a run stops that has no other stop rule.
pub const DEFAULT_PATIENCE: u32 = 10;

/// Epochs of a long run, each of which may have its own number of updates.
const MANY_EPOCHS: u32 = 10_000;

/// What ends a run; the first that applies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StopRule {
    /// Last epoch.
    pub max_epoch: Option<u32>,
    /// Last update.
    pub max_update: Option<u64>,
    /// Validations in a row that may pass without improvement. Saved with every checkpoint
    /// (fairseq starts to count anew when a run is resumed).
    pub patience: Option<u32>,
    /// Hours of wall-clock time, earlier runs included.
    pub stop_time_hours: Option<f64>,
    /// Training ends before an epoch whose first learning rate has fallen to this; rates of the warm-up end nothing.
    pub stop_min_lr: Option<f64>,
}

impl Default for StopRule {
    /// Patience alone: [`DEFAULT_PATIENCE`].
    fn default() -> Self {
        Self {
            patience: Some(DEFAULT_PATIENCE),
            ..Self::endless()
        }
    }
}

impl StopRule {
    /// No rule at all: only an interrupt ends the run.
    pub fn endless() -> Self {
        Self {
            max_epoch: None,
            max_update: None,
            patience: None,
            stop_time_hours: None,
            stop_min_lr: None,
        }
    }

    /// The last update, when epochs or updates are limited.
    pub fn last_update(&self, updates_per_epoch: impl Fn(u32) -> u64) -> Option<u64> {
        let by_epoch = self.max_epoch.map(|epochs| {
            // So many epochs that nobody waits for the end are not counted one by one.
            let counted = epochs.min(MANY_EPOCHS);
            let sum: u64 = (1..=counted).map(&updates_per_epoch).sum();
            let rest = u64::from(epochs - counted);
            sum.saturating_add(rest.saturating_mul(updates_per_epoch(epochs)))
        });
        match (self.max_update, by_epoch) {
            (Some(update), Some(epoch)) => Some(update.min(epoch)),
            (update, epoch) => update.or(epoch),
        }
    }
}

impl fmt::Display for StopRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rules = Vec::new();
        if let Some(epoch) = self.max_epoch {
            rules.push(format!("after epoch {epoch}"));
        }
        if let Some(update) = self.max_update {
            rules.push(format!("after update {update}"));
        }
        if let Some(patience) = self.patience {
            rules.push(format!("after {patience} validations without improvement"));
        }
        if let Some(hours) = self.stop_time_hours {
            rules.push(format!("after {hours} hours"));
        }
        if let Some(lr) = self.stop_min_lr {
            rules.push(format!("at learning rate {lr}"));
        }
        match rules.as_slice() {
            [] => write!(f, "never by itself; stop it with Ctrl-C"),
            rules => write!(f, "{}", rules.join(" or ")),
        }
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StopReason {
    /// The last epoch is done.
    MaxEpoch(u32),
    /// The last update is done.
    MaxUpdate(u64),
    /// So many validations did not improve.
    Patience(u32),
    /// The time is up, hours.
    TimeHours(f64),
    /// The learning rate has fallen to the limit.
    MinLr(f64),
    /// The run was asked to stop, for instance by Ctrl-C.
    Interrupted,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxEpoch(epoch) => write!(f, "epoch {epoch} is the last ('max_epoch')"),
            Self::MaxUpdate(update) => write!(f, "update {update} is the last ('max_update')"),
            Self::Patience(validations) => {
                write!(
                    f,
                    "no improvement in the last {validations} validations ('patience')"
                )
            }
            Self::TimeHours(hours) => write!(f, "{hours} hours are over ('stop_time_hours')"),
            Self::MinLr(lr) => write!(f, "the learning rate has reached {lr} ('stop_min_lr')"),
            Self::Interrupted => write!(f, "interrupted"),
        }
    }
}

/// Asks a run to stop after the update at hand; clones share the request.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks; gives whether it was asked before.
    pub fn request(&self) -> bool {
        self.0.swap(true, Ordering::SeqCst)
    }

    /// Whether it was asked.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Counts validations without improvement.
///
/// A value that equals the best is no improvement, as in fairseq's `should_stop_early` (`>`, `<`); the checkpoint with
/// it is one of the best all the same, as in fairseq's `save_checkpoint` (`>=`, `<=`).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatienceState {
    /// Best value so far.
    pub best: Option<f64>,
    /// Validations since then.
    pub without_improvement: u32,
}

impl PatienceState {
    /// Takes in the value of a validation; gives whether it improves on the best.
    pub fn add(&mut self, value: f64, maximize: bool) -> bool {
        let better = is_better(value, self.best, maximize);
        if better {
            self.best = Some(value);
            self.without_improvement = 0;
        } else {
            self.without_improvement += 1;
        }
        better
    }
}

/// Whether `value` is better than `best`; anything but NaN is better than nothing.
pub(crate) fn is_better(value: f64, best: Option<f64>, maximize: bool) -> bool {
    match best {
        None => !value.is_nan(),
        Some(best) if maximize => value > best,
        Some(best) => value < best,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_when_it_stops() {
        assert_eq!(
            StopRule::default().to_string(),
            "after 10 validations without improvement"
        );
        let rule = StopRule {
            max_epoch: Some(7),
            max_update: Some(100),
            ..StopRule::endless()
        };
        assert_eq!(rule.to_string(), "after epoch 7 or after update 100");
        assert!(StopRule::endless().to_string().contains("Ctrl-C"));
    }

    #[test]
    fn the_earlier_of_epochs_and_updates_is_the_last_update() {
        let rule = |max_epoch, max_update| StopRule {
            max_epoch,
            max_update,
            ..StopRule::default()
        };
        assert_eq!(rule(Some(3), Some(100)).last_update(|_| 20), Some(60));
        assert_eq!(rule(Some(30), Some(100)).last_update(|_| 20), Some(100));
        assert_eq!(rule(None, None).last_update(|_| 20), None);
        assert_eq!(
            rule(Some(u32::MAX), None).last_update(|_| 20),
            Some(20 * u64::from(u32::MAX))
        );
    }

    #[test]
    fn neither_an_equal_value_nor_nan_is_an_improvement() {
        let mut patience = PatienceState::default();
        assert!(!patience.add(f64::NAN, false));
        assert!(patience.add(2.1, false));
        assert!(patience.add(2.0, false));
        assert!(!patience.add(2.0, false));
        assert!(!patience.add(f64::NAN, false));
        assert_eq!(
            patience,
            PatienceState {
                best: Some(2.0),
                without_improvement: 2
            }
        );
        let mut bleu = PatienceState::default();
        assert!(bleu.add(1.0, true) && bleu.add(2.0, true) && !bleu.add(1.5, true));
        // A model that learns nothing: every BLEU after the first is as bad.
        let mut zero = PatienceState::default();
        assert!(zero.add(0.0, true) && !zero.add(0.0, true) && !zero.add(0.0, true));
        assert_eq!(zero.without_improvement, 2);
    }

    #[test]
    fn clones_of_an_interrupt_share_the_request() {
        let interrupt = Interrupt::default();
        let other = interrupt.clone();
        assert!(!other.is_requested());
        assert!(!interrupt.request());
        assert!(other.is_requested() && other.request());
    }
}
