//! Translates or scores a part of a dataset: fairseq's lines, then speed and scores.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::{Context, Result, anyhow};
use burnseq::decode::{Decoded, ScoreKeeper, TranslationModel, decode_batches};
use burnseq_data::{BatchLimits, BatchSettings, Dataset, DatasetDir, LanguagePairDataset, PairOptions};
use burnseq_generate::Scorer;
use burnseq_search::{Generator, Hypothesis, Source};
use burnseq_text::write_atomically;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::GenerateArgs;
use super::scores;
use crate::decoding::{Printer, coded, format};
use crate::exit::{is_broken_pipe, usage};

/// Decodes what `--gen-subset` names.
pub(super) fn translate(
    args: &GenerateArgs,
    data: DatasetDir,
    model: &TranslationModel,
    generator: &Generator,
    limits: &BatchLimits,
) -> Result<()> {
    let data = data.with_dataset_impl(args.dataset_impl);
    let (max_source, _) = model.max_positions();
    let options = PairOptions {
        truncate_source: args.decoding.truncate_source.then_some(max_source),
        ..PairOptions::default()
    };
    let dataset = data.load(args.subset(), false, options).map_err(coded)?;
    check(args, model, &dataset)?;
    let settings = BatchSettings {
        limits: limits.clone(),
        max_positions: model.max_positions(),
        skip_too_long: args.skip_invalid_size_inputs_valid_test,
        seed: None,
    };
    let plan = dataset.plan(&settings).map_err(coded)?;
    if !plan.dropped.is_empty() {
        let dropped = format::thousands(plan.dropped.len());
        format::note(&format!("{dropped} sentences are too long and left out"));
    }
    let (shard, shards) = args.shard();
    let batches: Vec<Vec<usize>> = plan.batches.into_iter().skip(shard).step_by(shards).collect();
    let job = Job {
        args,
        model,
        generator,
        dataset: &dataset,
        printer: Printer::new(&args.decoding, model)?,
    };
    if job.printer.text.keeps_subwords() {
        format::note("targets are scored in subwords; --remove-bpe joins those marked with `@@ `");
    }
    if let Some(note) = job.printer.pieces_note().filter(|_| !args.quiet) {
        format::note(&note);
    }

    let Some(folder) = &args.results_path else {
        return match job.run(&batches, &mut BufWriter::new(io::stdout().lock())) {
            // Whoever read stdout has seen enough, as `head` does, which is no failure.
            Err(error) if is_broken_pipe(&error) => Ok(()),
            result => result,
        };
    };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // The file appears when it is complete, or not at all.
    let mut failure = None;
    let path = args.output_file().expect("--results-path names its folder");
    let written = write_atomically(&path, |out| {
        job.run(&batches, out).map_err(|error| {
            failure = Some(error);
            io::Error::other("decoding failed")
        })
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(written?),
    }
}

/// Makes sure that the dataset has what the flags ask for.
fn check(args: &GenerateArgs, model: &TranslationModel, dataset: &LanguagePairDataset) -> Result<()> {
    if dataset.tgt().is_none() {
        let prefix = args
            .prefix_size
            .is_some_and(|size| size > 0)
            .then_some("--prefix-size");
        if let Some(flag) = prefix.or(args.score_reference.then_some("--score-reference")) {
            return Err(anyhow!(
                "{flag} needs references: {} has no target side",
                args.subset()
            ));
        }
    }
    if args.score_reference {
        let decoding = &args.decoding;
        let ignored = [
            ("--beam", decoding.search.beam.is_some()),
            ("--nbest", decoding.search.nbest.is_some()),
            ("--unkpen", decoding.search.unkpen.is_some()),
            ("--min-len", decoding.search.min_len.is_some()),
            ("--max-len-a", decoding.search.max_len_a.is_some()),
            ("--max-len-b", decoding.search.max_len_b.is_some()),
            ("--match-source-len", decoding.search.match_source_len),
            (
                "--no-repeat-ngram-size",
                decoding.search.no_repeat_ngram_size.is_some(),
            ),
        ];
        let given: Vec<&str> = ignored
            .iter()
            .filter(|(_, given)| *given)
            .map(|(flag, _)| *flag)
            .collect();
        if !given.is_empty() {
            format::note(&format!(
                "--score-reference searches nothing: {} changes nothing",
                given.join(", ")
            ));
        }
    }
    if args.decoding.replace_unk.is_some() {
        let (src, unk) = (dataset.src(), model.src_dict.unk());
        let unknown = |&id: &usize| src.text(id).is_none() && src.sentence(id).contains(&unk);
        if let Some(id) = (0..src.len()).find(unknown) {
            return Err(usage(anyhow!(
                "--replace-unk needs the words of the source, and this dataset keeps ids only: sentence {id} holds a \
                 word that is not in the dictionary\nhint: translate the text itself with --input or `burnseq interactive`, or \
                 a dataset made with --dataset-impl raw"
            )));
        }
    }
    Ok(())
}

/// A dataset on its way through the models.
struct Job<'a> {
    args: &'a GenerateArgs,
    model: &'a TranslationModel,
    generator: &'a Generator,
    dataset: &'a LanguagePairDataset,
    printer: Printer,
}

