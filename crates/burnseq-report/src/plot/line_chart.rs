//! Curves over updates.

use super::Figure;
use super::scale::{Scale, label};
use super::svg::{Anchor, Svg, text_width};
use super::theme::{colour_class, dash_class};

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// A thin, pale line: many noisy values, beside others that matter more.
    Thin,
    /// A line.
    Plain,
    /// A strong line with a dot at each value.
    Dots,
}

impl Stroke {
    fn class(self) -> &'static str {
        match self {
            Self::Thin => "thin",
            Self::Plain => "plain",
            Self::Dots => "bold",
        }
    }
}

/// A curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// Number of its colour: that of its run.
    pub colour: usize,
    /// How it is drawn.
    pub stroke: Stroke,
    /// Its values, by x.
    pub points: Vec<(f64, f64)>,
}

/// Curves over one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct LineChart {
    /// Name of the file.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// Quantity and unit of the horizontal axis.
    pub x_label: String,
    /// Quantity and unit of the vertical axis.
    pub y_label: String,
    /// A logarithmic vertical axis, where all values are positive.
    pub log: bool,
    /// The vertical axis begins at 0.
    pub from_zero: bool,
    /// The curves; those without a point are not drawn.
    pub series: Vec<Series>,
}

const WIDTH: f64 = 460.0;
const PLOT_HEIGHT: f64 = 210.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const LEGEND_LINE: f64 = 16.0;
const BELOW: f64 = 42.0;
/// Most points of a curve: more than its pixels show nothing.
const MOST_POINTS: usize = 600;

impl LineChart {
    /// The figure; none where no curve has a point.
    pub fn draw(&self) -> Option<Figure> {
        let finite = |series: &Series| {
            let mut series = series.clone();
            series.points.retain(|(x, y)| x.is_finite() && y.is_finite());
            series
        };
        let all: Vec<Series> = self
            .series
            .iter()
            .map(finite)
            .filter(|series| !series.points.is_empty())
            .collect();
        if all.is_empty() {
            return None;
        }
        let points = || all.iter().flat_map(|series| series.points.iter());
        let ys = points().map(|(_, y)| *y);
        let last = points().map(|(x, _)| *x).fold(0.0, f64::max);
        let x_scale = Scale::exact(0.0, last, 5.0);
        let is_log = self.log && ys.clone().all(|y| y > 0.0);
        let y_scale = if is_log {
            Scale::log(ys)
        } else {
            Scale::linear(ys, 5.0, self.from_zero)
        };

        let mut svg = Svg::default();
        let top = legend(&mut svg, &all);
        let bottom = top + PLOT_HEIGHT;
        let x_at = |x: f64| LEFT + x_scale.place(x) * (WIDTH - LEFT - RIGHT);
        let y_at = |y: f64| bottom - y_scale.place(y) * PLOT_HEIGHT;
        for (value, label) in y_scale.ticks() {
            let y = y_at(value);
            svg.line("grid", (LEFT, y), (WIDTH - RIGHT, y));
            svg.text("tick", (LEFT - 7.0, y + 4.0), Anchor::End, &label);
        }
        for (value, label) in x_scale.ticks() {
            let x = x_at(value);
            svg.line("axis", (x, bottom), (x, bottom + 4.0));
            svg.text("tick", (x, bottom + 17.0), Anchor::Middle, &label);
        }
        svg.line("axis", (LEFT, bottom), (WIDTH - RIGHT, bottom));
        let middle = (LEFT + (WIDTH - LEFT - RIGHT) / 2.0, bottom + 34.0);
        svg.text("strong", middle, Anchor::Middle, &self.x_label);
        svg.turned_text(
            "strong",
            (13.0, top + PLOT_HEIGHT / 2.0),
            Anchor::Middle,
            -90.0,
            &self.y_label,
        );
        for series in &all {
            let colour = colour_class('s', series.colour);
            let dash = dash_class(series.colour);
            let width = series.stroke.class();
            let thinned = thin(&series.points);
            let places: Vec<(f64, f64)> = thinned.iter().map(|(x, y)| (x_at(*x), y_at(*y))).collect();
            svg.polyline(&format!("line {width} {colour}{dash}"), &places);
            // A single value has no line.
            if series.stroke == Stroke::Dots || places.len() == 1 {
                let radius = if places.len() > 60 { 1.6 } else { 3.0 };
                for (at, (x, y)) in places.iter().zip(&thinned) {
                    let hover = format!("{}: {} at update {x}", series.name, number(*y));
                    svg.circle(&colour_class('f', series.colour), *at, radius, &hover);
                }
            }
        }
        Some(Figure {
            name: self.name.clone(),
            title: self.title.clone(),
            caption: if is_log {
                format!("{} The vertical axis is logarithmic.", self.caption)
            } else {
                self.caption.clone()
            },
            width: WIDTH,
            height: bottom + BELOW,
            body: svg.finish(),
        })
    }
}

