//! Figures as PNG.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::Figure;
use crate::error::{Error, Result};

/// Pixels for each unit of a figure, so that it is sharp on paper and on dense screens.
const SCALE: f32 = 2.0;

/// Draws figures as PNG, with DejaVu Sans; characters that it does not have are taken from fonts of the system, where there
/// are any.
pub struct Rasterizer {
    options: Options<'static>,
}

impl Default for Rasterizer {
    fn default() -> Self {
        let mut options = Options {
            font_family: "DejaVu Sans".to_owned(),
            ..Options::default()
        };
        let fonts = options.fontdb_mut();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.load_font_data(dejavu::sans::bold().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        fonts.load_system_fonts();
        Self { options }
    }
}

impl Rasterizer {
    /// The figure as the content of a PNG file, on a light background.
    ///
    /// # Errors
    /// A figure that is too large.
    pub fn png(&self, figure: &Figure) -> Result<Vec<u8>> {
        let failed = |problem: String| Error::Picture {
            name: figure.name.clone(),
            problem,
        };
        let tree =
            Tree::from_str(&figure.standalone(), &self.options).map_err(|error| failed(error.to_string()))?;
        let size = tree.size();
        let (width, height) = (
            (size.width() * SCALE).ceil() as u32,
            (size.height() * SCALE).ceil() as u32,
        );
        let mut pixels = Pixmap::new(width, height)
            .ok_or_else(|| failed(format!("{width} x {height} pixels are too many")))?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use resvg::tiny_skia::Color;

    use super::*;

    #[test]
    fn lines_and_text_are_drawn_on_white() {
        let figure = |body: &str| Figure {
            name: "x".to_owned(),
            title: String::new(),
            caption: String::new(),
            width: 40.0,
            height: 14.0,
            body: body.to_owned(),
        };
        let rasterizer = Rasterizer::default();
        let drawn = |body: &str| Pixmap::decode_png(&rasterizer.png(&figure(body)).unwrap()).unwrap();
        let filled = drawn("<rect class=\"f0\" x=\"10\" y=\"0\" width=\"20\" height=\"14\"/>");
        // Twice 40 x (26 + 14); the head of 26 is white, the colour is #0072b2.
        assert_eq!((filled.width(), filled.height()), (80, 80));
        let colour = |x, y| filled.pixel(x, y).unwrap().demultiply();
        assert_eq!(
            colour(40, 20),
            Color::WHITE.premultiply().demultiply().to_color_u8()
        );
        assert_eq!(
            (
                colour(40, 70).red(),
                colour(40, 70).green(),
                colour(40, 70).blue()
            ),
            (0, 0x72, 0xb2)
        );
        // Text leaves marks, so a font was found.
        let blank = drawn("");
        assert_ne!(
            drawn("<text x=\"2\" y=\"12\">\u{e4}\u{df}</text>").data(),
            blank.data()
        );
    }
}
