//! Translates a part of a dataset: fairseq's lines, then speed and scores.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result};
use burnseq::decode::{Decoded, ScoreKeeper, TargetText, TranslationModel, translate_batches};
use burnseq_data::{BatchLimits, BatchSettings, DatasetDir, LanguagePairDataset, PairOptions};
use burnseq_generate::{Generator, Source};
use burnseq_model::EncoderDecoder;
use burnseq_text::RemoveBpe;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{GenerateArgs, Scoring};
use super::{coded, format};

/// Translates what `--gen-subset` names.
pub(super) fn translate(
    args: &GenerateArgs,
    data: &DatasetDir,
    model: &TranslationModel,
    generator: &Generator,
    limits: &BatchLimits,
) -> Result<()> {
    let subset = args.gen_subset.as_deref().unwrap_or("test");
    let dataset = data.load(subset, false, PairOptions::default()).map_err(coded)?;
    let settings = BatchSettings {
        limits: limits.clone(),
        max_positions: model.model.max_positions(),
        skip_too_long: args.skip_invalid_size_inputs_valid_test,
        seed: None,
    };
    let plan = dataset.plan(&settings).map_err(coded)?;
    if !plan.dropped.is_empty() {
        format::note(&format!(
            "{} sentences are too long and left out",
            format::thousands(plan.dropped.len())
        ));
    }
    let printer = Printer {
        dataset: &dataset,
        model,
        text: TargetText::new(
            model.tgt_dict.clone(),
            model.tgt_text.clone(),
            args.post_process(),
        ),
        post_process: args.post_process(),
    };
    if printer.text.keeps_subwords() {
        format::note("targets are scored in subwords; --remove-bpe joins those marked with `@@ `");
    }
    let bar = progress_bar(args, dataset.len() - plan.dropped.len());
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut keeper = ScoreKeeper::default();
    let mut waiting = BTreeMap::new();
    let (mut sentences, mut tokens) = (0, 0);
    let mut written = Ok(());
    let time = translate_batches(
        std::slice::from_ref(&model.model),
        |id| Source::new(id as u64, dataset.src().sentence(id)),
        &plan.batches,
        generator,
        &model.device,
        |batch| {
            for decoded in batch {
                sentences += 1;
                tokens += decoded.hypotheses[0].tokens.len();
                if let Some(target) = dataset.tgt() {
                    keeper.add(
                        &printer.text,
                        &decoded.hypotheses[0].tokens,
                        &target.sentence(decoded.id),
                    );
                }
                bar.inc(1);
                if args.quiet {
                    continue;
                }
                let lines = printer.lines(&decoded);
                if args.in_order {
                    waiting.insert(decoded.id, lines);
                } else if written.is_ok() {
                    written = out.write_all(lines.as_bytes());
                }
            }
            Ok(())
        },
    )
    .map_err(coded)?;
    bar.finish_and_clear();
    let finish = || -> io::Result<()> {
        written?;
        for lines in waiting.values() {
            out.write_all(lines.as_bytes())?;
        }
        out.flush()
    };
    if broken_pipe(finish())? {
        return Ok(());
    }

    let mut stderr = io::stderr();
    // Nobody is left to tell when stderr itself is closed.
    let _ = writeln!(stderr, "NOTE: hypothesis and token scores are output in base 2");
    let _ = writeln!(
        stderr,
        "{}",
        format::speed_line(sentences, tokens, time.as_secs_f64())
    );
    if keeper.is_empty() {
        format::note("there is no target side to score against");
        return Ok(());
    }
    let scores = keeper.scores().map_err(coded)?;
    let head = format!("Generate {subset} with beam={}", generator.options().beam);
    let mut lines = Vec::new();
    if !args.sacrebleu && args.scoring != Some(Scoring::Sacrebleu) {
        lines.push(format!("{head}: {}", scores.tokenised));
    }
    lines.push(format!("{head}: {} [{}]", scores.sacrebleu, printer.reference()));
    broken_pipe(
        lines
            .iter()
            .try_for_each(|line| writeln!(out, "{line}"))
            .and_then(|()| out.flush()),
    )?;
    Ok(())
}

/// Whether the reader of stdout has gone, as `head` does, which is no failure.
fn broken_pipe(result: io::Result<()>) -> Result<bool> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        result => result.map(|()| false).context("cannot write to stdout"),
    }
}

/// A bar on stderr, unless lines on the same terminal show how far it is.
fn progress_bar(args: &GenerateArgs, sentences: usize) -> ProgressBar {
    let lines_scroll = !args.quiet && !args.in_order && io::stdout().is_terminal();
    if args.no_progress_bar || lines_scroll || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(sentences as u64), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("translating {wide_bar} {pos}/{len} eta {eta}");
    bar.with_style(style.expect("the template is well-formed"))
}

/// Makes the lines of a sentence.
struct Printer<'a> {
    dataset: &'a LanguagePairDataset,
    model: &'a TranslationModel,
    text: TargetText,
    post_process: RemoveBpe,
}

impl Printer<'_> {
    fn lines(&self, decoded: &Decoded) -> String {
        let id = decoded.id;
        let source = self.model.src_dict.decode(&self.dataset.src().sentence(id));
        let mut lines = format!("S-{id}\t{}\n", self.post_process.apply(&source));
        if let Some(target) = self.dataset.tgt() {
            // Escaped, so that it can be told from an `<unk>` that the model produced.
            lines += &format!("T-{id}\t{}\n", self.text.tokens(&target.sentence(id), "<<unk>>"));
        }
        let unk = self.model.tgt_dict.symbol(self.model.tgt_dict.unk());
        for hypothesis in &decoded.hypotheses {
            let (tokens, text) = (
                self.text.tokens(&hypothesis.tokens, unk),
                self.text.text(&hypothesis.tokens, unk),
            );
            lines += &format::hypothesis_lines(id, hypothesis, &tokens, &text);
        }
        lines
    }

    /// What sacreBLEU compared with.
    fn reference(&self) -> &'static str {
        if self.text.has_subwords() {
            "references: target side of the dataset, detokenised"
        } else {
            "references: target side of the dataset as it is tokenised there"
        }
    }
}
