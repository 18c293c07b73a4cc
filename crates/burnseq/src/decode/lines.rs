//! Raw lines through the whole pipeline, in order.

use burnseq_data::{BatchLimits, batch_by_size, ordered_indices};
use burnseq_generate::Generate;
use burnseq_search::{Generator, Hypothesis, Source};
use burnseq_text::has_word;

use crate::error::{Error, Result};

use super::segmented::{is_segmented, tokens_of};
use super::{Decoded, OnBatch, TranslationModel, after_batch, decode_batches, unwatched};

/// How lines are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineFormat {
    /// Lines hold tokens of the dictionary, separated by blanks, instead of raw text. Lines that carry the marks of the
    /// model's subwords are taken so in any case, where the dictionary knows their tokens.
    pub tokenised: bool,
    /// What follows a tabulator are constraints, separated by tabulators: texts that the translation must hold.
    pub constraints: bool,
    /// Lines that are longer than the model takes are cut, instead of left without a translation.
    pub truncate_source: bool,
}

/// A line as the model takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedLine {
    /// Its tokens, separated by blanks, those outside the dictionary included.
    pub tokens: String,
    /// Their ids.
    pub source: Source,
    /// Tokens of the whole line, `</s>` included, where it was cut.
    pub cut_from: Option<usize>,
}

impl EncodedLine {
    /// Tokens that the source dictionary does not hold, and all, `</s>` not included.
    pub fn unknown_share(&self, unk: u32) -> (usize, usize) {
        let tokens = &self.source.tokens;
        let unknown = tokens.iter().filter(|&&token| token == unk).count();
        (unknown, tokens.len().saturating_sub(1))
    }
}

/// What becomes of one line.
#[derive(Debug, Clone, PartialEq)]
pub enum LineTranslation {
    /// The line holds no word, and neither does its translation; the model was not asked.
    Empty,
    /// The line is longer than the model takes, and its translation is empty.
    TooLong {
        /// Its tokens, `</s>` included.
        tokens: usize,
        /// Most tokens.
        limit: usize,
    },
    /// The line was translated.
    Translated {
        /// The line as the model took it.
        line: EncodedLine,
        /// Best first, at least one.
        hypotheses: Vec<Hypothesis>,
    },
}

impl TranslationModel {
    /// Whether a line of text is taken as the pieces that the subword model of the source makes, because it carries their
    /// marks and the dictionary knows them.
    pub fn is_segmented(&self, line: &str) -> bool {
        is_segmented(line, &self.src_text, &self.src_dict)
    }

    /// Turns line `number` (0-based) into what the model takes; nothing when it holds no word (see [`has_word`]).
    ///
    /// # Errors
    /// Text or constraints that cannot be encoded; a line that is longer than `longest` tokens with `</s>`.
    pub fn encode_line(
        &self,
        number: u64,
        line: &str,
        format: LineFormat,
        longest: usize,
    ) -> Result<Option<EncodedLine>> {
        let mut parts = line.split(|c| c == '\t' && format.constraints);
        let text = parts.next().unwrap_or_default();
        let tokens = tokens_of(text, format.tokenised, &self.src_text, &self.src_dict)?;
        let Some(tokens) = tokens else {
            return Ok(None);
        };
        let mut tokens = tokens;
        let mut ids = self.src_dict.encode_line(&tokens, false);
        let around = self.template.len();
        let mut cut_from = None;
        if ids.len() + around > longest && format.truncate_source && longest > around {
            cut_from = Some(ids.len() + around);
            ids.truncate(longest - around);
            let kept: Vec<&str> = self
                .src_dict
                .tokens(&tokens)
                .take(longest - around)
                .map(|(token, _)| token)
                .collect();
            tokens = kept.join(" ");
        }
        let ids = self.template.around(ids, self.src_dict.eos());
        if ids.len() > longest {
            return Err(Error::LineTooLong {
                line: number + 1,
                tokens: ids.len(),
                limit: longest,
            });
        }
        let mut source = Source::new(number, ids);
        for constraint in parts.filter(|constraint| has_word(constraint)) {
            let tokens = tokens_of(constraint, format.tokenised, &self.tgt_text, &self.tgt_dict)?;
            let Some(tokens) = tokens else { continue };
            if let Some((token, _)) = self
                .tgt_dict
                .tokens(&tokens)
                .find(|&(_, id)| id == self.tgt_dict.unk())
            {
                return Err(Error::Line {
                    line: number + 1,
                    problem: format!(
                        "the constraint {constraint:?} holds {token:?}, which the target dictionary does not"
                    ),
                });
            }
            source.constraints.push(self.tgt_dict.encode_line(&tokens, false));
        }
        Ok(Some(EncodedLine {
            tokens,
            source,
            cut_from,
        }))
    }

