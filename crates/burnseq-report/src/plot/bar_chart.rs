//! Bars in groups: one group for each category, one bar for each series.

use super::Figure;
use super::line_chart::shortened;
use super::scale::Scale;
use super::svg::{Anchor, Svg, text_width};
use super::theme::colour_class;

/// The bars of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct BarSeries {
    /// What the legend calls it.
    pub name: String,
    /// Number of its colour.
    pub colour: usize,
    /// One value for each category; `None`: there is no bar.
    pub values: Vec<Option<f64>>,
}

/// Bars in groups.
#[derive(Debug, Clone, PartialEq)]
pub struct BarChart {
    /// Name of the file.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// What the categories are.
    pub x_label: String,
    /// Quantity and unit of the bars.
    pub y_label: String,
    /// The categories.
    pub categories: Vec<String>,
    /// The series.
    pub series: Vec<BarSeries>,
    /// Digits behind the point of the numbers that are shown when one points at a bar.
    pub digits: usize,
}

const WIDTH: f64 = 460.0;
const PLOT_HEIGHT: f64 = 190.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;

impl BarChart {
    /// The figure; none without a bar.
    pub fn draw(&self) -> Option<Figure> {
        let values = self
            .series
            .iter()
            .flat_map(|series| series.values.iter().flatten().copied());
        values.clone().next()?;
        let scale = Scale::linear(values, 5.0, true);
        let mut svg = Svg::default();
        let mut top = 10.0;
        if self.series.len() > 1 {
            top = self.legend(&mut svg);
        }
        let bottom = top + PLOT_HEIGHT;
        let y_at = |value: f64| bottom - scale.place(value) * PLOT_HEIGHT;
        for (value, label) in scale.ticks() {
            let y = y_at(value);
            svg.line("grid", (LEFT, y), (WIDTH - RIGHT, y));
            svg.text("tick", (LEFT - 7.0, y + 4.0), Anchor::End, &label);
        }
        let group = (WIDTH - LEFT - RIGHT) / self.categories.len() as f64;
        let gap = (0.18 * group).min(14.0);
        let bar = (group - gap) / self.series.len() as f64;
        // Labels that would overlap are left out.
        let widest = self
            .categories
            .iter()
            .map(|label| 11.0 * text_width(label))
            .fold(0.0, f64::max);
        let every = ((widest + 6.0) / group).ceil().max(1.0) as usize;
        for (place, category) in self.categories.iter().enumerate() {
            let left = LEFT + place as f64 * group + gap / 2.0;
            for (number, series) in self.series.iter().enumerate() {
                let Some(value) = series.values.get(place).copied().flatten() else {
                    continue;
                };
                let height = (bottom - y_at(value)).max(0.0);
                let at = (left + number as f64 * bar, bottom - height);
                let hover = format!("{}, {category}: {value:.*}", series.name, self.digits);
                svg.rect(
                    &colour_class('f', series.colour),
                    at,
                    ((bar - 0.6).max(0.4), height),
                    &hover,
                );
            }
            if place % every == 0 {
                let x = LEFT + (place as f64 + 0.5) * group;
                svg.text("tick", (x, bottom + 16.0), Anchor::Middle, category);
            }
        }
        svg.line("axis", (LEFT, bottom), (WIDTH - RIGHT, bottom));
        let middle = (LEFT + (WIDTH - LEFT - RIGHT) / 2.0, bottom + 33.0);
        svg.text("strong", middle, Anchor::Middle, &self.x_label);
        svg.turned_text(
            "strong",
            (13.0, top + PLOT_HEIGHT / 2.0),
            Anchor::Middle,
            -90.0,
            &self.y_label,
        );
        Some(Figure {
            name: self.name.clone(),
            title: self.title.clone(),
            caption: self.caption.clone(),
            width: WIDTH,
            height: bottom + 42.0,
            body: svg.finish(),
        })
    }

    fn legend(&self, svg: &mut Svg) -> f64 {
        let (mut x, mut y) = (LEFT, 14.0);
        for series in &self.series {
            let name = shortened(&series.name, 44);
            let width = 20.0 + 11.0 * text_width(&name);
            if x > LEFT && x + width > WIDTH {
                (x, y) = (LEFT, y + 16.0);
            }
            svg.rect(
                &colour_class('f', series.colour),
                (x, y - 9.0),
                (10.0, 10.0),
                &series.name,
            );
            svg.text("strong", (x + 15.0, y), Anchor::Start, &name);
            x += width + 8.0;
        }
        y + 12.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: Vec<Option<f64>>) -> BarChart {
        BarChart {
            name: "x".to_owned(),
            title: "X".to_owned(),
            caption: String::new(),
            x_label: "length".to_owned(),
            y_label: "sentences".to_owned(),
            categories: vec!["a".to_owned(), "b".to_owned()],
            series: vec![BarSeries {
                name: "run".to_owned(),
                colour: 1,
                values,
            }],
            digits: 0,
        }
    }

    #[test]
    fn a_bar_is_as_high_as_its_value() {
        let figure = chart(vec![Some(10.0), Some(5.0)]).draw().unwrap();
        // The axis ends at 10.
        assert!(
            figure.body.contains("height=\"190\"><title>run, a: 10</title>"),
            "{}",
            figure.body
        );
        assert!(
            figure.body.contains("height=\"95\"><title>run, b: 5</title>"),
            "{}",
            figure.body
        );
    }

    #[test]
    fn where_there_is_no_value_there_is_no_bar() {
        let figure = chart(vec![None, Some(0.0)]).draw().unwrap();
        assert_eq!(figure.body.matches("<rect").count(), 1);
        assert_eq!(chart(vec![None, None]).draw(), None);
    }
}