impl Job<'_> {
    fn run(&self, batches: &[Vec<usize>], out: &mut dyn Write) -> Result<()> {
        let sentences: usize = batches.iter().map(Vec::len).sum();
        let bar = self.progress_bar(sentences);
        let mut keeper = ScoreKeeper::default();
        let mut waiting = BTreeMap::new();
        let mut tokens = 0;
        let time = decode_batches(
            batches,
            |id| self.dataset.src().size(id),
            |ids| self.decode(ids),
            |batch| {
                for decoded in batch {
                    let best = &decoded.hypotheses[0];
                    let source = self.source_text(decoded.id);
                    tokens += best.tokens.len();
                    if let Some(target) = self.dataset.tgt() {
                        let replacements = self.printer.replacements(best, &source);
                        let target = target.sentence(decoded.id);
                        keeper.add(&self.printer.text, &best.tokens, &replacements, &target);
                    }
                    bar.inc(1);
                    if self.args.quiet {
                        continue;
                    }
                    let lines = self.lines(&decoded, &source);
                    if self.args.in_order {
                        waiting.insert(decoded.id, lines);
                    } else {
                        out.write_all(lines.as_bytes()).context(CANNOT_WRITE)?;
                    }
                }
                Ok::<_, anyhow::Error>(())
            },
        )
        .map_err(|error| match error.downcast::<burnseq::Error>() {
            Ok(error) => coded(error),
            Err(error) => error,
        })?;
        bar.finish_and_clear();
        for lines in waiting.values() {
            out.write_all(lines.as_bytes()).context(CANNOT_WRITE)?;
        }
        out.flush().context(CANNOT_WRITE)?;

        // Nobody is left to tell when stderr itself is closed.
        let _ = writeln!(
            io::stderr(),
            "NOTE: hypothesis and token scores are output in base 2"
        );
        let speed = format::speed_line("Translated", "sentences", sentences, tokens, time.as_secs_f64());
        let _ = writeln!(io::stderr(), "{speed}");
        if keeper.is_empty() {
            format::note("there is no target side to score against");
            return Ok(());
        }
        let head = format!(
            "Generate {} with beam={}",
            self.args.subset(),
            self.generator.options().beam
        );
        for line in scores::lines(&keeper, self.args.scoring(), &head, self.reference())? {
            writeln!(out, "{line}").context(CANNOT_WRITE)?;
        }
        out.flush().context(CANNOT_WRITE)
    }

    fn decode(&self, ids: &[usize]) -> burnseq::Result<Vec<Vec<Hypothesis>>> {
        let target = |id: usize| {
            let target = self.dataset.tgt().expect("checked before the first batch");
            target.sentence(id)
        };
        let (models, device) = (&self.model.models, &self.model.device);
        let prefix_size = self.args.prefix_size.unwrap_or(0);
        let source = |&id: &usize| {
            let mut source = Source::new(id as u64, self.dataset.source(id));
            if prefix_size > 0 {
                source.prefix = target(id);
                source.prefix.truncate(prefix_size);
            }
            source
        };
        let sources: Vec<Source> = ids.iter().map(source).collect();
        if !self.args.score_reference {
            return Ok(self.model.decode(self.generator, &sources)?);
        }
        let options = self.generator.options();
        let targets: Vec<Vec<u32>> = ids.iter().map(|&id| target(id)).collect();
        let scorer = Scorer::new(options.clone())?;
        let scored = scorer.score(models, &sources, &targets, options.attention, device)?;
        Ok(scored.into_iter().map(|hypothesis| vec![hypothesis]).collect())
    }

    /// The tokens of a source but its `</s>`, as text has them where there is text.
    fn source_text(&self, id: usize) -> String {
        let (src, dict) = (self.dataset.src(), &self.model.src_dict);
        let symbols = || {
            let ids = src.sentence(id);
            // Special symbols that the text spelled out count as tokens, which decoding would leave out.
            let words = ids.split_last().map_or(&[][..], |(_, words)| words);
            let words: Vec<&str> = words.iter().map(|&id| dict.symbol(id)).collect();
            words.join(" ")
        };
        src.text(id).map_or_else(symbols, str::to_owned)
    }

    /// The lines of a sentence, whose source has the text `source`.
    fn lines(&self, decoded: &Decoded, source: &str) -> String {
        let id = decoded.id;
        let mut lines = self.printer.source(id, &self.dataset.source(id));
        if let Some(target) = self.dataset.tgt() {
            lines += &self.printer.target(id, &target.sentence(id));
        }
        for hypothesis in &decoded.hypotheses {
            lines += &self.printer.hypothesis(id, hypothesis, source);
        }
        lines
    }

    /// What the text was compared with.
    fn reference(&self) -> &'static str {
        if self.printer.text.has_subwords() {
            "references: target side of the dataset, detokenised"
        } else {
            "references: target side of the dataset as it is tokenised there"
        }
    }

    /// A bar on stderr, unless lines on the same terminal show how far it is.
    fn progress_bar(&self, sentences: usize) -> ProgressBar {
        let args = self.args;
        let lines_come = !args.quiet && !args.in_order && args.results_path.is_none();
        let lines_scroll = lines_come && io::stdout().is_terminal();
        if args.no_progress_bar || lines_scroll || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let target = ProgressDrawTarget::stderr_with_hz(10);
        let bar = ProgressBar::with_draw_target(Some(sentences as u64), target);
        let style = ProgressStyle::with_template("translating {wide_bar} {pos}/{len} eta {eta}");
        bar.with_style(style.expect("the template is well-formed"))
    }
}

/// What is said when lines cannot be written.
const CANNOT_WRITE: &str = "cannot write the lines";
