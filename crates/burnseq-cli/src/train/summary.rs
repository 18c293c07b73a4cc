//! The end of a run: a table of its epochs and a curve of the validation loss, as plain text.

use burnseq_train::log::format_duration;
use burnseq_train::{TrainRecord, ValidRecord};

use crate::decoding::format::thousands;

/// Epochs that a table shows at its beginning and at its end, where it does not show all.
const FIRST_ROWS: usize = 3;
const LAST_ROWS: usize = 12;

/// Lines of a curve.
const CURVE_HEIGHT: usize = 8;
/// A curve that is wider does not show more.
const CURVE_MAX_WIDTH: usize = 64;
/// A narrower curve shows nothing.
const CURVE_MIN_WIDTH: usize = 8;

/// What the records of a run leave for its end. It knows the epochs of this process only: those before a run was resumed are
/// in its log.
#[derive(Debug, Default)]
pub(super) struct Summary {
    epochs: Vec<Epoch>,
    /// Updates and loss in bits of each validation on the first set.
    valid_losses: Vec<(u64, f64)>,
    best: Option<Best>,
}

/// The best value so far.
#[derive(Debug)]
struct Best {
    /// The metric that chooses the best checkpoint.
    metric: String,
    value: f64,
    /// Updates after which it was reached; `None` before the run was resumed.
    num_updates: Option<u64>,
}

#[derive(Debug, Default)]
struct Epoch {
    number: u32,
    num_updates: u64,
    train_loss: Option<f64>,
    valid: Option<Validation>,
    /// Seconds since the start of training.
    wall: Option<f64>,
}

/// The last validation of an epoch.
#[derive(Debug)]
struct Validation {
    num_updates: u64,
    loss: Option<f64>,
    ppl: Option<f64>,
    /// The value that chooses the best checkpoint, where that is not the loss.
    metric: Option<f64>,
}

impl Summary {
    /// Takes in the record of a whole epoch.
    pub(super) fn epoch(&mut self, record: &TrainRecord) {
        let loss = record.measures.iter().find(|measure| measure.name == "loss");
        let epoch = self.of(record.epoch);
        epoch.num_updates = record.num_updates;
        epoch.train_loss = loss.map(|loss| loss.value);
        epoch.wall = Some(record.wall);
    }

    /// Takes in a validation; only the first set counts, whose record has the best value so far.
    pub(super) fn validation(&mut self, record: &ValidRecord) {
        let Some((metric, best)) = &record.best else {
            return;
        };
        if self.best.as_ref().is_none_or(|known| known.value != *best) {
            let is_this = record.value(metric) == Some(*best);
            self.best = Some(Best {
                metric: metric.clone(),
                value: *best,
                num_updates: is_this.then_some(record.num_updates),
            });
        }
        let loss = record.value("loss");
        self.valid_losses
            .extend(loss.map(|loss| (record.num_updates, loss)));
        let is_shown = !matches!(metric.as_str(), "loss" | "ppl");
        let validation = Validation {
            num_updates: record.num_updates,
            loss,
            ppl: record.value("ppl"),
            metric: is_shown.then(|| record.value(metric)).flatten(),
        };
        let epoch = self.of(record.epoch);
        epoch.num_updates = record.num_updates;
        epoch.valid = Some(validation);
    }

    fn of(&mut self, number: u32) -> &mut Epoch {
        if self.epochs.last().is_none_or(|epoch| epoch.number != number) {
            self.epochs.push(Epoch {
                number,
                ..Epoch::default()
            });
        }
        self.epochs.last_mut().expect("one was pushed above")
    }

    /// Lines of at most `width` characters; none for a run without an epoch and without a validation.
    pub(super) fn lines(&self, width: usize) -> Vec<String> {
        let mut lines = self.table(width);
        lines.extend(curve(&self.valid_losses, width));
        lines
    }

