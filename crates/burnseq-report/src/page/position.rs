//! Perplexity by position: what more context is worth to a language model.

use super::html::{Html, escape};
use crate::plot::{Figure, LineChart, Series, Stroke};
use crate::report::{PositionPart, Report};
use crate::run::Run;

/// The section; nothing where no language model was measured.
pub(super) fn write(out: &mut Html, report: &Report) {
    let Some(figure) = figure(&report.runs, &report.positions) else {
        return;
    };
    out.section("position", "Perplexity by position");
    out.figures(&[figure], false);
    out.raw("<ul>\n");
    for part in &report.positions {
        let run = report.runs.get(part.run).map_or("", |run| run.name.as_str());
        out.raw(&format!(
            "<li>{}: {} on {}</li>\n",
            escape(run),
            escape(&part.checkpoint),
            escape(&part.what)
        ));
    }
    out.raw("</ul>\n");
    out.end_section();
}

/// One curve for each run; none where there is none.
pub(crate) fn figure(runs: &[Run], positions: &[PositionPart]) -> Option<Figure> {
    let series = positions.iter().map(|part| Series {
        name: runs
            .get(part.run)
            .map_or_else(String::new, |run| run.name.clone()),
        colour: part.run,
        stroke: Stroke::Dots,
        points: part.points.clone(),
    });
    let chart = LineChart {
        name: "perplexity-by-position".to_owned(),
        title: "Perplexity by position".to_owned(),
        caption: "How well tokens are predicted that have so many tokens before them in their block; lower is better. A curve \
                  that still falls at its end says that longer blocks would help, or `eval-lm --context-window`."
            .to_owned(),
        x_label: "tokens before".to_owned(),
        y_label: "perplexity".to_owned(),
        log: true,
        from_zero: false,
        series: series.collect(),
    };
    chart.draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_measured_has_a_curve_and_is_named() {
        let run = |name: &str| Run {
            name: name.to_owned(),
            ..Run::default()
        };
        let mut report = Report {
            runs: vec![run("first"), run("second")],
            ..Report::default()
        };
        assert!(figure(&report.runs, &report.positions).is_none());
        report.positions.push(PositionPart {
            run: 1,
            checkpoint: "checkpoint_best".to_owned(),
            what: "3 blocks of 8 tokens of valid".to_owned(),
            points: vec![(0.0, 30.0), (1.0, 20.0), (4.5, 10.0)],
        });
        let page = report.html().unwrap();
        assert!(page.contains("id=\"position\""), "{page}");
        assert!(page.contains("second: checkpoint_best on 3 blocks of 8 tokens of valid"));
        assert!(
            report
                .figures()
                .iter()
                .any(|figure| figure.name == "perplexity-by-position")
        );
    }
}
