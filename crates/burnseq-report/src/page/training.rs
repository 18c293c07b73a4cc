//! Curves of training and validation, and tables of epochs and checkpoints.

use super::html::{Html, clock, run_mark, thousands};
use crate::log::{Kind, Log, Record};
use crate::plot::{Figure, LineChart, Series, Stroke};
use crate::run::Run;

/// A quantity that training logs.
struct Quantity {
    key: &'static str,
    title: &'static str,
    unit: &'static str,
    caption: &'static str,
    log: bool,
    from_zero: bool,
}

/// Quantities of training, beside which validation is drawn where it has them.
const QUANTITIES: [Quantity; 6] = [
    Quantity {
        key: "loss",
        title: "Loss",
        unit: "loss, bits per token",
        caption: "What training minimises; lower is better. Thin lines are training, lines with dots validation. A \
                  validation loss that rises while the training loss falls is overfitting.",
        log: false,
        from_zero: false,
    },
    Quantity {
        key: "ppl",
        title: "Perplexity",
        unit: "perplexity",
        caption: "Two to the power of the loss without label smoothing: among how many equally likely tokens the model \
                  chooses; lower is better.",
        log: true,
        from_zero: false,
    },
    Quantity {
        key: "lr",
        title: "Learning rate",
        unit: "learning rate",
        caption: "Step size of the optimiser, as the schedule sets it.",
        log: false,
        from_zero: true,
    },
    Quantity {
        key: "gnorm",
        title: "Gradient norm",
        unit: "norm of the gradient",
        caption: "Length of the gradient before it is clipped. Single peaks are harmless; a norm that keeps growing comes \
                  before a run that diverges.",
        log: true,
        from_zero: false,
    },
    Quantity {
        key: "wps",
        title: "Speed",
        unit: "target tokens per second",
        caption: "How fast training was, without validation and saving. Drops come from other programs on the machine.",
        log: false,
        from_zero: true,
    },
    Quantity {
        key: "peak_device_mem_gib",
        title: "Memory of the device",
        unit: "largest use so far, GiB",
        caption: "Largest memory of the GPU up to the end of each epoch.",
        log: false,
        from_zero: true,
    },
];

/// Numbers of validations that are no metric.
const NO_METRIC: [&str; 8] = ["loss", "nll_loss", "ppl", "wps", "ups", "wpb", "bsz", "wall"];

/// What readers call a metric.
pub(super) fn metric_name(key: &str) -> String {
    match key {
        "loss" => "validation loss".to_owned(),
        "nll_loss" => "likelihood loss".to_owned(),
        "ppl" => "perplexity".to_owned(),
        "bleu" => "BLEU".to_owned(),
        other => other.replace('_', " "),
    }
}

/// The curves of all runs, each figure with all of them.
pub(crate) fn figures(runs: &[Run]) -> Vec<Figure> {
    let mut figures: Vec<Figure> = QUANTITIES
        .iter()
        .take(2)
        .filter_map(|quantity| curves(quantity, runs))
        .collect();
    figures.extend(metrics(runs));
    figures.extend(
        QUANTITIES
            .iter()
            .skip(2)
            .filter_map(|quantity| curves(quantity, runs)),
    );
    figures
}

fn curves(quantity: &Quantity, runs: &[Run]) -> Option<Figure> {
    let mut series = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let Some(log) = &run.log else { continue };
        let prefix = prefix(runs, run);
        let intervals = log.points(&Kind::Interval, quantity.key);
        // Without lines between epochs, and for what only epochs tell.
        let of_epochs = intervals.is_empty();
        let points = if of_epochs {
            log.points(&Kind::Epoch, quantity.key)
        } else {
            intervals
        };
        let validates = matches!(quantity.key, "loss" | "ppl");
        series.push(Series {
            name: if validates {
                format!("{prefix}training")
            } else {
                run.name.clone()
            },
            colour: number,
            stroke: match (validates, of_epochs) {
                (true, _) => Stroke::Thin,
                (false, true) => Stroke::Dots,
                (false, false) => Stroke::Plain,
            },
            points,
        });
        if validates {
            series.extend(validations(log, quantity.key, &prefix, number));
        }
    }
    // One run alone needs no legend where there is one curve.
    let chart = LineChart {
        name: quantity.key.replace('_', "-"),
        title: quantity.title.to_owned(),
        caption: quantity.caption.to_owned(),
        x_label: "updates".to_owned(),
        y_label: quantity.unit.to_owned(),
        log: quantity.log,
        from_zero: quantity.from_zero,
        series,
    };
    chart.draw()
}

