//! Charts in pixels, for places that show no SVG. The font comes along, so that a picture is the same everywhere.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};
use std::sync::{Arc, LazyLock};

/// Pixels for each unit of a drawing: sharp on today's screens.
const SCALE: f32 = 2.0;
/// Pixels on a side: beyond that nobody looks at it, and the memory is better used.
const SIDE_MAX: f32 = 8_000.0;
/// The family of the fonts that come along.
const FAMILY: &str = "Noto Sans";

/// Noto Sans under the SIL Open Font License (`fonts/OFL.txt`): the Latin, Greek and Cyrillic letters of it.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(include_bytes!("../fonts/NotoSans-Regular.ttf").to_vec());
    fonts.load_font_data(include_bytes!("../fonts/NotoSans-Bold.ttf").to_vec());
    fonts.set_sans_serif_family(FAMILY);
    Arc::new(fonts)
});

/// A drawing as PNG.
///
/// # Errors
/// Where it is no drawing, or too large.
pub fn png(svg: &str) -> Result<Vec<u8>, String> {
    let options = Options {
        font_family: FAMILY.to_owned(),
        fontdb: FONTS.clone(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|e| format!("the chart cannot be drawn: {e}"))?;
    let size = tree.size();
    let scale = SCALE.min(SIDE_MAX / size.width().max(size.height()));
    let side = |length: f32| (length * scale).ceil() as u32;
    let mut pixels = Pixmap::new(side(size.width()), side(size.height())).ok_or("the chart has no size")?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels
        .encode_png()
        .map_err(|e| format!("the picture cannot be written: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_words_in_it() {
        let svg = |text: &str| {
            format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 40" width="200" height="40" font-family="Noto Sans"><text x="5" y="20">{text}</text></svg>"#
            )
        };
        let (empty, words) = (png(&svg("")).expect("drawn"), png(&svg("Київ, Łódź")).expect("drawn"));
        assert_eq!(&words[..8], b"\x89PNG\r\n\x1a\n");
        assert!(
            words.len() > empty.len() + 200,
            "{} against {}",
            words.len(),
            empty.len()
        );
        assert!(png("no drawing").is_err());
    }
}
