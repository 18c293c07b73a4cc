//! Raw lines through the whole pipeline, in order.

use burnseq_data::{BatchLimits, batch_by_size, ordered_indices};
use burnseq_generate::{Generator, Hypothesis, Source};
use burnseq_model::EncoderDecoder;
use burnseq_text::whitespace::is_space;

use crate::error::{Error, Result};

use super::{TranslationModel, translate_batches};

/// What becomes of one line.
#[derive(Debug, Clone, PartialEq)]
pub enum LineTranslation {
    /// The line holds nothing but white space, and so does its translation; the model was not asked.
    Empty,
    /// The line is longer than the model takes and was left out, as asked for.
    TooLong {
        /// Its tokens, `</s>` included.
        tokens: usize,
    },
    /// Hypotheses, best first, at least one.
    Translated(Vec<Hypothesis>),
}

/// Translates raw lines; the result has one entry per line, in order.
///
/// Lines are translated in batches of similar length, which changes no result. `first_line` is the 0-based number of
/// the first one in its file: lines are counted from there in errors and in what is drawn by sampling. With `skip_too_long` a line that is
/// longer than the model or `limits` take is left out instead of refused.
///
/// # Errors
/// A line that is too long or cannot be encoded, by its number; see also [`Generator::generate`].
pub fn translate_lines<S: AsRef<str>>(
    model: &TranslationModel,
    lines: &[S],
    first_line: u64,
    generator: &Generator,
    limits: &BatchLimits,
    skip_too_long: bool,
) -> Result<Vec<LineTranslation>> {
    let (max_source, _) = model.model.max_positions();
    let longest = limits
        .max_tokens
        .map_or(max_source, |max_tokens| max_tokens.min(max_source));
    let mut translations = vec![LineTranslation::Empty; lines.len()];
    let mut sources = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if line.as_ref().chars().all(is_space) {
            continue;
        }
        let tokens = model.src_text.encode(line.as_ref())?;
        let ids = model.src_dict.encode_line(&tokens, true);
        if ids.len() <= longest {
            sources.push((number, Source::new(first_line + number as u64, ids)));
        } else if skip_too_long {
            translations[number] = LineTranslation::TooLong { tokens: ids.len() };
        } else {
            return Err(Error::LineTooLong {
                line: first_line + number as u64 + 1,
                tokens: ids.len(),
                limit: longest,
            });
        }
    }
    let size = |index: usize| {
        let (_, source) = &sources[index];
        source.tokens.len()
    };
    let order = ordered_indices(sources.len(), size, |_| 0, None);
    let batches = batch_by_size(&order, size, limits)?;
    translate_batches(
        std::slice::from_ref(&model.model),
        |index| sources[index].1.clone(),
        &batches,
        generator,
        &model.device,
        |decoded| {
            for sentence in decoded {
                let (number, _) = sources[sentence.id];
                translations[number] = LineTranslation::Translated(sentence.hypotheses);
            }
            Ok(())
        },
    )?;
    Ok(translations)
}