fn validations(log: &Log, key: &str, prefix: &str, colour: usize) -> Vec<Series> {
    let subsets = log.subsets();
    let of_subset = |(place, subset): (usize, &&str)| Series {
        name: format!("{prefix}{subset}"),
        // Further sets of a run have the next colours, where one run is shown alone.
        colour: if prefix.is_empty() { colour + place } else { colour },
        stroke: Stroke::Dots,
        points: log.points(&Kind::Valid((*subset).to_owned()), key),
    };
    subsets.iter().enumerate().map(of_subset).collect()
}

/// What stands before the name of a curve: the run, where there are several.
fn prefix(runs: &[Run], run: &Run) -> String {
    if runs.len() > 1 {
        format!("{}, ", run.name)
    } else {
        String::new()
    }
}

/// Metrics of validation beside the loss: BLEU, accuracy.
fn metrics(runs: &[Run]) -> Vec<Figure> {
    let mut keys: Vec<&str> = Vec::new();
    for record in runs
        .iter()
        .filter_map(|run| run.log.as_ref())
        .flat_map(|log| &log.records)
    {
        if !matches!(record.kind, Kind::Valid(_)) {
            continue;
        }
        for key in record.values.keys() {
            if !NO_METRIC.contains(&key.as_str())
                && !key.starts_with("best_")
                && !keys.contains(&key.as_str())
            {
                keys.push(key);
            }
        }
    }
    keys.sort_unstable();
    let figure = |key: &&str| {
        let series = runs.iter().enumerate().flat_map(|(number, run)| {
            let log = run.log.as_ref();
            log.map_or_else(Vec::new, |log| validations(log, key, &prefix(runs, run), number))
        });
        let name = metric_name(key);
        let chart = LineChart {
            name: format!("valid-{}", key.replace('_', "-")),
            title: format!("Validation {name}"),
            caption: match *key {
                "bleu" => {
                    "BLEU of the validation set, translated during training; higher is better.".to_owned()
                }
                _ => format!("{name} of the validation set."),
            },
            x_label: "updates".to_owned(),
            y_label: match *key {
                "bleu" => "BLEU, percent".to_owned(),
                _ => name.clone(),
            },
            log: false,
            from_zero: *key == "bleu",
            series: series.collect(),
        };
        chart.draw()
    };
    keys.iter().filter_map(figure).collect()
}

/// The section.
pub(super) fn write(out: &mut Html, runs: &[Run]) {
    out.section("training", "Training");
    let figures = figures(runs);
    if figures.is_empty() {
        out.paragraph("No run has recorded a number yet.");
    }
    out.figures(&figures, false);
    if !figures.is_empty() && !figures.iter().any(|figure| figure.name == "peak-device-mem-gib") {
        out.raw("<p class=\"note\">Memory is recorded on GPUs only, so there is no curve of it.</p>\n");
    }
    for (number, run) in runs.iter().enumerate() {
        if runs.len() > 1 {
            out.raw(&format!("<h3>{}</h3>\n", run_mark(number, &run.name)));
        }
        epochs(out, run);
        checkpoints(out, run);
    }
    out.end_section();
}

/// A value of a table, a dash where there is none.
fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "\u{2013}".to_owned(), |value| format!("{value:.digits$}"))
}

