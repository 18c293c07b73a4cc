//! Settings of the runs, and what differs between them.

use super::html::{Html, run_mark};
use crate::config::{Settings, differences};
use crate::run::Run;

/// Settings that differ between any two runs.
const ALWAYS_DIFFER: [&str; 1] = ["train.checkpoint.save_dir"];

pub(super) fn write(out: &mut Html, runs: &[Run]) {
    out.section("configuration", "Configuration");
    let known: Vec<&Run> = runs.iter().filter(|run| !run.settings.is_empty()).collect();
    if known.is_empty() {
        out.paragraph("No run has a checkpoint yet, which holds the configuration.");
        out.end_section();
        return;
    }
    if known.len() > 1 {
        let settings: Vec<&Settings> = known.iter().map(|run| &run.settings).collect();
        let differing = differences(&settings, &ALWAYS_DIFFER);
        out.heading("What differs");
        if differing.is_empty() {
            out.paragraph("All settings are the same but for the folder of the checkpoints.");
        } else {
            out.paragraph(
                "Settings that are not the same in all runs; the folder of the checkpoints is left aside.",
            );
            let mut head = vec!["Setting"];
            head.extend(known.iter().map(|run| run.name.as_str()));
            let rows: Vec<Vec<String>> = differing
                .into_iter()
                .map(|difference| {
                    let values = difference.values.into_iter();
                    let values = values.map(|value| value.unwrap_or_else(|| "\u{2013}".to_owned()));
                    std::iter::once(difference.name).chain(values).collect()
                })
                .collect();
            out.table(&head, &rows, None);
        }
    }
    for (number, run) in runs.iter().enumerate() {
        if run.settings.is_empty() {
            continue;
        }
        if runs.len() > 1 {
            out.raw(&format!("<h3>{}</h3>\n", run_mark(number, &run.name)));
        }
        out.fold(&format!("All {} settings", run.settings.len()));
        let rows: Vec<Vec<String>> = run
            .settings
            .iter()
            .map(|(name, value)| vec![name.clone(), value.clone()])
            .collect();
        out.table(&["Setting", "Value"], &rows, None);
        out.end_fold();
    }
    out.end_section();
}