    fn table(&self, width: usize) -> Vec<String> {
        if self.epochs.is_empty() {
            return Vec::new();
        }
        let best_metric = self.best.as_ref().map(|best| best.metric.as_str());
        let number = |value: Option<f64>, digits: usize| match value {
            // A perplexity may be without end, and a loss of a run that diverged.
            Some(value) if value.abs() < 1e7 => format!("{value:.digits$}"),
            Some(value) => format!("{value:.1e}"),
            None => "-".to_owned(),
        };
        let best_updates = self.best.as_ref().and_then(|best| best.num_updates);
        let is_best = |epoch: &Epoch| {
            let valid = epoch.valid.as_ref();
            best_updates.is_some() && valid.map(|valid| valid.num_updates) == best_updates
        };
        // The last column that is not the first goes first where the terminal is narrow.
        type Column<'a> = (String, Box<dyn Fn(&Epoch) -> String + 'a>);
        let mut columns: Vec<Column> = vec![
            (
                "epoch".to_owned(),
                Box::new(|epoch| format!("{}{}", epoch.number, if is_best(epoch) { " *" } else { "  " })),
            ),
            (
                "valid loss".to_owned(),
                Box::new(|epoch| number(epoch.valid.as_ref().and_then(|valid| valid.loss), 3)),
            ),
        ];
        if let Some(metric) = best_metric.filter(|metric| !matches!(*metric, "loss" | "ppl")) {
            columns.push((
                metric.to_owned(),
                Box::new(|epoch| number(epoch.valid.as_ref().and_then(|valid| valid.metric), 2)),
            ));
        }
        columns.extend([
            (
                "train loss".to_owned(),
                Box::new(|epoch: &Epoch| number(epoch.train_loss, 3)) as Box<dyn Fn(&Epoch) -> String>,
            ),
            (
                "valid ppl".to_owned(),
                Box::new(|epoch: &Epoch| number(epoch.valid.as_ref().and_then(|valid| valid.ppl), 2)),
            ),
            (
                "updates".to_owned(),
                Box::new(|epoch: &Epoch| thousands(usize::try_from(epoch.num_updates).unwrap_or(usize::MAX))),
            ),
            (
                "time".to_owned(),
                Box::new(|epoch: &Epoch| epoch.wall.map_or_else(|| "-".to_owned(), format_duration)),
            ),
        ]);
        let rows = self.shown_rows(is_best);
        let mut cells: Vec<Vec<String>> = columns
            .iter()
            .map(|(head, cell)| {
                let below = rows.iter().map(|row| match row {
                    Some(index) => cell(&self.epochs[*index]),
                    None if head == "epoch" => "...  ".to_owned(),
                    None => "...".to_owned(),
                });
                // The mark stands behind the number of the epoch.
                let head = if head == "epoch" {
                    "epoch  ".to_owned()
                } else {
                    head.clone()
                };
                std::iter::once(head).chain(below).collect()
            })
            .collect();
        let widest = |column: &Vec<String>| column.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        while cells.len() > 1 && cells.iter().map(|column| widest(column) + 2).sum::<usize>() > width + 2 {
            cells.pop();
        }
        let mut lines: Vec<String> = (0..=rows.len())
            .map(|line| {
                let line: Vec<String> = cells
                    .iter()
                    .map(|column| format!("{:>1$}", column[line], widest(column)))
                    .collect();
                line.join("  ").trim_end().to_owned()
            })
            .collect();
        if let Some(best) = &self.best {
            let when = best.num_updates.map_or_else(
                || "before the run was resumed".to_owned(),
                |updates| format!("after update {updates}"),
            );
            let best = format!("* best {}: {:.3} {when}", best.metric, best.value);
            // Between two of the epochs that are shown, no row has the mark.
            let is_marked = self.epochs.iter().any(is_best);
            let best = if is_marked { best } else { best[2..].to_owned() };
            lines.extend((best.chars().count() <= width).then_some(best));
        }
        lines
    }

    /// Positions of the epochs that a table shows; `None` stands for those between two of them.
    fn shown_rows(&self, is_best: impl Fn(&Epoch) -> bool) -> Vec<Option<usize>> {
        let count = self.epochs.len();
        if count <= FIRST_ROWS + LAST_ROWS + 1 {
            return (0..count).map(Some).collect();
        }
        let mut rows = Vec::new();
        let mut next = 0;
        for (index, epoch) in self.epochs.iter().enumerate() {
            if index < FIRST_ROWS || index + LAST_ROWS >= count || is_best(epoch) {
                rows.extend((index > next).then_some(None));
                rows.push(Some(index));
                next = index + 1;
            }
        }
        rows
    }
}

