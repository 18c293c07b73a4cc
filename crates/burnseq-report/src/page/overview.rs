//! The head of the page: what each run is, and how far it came.

use super::html::{Html, duration, escape, run_mark, thousands};
use crate::report::Report;
use crate::run::Run;

pub(super) fn write(out: &mut Html, report: &Report) {
    let title = match report.runs.as_slice() {
        [run] => run.name.clone(),
        runs => format!("{} training runs", runs.len()),
    };
    out.raw(&format!("<header>\n<h1>{}</h1>\n", escape(&title)));
    out.raw(&format!(
        "<div class=\"sub\">Report by burnseq {}, {}</div>\n<nav>",
        escape(&report.version),
        escape(&report.made)
    ));
    for (id, name, is_there) in [
        ("training", "Training", true),
        ("configuration", "Configuration", true),
        ("data", "Data", !report.data.is_empty()),
        ("translations", "Translations", !report.quality.is_empty()),
        ("attention", "Attention", !report.attention.is_empty()),
        ("absent", "Not shown", !report.absent.is_empty()),
    ] {
        if is_there {
            out.raw(&format!("<a href=\"#{id}\">{name}</a>"));
        }
    }
    out.raw("</nav>\n<div class=\"cards\">\n");
    for (number, run) in report.runs.iter().enumerate() {
        card(out, number, run, report);
    }
    out.raw("</div>\n");
    for note in &report.notes {
        out.raw(&format!("<p class=\"note\">Note: {}</p>\n", escape(note)));
    }
    out.raw("</header>\n");
}

fn card(out: &mut Html, number: usize, run: &Run, report: &Report) {
    out.raw(&format!(
        "<div class=\"card\"><h3>{}</h3><dl>",
        run_mark(number, &run.name)
    ));
    let mut row = |name: &str, value: String| {
        out.raw(&format!("<dt>{name}</dt><dd>{}</dd>\n", escape(&value)));
    };
    if let Some(model) = &run.model {
        row("Model", model.clone());
    }
    let (updates, epoch, wall) = run.progress();
    row(
        "Progress",
        format!("{} updates, epoch {epoch}", thousands(updates)),
    );
    if wall > 0.0 {
        row("Time", duration(wall));
    }
    if let Some(best) = run.best() {
        let metric = super::training::metric_name(run.metric());
        row(&format!("Best {metric}"), format!("{:.3}", best.value));
        row(
            "reached at",
            format!("update {}, epoch {}", thousands(best.num_updates), best.epoch),
        );
    }
    if let Some(quality) = report.quality.iter().find(|quality| quality.run == number) {
        row("BLEU here", format!("{:.2}", quality.scores.bleu));
    }
    if let Some(best) = run
        .checkpoints
        .iter()
        .find(|row| row.names.iter().any(|name| name == "checkpoint_best"))
    {
        row(
            "Best checkpoint",
            format!("checkpoint_best, update {}", thousands(best.num_updates)),
        );
    }
    row("Folder", run.place.clone());
    out.raw("</dl></div>\n");
}
