//! Translations: scores, scores by length and word frequency, the best and the worst.

use super::html::{Html, escape, run_mark, thousands};
use crate::error::Result;
use crate::plot::{BarChart, BarSeries, Figure};
use crate::report::{Quality, Report};
use crate::run::Run;
use crate::stats::{LengthBucket, Translated, ranked};

/// What one bar shows of a run: categories and their values.
type Buckets = Vec<(String, f64)>;

/// Scores by length and by frequency, the runs side by side.
pub(crate) fn figures(runs: &[Run], quality: &[Quality]) -> Vec<Figure> {
    let lengths = |value: fn(&LengthBucket) -> f64| {
        let of_run = move |quality: &Quality| -> Buckets {
            let buckets = quality.by_length.iter();
            buckets
                .map(|bucket| (bucket.label.clone(), value(bucket)))
                .collect()
        };
        grouped(runs, quality, of_run)
    };
    let frequencies = |quality: &Quality| -> Buckets {
        let buckets = quality.by_frequency.iter();
        buckets
            .map(|bucket| (bucket.label.clone(), bucket.f1()))
            .collect()
    };
    let frequencies_of = quality.first().map_or("", |quality| &quality.frequencies_of);
    let by_length = |name: &str, title: &str, caption: &str, y_label: &str, value, digits| {
        let (categories, series) = lengths(value);
        BarChart {
            name: name.to_owned(),
            title: title.to_owned(),
            caption: caption.to_owned(),
            x_label: "words of the reference".to_owned(),
            y_label: y_label.to_owned(),
            categories,
            series,
            digits,
        }
    };
    let (categories, series) = grouped(runs, quality, frequencies);
    let charts = [
        by_length(
            "bleu-by-length",
            "BLEU by sentence length",
            "BLEU of the sentences of each length together; higher is better. Long sentences are usually harder.",
            "BLEU, percent",
            |bucket| bucket.bleu,
            1,
        ),
        by_length(
            "chrf-by-length",
            "chrF by sentence length",
            "chrF compares characters, so that a word with another ending counts in part; higher is better.",
            "chrF2, percent",
            |bucket| bucket.chrf,
            1,
        ),
        by_length(
            "length-ratio",
            "Length of translations",
            "Words of the translations by words of the references: below 1, translations are too short.",
            "length ratio",
            |bucket| bucket.length_ratio,
            3,
        ),
        BarChart {
            name: "f1-by-frequency".to_owned(),
            title: "Words by frequency".to_owned(),
            caption: format!(
                "F1 of the words of the translations against those of the references, by how often {frequencies_of} have \
                 them; higher is better. Rare words are usually harder."
            ),
            x_label: "occurrences of the word".to_owned(),
            y_label: "F1, percent".to_owned(),
            categories,
            series,
            digits: 1,
        },
    ];
    charts.iter().filter_map(BarChart::draw).collect()
}

/// The categories of all runs in order, and a series of bars for each run.
fn grouped(
    runs: &[Run],
    quality: &[Quality],
    buckets: impl Fn(&Quality) -> Buckets,
) -> (Vec<String>, Vec<BarSeries>) {
    let of_runs: Vec<Buckets> = quality.iter().map(buckets).collect();
    let mut categories: Vec<String> = of_runs.iter().flatten().map(|(label, _)| label.clone()).collect();
    // Every label begins with the smallest number of its bucket.
    let smallest = |label: &String| -> u64 {
        let end = label.find(|c: char| !c.is_ascii_digit()).unwrap_or(label.len());
        label[..end].parse().unwrap_or(0)
    };
    categories.sort_by_key(smallest);
    categories.dedup();
    let series = quality.iter().zip(&of_runs).map(|(quality, buckets)| BarSeries {
        name: runs[quality.run].name.clone(),
        colour: quality.run,
        values: categories
            .iter()
            .map(|category| {
                let found = buckets.iter().find(|(label, _)| label == category);
                found.map(|(_, value)| *value)
            })
            .collect(),
    });
    let series = series.collect();
    (categories, series)
}

