//! Target ids as tokens and as text.

use std::sync::Arc;

use burnseq_text::{Dictionary, RemoveBpe, SubwordSettings, TextPipeline};

/// How `<unk>` is written: one after the other as `each` says, and as `rest` where that ends.
#[derive(Debug, Clone, Copy)]
pub struct Unk<'a> {
    /// For the first ones.
    pub each: &'a [String],
    /// For all others.
    pub rest: &'a str,
}

impl<'a> From<&'a str> for Unk<'a> {
    fn from(rest: &'a str) -> Self {
        Self { each: &[], rest }
    }
}

/// Turns target ids into what is printed and scored.
#[derive(Debug, Clone)]
pub struct TargetText {
    dict: Arc<Dictionary>,
    pipeline: TextPipeline,
    post_process: RemoveBpe,
}

impl TargetText {
    /// `post_process` is what `--remove-bpe` asks for; `pipeline` says how the text of the data was made.
    pub fn new(dict: Arc<Dictionary>, pipeline: TextPipeline, post_process: RemoveBpe) -> Self {
        Self {
            dict,
            pipeline,
            post_process,
        }
    }

    /// The tokens, post-processed: what `T-` and `H-` lines show. `<unk>` is written as `unk`.
    pub fn tokens<'a>(&self, ids: &[u32], unk: impl Into<Unk<'a>>) -> String {
        self.post_process.apply(&self.symbols(ids, unk.into()))
    }

    /// The text: subwords joined and the tokenisation undone, what `D-` lines show and scores are computed on.
    ///
    /// Where the data carries a subword model it is that model's business; elsewhere `--remove-bpe` decides.
    pub fn text<'a>(&self, ids: &[u32], unk: impl Into<Unk<'a>>) -> String {
        let unk = unk.into();
        if self.has_subwords() {
            self.pipeline.decode(&self.symbols(ids, unk))
        } else {
            self.pipeline.decode(&self.tokens(ids, unk))
        }
    }

    /// The subword model that the data carries.
    pub fn subword(&self) -> &SubwordSettings {
        &self.pipeline.settings().subword
    }

    /// Whether the data carries a subword model.
    pub fn has_subwords(&self) -> bool {
        *self.subword() != SubwordSettings::None
    }

    /// Whether [`text`](Self::text) still holds subwords: nothing says how to join them, and the dictionary has marks.
    pub fn keeps_subwords(&self) -> bool {
        let marked = |(token, _): (&str, i64)| burnseq_text::carries_subword_marks(token);
        !self.has_subwords() && self.post_process == RemoveBpe::None && self.dict.iter().any(marked)
    }

    /// The target dictionary.
    pub fn dict(&self) -> &Dictionary {
        &self.dict
    }

    fn symbols(&self, ids: &[u32], unk: Unk<'_>) -> String {
        let dict = &self.dict;
        let mut each = unk.each.iter();
        let mut line = String::new();
        let shown = ids.iter().filter(|&&id| !dict.is_structure(id));
        for (number, &id) in shown.enumerate() {
            if number > 0 {
                line.push(' ');
            }
            line.push_str(if id == dict.unk() {
                each.next().map_or(unk.rest, String::as_str)
            } else {
                dict.symbol(id)
            });
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burnseq_text::{TextFiles, TextSettings};

    fn dict(tokens: &[&str]) -> Arc<Dictionary> {
        let mut dictionary = Dictionary::new();
        for token in tokens {
            dictionary.add_symbol(token, 1);
        }
        Arc::new(dictionary)
    }

    #[test]
    fn without_text_settings_remove_bpe_decides() {
        let pipeline = TextPipeline::new(TextSettings::default(), &TextFiles::new()).unwrap();
        let dict = dict(&["Hu@@", "nd"]);
        let plain = TargetText::new(Arc::clone(&dict), pipeline.clone(), RemoveBpe::None);
        assert_eq!(plain.text(&[4, 5, 3, 2], "<unk>"), "Hu@@ nd <unk>");
        assert!(plain.keeps_subwords());
        let joined = TargetText::new(dict, pipeline, RemoveBpe::SubwordNmt);
        assert_eq!(joined.tokens(&[4, 5, 3, 2, 1], "<<unk>>"), "Hund <<unk>>");
        assert_eq!(joined.text(&[4, 5, 3, 2], "<unk>"), "Hund <unk>");
        assert!(!joined.keeps_subwords());
    }

    #[test]
    fn unknown_tokens_are_replaced_before_subwords_are_joined() {
        let pipeline = TextPipeline::new(TextSettings::default(), &TextFiles::new()).unwrap();
        let text = TargetText::new(dict(&["Hu@@", "nd"]), pipeline, RemoveBpe::SubwordNmt);
        let replacements = ["Ot@@".to_owned()];
        let unk = Unk {
            each: &replacements,
            rest: "<unk>",
        };
        let replaced = text.tokens(&[3, 5, 3, 2], unk);
        assert_eq!(replaced, "Otnd <unk>");
    }

    #[test]
    fn a_subword_model_joins_text_whatever_is_printed_as_tokens() {
        let settings: TextSettings =
            serde_json::from_str(r#"{"subword": {"type": "subword_nmt", "codes": "c"}}"#).unwrap();
        let files = TextFiles::from([("c".to_owned(), b"#version: 0.2\nH u\n".to_vec())]);
        let pipeline = TextPipeline::new(settings, &files).unwrap();
        let text = TargetText::new(dict(&["Hu@@", "nd"]), pipeline, RemoveBpe::None);
        assert_eq!(text.tokens(&[4, 5], "<unk>"), "Hu@@ nd");
        assert_eq!(text.text(&[4, 5], "<unk>"), "Hund");
        assert!(!text.keeps_subwords());
    }
}