fn epochs(out: &mut Html, run: &Run) {
    let Some(log) = &run.log else { return };
    let epochs: Vec<&Record> = log.of(&Kind::Epoch).collect();
    if epochs.is_empty() {
        let (updates, epoch, _) = run.progress();
        out.paragraph(&format!(
            "No epoch is complete in the log: {} updates, epoch {epoch}.",
            thousands(updates)
        ));
        return;
    }
    let subset = run.first_subset();
    let best = run.best();
    // The last validation of an epoch, unless it is the best of the run.
    let valid = |epoch: u32| -> Option<&Record> {
        let of_epoch: Vec<&Record> = log
            .of(subset.as_ref()?)
            .filter(|record| record.epoch == epoch)
            .collect();
        let is_best = |record: &&&Record| {
            best.as_ref()
                .is_some_and(|best| best.num_updates == record.num_updates)
        };
        of_epoch.iter().find(is_best).or(of_epoch.last()).copied()
    };
    let has_bleu = epochs
        .iter()
        .any(|record| valid(record.epoch).is_some_and(|valid| valid.value("bleu").is_some()));
    let mut head = vec!["Epoch", "Updates", "Train loss", "Valid loss", "Perplexity"];
    if has_bleu {
        head.push("BLEU");
    }
    head.extend(["Learning rate", "Grad norm", "Tokens/s", "Padding %", "Time"]);
    // A run that ends within an epoch has validated there, as a rule.
    let last = epochs.last().map_or(0, |record| record.epoch);
    let begun = subset
        .as_ref()
        .and_then(|subset| log.of(subset).last())
        .filter(|record| record.epoch > last);
    let is_whole = |record: &Record| record.kind == Kind::Epoch;
    let shown: Vec<&Record> = epochs.iter().copied().chain(begun).collect();
    let row = |record: &&Record| {
        let valid = valid(record.epoch);
        let of_valid = |key: &str| valid.and_then(|valid| valid.value(key));
        let of_training = |key: &str| record.value(key).filter(|_| is_whole(record));
        let mut row = vec![
            record.epoch.to_string(),
            thousands(record.num_updates),
            cell(of_training("loss"), 3),
            cell(of_valid("loss"), 3),
            cell(of_valid("ppl"), 2),
        ];
        if has_bleu {
            row.push(cell(of_valid("bleu"), 2));
        }
        row.extend([
            of_training("lr").map_or_else(|| "\u{2013}".to_owned(), |lr| format!("{lr:.2e}")),
            cell(of_training("gnorm"), 3),
            cell(of_training("wps"), 0),
            cell(of_training("padding"), 1),
            of_training("wall").map_or_else(|| "\u{2013}".to_owned(), clock),
        ]);
        row
    };
    let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
    let marked = best.and_then(|best| shown.iter().position(|record| record.epoch == best.epoch));
    let title = match begun {
        Some(_) => format!("{} epochs and a begun one", epochs.len()),
        None => format!("{} epochs", epochs.len()),
    };
    let best = match marked {
        Some(_) => format!("; the marked one has the best {}", metric_name(run.metric())),
        None => String::new(),
    };
    out.raw(&format!(
        "<p class=\"sub\">{title}{best}. Losses are in bits per token.</p>\n"
    ));
    if rows.len() > 20 {
        out.fold(&format!("{title}, one line each"));
        out.table(&head, &rows, marked);
        out.end_fold();
    } else {
        out.table(&head, &rows, marked);
    }
}

fn checkpoints(out: &mut Html, run: &Run) {
    if run.checkpoints.is_empty() {
        return;
    }
    let head_of_value = metric_name(run.metric());
    let head = ["Checkpoint", "Epoch", "Updates", &*head_of_value, "MiB"];
    let row = |row: &crate::run::CheckpointRow| {
        vec![
            row.names.join(", "),
            row.epoch.to_string(),
            thousands(row.num_updates),
            cell(row.value, 3),
            format!("{:.1}", row.bytes as f64 / f64::from(1 << 20)),
        ]
    };
    let rows: Vec<Vec<String>> = run.checkpoints.iter().map(row).collect();
    let is_best = |row: &crate::run::CheckpointRow| row.names.iter().any(|name| name == "checkpoint_best");
    out.fold(&format!("Checkpoints: {}", rows.len()));
    out.table(&head, &rows, run.checkpoints.iter().position(is_best));
    out.end_fold();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_ends_within_an_epoch_shows_its_validation_there() {
        let log = Log::parse(
            "train | epoch 001 | loss 9.5 | wps 210 | num_updates 10 | lr 0.001 | gnorm 1 | padding 2 | wall 70\n\
             valid | epoch 001 | valid on 'valid' subset | loss 9 | ppl 4 | num_updates 10\n\
             valid | epoch 002 | valid on 'valid' subset | loss 8 | ppl 3 | wps 99 | num_updates 15\n",
        );
        let run = Run {
            log: Some(log),
            ..Run::default()
        };
        let mut out = Html::default();
        epochs(&mut out, &run);
        let html = out.finish();
        for part in [
            "1 epochs and a begun one; the marked one has the best validation loss.",
            "<td class=\"n\">10</td><td class=\"n\">9.500</td><td class=\"n\">9.000</td>",
            "<tr class=\"best\"><td class=\"n\">2</td><td class=\"n\">15</td><td class=\"n\">\u{2013}</td><td class=\"n\">8.000</td>",
            "<td class=\"n\">1:10</td>",
            // The speed of a validation is none of training.
            "<td class=\"n\">\u{2013}</td><td class=\"n\">\u{2013}</td><td class=\"n\">\u{2013}</td></tr>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
