//! Lines that were segmented before they came.

use burnseq_text::{Dictionary, SubwordSettings, TextPipeline, has_word, tokenize_line};

/// Whether a line consists of pieces of `pipeline`'s subword model already: tokens carry its marks, and `dict` knows all
/// of these and most of the tokens. To segment such a line would cut the pieces once more.
///
/// Raw text that happens to hold a mark is none of it, and is segmented.
pub(super) fn is_segmented(line: &str, pipeline: &TextPipeline, dict: &Dictionary) -> bool {
    let marked: fn(&str) -> bool = match pipeline.settings().subword {
        SubwordSettings::SentencePiece { .. } => |token| token.starts_with('\u{2581}'),
        SubwordSettings::SubwordNmt { .. } => |token| token.len() > 2 && token.ends_with("@@"),
        // Their tokens look like text of programs as well.
        SubwordSettings::None | SubwordSettings::HuggingFace { .. } => return false,
    };
    if !(line.contains("@@") || line.contains('\u{2581}')) {
        return false;
    }
    let (mut tokens, mut known, mut marks) = (0, 0, 0);
    for token in tokenize_line(line) {
        let is_known = dict.index_of(token).is_some();
        tokens += 1;
        known += usize::from(is_known);
        if marked(token) {
            if !is_known {
                return false;
            }
            marks += 1;
        }
    }
    marks > 0 && known * 2 >= tokens
}

/// The tokens of a line of text; `None` when it has none.
pub(super) fn tokens_of(
    text: &str,
    tokenised: bool,
    pipeline: &TextPipeline,
    dict: &Dictionary,
) -> burnseq_text::Result<Option<String>> {
    segmented(text, tokenised, (pipeline, TextPipeline::encode), dict)
}

/// The same of the beginning of a line that goes on.
pub(super) fn prompt_tokens_of(
    text: &str,
    tokenised: bool,
    pipeline: &TextPipeline,
    dict: &Dictionary,
) -> burnseq_text::Result<Option<String>> {
    segmented(text, tokenised, (pipeline, TextPipeline::encode_prompt), dict)
}

/// How a pipeline makes tokens of text.
type Encode = fn(&TextPipeline, &str) -> burnseq_text::Result<String>;

fn segmented(
    text: &str,
    tokenised: bool,
    (pipeline, encode): (&TextPipeline, Encode),
    dict: &Dictionary,
) -> burnseq_text::Result<Option<String>> {
    if !has_word(text) {
        return Ok(None);
    }
    let tokens = if tokenised || is_segmented(text, pipeline, dict) {
        text.to_owned()
    } else {
        encode(pipeline, text)?
    };
    // Such as U+2581 alone, which stands for a blank.
    let is_empty = tokenize_line(&tokens).next().is_none();
    Ok((!is_empty).then_some(tokens))
}

#[cfg(test)]
mod tests {
    use burnseq_text::sentencepiece::{SentencePieceOptions, learn};
    use burnseq_text::{Counts, Normalization, TextFiles, TextSettings};

    use super::*;

    fn dict(tokens: &str) -> Dictionary {
        let mut counts = Counts::new();
        counts.add_line(tokens);
        Dictionary::from_counts(&counts, 0, None, 1)
    }

    fn subword_nmt() -> TextPipeline {
        let settings = TextSettings {
            subword: SubwordSettings::SubwordNmt {
                codes: "c".into(),
                vocabulary: None,
                threshold: 0,
            },
            ..TextSettings::default()
        };
        let files = TextFiles::from([("c".to_owned(), b"#version: 0.2\nH u\nn d</w>\n".to_vec())]);
        TextPipeline::new(settings, &files).unwrap()
    }

    fn sentencepiece() -> TextPipeline {
        let options = SentencePieceOptions {
            vocab_size: 20,
            ..SentencePieceOptions::default()
        };
        let learned = learn(["ein Hund", "ein Mann"], &options).unwrap();
        let settings = TextSettings {
            normalization: Normalization::NmtNfkc,
            subword: SubwordSettings::SentencePiece { model: "m".into() },
            ..TextSettings::default()
        };
        TextPipeline::new(settings, &TextFiles::from([("m".to_owned(), learned.model)])).unwrap()
    }

    #[test]
    fn pieces_of_the_model_are_not_cut_again() {
        let (pipeline, dict) = (subword_nmt(), dict("Hu@@ nd x e@@ i@@ n"));
        let tokens = |line: &str| tokens_of(line, false, &pipeline, &dict).unwrap().unwrap();
        for line in ["Hu@@ nd", "e@@ i@@ n Hu@@ nd x", "Hu@@ nd ß"] {
            assert_eq!(tokens(line), line);
        }
        for (line, expected) in [
            ("Hund", "Hu@@ nd"),
            // Raw text with a mark: another token, mostly other tokens, another kind of mark.
            ("Hund@@", "Hu@@ n@@ d@@ @@@ @"),
            ("x@@ Hu@@ nd", "x@@ @@@ @ Hu@@ @@@ @ nd"),
            ("Hu@@ a b c", "Hu@@ @@@ @ a b c"),
            ("▁ein", "▁@@ e@@ i@@ n"),
            ("@@ x", "@@@ @ x"),
        ] {
            assert_eq!(tokens(line), expected, "{line}");
        }
    }

    #[test]
    fn pieces_of_sentencepiece_are_known_by_their_dictionary() {
        let pipeline = sentencepiece();
        let line = pipeline.encode("ein Hund").unwrap();
        let dict = dict(&line);
        assert_eq!(
            tokens_of(&line, false, &pipeline, &dict).unwrap(),
            Some(line.clone())
        );
        let foreign = "▁Hun d";
        assert_ne!(
            tokens_of(foreign, false, &pipeline, &dict).unwrap().as_deref(),
            Some(foreign)
        );
    }

    #[test]
    fn lines_without_a_word_have_no_tokens() {
        let none = TextPipeline::new(TextSettings::default(), &TextFiles::new()).unwrap();
        let dict = dict("a");
        for pipeline in [&none, &subword_nmt(), &sentencepiece()] {
            for line in ["", " \t", "\u{200b}", "\u{feff}\u{200e}", "\u{1}", "\u{fffd}"] {
                for tokenised in [false, true] {
                    assert_eq!(
                        tokens_of(line, tokenised, pipeline, &dict).unwrap(),
                        None,
                        "{line:?}"
                    );
                }
            }
        }
        assert_eq!(tokens_of("▁", false, &sentencepiece(), &dict).unwrap(), None);
    }
}