/// A curve of the validation loss over updates, with the points between two validations interpolated; none of fewer than
/// two validations, and none in a terminal too narrow for it.
fn curve(points: &[(u64, f64)], width: usize) -> Vec<String> {
    let points: Vec<(u64, f64)> = points
        .iter()
        .copied()
        .filter(|(_, loss)| loss.is_finite())
        .collect();
    let (Some(&(first, _)), Some(&(last, _))) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let low = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = points
        .iter()
        .map(|point| point.1)
        .fold(f64::NEG_INFINITY, f64::max);
    let labels = [format!("{high:.3}"), format!("{low:.3}")];
    let margin = labels.iter().map(String::len).max().unwrap_or(0);
    let columns = width.saturating_sub(margin + 2).min(CURVE_MAX_WIDTH);
    if last <= first || columns < CURVE_MIN_WIDTH {
        return Vec::new();
    }
    let column_of = |updates: u64| {
        let share = (updates - first) as f64 / (last - first) as f64;
        (share * (columns - 1) as f64).round() as usize
    };
    let line_of = |loss: f64| {
        let share = if high > low {
            (high - loss) / (high - low)
        } else {
            1.0
        };
        (share * (CURVE_HEIGHT - 1) as f64).round() as usize
    };
    let mut canvas = vec![vec![' '; columns]; CURVE_HEIGHT];
    let mut mark = |loss: f64, column: usize, sign: char| canvas[line_of(loss)][column] = sign;
    for pair in points.windows(2) {
        let [from, to] = [column_of(pair[0].0), column_of(pair[1].0)];
        for column in from + 1..to {
            let share = (column - from) as f64 / (to - from) as f64;
            let loss = pair[0].1 + share * (pair[1].1 - pair[0].1);
            mark(loss, column, '.');
        }
    }
    for &(updates, loss) in &points {
        mark(loss, column_of(updates), '*');
    }
    let mut lines = vec!["loss on validation text, in bits".to_owned()];
    lines[0].truncate(width);
    for (number, row) in canvas.iter().enumerate() {
        let label = match number {
            0 => &labels[0],
            _ if number + 1 == CURVE_HEIGHT => &labels[1],
            _ => "",
        };
        let row: String = row.iter().collect();
        lines.push(format!("{label:>margin$} |{row}").trim_end().to_owned());
    }
    lines.push(format!("{:margin$} +{}", "", "-".repeat(columns)));
    let (first, last) = (format!("update {first}"), last.to_string());
    let gap = columns.saturating_sub(first.len() + last.len());
    if gap > 1 {
        lines.push(format!("{:margin$}  {first}{}{last}", "", " ".repeat(gap)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use burnseq_train::log::{Measure, Meters};

    use super::*;

    fn trained(epoch: u32, loss: f64) -> TrainRecord {
        TrainRecord {
            epoch,
            epoch_updates: 10,
            updates_per_epoch: 10,
            num_updates: u64::from(epoch) * 10,
            meters: Meters::default(),
            measures: vec![Measure::new("loss", loss, 3)],
            train_wall: 1.0,
            wall: f64::from(epoch) * 61.0,
            loss_scale: None,
            device_memory: None,
            eta: None,
        }
    }

    fn validated(epoch: u32, updates: u64, loss: f64, best: Option<(&str, f64)>) -> ValidRecord {
        ValidRecord {
            epoch,
            subset: "valid".to_owned(),
            num_updates: updates,
            meters: Meters::default(),
            measures: vec![
                Measure::new("loss", loss, 3),
                Measure::new("ppl", 2f64.powf(loss), 2),
            ],
            metrics: vec![("bleu".to_owned(), 30.0 + f64::from(epoch))],
            best: best.map(|(metric, value)| (metric.to_owned(), value)),
        }
    }

    /// A run whose loss halves with each epoch, with the BLEU of each as its metric.
    fn run(epochs: u32) -> Summary {
        let mut summary = Summary::default();
        for epoch in 1..=epochs {
            let loss = 8.0 / f64::from(epoch);
            summary.epoch(&trained(epoch, loss + 0.5));
            let best = Some(("bleu", 30.0 + f64::from(epoch)));
            summary.validation(&validated(epoch, u64::from(epoch) * 10, loss, best));
            // Another set changes nothing.
            summary.validation(&validated(epoch, u64::from(epoch) * 10, 99.0, None));
        }
        summary
    }

    #[test]
    fn the_end_of_a_run_has_its_epochs_and_a_curve() {
        let expected = "\
epoch    valid loss   bleu  train loss  valid ppl  updates  time
    1         8.000  31.00       8.500     256.00       10  1:01
    2         4.000  32.00       4.500      16.00       20  2:02
    3 *       2.667  33.00       3.167       6.35       30  3:03
* best bleu: 33.000 after update 30
loss on validation text, in bits
8.000 |*.
      |  ..
      |    ..
      |      ...
      |         ..
      |           .*.
      |              .......
2.667 |                     ...*
      +-------------------------
       update 10              30";
        let lines = run(3).lines(80);
        let curve_narrowed: Vec<String> = run(3)
            .table(80)
            .into_iter()
            .chain(curve(&run(3).valid_losses, 32))
            .collect();
        assert_eq!(curve_narrowed.join("\n"), expected);
        assert_eq!(lines.len(), curve_narrowed.len());
    }

    #[test]
    fn the_best_of_a_run_may_come_from_before_it_was_resumed() {
        let mut summary = Summary::default();
        summary.validation(&validated(7, 70, 2.0, Some(("bleu", 45.0))));
        let last = |summary: &Summary| summary.table(80).pop();
        assert_eq!(
            last(&summary).as_deref(),
            Some("best bleu: 45.000 before the run was resumed")
        );
        summary.validation(&validated(20, 200, 2.0, Some(("bleu", 50.0))));
        assert_eq!(
            last(&summary).as_deref(),
            Some("* best bleu: 50.000 after update 200")
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 0..120 {
            for line in run(40).lines(width) {
                // The first column stands whatever the width.
                assert!(line.chars().count() <= width.max(7), "{width}: {line}");
            }
        }
        assert!(
            run(40).lines(20)[0].ends_with("valid loss"),
            "{:?}",
            run(40).lines(20)
        );
    }

    #[test]
    fn a_long_run_shows_its_beginning_its_end_and_its_best() {
        let mut summary = run(100);
        summary.best = Some(Best {
            metric: "bleu".to_owned(),
            value: 99.0,
            num_updates: Some(500),
        });
        let epochs: Vec<String> = summary
            .table(80)
            .iter()
            .map(|line| line[..7].trim().to_owned())
            .collect();
        let mut expected = vec!["epoch", "1", "2", "3", "...", "50 *", "..."];
        let last: Vec<String> = (89..=100).map(|epoch| epoch.to_string()).collect();
        expected.extend(last.iter().map(String::as_str));
        expected.push("* best");
        assert_eq!(epochs, expected);
        assert_eq!(run(16).table(80).len(), 18);
    }

    #[test]
    fn what_is_missing_or_not_finite_leaves_a_dash_and_no_panic() {
        assert!(Summary::default().lines(80).is_empty());
        // A run that ends in the middle of its first epoch: a validation and no epoch.
        let mut summary = Summary::default();
        summary.validation(&validated(1, 5, f64::NAN, Some(("loss", f64::NAN))));
        let lines = summary.lines(80);
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[1].contains("  -  "), "{lines:?}");
        // An epoch without a validation.
        let mut summary = Summary::default();
        summary.epoch(&trained(1, 2.0));
        assert_eq!(summary.lines(80).len(), 2);
        // A loss that stays the same, and one validation only.
        assert!(curve(&[(1, 2.0)], 80).is_empty());
        assert_eq!(curve(&[(1, 2.0), (2, 2.0)], 80).len(), CURVE_HEIGHT + 3);
        assert!(curve(&[(1, f64::NAN), (2, f64::INFINITY)], 80).is_empty());
    }
}
