//! Plain text out of the files of IWSLT's releases of TED talks, by the rules of fairseq's recipe.

/// Lines with these tell about the talk.
const ABOUT: [&str; 3] = ["<url>", "<talkid>", "<keywords>"];

/// Title and description are sentences too; only their tags go.
const TAGS: [&str; 4] = ["<title>", "</title>", "<description>", "</description>"];

/// The text of a line of a `train.tags.*` file, or `None` where the line only tells about the talk.
///
/// ```
/// # use burnseq_text::iwslt::train_text;
/// assert_eq!(train_text("<title>Al Gore: Averting</title>"), Some("Al Gore: Averting".into()));
/// assert_eq!(train_text("<talkid>1</talkid>"), None);
/// ```
pub fn train_text(line: &str) -> Option<String> {
    if ABOUT.iter().any(|tag| line.contains(tag)) {
        return None;
    }
    let text = TAGS
        .iter()
        .fold(line.to_owned(), |text, tag| text.replace(tag, ""));
    Some(text)
}

/// The text of a `<seg>` line of an `*.xml` file, or `None` for any other line. As in fairseq's
/// recipe, `’` becomes `'`, which the training text has.
///
/// ```
/// # use burnseq_text::iwslt::segment_text;
/// assert_eq!(segment_text("<seg id=\"1\"> It’s so. </seg>"), Some("It's so.".into()));
/// assert_eq!(segment_text("<doc docid=\"1\">"), None);
/// ```
pub fn segment_text(line: &str) -> Option<String> {
    let (_, behind) = line.split_once("<seg id=\"")?;
    let (_, text) = behind.split_once("\">")?;
    let text = text.split_once("</seg>").map_or(text, |(text, _)| text);
    Some(text.trim().replace('’', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_text_is_kept_even_an_empty_one() {
        assert_eq!(train_text(""), Some(String::new()));
        assert_eq!(train_text(" Vielen Dank. "), Some(" Vielen Dank. ".into()));
        assert_eq!(
            train_text("<description>TED Talk: x</description>"),
            Some("TED Talk: x".into())
        );
        for about in [
            "<url>http://x</url>",
            "<keywords>a, b</keywords>",
            " <talkid>535</talkid>",
        ] {
            assert_eq!(train_text(about), None);
        }
    }

    #[test]
    fn segments_may_be_empty_or_lack_their_end() {
        assert_eq!(segment_text("<seg id=\"12\">  </seg>"), Some(String::new()));
        assert_eq!(
            segment_text("  <seg id=\"7\"> a &amp; b"),
            Some("a &amp; b".into())
        );
        assert_eq!(segment_text("<refset setid=\"x\"> seg id"), None);
    }
}
