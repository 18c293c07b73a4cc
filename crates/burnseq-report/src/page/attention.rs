//! Attention maps.

use super::html::{Html, escape, run_mark};
use crate::plot::Figure;
use crate::report::{AttentionPart, Report};

/// The figures of a sentence.
pub(crate) fn figures(part: &AttentionPart) -> Vec<Figure> {
    part.grids.iter().filter_map(|grid| grid.draw()).collect()
}

/// The section, in at most `room` bytes.
pub(super) fn write(out: &mut Html, report: &Report, room: usize) {
    if report.attention.is_empty() {
        return;
    }
    out.section("attention", "Attention");
    out.paragraph(
        "How much each token (row) takes from each other token (column): the stronger the colour of a cell, the larger the \
         probability, from 0 (empty) to 1 (full colour). The rows of a map add up to 1. There is one map for each layer and head.",
    );
    let mut left_out = 0;
    for (place, part) in report.attention.iter().enumerate() {
        let mut sentence = Html::default();
        sentence.raw(&format!(
            "<details{}><summary>Sentence {} of {}</summary>\n<p>{}<br>{}</p>\n",
            if place == 0 { " open" } else { "" },
            part.sentence,
            escape(&report.runs[part.run].name),
            escape(&part.source),
            escape(&part.translation)
        ));
        if report.runs.len() > 1 {
            sentence.raw(&format!(
                "<p>{}</p>\n",
                run_mark(part.run, &report.runs[part.run].name)
            ));
        }
        sentence.figures(&figures(part), true);
        sentence.end_fold();
        if out.len() + sentence.len() > room {
            left_out += 1;
        } else {
            out.append(sentence);
        }
    }
    if left_out > 0 {
        out.paragraph(&format!(
            "The maps of {left_out} more sentences are left out, so that the page stays below 5 MB; choose fewer sentences, \
             layers or heads."
        ));
    }
    out.end_section();
}
