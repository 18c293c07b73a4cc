//! The lines of a sentence, as fairseq prints them.

use std::sync::Arc;

use anyhow::Result;
use burnseq::decode::{ReplaceUnk, TargetText, TranslationModel, Unk};
use burnseq_search::Hypothesis;
use burnseq_text::{Dictionary, RemoveBpe, SubwordSettings, TextPipeline, tokenize_line};

use super::args::{Alignment, DecodingArgs};
use super::{coded, format};

/// How fairseq writes `<unk>` in references, so that it can be told from one that the model produced.
const UNK_IN_REFERENCE: &str = "<<unk>>";

/// Makes the lines of sentences.
#[derive(Debug)]
pub(crate) struct Printer {
    /// Target ids as tokens and as text.
    pub text: TargetText,
    src_dict: Arc<Dictionary>,
    post_process: RemoveBpe,
    /// The text side of the source, where S- and T- lines show text instead of tokens.
    src_text: Option<TextPipeline>,
    alignment: Option<Alignment>,
    step: bool,
    replace_unk: Option<ReplaceUnk>,
}

impl Printer {
    /// Prints what `model` makes as `args` ask for.
    ///
    /// # Errors
    /// The file of `--replace-unk` cannot be read.
    pub fn new(args: &DecodingArgs, model: &TranslationModel) -> Result<Self> {
        let replace_unk = match &args.replace_unk {
            None => None,
            Some(None) => Some(ReplaceUnk::default()),
            Some(Some(path)) => Some(ReplaceUnk::from_file(path).map_err(coded)?),
        };
        Ok(Self {
            text: TargetText::new(
                model.tgt_dict.clone(),
                model.tgt_text.clone(),
                args.marks.post_process(),
            ),
            src_dict: model.src_dict.clone(),
            post_process: args.marks.post_process(),
            // fairseq decodes these lines with the flags that it is given; a checkpoint of ours is no such flag.
            src_text: args.text.given().then(|| model.src_text.clone()),
            alignment: args.print_alignment,
            step: args.print_step,
            replace_unk,
        })
    }

    /// What to say where H- lines hold pieces: who takes them for text scores nothing.
    pub fn pieces_note(&self) -> Option<String> {
        let flag = match self.text.subword() {
            SubwordSettings::None => return None,
            SubwordSettings::HuggingFace { .. } => {
                return Some("H- lines hold subwords, D- lines hold text".to_owned());
            }
            SubwordSettings::SentencePiece { .. } => "--remove-bpe=sentencepiece",
            SubwordSettings::SubwordNmt { .. } => "--remove-bpe",
        };
        (self.post_process == RemoveBpe::None).then(|| {
            format!("H- lines hold subwords, D- lines hold text; {flag} joins the subwords of H- lines")
        })
    }

    /// The S- line.
    pub fn source(&self, id: usize, ids: &[u32]) -> String {
        let tokens = self.post_process.apply(&self.src_dict.decode(ids));
        let shown = match &self.src_text {
            Some(text) => text.decode(&tokens),
            None => tokens,
        };
        format!("S-{id}\t{shown}\n")
    }

    /// The T- line.
    pub fn target(&self, id: usize, ids: &[u32]) -> String {
        let shown = match &self.src_text {
            Some(_) => self.text.text(ids, UNK_IN_REFERENCE),
            None => self.text.tokens(ids, UNK_IN_REFERENCE),
        };
        format!("T-{id}\t{shown}\n")
    }

    /// The C- line of a constraint.
    pub fn constraint(&self, id: usize, ids: &[u32]) -> String {
        let unk = self.text.dict().symbol(self.text.dict().unk());
        format!("C-{id}\t{}\n", self.text.tokens(ids, unk))
    }

    /// The H-, D- and P- lines, and the A- and I- lines that are asked for. `source` are the tokens of the source text,
    /// for the places of `<unk>`.
    pub fn hypothesis(&self, id: usize, hypothesis: &Hypothesis, source: &str) -> String {
        let replacements = self.replacements(hypothesis, source);
        let unk = self.unk(&replacements);
        let tokens = self.text.tokens(&hypothesis.tokens, unk);
        let text = self.text.text(&hypothesis.tokens, unk);
        let mut lines = format::hypothesis_lines(id, hypothesis, &tokens, &text);
        if let (Some(kind), Some(attention)) = (self.alignment, &hypothesis.attention) {
            lines += &match kind {
                Alignment::Hard => format::hard_alignment_line(id, attention),
                Alignment::Soft => format::soft_alignment_line(id, attention),
            };
        }
        if self.step {
            lines += &format!("I-{id}\t{}\n", hypothesis.tokens.len());
        }
        lines
    }

    /// The text of a hypothesis, as in its D- line.
    pub fn translation(&self, hypothesis: &Hypothesis, source: &str) -> String {
        let replacements = self.replacements(hypothesis, source);
        self.text.text(&hypothesis.tokens, self.unk(&replacements))
    }

    /// What stands for each `<unk>`; nothing unless they are to be replaced.
    pub fn replacements(&self, hypothesis: &Hypothesis, source: &str) -> Vec<String> {
        self.replace_unk.as_ref().map_or(Vec::new(), |replace_unk| {
            let source: Vec<&str> = tokenize_line(source).collect();
            replace_unk.replacements(hypothesis, &source, self.text.dict().unk())
        })
    }

    fn unk<'a>(&'a self, each: &'a [String]) -> Unk<'a> {
        let dict = self.text.dict();
        Unk {
            each,
            rest: dict.symbol(dict.unk()),
        }
    }
}
