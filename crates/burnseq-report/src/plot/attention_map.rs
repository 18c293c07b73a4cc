//! Attention probabilities as small pictures side by side: one for each layer and head.

use std::fmt::Write as _;

use super::Figure;
use super::line_chart::shortened;
use super::svg::{Anchor, Svg, text_width};

/// Attention probabilities of one head.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionMap {
    /// Which it is: `layer 1, head 2`.
    pub label: String,
    /// One row for each query, of one probability for each key.
    pub rows: Vec<Vec<f32>>,
}

/// The maps of one sentence, over the same tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionGrid {
    /// Name of the file.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// What the rows are: `target`.
    pub query_label: String,
    /// What the columns are: `source`.
    pub key_label: String,
    /// Tokens of the rows.
    pub queries: Vec<String>,
    /// Tokens of the columns.
    pub keys: Vec<String>,
    /// The maps.
    pub maps: Vec<AttentionMap>,
}

/// Shades that are told apart.
const SHADES: usize = 20;
/// Longest token that is shown in full, in characters.
const LONGEST_TOKEN: usize = 12;
const TOKEN_SIZE: f64 = 9.0;
/// Width that rows of maps fill before the next one begins.
const WIDTH: f64 = 940.0;

impl AttentionGrid {
    /// Maps of the first layer.
    fn heads(&self) -> usize {
        let layer = |map: &AttentionMap| map.label.split(',').next().map(str::to_owned);
        let first = self.maps.first().and_then(layer);
        self.maps
            .iter()
            .take_while(|map| layer(map) == first)
            .count()
            .max(1)
    }

    /// The figure; none without a map or tokens.
    pub fn draw(&self) -> Option<Figure> {
        if self.maps.is_empty() || self.queries.is_empty() || self.keys.is_empty() {
            return None;
        }
        let shown = |tokens: &[String]| -> Vec<String> {
            tokens
                .iter()
                .map(|token| shortened(token, LONGEST_TOKEN))
                .collect()
        };
        let (queries, keys) = (shown(&self.queries), shown(&self.keys));
        let longest = |tokens: &[String]| {
            tokens
                .iter()
                .map(|token| TOKEN_SIZE * text_width(token))
                .fold(0.0, f64::max)
        };
        let (label_width, label_height) = (longest(&queries) + 26.0, longest(&keys) + 8.0);
        let cell = (170.0 / keys.len() as f64).clamp(10.5, 18.0);
        let (map_width, map_height) = (cell * keys.len() as f64, cell * queries.len() as f64);
        let column = (map_width + 14.0).max(11.0 * text_width("layer 99, head 99"));
        let fitting = (((WIDTH - label_width) / column) as usize).max(1);
        let columns = columns_of(fitting, self.heads()).min(self.maps.len());
        let row = 20.0 + map_height + label_height + 16.0;
        let mut svg = Svg::default();
        for (number, map) in self.maps.iter().enumerate() {
            let left = label_width + (number % columns) as f64 * column;
            let top = (number / columns) as f64 * row + 20.0;
            svg.text("strong", (left, top - 6.0), Anchor::Start, &map.label);
            svg.group((left, top), cell, |svg| shades(svg, map));
            let corners = format!("M{left:.1} {top:.1}h{map_width:.1}v{map_height:.1}h-{map_width:.1}z");
            svg.path("frame", &corners);
            for (place, token) in keys.iter().enumerate() {
                let at = (left + (place as f64 + 0.5) * cell + 3.0, top + map_height + 5.0);
                svg.turned_text("token", at, Anchor::End, -90.0, token);
            }
            if number % columns == 0 {
                for (place, token) in queries.iter().enumerate() {
                    let at = (left - 5.0, top + (place as f64 + 0.5) * cell + 3.0);
                    svg.text("token", at, Anchor::End, token);
                }
                let at = (11.0, top + map_height / 2.0);
                svg.turned_text("strong", at, Anchor::Middle, -90.0, &self.query_label);
                let at = (left + map_width / 2.0, top + map_height + label_height + 8.0);
                svg.text("strong", at, Anchor::Middle, &self.key_label);
            }
        }
        let rows = self.maps.len().div_ceil(columns);
        Some(Figure {
            name: self.name.clone(),
            title: self.title.clone(),
            caption: self.caption.clone(),
            width: label_width + columns as f64 * column,
            height: rows as f64 * row,
            body: svg.finish(),
        })
    }
}

/// Maps side by side where `fitting` of them have room: whole layers of `heads` maps, or equal parts of one.
fn columns_of(fitting: usize, heads: usize) -> usize {
    if fitting >= heads {
        return fitting / heads * heads;
    }
    let of_layer = (2..=fitting).rev().find(|columns| heads.is_multiple_of(*columns));
    of_layer.unwrap_or(fitting)
}

/// The cells of a map, in units of cells: one path for each shade.
fn shades(svg: &mut Svg, map: &AttentionMap) {
    let mut paths = vec![String::new(); SHADES + 1];
    for (y, row) in map.rows.iter().enumerate() {
        for (x, probability) in row.iter().enumerate() {
            let shade = (probability.clamp(0.0, 1.0) * SHADES as f32).round() as usize;
            let _ = write!(paths[shade], "M{x} {y}h1v1h-1z");
        }
    }
    // What nobody looks at stays as the background is.
    for (shade, path) in paths
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, path)| !path.is_empty())
    {
        svg.shaded("f0", shade as f64 / SHADES as f64, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heads_of_a_layer_stand_in_whole_rows() {
        for (fitting, heads, columns) in [
            (5, 4, 4),
            (9, 4, 8),
            (5, 8, 4),
            (8, 8, 8),
            (1, 8, 1),
            (5, 7, 5),
            (3, 1, 3),
        ] {
            assert_eq!(columns_of(fitting, heads), columns, "{fitting} for {heads}");
        }
    }

    #[test]
    fn a_cell_is_as_dark_as_its_probability() {
        let grid = AttentionGrid {
            name: "a".to_owned(),
            title: "A".to_owned(),
            caption: String::new(),
            query_label: "target".to_owned(),
            key_label: "source".to_owned(),
            queries: vec!["x".to_owned(), "</s>".to_owned()],
            keys: vec!["y".to_owned(), "z".to_owned(), "</s>".to_owned()],
            maps: vec![AttentionMap {
                label: "layer 1, head 1".to_owned(),
                rows: vec![vec![0.25, 0.75, 0.0], vec![0.0, 0.0, 1.0]],
            }],
        };
        let body = grid.draw().unwrap().body;
        for path in [
            "fill-opacity=\"0.25\" d=\"M0 0h1v1h-1z\"",
            "fill-opacity=\"0.75\" d=\"M1 0h1v1h-1z\"",
            "fill-opacity=\"1\" d=\"M2 1h1v1h-1z\"",
        ] {
            assert!(body.contains(path), "{path}: {body}");
        }
        assert_eq!(body.matches("fill-opacity").count(), 3);
        assert!(body.contains(">&lt;/s&gt;<") && body.contains(">source<"));
        let none = AttentionGrid {
            maps: Vec::new(),
            ..grid
        };
        assert_eq!(none.draw(), None);
    }
}
