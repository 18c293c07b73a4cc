//! How long a decoding step takes as the prefix grows, and what of it the search takes.
//!
//! With key/value caches a step costs the same at every length, but for the attention over the prefix itself. Run it
//! with `cargo run --release -p burnseq-generate --example step_time [ARCH] [BATCH] [BEAM] [DEVICE] [STEPPING]`. DEVICE
//! is a name as `--device` takes it, by default `cpu`; for `cuda` add `--features cuda` before `--example`. STEPPING is
//! `processor` or `device`, by default what suits the device. What a GPU has yet to do when reordering returns is
//! counted in the next step of the model. With `device` a second table is of the steps that beam search takes there, which
//! the device makes by itself.

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Int, Tensor};
use burnseq_generate::{DeviceNextToken, ModelNextToken, device_beam};
use burnseq_kernels::Stepping;
use burnseq_kernels::device::parse_device;
use burnseq_model::{Dropout, Model, ModelConfig, OfConfig};
use burnseq_search::search::{Beam, run_options};
use burnseq_search::{BatchSearch, GenerateOptions, LogProbs, NextToken, Request, Search, Source};
use burnseq_text::Vocab;

/// Steps that are measured, and how many share a line of the table: a multiple of those between two reads.
const STEPS: usize = 200;
const PER_LINE: usize = 20;
/// Tokens of every source.
const SRC_LEN: usize = 24;

/// Time of the model, of reordering its caches, and of the search.
#[derive(Clone, Copy, Default)]
struct Times {
    model: Duration,
    reorder: Duration,
    search: Duration,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let arch = args
        .next()
        .unwrap_or_else(|| "transformer_iwslt_de_en".to_owned());
    let batch = args.next().map_or(Ok(32), |n| n.parse())?;
    let beam = args.next().map_or(Ok(5), |n| n.parse())?;
    let device = parse_device(args.next().as_deref().unwrap_or("cpu"))?;
    let stepping = match args.next().as_deref() {
        None => Stepping::on(&device),
        Some("processor") => Stepping::Processor,
        Some("device") => Stepping::Device,
        Some(other) => return Err(format!("`{other}` is neither `processor` nor `device`").into()),
    };

    let vocab = Vocab::fairseq(8000, 8000);
    let model = Model::init(&ModelConfig::from_arch(&arch)?, &vocab, 1, &device)?;
    let start = || {
        let src_tokens = Tensor::<2, Int>::full([batch, SRC_LEN], 7, &device);
        ModelNextToken::new(&model, src_tokens, 1.0, Dropout::off(), stepping)
    };
    // No hypothesis may end before the last step, so the batch stays full.
    let options = GenerateOptions {
        beam,
        min_len: STEPS + 1,
        max_len_b: STEPS + 1,
        ..GenerateOptions::default()
    };
    let source = Source::default();
    let request = Request {
        source: &source,
        max_len: STEPS + 1,
    };
    let requests = vec![request; batch];
    let title = format!("{arch}, {batch} sentences, beam {beam}, {stepping:?}: milliseconds per step");
    let parts = step_by_step(&options, &vocab, &requests, start());
    let mut out = std::io::stdout().lock();
    writeln!(out, "{title}")?;
    writeln!(
        out,
        "{:>9} {:>9} {:>9} {:>9}",
        "prefix", "model", "reorder", "search"
    )?;
    for (prefix, times) in prefixes().zip(parts.chunks(PER_LINE)) {
        let mean = |part: fn(&Times) -> Duration| per_step(times.iter().map(part).sum());
        writeln!(
            out,
            "{prefix:>9} {:>9.2} {:>9.2} {:>9.2}",
            mean(|times| times.model),
            mean(|times| times.reorder),
            mean(|times| times.search)
        )?;
    }
    if stepping == Stepping::Device {
        let mut model = Timed {
            inner: start(),
            began: Vec::new(),
        };
        run_options(&options, &vocab, &requests, &mut model);
        writeln!(out, "{title} that the device makes by itself")?;
        writeln!(out, "{:>9} {:>9}", "prefix", "step")?;
        let lines: Vec<Instant> = model.began.into_iter().step_by(PER_LINE).collect();
        for (prefix, line) in prefixes().zip(lines.windows(2)) {
            writeln!(out, "{prefix:>9} {:>9.2}", per_step(line[1] - line[0]))?;
        }
    }
    Ok(())
}

/// The lengths that share each line.
fn prefixes() -> impl Iterator<Item = String> {
    (0..STEPS)
        .step_by(PER_LINE)
        .map(|from| format!("{from}..{}", from + PER_LINE))
}

/// Milliseconds of a step of a line that took `time`.
fn per_step(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3 / PER_LINE as f64
}

/// The times of all steps, in which the host chooses.
fn step_by_step(
    options: &GenerateOptions,
    vocab: &Vocab,
    requests: &[Request<'_>],
    mut model: impl NextToken,
) -> Vec<Times> {
    let mut search = BatchSearch::new(Beam::new(options), options, vocab, requests);
    let mut times = vec![Times::default(); STEPS];
    for times in &mut times {
        let started = Instant::now();
        let predictions = model.predict(search.prev_output_tokens(), search.wanted());
        times.model = started.elapsed();
        let started = Instant::now();
        let next = search.step(predictions);
        times.search = started.elapsed();
        let started = Instant::now();
        model.reorder(&next.rows, &next.sentences);
        times.reorder = started.elapsed();
    }
    times
}

/// A model that remembers when each step on its device began.
struct Timed<'a> {
    inner: ModelNextToken<'a, Model>,
    began: Vec<Instant>,
}

impl NextToken for Timed<'_> {
    fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
        self.inner.log_probs(prev_output_tokens)
    }

    fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        self.inner.reorder(rows, sentences);
    }

    fn run_beam(&mut self, search: &mut BatchSearch<'_, Beam>) {
        device_beam::run(search, self);
    }
}

impl DeviceNextToken for Timed<'_> {
    fn device(&self) -> Device {
        self.inner.device()
    }

    fn logits(&mut self, prev_output_tokens: Tensor<1, Int>) -> Tensor<2> {
        self.began.push(Instant::now());
        self.inner.logits(prev_output_tokens)
    }

    fn reorder_rows(&mut self, rows: Tensor<1, Int>) {
        self.inner.reorder_rows(rows);
    }
}
