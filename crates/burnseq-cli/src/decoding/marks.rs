//! Notes about lines that carry subword marks, each said once.

use std::cell::Cell;

use burnseq::decode::TranslationModel;
use burnseq_text::{SubwordSettings, carries_subword_marks};

use super::format;

/// What was said so far.
#[derive(Debug, Default)]
pub(crate) struct MarkNotes {
    taken: Cell<bool>,
    cut: Cell<bool>,
}

impl MarkNotes {
    /// Looks at line `number`, counted from 1, of text that `model` is to translate.
    pub(crate) fn look(&self, model: &TranslationModel, number: usize, line: &str) {
        if (self.taken.get() && self.cut.get()) || !carries_subword_marks(line) {
            return;
        }
        if model.is_segmented(line) {
            if !self.taken.replace(true) {
                format::note(&format!(
                    "line {number} holds pieces of the model's subwords, so it is not segmented again; likewise all others of \
                     that kind"
                ));
            }
        } else if model.src_text.settings().subword != SubwordSettings::None && !self.cut.replace(true) {
            format::note(&format!(
                "line {number} carries subword marks, but not the pieces of this model; it is taken for text, and segmented \
                 once more"
            ));
        }
    }
}
