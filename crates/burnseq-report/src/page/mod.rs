//! The page: sections of HTML with inline figures and styles.

pub(crate) mod attention;
mod configuration;
pub(crate) mod data;
pub(crate) mod html;
mod overview;
pub(crate) mod position;
pub(crate) mod training;
pub(crate) mod translation;

use crate::error::Result;
use crate::plot::colours;
use crate::report::{MOST_BYTES, Report};
use html::{Html, escape};

/// What the page says of colours and layout.
const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(crate) fn html(report: &Report) -> Result<String> {
    let mut out = Html::default();
    overview::write(&mut out, report);
    training::write(&mut out, &report.runs);
    configuration::write(&mut out, &report.runs);
    data::write(&mut out, &report.data);
    translation::write(&mut out, report)?;
    position::write(&mut out, report);
    let style = style();
    let mut attention = Html::default();
    let room = MOST_BYTES.saturating_sub(out.len() + style.len());
    attention::write(&mut attention, report, room);
    out.append(attention);
    absent(&mut out, report);
    let title = match report.runs.as_slice() {
        [run] => format!("Report of {}", run.name),
        runs => format!("Report of {} runs", runs.len()),
    };
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
        escape(&title),
        out.finish(),
    ))
}

/// Parts that are not shown, and why.
fn absent(out: &mut Html, report: &Report) {
    if report.absent.is_empty() {
        return;
    }
    out.section("absent", "Not shown");
    out.raw("<ul class=\"absent\">");
    for absent in &report.absent {
        out.raw(&format!(
            "<li><strong>{}</strong>: {}</li>\n",
            escape(&absent.part),
            escape(&absent.why)
        ));
    }
    out.raw("</ul>\n");
    out.end_section();
}

/// The style sheet: colours of series for both backgrounds, the shapes of figures, the layout.
fn style() -> String {
    let variables = |values: [&str; 6]| -> String {
        let each = values.iter().enumerate();
        each.map(|(number, colour)| format!("--s{number}:{colour};"))
            .collect()
    };
    let names: [String; 6] = std::array::from_fn(|number| format!("var(--s{number})"));
    let series = names.each_ref().map(String::as_str);
    let ink = ["var(--text)", "var(--soft)", "var(--line)", "var(--paper)"];
    let rules = crate::plot::colour_rules(series, ink);
    let shapes = crate::plot::SHAPES;
    format!(
        ":root{{{}}}\n@media (prefers-color-scheme: dark){{:root{{{}}}}}\n{STYLE}{shapes}\n{rules}\n",
        variables(colours::LIGHT),
        variables(colours::DARK)
    )
}
