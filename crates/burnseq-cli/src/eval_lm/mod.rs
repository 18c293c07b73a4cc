//! `burnseq eval-lm`: loss and perplexity of a language model on given text.

mod args;
mod measure;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use burnseq::decode::{BlockScorer, BlockScoring, PieceMark, TextModel};
use burnseq::tasks::language_modeling::{LanguageModelingConfig, LanguageModelingTask};
use burnseq_data::{Dataset, SampleBreakMode, Sentences, TextDir, TokenBlockDataset};
use burnseq_model::DecoderOnly;
use burnseq_text::LineReader;

pub use args::{EvalLmArgs, GRAMMAR};
use measure::{Measured, loss_line};

use crate::decoding::format;
use crate::exit::{coded, is_broken_pipe, usage, writing_to_stdout};
use crate::train::values::Limit;

/// Most tokens in a batch when no flag says so, as in fairseq.
const DEFAULT_MAX_TOKENS: usize = 36_000;
/// Blocks that are scored and printed together.
const CHUNK: usize = 1024;
/// Lines that are read together.
const LINES: usize = 4096;

/// Runs `burnseq eval-lm`.
///
/// # Errors
/// Wrong usage; text, data or a checkpoint that cannot be used.
pub fn run(args: &EvalLmArgs) -> Result<()> {
    args.check().map_err(usage)?;
    args.check_path()?;
    let compute = args.compute.open()?;
    let overrides = args.overrides.clone().unwrap_or_default();
    let model = TextModel::load_with(&args.path, &overrides, &compute).map_err(coded)?;
    let config = config(args, &model)?;
    let note = args.marks.note(&model.dictionary).filter(|_| !args.quiet);
    note.iter().for_each(|note| format::note(note));
    let started = Instant::now();
    let mut out = io::stdout().lock();
    let mut measuring = Measuring {
        args,
        scorer: BlockScorer::new(&model, scoring(args)),
        model: &model,
        merged: args.marks.given().as_ref().map(PieceMark::from),
        measured: Measured::default(),
        before: None,
        blocks: 0,
        cut: 0,
    };
    let result = match &args.input {
        Some(input) => measuring.text(input, &config, &mut out),
        None => measuring.dataset(config, &mut out),
    };
    match result.and_then(|()| measuring.finish(&mut out, started)) {
        // Whoever read stdout has seen enough, as `head` does, which is no failure.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result.map_err(writing_to_stdout),
    }
}

/// How text is cut: as the flags say; blocks begin with `<s>` where they did in training.
fn config(args: &EvalLmArgs, model: &TextModel) -> Result<LanguageModelingConfig> {
    let positions = model.model.max_positions();
    let add_bos_token = model.begins_with_bos;
    let mut config = LanguageModelingConfig {
        add_bos_token,
        ..LanguageModelingConfig::default()
    };
    config.tokens_per_sample = positions - usize::from(add_bos_token || args.blocks.add_bos_token);
    if args.input.is_some() {
        config.sample_break_mode = SampleBreakMode::Eos;
    }
    args.blocks.overlay(&mut config);
    config.validate().map_err(coded)?;
    if config.positions() > positions && config.sample_break_mode != SampleBreakMode::Eos {
        return Err(usage(anyhow!(
            "--tokens-per-sample {} is above the {positions} positions of the model{}\nhint: give at most {}",
            config.tokens_per_sample,
            if config.add_bos_token {
                ", of which <s> takes one"
            } else {
                ""
            },
            positions - usize::from(config.add_bos_token)
        )));
    }
    let window = args.context_window.unwrap_or(0);
    if window > 0 {
        if add_bos_token {
            return Err(usage(anyhow!(
                "--context-window does not go with a model whose blocks begin with <s>: with a context no block begins a \
                 text\nhint: leave it out"
            )));
        }
        if window >= config.tokens_per_sample.min(positions) {
            return Err(usage(anyhow!(
                "--context-window {window} leaves nothing of the {} tokens that are read at once\nhint: lower it",
                config.tokens_per_sample.min(positions)
            )));
        }
        config.tokens_per_sample -= window;
    }
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    config.dataset_impl = args.dataset_impl;
    Ok(config)
}

/// The limits of batches.
fn scoring(args: &EvalLmArgs) -> BlockScoring {
    let no_limit = |limit: Limit| limit.count().unwrap_or(usize::MAX);
    let max_tokens = args.max_tokens.map_or(DEFAULT_MAX_TOKENS, no_limit);
    let softmax_batch = args.softmax_batch.map_or(usize::MAX, |tokens| tokens as usize);
    BlockScoring {
        context_window: args.context_window.unwrap_or(0),
        max_tokens: max_tokens.min(softmax_batch),
        max_blocks: args.batch_size.map_or(usize::MAX, no_limit),
    }
}

/// Text on its way through the model.
struct Measuring<'a> {
    args: &'a EvalLmArgs,
    model: &'a TextModel,
    scorer: BlockScorer<'a>,
    /// What `--remove-bpe` joins.
    merged: Option<PieceMark>,
    measured: Measured,
    /// The token before the next block.
    before: Option<u32>,
    /// Blocks so far.
    blocks: usize,
    /// Blocks that were longer than the positions.
    cut: usize,
}

