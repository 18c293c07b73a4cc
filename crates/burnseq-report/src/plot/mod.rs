//! Figures as SVG, with colours by class, so that a page can change them for a dark background; and as PNG.

mod attention_map;
mod bar_chart;
mod figure;
mod line_chart;
mod png;
mod scale;
mod svg;
mod theme;

pub use attention_map::{AttentionGrid, AttentionMap};
pub use bar_chart::{BarChart, BarSeries};
pub use figure::Figure;
pub use line_chart::{LineChart, Series, Stroke};
pub use png::Rasterizer;
pub(crate) use svg::escape;
pub(crate) use theme::{SHAPES, colour_rules, colours};