pub(super) fn write(out: &mut Html, report: &Report) -> Result<()> {
    if report.quality.is_empty() {
        return Ok(());
    }
    out.section("translations", "Translations");
    let head = ["Run", "Checkpoint", "Translated", "BLEU", "chrF2", "Length ratio"];
    let row = |quality: &Quality| {
        vec![
            report.runs[quality.run].name.clone(),
            quality.checkpoint.clone(),
            quality.what.clone(),
            format!("{:.2}", quality.scores.bleu),
            format!("{:.2}", quality.scores.chrf),
            format!("{:.3}", quality.scores.length_ratio),
        ]
    };
    let rows: Vec<Vec<String>> = report.quality.iter().map(row).collect();
    out.table(&head, &rows, None);
    out.fold("Scores with their signatures");
    for quality in &report.quality {
        out.raw(&format!(
            "<p>{}<br><code>{}</code><br><code>{}</code></p>\n",
            run_mark(quality.run, &report.runs[quality.run].name),
            escape(&quality.scores.bleu_line),
            escape(&quality.scores.chrf_line)
        ));
    }
    out.end_fold();
    out.figures(&figures(&report.runs, &report.quality), false);
    out.fold("The same as tables");
    for quality in &report.quality {
        tables(out, report, quality);
    }
    out.end_fold();
    for quality in &report.quality {
        sentences(out, report, quality)?;
    }
    out.end_section();
    Ok(())
}

fn tables(out: &mut Html, report: &Report, quality: &Quality) {
    out.raw(&format!(
        "<h3>{}</h3>\n",
        run_mark(quality.run, &report.runs[quality.run].name)
    ));
    let rows: Vec<Vec<String>> = quality
        .by_length
        .iter()
        .map(|bucket| {
            vec![
                bucket.label.clone(),
                bucket.sentences.to_string(),
                format!("{:.2}", bucket.bleu),
                format!("{:.2}", bucket.chrf),
                format!("{:.3}", bucket.length_ratio),
            ]
        })
        .collect();
    let head = [
        "Words of the reference",
        "Sentences",
        "BLEU",
        "chrF2",
        "Length ratio",
    ];
    out.table(&head, &rows, None);
    let rows: Vec<Vec<String>> = quality
        .by_frequency
        .iter()
        .map(|bucket| {
            vec![
                bucket.label.clone(),
                thousands(bucket.in_references),
                thousands(bucket.in_translations),
                thousands(bucket.matched),
                format!("{:.2}", bucket.f1()),
            ]
        })
        .collect();
    let head = ["Occurrences", "In references", "In translations", "In both", "F1"];
    out.table(&head, &rows, None);
}

/// The worst and the best translations of a run, with what the other runs made of the same sentence.
fn sentences(out: &mut Html, report: &Report, quality: &Quality) -> Result<()> {
    let ranked = ranked(&quality.translated)?;
    let shown = report.examples.min(ranked.len() / 2);
    if shown == 0 {
        return Ok(());
    }
    let several = report.quality.len() > 1;
    if several {
        out.raw(&format!(
            "<h3>{}</h3>\n",
            run_mark(quality.run, &report.runs[quality.run].name)
        ));
    }
    let best = ranked.iter().rev().take(shown);
    let worst = ranked.iter().take(shown);
    for (title, open, sentences) in [
        ("Worst translations", true, worst.collect::<Vec<_>>()),
        ("Best translations", false, best.collect()),
    ] {
        let open = if open && !several { " open" } else { "" };
        out.raw(&format!("<details{open}><summary>{title} by chrF2</summary>\n"));
        for (place, score) in sentences {
            sentence(out, report, quality, &quality.translated[*place], *score);
        }
        out.end_fold();
    }
    Ok(())
}

fn sentence(out: &mut Html, report: &Report, quality: &Quality, one: &Translated, score: f64) {
    out.raw(&format!(
        "<div class=\"sentence\"><div class=\"head\"><span>sentence {}</span><span class=\"score\">chrF2 {score:.1}</span></div><dl>",
        one.id
    ));
    let mut row = |name: &str, text: &str| {
        out.raw(&format!("<dt>{name}</dt><dd>{}</dd>\n", escape(text)));
    };
    row("source", &one.source);
    row("reference", &one.reference);
    for (number, hypothesis) in one.hypotheses.iter().enumerate() {
        let name = format!(
            "{} <span class=\"score\">({:.3})</span>",
            number + 1,
            hypothesis.score
        );
        row(&name, &hypothesis.text);
    }
    for other in report.quality.iter().filter(|other| other.run != quality.run) {
        if let Some(theirs) = other.translated.iter().find(|theirs| theirs.id == one.id) {
            row(&run_mark(other.run, &report.runs[other.run].name), theirs.text());
        }
    }
    out.raw("</dl></div>\n");
}
