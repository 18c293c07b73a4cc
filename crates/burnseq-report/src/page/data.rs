//! Datasets: sizes, lengths, unknown tokens, padding.

use super::html::{Html, thousands};
use crate::plot::{BarChart, BarSeries, Figure};
use crate::report::{DataPart, Split};
use crate::stats::{Bar, Histogram, LengthCounts};

/// Lengths of each split: source beside target.
pub(crate) fn figures(parts: &[DataPart]) -> Vec<Figure> {
    let several = parts.len() > 1;
    let of_part = |(number, part): (usize, &DataPart)| {
        let suffix = if several {
            format!("-{}", number + 1)
        } else {
            String::new()
        };
        let figures = part.splits.iter().filter_map(|split| lengths(split, &suffix));
        figures.collect::<Vec<_>>()
    };
    parts.iter().enumerate().flat_map(of_part).collect()
}

fn lengths(split: &Split, suffix: &str) -> Option<Figure> {
    let counts: Vec<&LengthCounts> = split.sides.iter().map(|side| &side.lengths).collect();
    let histograms = Histogram::of(&counts);
    let bars = &histograms.first()?.bars;
    let label = |bar: &Bar| match bar.to {
        None => format!("{}+", bar.from),
        Some(_) => bar.from.to_string(),
    };
    let width = match histograms[0].width {
        1 => "Each bar is one length.".to_owned(),
        width => format!("Each bar covers {width} lengths, from the number below it."),
    };
    let chart = BarChart {
        name: format!("lengths-{}{suffix}", split.name),
        title: format!("Sentence lengths of {}", split.name),
        caption: format!("How many sentences have how many tokens, the end of sentence included. {width}"),
        x_label: "tokens".to_owned(),
        y_label: "sentences".to_owned(),
        categories: bars.iter().map(label).collect(),
        series: split
            .sides
            .iter()
            .zip(&histograms)
            .enumerate()
            .map(|(number, (side, histogram))| BarSeries {
                name: format!(
                    "{} ({})",
                    side.language,
                    if number == 0 { "source" } else { "target" }
                ),
                colour: number,
                values: histogram.bars.iter().map(|bar| Some(bar.count as f64)).collect(),
            })
            .collect(),
        digits: 0,
    };
    chart.draw()
}

pub(super) fn write(out: &mut Html, parts: &[DataPart]) {
    if parts.is_empty() {
        return;
    }
    out.section("data", "Data");
    for part in parts {
        let dictionaries: Vec<String> = part
            .dictionaries
            .iter()
            .map(|(language, types)| format!("{language} {} types", thousands(*types as u64)))
            .collect();
        out.paragraph(&format!(
            "{}, of {}. Dictionaries: {}.",
            part.folder,
            part.runs.join(", "),
            dictionaries.join(", ")
        ));
        let head = [
            "Split",
            "Language",
            "Sentences",
            "Tokens",
            "Mean length",
            "Median",
            "Longest",
            "Unknown %",
            "Padding %",
            "Batches",
        ];
        let mut rows = Vec::new();
        for split in &part.splits {
            for (number, side) in split.sides.iter().enumerate() {
                let lengths = &side.lengths;
                let unknown = 100.0 * side.unknown as f64 / (lengths.total().max(1)) as f64;
                let of_split = |text: String| if number == 0 { text } else { String::new() };
                rows.push(vec![
                    of_split(split.name.clone()),
                    side.language.clone(),
                    thousands(lengths.sentences()),
                    thousands(lengths.total()),
                    format!("{:.1}", lengths.mean()),
                    lengths.quantile(0.5).to_string(),
                    lengths.longest().to_string(),
                    format!("{unknown:.2}"),
                    of_split(split.padding.map_or_else(
                        || "\u{2013}".to_owned(),
                        |padding| format!("{:.1}", 100.0 * padding),
                    )),
                    of_split(match split.batches {
                        0 => "\u{2013}".to_owned(),
                        batches => thousands(batches as u64),
                    }),
                ]);
            }
        }
        out.table(&head, &rows, None);
        out.raw(
            "<p class=\"note\">Lengths count the end of sentence. Unknown tokens are not in the dictionary: the model sees \
             <code>&lt;unk&gt;</code>. Padding is the share of the places of batches that hold no token: computation for \
             nothing, which sorting by length keeps small.</p>\n",
        );
    }
    out.figures(&figures(parts), false);
    out.end_section();
}