    /// The ids of a line of target text with its `</s>`, as `preprocess` makes them; a line without a word is `</s>` alone.
    /// Lines that are `tokenised` are tokens of the dictionary already.
    ///
    /// # Errors
    /// Text that the subword model cannot take.
    pub fn encode_target(&self, line: &str, tokenised: bool) -> Result<Vec<u32>> {
        let tokens = tokens_of(line, tokenised, &self.tgt_text, &self.tgt_dict)?;
        Ok(self.tgt_dict.encode_line(&tokens.unwrap_or_default(), true))
    }

    /// Most tokens of a source, `</s>` included, that the model and `limits` take.
    pub fn longest_source(&self, limits: &BatchLimits) -> usize {
        let (max_source, _) = self.max_positions();
        limits.max_tokens.unwrap_or(max_source).min(max_source)
    }

    /// Translates sources in batches of similar length, which changes no result; `id` in the result counts `sources`, and
    /// they come in order.
    ///
    /// # Errors
    /// See [`Generator::generate`].
    pub fn translate_sources(
        &self,
        sources: &[Source],
        generator: &Generator,
        limits: &BatchLimits,
    ) -> Result<Vec<Decoded>> {
        self.translate_sources_watched(sources, generator, limits, &mut unwatched)
    }

    /// As [`translate_sources`](Self::translate_sources), with a call of `on_batch` after each batch.
    ///
    /// # Errors
    /// Also [`Error::Interrupted`].
    pub fn translate_sources_watched(
        &self,
        sources: &[Source],
        generator: &Generator,
        limits: &BatchLimits,
        on_batch: OnBatch<'_>,
    ) -> Result<Vec<Decoded>> {
        let size = |index: usize| sources[index].tokens.len();
        let order = ordered_indices(sources.len(), size, |_| 0, None);
        let batches = batch_by_size(&order, size, limits)?;
        let mut decoded = Vec::with_capacity(sources.len());
        let generate = |ids: &[usize]| {
            let batch: Vec<Source> = ids.iter().map(|&id| sources[id].clone()).collect();
            Ok(self.decode(generator, &batch)?)
        };
        decode_batches(&batches, size, generate, |batch| {
            decoded.extend(batch);
            after_batch(on_batch, decoded.len(), sources.len())
        })?;
        decoded.sort_by_key(|decoded| decoded.id);
        Ok(decoded)
    }
}

/// Translates raw lines; the result has one entry per line, in order.
///
/// `first_line` is the number of the first of them in its file, 0-based: errors and what is drawn at random count from
/// there. A line that is longer than the model or `limits` take is [`LineTranslation::TooLong`], unless `format` asks for
/// it to be cut.
///
/// # Errors
/// A line that cannot be encoded, by its number; see also [`Generator::generate`].
pub fn translate_lines<S: AsRef<str>>(
    model: &TranslationModel,
    lines: &[S],
    first_line: u64,
    format: LineFormat,
    generator: &Generator,
    limits: &BatchLimits,
) -> Result<Vec<LineTranslation>> {
    translate_lines_watched(
        model,
        lines,
        first_line,
        format,
        generator,
        limits,
        &mut unwatched,
    )
}

/// As [`translate_lines`], with a call of `on_batch` after each batch; it counts the lines that the model is asked about.
///
/// # Errors
/// Also [`Error::Interrupted`].
pub fn translate_lines_watched<S: AsRef<str>>(
    model: &TranslationModel,
    lines: &[S],
    first_line: u64,
    format: LineFormat,
    generator: &Generator,
    limits: &BatchLimits,
    on_batch: OnBatch<'_>,
) -> Result<Vec<LineTranslation>> {
    let longest = model.longest_source(limits);
    let mut translations = vec![LineTranslation::Empty; lines.len()];
    let mut encoded = Vec::new();
    for (number, line) in (first_line..).zip(lines) {
        match model.encode_line(number, line.as_ref(), format, longest) {
            Ok(None) => {}
            Ok(Some(line)) => {
                // One line that asks for too much is named before any is translated.
                let checked = generator.check(&model.models, &line.source);
                checked.map_err(|problem| Error::Line {
                    line: number + 1,
                    problem: problem.to_string(),
                })?;
                encoded.push(line);
            }
            Err(Error::LineTooLong { tokens, limit, .. }) => {
                translations[(number - first_line) as usize] = LineTranslation::TooLong { tokens, limit };
            }
            Err(error) => return Err(error),
        }
    }
    let sources: Vec<Source> = encoded
        .iter()
        .map(|line: &EncodedLine| line.source.clone())
        .collect();
    let translated = model.translate_sources_watched(&sources, generator, limits, on_batch)?;
    for (line, decoded) in encoded.into_iter().zip(translated) {
        let index = (line.source.id - first_line) as usize;
        translations[index] = LineTranslation::Translated {
            line,
            hypotheses: decoded.hypotheses,
        };
    }
    Ok(translations)
}