/// The names of the curves with their colours, as many to a line as fit; gives where the plot begins.
fn legend(svg: &mut Svg, all: &[Series]) -> f64 {
    let (mut x, mut y) = (LEFT, 14.0);
    for series in all {
        let name = shortened(&series.name, 44);
        let width = 30.0 + 11.0 * text_width(&name);
        if x > LEFT && x + width > WIDTH {
            (x, y) = (LEFT, y + LEGEND_LINE);
        }
        let weight = series.stroke.class();
        let class = format!(
            "line {weight} {}{}",
            colour_class('s', series.colour),
            dash_class(series.colour)
        );
        svg.line(&class, (x, y - 4.0), (x + 18.0, y - 4.0));
        if series.stroke == Stroke::Dots {
            svg.circle(
                &colour_class('f', series.colour),
                (x + 9.0, y - 4.0),
                3.0,
                &series.name,
            );
        }
        svg.text("strong", (x + 23.0, y), Anchor::Start, &name);
        x += width + 8.0;
    }
    y + 12.0
}

/// A text of at most `most` characters; what is cut is shown by an ellipsis.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most - 1).collect();
    short.push('\u{2026}');
    short
}

/// A value for a reader: four significant digits.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.abs() < 0.1 {
        return format!("{value:.3e}");
    }
    let step = 10_f64.powf(value.abs().log10().floor() - 3.0);
    label(value, step)
}

/// Fewer points of the same curve: of each stretch the smallest and the largest value, so that no peak is lost.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(MOST_POINTS / 2);
    let mut thinned = Vec::with_capacity(MOST_POINTS + 2);
    for stretch in points.chunks(stretch) {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let smallest = stretch.iter().min_by(by_value).expect("a chunk is not empty");
        let largest = stretch.iter().max_by(by_value).expect("a chunk is not empty");
        let (first, second) = if smallest.0 <= largest.0 {
            (smallest, largest)
        } else {
            (largest, smallest)
        };
        thinned.push(*first);
        if first.0 != second.0 {
            thinned.push(*second);
        }
    }
    thinned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>, log: bool) -> LineChart {
        LineChart {
            name: "loss".to_owned(),
            title: "Loss".to_owned(),
            caption: "Lower is better.".to_owned(),
            x_label: "updates".to_owned(),
            y_label: "bits per token".to_owned(),
            log,
            from_zero: false,
            series: vec![Series {
                name: "<run>".to_owned(),
                colour: 0,
                stroke: Stroke::Dots,
                points,
            }],
        }
    }

    #[test]
    fn axes_have_titles_and_names_are_no_markup() {
        let figure = chart(vec![(10.0, 5.0), (20.0, 4.0)], false).draw().unwrap();
        for text in [
            ">updates<",
            ">bits per token<",
            "&lt;run&gt;",
            "&lt;run&gt;: 4.000 at update 20",
        ] {
            assert!(figure.body.contains(text), "{text}: {}", figure.body);
        }
    }

    #[test]
    fn without_a_finite_value_there_is_no_figure() {
        assert_eq!(chart(vec![], false).draw(), None);
        assert_eq!(
            chart(vec![(1.0, f64::NAN), (2.0, f64::INFINITY)], false).draw(),
            None
        );
        assert!(chart(vec![(0.0, 0.0)], true).draw().is_some());
    }

    #[test]
    fn a_logarithmic_axis_says_so() {
        let points = vec![(1.0, 1000.0), (2.0, 10.0)];
        let figure = chart(points, true).draw().unwrap();
        assert_eq!(
            figure.caption,
            "Lower is better. The vertical axis is logarithmic."
        );
    }

    #[test]
    fn many_points_become_few_without_losing_a_peak() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|x| (f64::from(x), 1.0)).collect();
        points[5_555].1 = 99.0;
        let thinned = thin(&points);
        assert!(thinned.len() <= MOST_POINTS + 2, "{}", thinned.len());
        assert!(thinned.contains(&(5_555.0, 99.0)));
        assert!(thinned.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
