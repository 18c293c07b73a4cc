//! How long a decoding step takes as the prefix grows, and what of it the search takes.
//!
//! With key/value caches a step costs the same at every length, but for the attention over the prefix itself. Run it
//! with `cargo run --release -p burnseq-generate --example step_time [ARCH] [BATCH] [BEAM] [DEVICE] [STEPPING]`. DEVICE
//! is a name as `--device` takes it, by default `cpu`; for `cuda` add `--features cuda` before `--example`. STEPPING is
//! `processor` or `device`, by default what suits the device. What a GPU has yet to do when reordering returns is
//! counted in the next step of the model.

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use burn::tensor::Tensor;
use burnseq_generate::search::Beam;
use burnseq_generate::{BatchSearch, GenerateOptions, ModelNextToken, NextToken, Request, Search, Source};
use burnseq_model::device::parse_device;
use burnseq_model::{Dropout, ModelConfig, Stepping, Vocab};

/// Steps that are measured, and how many share a line of the table.
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

    let vocab = Vocab {
        src: 8000,
        tgt: 8000,
        pad: 1,
        eos: 2,
    };
    let ModelConfig::Transformer(config) = ModelConfig::from_arch(&arch)?;
    let model = config.init(&vocab, 1, &device);
    let src_tokens = Tensor::<2, burn::tensor::Int>::full([batch, SRC_LEN], 7, &device);
    let mut model = ModelNextToken::new(&model, src_tokens, 1.0, Dropout::off(), stepping);
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
    let mut search = BatchSearch::new(Beam::new(&options), &options, &vocab, &vec![request; batch]);

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

    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{arch}, {batch} sentences, beam {beam}, {stepping:?}: milliseconds per step"
    )?;
    writeln!(
        out,
        "{:>9} {:>9} {:>9} {:>9}",
        "prefix", "model", "reorder", "search"
    )?;
    for (line, times) in times.chunks(PER_LINE).enumerate() {
        let mean = |part: fn(&Times) -> Duration| {
            times.iter().map(part).sum::<Duration>().as_secs_f64() * 1e3 / PER_LINE as f64
        };
        writeln!(
            out,
            "{:>9} {:>9.2} {:>9.2} {:>9.2}",
            format!("{}..{}", line * PER_LINE, (line + 1) * PER_LINE),
            mean(|times| times.model),
            mean(|times| times.reorder),
            mean(|times| times.search)
        )?;
    }
    Ok(())
}