impl Measuring<'_> {
    /// Measures a part of a dataset.
    fn dataset(&mut self, config: LanguageModelingConfig, out: &mut dyn Write) -> Result<()> {
        let task = LanguageModelingTask::open(config).map_err(coded)?;
        let dir = task.dir();
        self.model
            .check_dictionary(dir.dictionary(), &dir.path().join(TextDir::DICTIONARY))
            .map_err(coded)?;
        let split = self.args.gen_subset.as_deref().unwrap_or("test");
        let sentences = dir.load(split).map_err(coded)?;
        let blocks = task.blocks(split, sentences, 1, 1).map_err(coded)?;
        self.measure(&blocks, false, out)
    }

    /// Measures raw text: lines as they come where each is a block, else all of them.
    fn text(&mut self, input: &Path, config: &LanguageModelingConfig, out: &mut dyn Write) -> Result<()> {
        let (name, reader): (&Path, Box<dyn BufRead>) = if input == Path::new("-") {
            (Path::new("stdin"), Box::new(io::stdin().lock()))
        } else {
            let file = File::open(input).with_context(|| format!("cannot read {}", input.display()))?;
            (input, Box::new(BufReader::with_capacity(1 << 16, file)))
        };
        let mut reader = LineReader::new(reader, name).without_byte_order_mark();
        let by_line = config.sample_break_mode == SampleBreakMode::Eos;
        let mut ended = false;
        while !ended {
            let mut lines = Vec::new();
            while lines.len() < LINES || !by_line {
                let Some(line) = reader.read_line().map_err(coded)? else {
                    ended = true;
                    break;
                };
                let ids = self.model.encode_line(line, self.args.tokenized).map_err(coded)?;
                lines.push(ids);
            }
            let dictionary = &self.model.dictionary;
            let options = config.block_options("test", dictionary);
            let blocks =
                TokenBlockDataset::new(Sentences::Memory(lines), dictionary.len(), options).map_err(coded)?;
            self.measure(&blocks, by_line, out)?;
        }
        if self.measured.tokens == 0 {
            return Err(anyhow!(
                "{} holds no text\nhint: give a file with one sentence a line",
                name.display()
            ));
        }
        Ok(())
    }

    /// Scores blocks, and prints what is asked for.
    fn measure(&mut self, blocks: &TokenBlockDataset, by_line: bool, out: &mut dyn Write) -> Result<()> {
        let dictionary = &self.model.dictionary;
        for start in (0..blocks.len()).step_by(CHUNK) {
            let range = start..blocks.len().min(start + CHUNK);
            for block in self.scorer.score(blocks, range).map_err(coded)? {
                self.cut += usize::from(block.cut);
                let number = self.blocks;
                self.blocks += 1;
                let mark = self.merged.clone().unwrap_or_default();
                let words = mark.words(dictionary, &block.tokens, &block.scores);
                self.measured
                    .add(&block, &words, dictionary.unk(), self.args.output_word_stats);
                if let Some(mark) = self.pieces() {
                    self.measured.real_words += mark.count(dictionary, self.before, &block.tokens);
                }
                self.before = block.tokens.last().copied().or(self.before);
                if self.args.quiet {
                    continue;
                }
                if self.args.output_word_probs {
                    writeln!(out, "{number} {}", measure::word_line(&words))?;
                } else if by_line {
                    let nats: f64 = block.scores.iter().map(|&score| f64::from(score)).sum();
                    let loss = -nats / block.scores.len() as f64 / std::f64::consts::LN_2;
                    let tokens = block.scores.len();
                    writeln!(out, "L-{number}\t{loss:.4}\t{:.2}\t{tokens}", loss.exp2())?;
                }
            }
        }
        Ok(out.flush()?)
    }

    /// How words are told in a text of pieces, where `--remove-bpe` does not say so.
    fn pieces(&self) -> Option<PieceMark> {
        let mark = PieceMark::from(self.model.text.settings());
        (self.merged.is_none() && mark != PieceMark::None).then_some(mark)
    }

    /// Prints the sums, and what is unusual.
    fn finish(&mut self, out: &mut dyn Write, started: Instant) -> Result<()> {
        let (measured, quiet) = (&self.measured, self.args.quiet);
        if !quiet {
            if self.cut > 0 {
                format::note(&format!(
                    "{} blocks are longer than the positions of the model, and were scored in parts{}",
                    self.cut,
                    match self.args.context_window {
                        None => "; --context-window N lets each part read the N tokens before it",
                        Some(_) => "",
                    }
                ));
            }
            if let Some(note) = measured.unknown_note() {
                format::note(&note);
            }
            let seconds = started.elapsed().as_secs_f64();
            let _ = writeln!(
                io::stderr(),
                "Evaluated {} tokens in {seconds:.1}s ({:.2} tokens/s)",
                measured.tokens,
                measured.tokens as f64 / seconds
            );
            for line in measured.stats() {
                writeln!(out, "{line}")?;
            }
        }
        writeln!(out, "{}", loss_line("Loss", measured.nats, measured.words))?;
        if self.pieces().is_some() {
            let what = format!("Per word ({} words): loss", measured.real_words);
            writeln!(out, "{}", loss_line(&what, measured.nats, measured.real_words))?;
        }
        Ok(out.flush()?)
    }
}
