//! Translates lines and prints a group of lines for each.

use std::cell::RefCell;
use std::io::Write;

use anyhow::{Context, Result};
use burnseq::decode::{Decoded, EncodedLine, LineFormat, TranslationModel};
use burnseq_data::BatchLimits;
use burnseq_generate::Generate;
use burnseq_search::{Generator, Source};

use super::args::InteractiveArgs;
use super::input::Input;
use crate::decoding::{MarkNotes, Printer, UnknownShare, coded, format};

/// What is said when lines cannot be written.
const CANNOT_WRITE: &str = "cannot write the lines";

/// A model that answers lines.
pub(super) struct Session<'a> {
    model: &'a TranslationModel,
    generator: &'a Generator,
    limits: BatchLimits,
    /// Most tokens of a line, `</s>` included.
    longest: usize,
    line_format: LineFormat,
    printer: Printer,
    unknown: RefCell<UnknownShare>,
    marks: MarkNotes,
}

/// What becomes of a line.
enum Line {
    /// It holds no word.
    Empty,
    /// It cannot be translated, as was told.
    Refused,
    /// The model was asked.
    Encoded(EncodedLine),
}

impl<'a> Session<'a> {
    /// Answers with `model` as `args` ask for.
    ///
    /// # Errors
    /// A file that the flags name cannot be read.
    pub fn new(
        args: &InteractiveArgs,
        model: &'a TranslationModel,
        generator: &'a Generator,
        limits: BatchLimits,
    ) -> Result<Self> {
        Ok(Self {
            model,
            generator,
            longest: model.longest_source(&limits),
            limits,
            line_format: LineFormat {
                tokenised: args.tokenized,
                constraints: args.decoding.search.constraints.is_some(),
                truncate_source: args.decoding.truncate_source,
            },
            printer: Printer::new(&args.decoding, model)?,
            unknown: RefCell::new(UnknownShare::new(model)),
            marks: MarkNotes::default(),
        })
    }

    /// Answers all lines of `input`, at most `buffer_size` at a time.
    ///
    /// # Errors
    /// Input that cannot be read, output that cannot be written, a model that gives no probabilities.
    pub fn run(&self, input: &mut Input, buffer_size: usize, out: &mut dyn Write) -> Result<()> {
        if let Some(note) = self.printer.pieces_note() {
            format::note(&note);
        }
        let mut first = 0;
        loop {
            let lines = input.next(buffer_size)?;
            if lines.is_empty() {
                return Ok(());
            }
            self.answer(first, &lines, out)?;
            out.flush().context(CANNOT_WRITE)?;
            first += lines.len();
        }
    }

    /// Answers lines, the first of which has the number `first`.
    fn answer(&self, first: usize, lines: &[Vec<u8>], out: &mut dyn Write) -> Result<()> {
        let lines: Vec<Line> = (first..)
            .zip(lines)
            .map(|(id, line)| self.encode(id, line))
            .collect();
        self.unknown.borrow_mut().tell();
        let sources: Vec<Source> = lines.iter().filter_map(Line::source).cloned().collect();
        let decoded = self
            .model
            .translate_sources(&sources, self.generator, &self.limits)
            .map_err(coded)?;
        let mut decoded = decoded.iter();
        for (id, line) in (first..).zip(&lines) {
            let group = match line {
                Line::Empty => untranslated(id, "0.0"),
                Line::Refused => untranslated(id, "-inf"),
                Line::Encoded(line) => {
                    let decoded = decoded.next().expect("one result for each source");
                    self.group(id, line, decoded)
                }
            };
            out.write_all(group.as_bytes()).context(CANNOT_WRITE)?;
        }
        Ok(())
    }

    /// What the model is asked about a line; whatever is wrong with it is told.
    fn encode(&self, id: usize, line: &[u8]) -> Line {
        let number = id + 1;
        let text = String::from_utf8_lossy(line);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            format::note(&format!(
                "line {number} is not UTF-8; what cannot be read was replaced by U+FFFD"
            ));
        }
        if !self.line_format.tokenised {
            self.marks.look(self.model, number, &text);
        }
        let encoded = self
            .model
            .encode_line(id as u64, &text, self.line_format, self.longest)
            .and_then(|line| {
                if let Some(line) = &line {
                    self.generator.check(&self.model.models, &line.source)?;
                }
                Ok(line)
            });
        match encoded {
            Ok(None) => Line::Empty,
            Ok(Some(line)) => {
                if let Some(tokens) = line.cut_from {
                    format::note(&format!(
                        "line {number} has {tokens} tokens and is cut to {}",
                        line.source.tokens.len()
                    ));
                }
                self.unknown.borrow_mut().add(&line);
                Line::Encoded(line)
            }
            Err(error) => {
                let error = error.to_string();
                let problem = error.split("\nhint").next().unwrap_or(&error);
                let place = if problem.starts_with("line ") {
                    String::new()
                } else {
                    format!("line {number}: ")
                };
                format::note(&format!("{place}{problem}; its translation stays empty"));
                Line::Refused
            }
        }
    }

    fn group(&self, id: usize, line: &EncodedLine, decoded: &Decoded) -> String {
        let mut group = self.printer.source(id, &line.source.tokens);
        group += &format!("W-{id}\t{:.3}\tseconds\n", decoded.time.as_secs_f64());
        for constraint in &line.source.constraints {
            group += &self.printer.constraint(id, constraint);
        }
        for hypothesis in &decoded.hypotheses {
            group += &self.printer.hypothesis(id, hypothesis, &line.tokens);
        }
        group
    }
}

impl Line {
    fn source(&self) -> Option<&Source> {
        match self {
            Self::Encoded(line) => Some(&line.source),
            Self::Empty | Self::Refused => None,
        }
    }
}

/// The group of a line that the model was not asked about.
fn untranslated(id: usize, score: &str) -> String {
    format!("S-{id}\t\nW-{id}\t0.000\tseconds\nH-{id}\t{score}\t\nD-{id}\t{score}\t\nP-{id}\t\n")
}
