//! Colours and styles of figures, as CSS for a page and for files of their own.

use std::fmt::Write as _;

/// Colours of runs: those of Okabe and Ito (2008), which people with colour blindness can tell apart, as they are on a light
/// background, and lighter ones for a dark background.
pub(crate) mod colours {
    /// Of series on a light background.
    pub(crate) const LIGHT: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#b5508f", "#b07a00", "#2a8fc7"];
    /// Of series on a dark background.
    pub(crate) const DARK: [&str; 6] = ["#56a8e0", "#f08a4b", "#3fc9a0", "#e08fc4", "#e6b84d", "#8ecdf2"];
    /// Text, secondary text, grid and paper on a light background.
    pub(crate) const LIGHT_INK: [&str; 4] = ["#1c2430", "#5a6675", "#dfe4ea", "#ffffff"];
}

/// Series that have colours of their own; later ones have the same colours with dashes.
pub(super) const COLOURS: usize = colours::LIGHT.len();

/// The classes of figures, except for colours.
pub(crate) const SHAPES: &str = "\
.fig text{font-family:'DejaVu Sans',system-ui,sans-serif;font-size:11px}\
.fig .title{font-size:14px;font-weight:600}\
.fig .token{font-size:9px}\
.fig .grid,.fig .axis{fill:none;stroke-width:1}\
.fig .line{fill:none;stroke-linejoin:round;stroke-linecap:round}\
.fig .thin{stroke-width:1.3;stroke-opacity:.7}\
.fig .plain{stroke-width:1.7}\
.fig .bold{stroke-width:2.2}\
.fig .dash1{stroke-dasharray:6 3}\
.fig .dash2{stroke-dasharray:2 3}\
.fig .frame{fill:none;stroke-width:1}";

/// CSS of the colours, given as values or as `var(--name)`.
pub(crate) fn colour_rules(series: [&str; 6], ink: [&str; 4]) -> String {
    let [text, soft, grid, paper] = ink;
    let mut css = format!(
        ".fig text{{fill:{soft}}}.fig .strong,.fig .title{{fill:{text}}}.fig .grid{{stroke:{grid}}}\
         .fig .axis,.fig .frame{{stroke:{soft}}}.fig .paper{{fill:{paper}}}"
    );
    for (number, colour) in series.iter().enumerate() {
        let _ = write!(
            css,
            ".fig .s{number}{{stroke:{colour}}}.fig .f{number}{{fill:{colour}}}"
        );
    }
    css
}

/// The style of a figure in a file of its own.
pub(super) fn standalone_style() -> String {
    format!("{SHAPES}{}", colour_rules(colours::LIGHT, colours::LIGHT_INK))
}

/// The class of the colour of a series, as a stroke (`s`) or filling (`f`).
pub(super) fn colour_class(kind: char, series: usize) -> String {
    format!("{kind}{}", series % COLOURS)
}

/// The class of the dashes of a series.
pub(super) fn dash_class(series: usize) -> &'static str {
    ["", " dash1", " dash2"][series / COLOURS % 3]
}
