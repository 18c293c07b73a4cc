//! Translates raw text: one line out for each line in.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use burnseq::decode::{LineFormat, LineTranslation, TranslationModel, translate_lines};
use burnseq_data::BatchLimits;
use burnseq_search::Generator;
use burnseq_text::{LineReader, write_atomically};

use super::args::GenerateArgs;
use crate::decoding::{LongLines, MarkNotes, Printer, UnknownShare, coded, format};
use crate::exit::is_broken_pipe;

/// Lines that are read, sorted by length and translated together.
const CHUNK: usize = 4096;

/// Translates the file `input`, or standard input when it is `-`.
pub(super) fn translate(
    args: &GenerateArgs,
    input: &Path,
    model: &TranslationModel,
    generator: &Generator,
    limits: &BatchLimits,
) -> Result<()> {
    let reader: Box<dyn BufRead> = if input == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = std::fs::File::open(input).with_context(|| format!("cannot read {}", input.display()))?;
        Box::new(io::BufReader::with_capacity(1 << 16, file))
    };
    let name = if input == Path::new("-") {
        Path::new("stdin")
    } else {
        input
    };
    let mut job = Job {
        reader: LineReader::new(reader, name).without_byte_order_mark(),
        model,
        printer: Printer::new(&args.decoding, model)?,
        format: LineFormat {
            tokenised: args.tokenized,
            constraints: args.decoding.search.constraints.is_some(),
            truncate_source: args.decoding.truncate_source,
        },
        generator,
        limits,
        lines: 0,
        tokens: 0,
        long_lines: LongLines::default(),
        unknown: UnknownShare::new(model),
        marks: MarkNotes::default(),
        output: args
            .output
            .as_ref()
            .map_or_else(|| "translations".to_owned(), |path| path.display().to_string()),
    };
    let started = Instant::now();
    match &args.output {
        None => {
            let mut stdout = io::stdout().lock();
            match job.run(&mut stdout) {
                // Whoever read stdout has seen enough, as `head` does, which is no failure.
                Err(error) if is_broken_pipe(&error) => return Ok(()),
                result => result?,
            }
        }
        Some(path) => {
            // The file appears when it is complete, or not at all.
            let mut failure = None;
            let written = write_atomically(path, |out| {
                job.run(out).map_err(|error| {
                    failure = Some(error);
                    io::Error::other("translation failed")
                })
            });
            if let Some(error) = failure {
                return Err(error);
            }
            written?;
        }
    }
    let lone = job.reader.lone_carriage_returns();
    if lone > 0 {
        format::note(&format!(
            "{lone} lone carriage returns in {} were taken as line ends",
            name.display()
        ));
    }
    job.long_lines.finish();
    let seconds = started.elapsed().as_secs_f64();
    let _ = writeln!(
        io::stderr(),
        "{}",
        format::speed_line("Translated", "sentences", job.lines, job.tokens, seconds)
    );
    Ok(())
}

/// Text on its way through the model.
struct Job<'a> {
    reader: LineReader<Box<dyn BufRead>>,
    model: &'a TranslationModel,
    printer: Printer,
    format: LineFormat,
    generator: &'a Generator,
    limits: &'a BatchLimits,
    lines: usize,
    tokens: usize,
    long_lines: LongLines,
    unknown: UnknownShare,
    marks: MarkNotes,
    /// What errors call the place that translations go to.
    output: String,
}

impl Job<'_> {
    fn run(&mut self, out: &mut dyn Write) -> Result<()> {
        loop {
            let mut chunk = Vec::new();
            while chunk.len() < CHUNK {
                match self.reader.read_line().map_err(coded)? {
                    Some(line) => chunk.push(line.to_owned()),
                    None => break,
                }
            }
            if chunk.is_empty() {
                return Ok(());
            }
            self.translate(&chunk, out)?;
        }
    }

    fn translate(&mut self, chunk: &[String], out: &mut dyn Write) -> Result<()> {
        let first_line = self.lines as u64;
        if !self.format.tokenised {
            for (number, line) in (self.lines + 1..).zip(chunk) {
                self.marks.look(self.model, number, line);
            }
        }
        let translations = translate_lines(
            self.model,
            chunk,
            first_line,
            self.format,
            self.generator,
            self.limits,
        )
        .map_err(coded)
        .with_context(|| format!("cannot translate {}", self.reader.name().display()))?;
        for translation in translations {
            let number = self.lines + 1;
            let mut line = match translation {
                LineTranslation::Empty => String::new(),
                LineTranslation::TooLong { tokens, limit } => {
                    self.long_lines.left_empty(number, tokens, limit);
                    String::new()
                }
                LineTranslation::Translated { line, hypotheses } => {
                    self.long_lines.translated(number, &line);
                    self.unknown.add(&line);
                    self.tokens += hypotheses[0].tokens.len();
                    self.printer.translation(&hypotheses[0], &line.tokens)
                }
            };
            line.push('\n');
            out.write_all(line.as_bytes())
                .with_context(|| format!("cannot write {}", self.output))?;
            self.lines += 1;
        }
        self.unknown.tell();
        out.flush()
            .with_context(|| format!("cannot write {}", self.output))
    }
}
