//! A finished figure.

use super::theme::standalone_style;

/// A figure: SVG elements whose colours are classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name of its file, without extension: lower-case words with hyphens between.
    pub name: String,
    /// What it shows, in a few words.
    pub title: String,
    /// How to read it, in one or two sentences.
    pub caption: String,
    /// Width in user units.
    pub width: f64,
    /// Height in user units.
    pub height: f64,
    /// The elements.
    pub body: String,
}

impl Figure {
    /// The figure as an element of a page, which gives the colours of its classes.
    pub fn inline(&self) -> String {
        format!(
            "<svg class=\"fig\" viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-label=\"{}\">{}</svg>",
            self.width,
            self.height,
            super::svg::escape(&self.title),
            self.body
        )
    }

    /// The figure as a file of its own, with its title and the colours for a light background.
    pub fn standalone(&self) -> String {
        const HEAD: f64 = 26.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fig\" width=\"{w:.0}\" height=\"{h:.0}\" viewBox=\"0 0 {w:.0} {h:.0}\">\
             <style>{style}</style><rect class=\"paper\" width=\"{w:.0}\" height=\"{h:.0}\"/>\
             <text class=\"title\" x=\"12\" y=\"20\">{title}</text><g transform=\"translate(0 {HEAD})\">{body}</g></svg>\n",
            w = self.width,
            h = self.height + HEAD,
            style = standalone_style(),
            title = super::svg::escape(&self.title),
            body = self.body,
        )
    }
}
