//! Scores as sacreBLEU prints them: a line for each metric, a table for several systems, or JSON.

use burnseq_metrics::Score;
use serde_json::{Map, Value, json};

use super::evaluate::{Column, SystemScore};
use super::input::Side;
use super::request::{SacrebleuRequest, Style, Test};
use super::table::Table;

/// A difference is marked when its p-value is below this.
const SIGNIFICANT: f64 = 0.05;

/// The scores of a corpus.
pub(super) fn corpus(request: &SacrebleuRequest, systems: &[Side], columns: &[Column]) -> String {
    let width = request.width;
    match (request.style, systems) {
        (Style::Json, [_]) => {
            let scores: Vec<Value> = columns
                .iter()
                .map(|column| single_json(&column.results[0].score, width))
                .collect();
            match <[Value; 1]>::try_from(scores) {
                Ok([score]) => pretty(&score),
                Err(scores) => pretty(&Value::from(scores)),
            }
        }
        (Style::Json, _) => pretty(&systems_json(request, systems, columns)),
        (Style::Number, _) => {
            let row = |number: usize| -> Vec<String> {
                let cell = |column: &Column| column.results[number].score.number(width);
                columns.iter().map(cell).collect()
            };
            match systems {
                [_] => lines(row(0)),
                _ => lines((0..systems.len()).map(|number| row(number).join("\t"))),
            }
        }
        (Style::Fairseq, _) => {
            let score = &columns[0].results[0].score;
            format!("{}\nsignature: {}\n", score.line(width), score.signature())
        }
        (Style::Text, [_]) => {
            // As in sacreBLEU, the signs of equality stand below each other.
            let heads = columns.iter().map(|column| {
                let score = &column.results[0].score;
                format!("{}|{}", score.name, score.signature()).chars().count()
            });
            let longest = heads.clone().max().unwrap_or(0);
            lines(heads.zip(columns).map(|(head, column)| {
                let blanks = " ".repeat(longest - head);
                format!("{blanks}{:.width$}", column.results[0].score)
            }))
        }
        (Style::Text, _) => table(request, systems, columns),
    }
}

/// The score of each line on its own.
pub(super) fn sentences(request: &SacrebleuRequest, scores: &[Score<()>]) -> String {
    let width = request.width;
    let line = |score: &Score<()>| match request.style {
        Style::Json => single_json(score, width).to_string(),
        Style::Number => score.number(width),
        Style::Fairseq => score.line(width),
        Style::Text => format!("{score:.width$}"),
    };
    lines(scores.iter().map(line))
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines
        .into_iter()
        .flat_map(|line| [line, "\n".to_owned()])
        .collect()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// `number` as it prints with `width` decimals.
fn rounded(number: f64, width: usize) -> f64 {
    format!("{number:.width$}")
        .parse()
        .expect("a printed number is a number")
}

/// sacreBLEU's object for a score, the keys of its signature behind.
fn single_json(score: &Score<()>, width: usize) -> Value {
    let mut object = Map::new();
    let mut insert = |key: &str, value: Value| object.insert(key.to_owned(), value);
    insert("name", score.name.as_str().into());
    insert("score", rounded(score.score, width).into());
    insert("signature", score.signature().to_string().into());
    if let Some(confidence) = score.confidence() {
        insert("confidence_mean", rounded(confidence.mean, width).into());
        insert("confidence_var", rounded(confidence.half_width, width).into());
        insert("confidence", format!("{confidence:.width$}").into());
    }
    if !score.verbose.is_empty() {
        insert("verbose_score", score.verbose.as_str().into());
    }
    for (key, value) in score.signature().pairs() {
        insert(key, value.into());
    }
    Value::from(object)
}

/// sacreBLEU's list for several systems, with the signatures that it leaves out.
fn systems_json(request: &SacrebleuRequest, systems: &[Side], columns: &[Column]) -> Value {
    let system = |number: usize| {
        let mut object = Map::new();
        object.insert("system".to_owned(), name(request, systems, number).into());
        for column in columns {
            let SystemScore { score, p_value } = &column.results[number];
            let result = json!({
                "score": score.score,
                "p_value": p_value,
                "mean": score.confidence().map(|confidence| confidence.mean),
                "ci": score.confidence().map(|confidence| confidence.half_width),
                "signature": column.signature.to_string(),
            });
            object.insert(column.name.clone(), result);
        }
        Value::from(object)
    };
    (0..systems.len()).map(system).collect()
}

/// Name of a system; paired tests compare with the first.
fn name(request: &SacrebleuRequest, systems: &[Side], number: usize) -> String {
    let name = &systems[number].name;
    match request.test {
        Test::PairedBootstrap(_) | Test::PairedRandomisation(_) if number == 0 => format!("Baseline: {name}"),
        _ => name.clone(),
    }
}

fn table(request: &SacrebleuRequest, systems: &[Side], columns: &[Column]) -> String {
    let width = request.width;
    let intervals = matches!(request.test, Test::Confidence(_) | Test::PairedBootstrap(_));
    let mut heading = vec!["System".to_owned()];
    heading.extend(columns.iter().map(|column| {
        let interval = if intervals { " (μ ± 95% CI)" } else { "" };
        format!("{}{interval}", column.name)
    }));
    let mut table = Table::new(heading);
    for number in 0..systems.len() {
        let mut row = vec![name(request, systems, number)];
        row.extend(columns.iter().map(|column| cell(&column.results[number], width)));
        table.push(row);
    }
    let mut text = table.to_string();
    let test = match request.test {
        Test::PairedBootstrap(trials) => format!("Paired bootstrap resampling with {} trials", trials.count),
        Test::PairedRandomisation(trials) => {
            format!("Paired approximate randomisation with {} trials", trials.count)
        }
        Test::None | Test::Confidence(_) => String::new(),
    };
    if !test.is_empty() {
        text.push_str(&format!(
            "\n{test}: p is the probability of a difference from the baseline at least\n\
             as large, either way, if both systems were equally good; * marks p < {SIGNIFICANT}.\n"
        ));
    }
    text.push_str("\nSignatures\n");
    let longest = columns.iter().map(|column| column.name.len()).max().unwrap_or(0);
    for column in columns {
        text.push_str(&format!(" - {:longest$}  {}\n", column.name, column.signature));
    }
    text
}

/// `43.6 (43.7 ± 2.4)`, with the p-value on a line of its own.
fn cell(result: &SystemScore, width: usize) -> String {
    let mut cell = format!("{:.width$}", result.score.score);
    if let Some(confidence) = result.score.confidence() {
        cell.push_str(&format!(
            " ({:.width$} ± {:.width$})",
            confidence.mean, confidence.half_width
        ));
    }
    if let Some(p) = result.p_value {
        let mark = if p < SIGNIFICANT { "*" } else { "" };
        cell.push_str(&format!("\n(p = {p:.4}){mark}"));
    }
    cell
}
