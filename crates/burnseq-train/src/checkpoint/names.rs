//! Names of checkpoints in a save folder, as fairseq gives them (without `.pt`).

/// The newest state; training resumes from it.
pub const LAST: &str = "checkpoint_last";

/// The best state by the metric of the run.
pub const BEST: &str = "checkpoint_best";

/// The state after an epoch: `checkpoint3`.
pub fn epoch(epoch: usize) -> String {
    format!("checkpoint{epoch}")
}

/// A state in the middle of an epoch: `checkpoint_3_5000`.
pub fn updates(epoch: usize, updates: u64) -> String {
    format!("checkpoint_{epoch}_{updates}")
}

/// One of the best states: `checkpoint.best_bleu_34.780`, and for others with the same rounded value
/// `checkpoint.best_bleu_34.780-2`, `-3` and so on; `number` counts them from 1.
pub fn best(metric: &str, value: f64, number: usize) -> String {
    let number = match number {
        0 | 1 => String::new(),
        more => format!("-{more}"),
    };
    format!("checkpoint.best_{metric}_{value:.3}{number}")
}

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// After this epoch.
    Epoch(usize),
    /// After this many updates.
    Updates(u64),
    /// One of the best, with this value of the metric.
    Best(f64),
}

/// Reads a name that [`epoch`], [`updates`] or [`best`] gave; `None` for every other one.
pub(super) fn parse(name: &str) -> Option<Kind> {
    if let Some(rest) = name.strip_prefix("checkpoint.best_") {
        let value = rest.rsplit_once('_')?.1;
        // A `-` at the beginning is a sign.
        let value = match value.rsplit_once('-') {
            Some((value, count)) if !value.is_empty() => number(count).map(|_| value)?,
            _ => value,
        };
        let value: f64 = value.parse().ok()?;
        return value.is_finite().then_some(Kind::Best(value));
    }
    let rest = name.strip_prefix("checkpoint")?;
    match rest.strip_prefix('_') {
        Some(rest) => {
            let (epoch, updates) = rest.split_once('_')?;
            number(epoch)?;
            number(updates).map(Kind::Updates)
        }
        None => number(rest).map(|epoch| Kind::Epoch(epoch as usize)),
    }
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        assert_eq!(parse(&epoch(12)), Some(Kind::Epoch(12)));
        assert_eq!(parse(&updates(3, 5000)), Some(Kind::Updates(5000)));
        assert_eq!(best("bleu", 34.78, 1), "checkpoint.best_bleu_34.780");
        assert_eq!(best("bleu", 34.78, 2), "checkpoint.best_bleu_34.780-2");
        assert_eq!(parse("checkpoint.best_bleu_34.780"), Some(Kind::Best(34.78)));
        for number in [1, 2, 13] {
            assert_eq!(parse(&best("nll_loss", -0.5, number)), Some(Kind::Best(-0.5)));
            assert_eq!(parse(&best("bleu", 0.5, number)), Some(Kind::Best(0.5)));
        }
        for other in [
            LAST,
            BEST,
            "checkpoint",
            "checkpoint_3",
            "checkpoint+3",
            "checkpoint3.pt",
            "checkpoint.best_bleu_",
            "checkpoint.best_bleu_3-",
            "checkpoint.best_bleu_3-x",
            "data",
            "",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
