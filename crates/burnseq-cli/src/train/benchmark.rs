//! Training speed: the real training loop on random tokens whose sentences have the lengths of a real dataset.
//!
//! Prints one JSON line with the fields of the PyTorch yardstick. Order and cut of the batches are those of training.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use burnseq_data::{Dataset, LanguagePairDataset, Mt19937, PairOptions, Sentences};
use burnseq_model::{Model, ModelConfig, OfConfig};
use burnseq_text::Vocab;
use burnseq_train::checkpoint::Dictionaries;
use burnseq_train::{
    Event, Interrupt, LossOnly, Objective, Seq2Seq, StopRule, TaskInfo, TrainContext, TrainData, Trainer,
    peak_device_memory,
};
use flate2::read::GzDecoder;
use serde_json::json;

use super::args::BenchmarkArgs;
use super::config::Request;
use super::max_tokens;
use crate::exit::{coded, usage};
use crate::memory;

/// First id that is no special symbol.
const FIRST_WORD: u32 = 4;

/// Times `updates` updates and prints the result; `auto_max_tokens` asks for the largest batches that fit.
///
/// # Errors
/// Lengths that cannot be read, or settings that make no sense.
pub(super) fn run(args: &BenchmarkArgs, updates: u32, request: Request, auto_max_tokens: bool) -> Result<()> {
    let updates = updates as usize;
    let warmup = args.benchmark_warmup.unwrap_or(5) as usize;
    let Some([src, tgt]) = args.lengths.as_deref() else {
        bail!("--benchmark needs --lengths SRC.idx TGT.idx")
    };
    let vocab = args.vocab();
    let compute = request.compute.open()?;
    let mut config = request.train;
    config.stop = StopRule {
        max_update: Some((warmup + updates) as u64),
        ..StopRule::endless()
    };
    config.validation.disable_validation = true;
    config.checkpoint.no_save = true;
    config.checkpoint.restore_file = String::new();
    config.log_interval = 0;
    let options = PairOptions {
        required_seq_len_multiple: config.dataset.seq_len_multiple(&compute.device),
        pad: vocab.pad() as u32,
        decoder_start: vocab.decoder_start() as u32,
        ..PairOptions::default()
    };
    let pairs = random_pairs(&read_lengths(src)?, &read_lengths(tgt)?, &vocab, options)?;
    let pairs = Arc::new(pairs);
    request.model.validate(&vocab).map_err(usage)?;
    memory::check_model(&request.model, &vocab, &compute)?;
    config.validate(&[]).map_err(coded)?;
    if auto_max_tokens {
        let say = &mut |line: &str| {
            let _ = writeln!(std::io::stderr(), "{line}");
        };
        let saved = max_tokens::of_checkpoint(&config, &compute.device, say)?;
        let search = || {
            let sentence_avg = config.optimization.sentence_avg;
            let criterion = Seq2Seq::new(&config.criterion, vocab.pad(), sentence_avg)?;
            let search = max_tokens::Search::<Model, _> {
                criterion: Arc::new(criterion),
                data: &*pairs,
                model: &request.model,
                vocab: &vocab,
                compute: &compute,
                hardware: request.compute.hardware_name(),
            };
            search.run(&config, say)
        };
        config.dataset.max_tokens = Some(saved.map_or_else(search, Ok)?);
    }
    let max_tokens = config.dataset.max_tokens;
    let data = TrainData {
        train: Arc::clone(&pairs),
        valid: Vec::new(),
    };
    let context = TrainContext {
        model: request.model.clone(),
        dictionaries: Dictionaries::source_and_target(&vocab),
        task: TaskInfo::new("translation", [("source_lang", "src"), ("target_lang", "tgt")]),
        task_config: serde_json::Value::Null,
        files: Vec::new(),
        importer: None,
    };
    let model = Model::init(&request.model, &vocab, u64::from(config.seed), &compute).map_err(usage)?;
    let replicas = request
        .compute
        .open_replicas(&compute.device, config.distributed_world_size)?;
    let criterion = Seq2Seq::new(&config.criterion, vocab.pad(), config.optimization.sentence_avg)?;
    let objective = Objective {
        criterion: Arc::new(criterion),
        validator: Box::new(LossOnly),
    };
    let mut trainer = Trainer::new(
        config,
        context,
        model,
        data,
        objective,
        &compute.device,
        Interrupt::default(),
    )?
    .with_replicas(replicas);
    if let Some(path) = &args.benchmark_batches {
        trainer = trainer.with_batches(read_batches(path, pairs.len())?)?;
    }

    let mut epochs = trainer.epochs().clone();
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for update in 0..warmup + updates {
        if epochs.is_end_of_epoch() {
            epochs.advance_epoch();
        }
        for _ in 0..trainer.config().batches_per_update(epochs.epoch()) {
            let Some(batch) = epochs.next_batch() else { break };
            if update >= warmup {
                batches.push(batch.to_vec());
            }
        }
    }
    let stats = pairs.stats(&batches);

    let mut start = Instant::now();
    let mut end = start;
    let mut loss = (0.0, 0.0);
    let mut last_loss = f64::NAN;
    trainer.run(&mut |event| {
        if let Event::Update(record) = event {
            end = Instant::now();
            if record.num_updates == warmup as u64 {
                start = end;
            }
            // The record sums over the epoch; the difference to the one before is the last update.
            let (sum, count) = (record.meters.sums.get("loss"), record.meters.sample_size as f64);
            let (sum_before, count_before) = if count > loss.1 { loss } else { (0.0, 0.0) };
            last_loss = (sum - sum_before) / (count - count_before);
            loss = (sum, count);
        }
    })?;
    let seconds = (end - start).as_secs_f64();
    let (device_memory, host_memory) = (peak_device_memory(&compute.device), memory::peak());
    let tflops = flops(&request.model, &vocab, &pairs, &batches)
        .map(|flops| (flops / seconds / 1e12 * 1e3).round() / 1e3);
    let rate = |count: usize, digits: i32| {
        let scale = 10_f64.powi(digits);
        (count as f64 / seconds * scale).round() / scale
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let device = if compute.device == Device::flex() {
        format!("cpu x{threads}")
    } else {
        format!("{:?}", compute.device)
    };
    let result = json!({
        "burnseq": env!("CARGO_PKG_VERSION"),
        "device": device,
        "dtype": compute.precision.to_string(),
        "max_tokens": max_tokens,
        "updates": updates,
        "params": trainer.summary().params,
        "updates_per_s": rate(updates, 3),
        "tgt_tokens_per_s": rate(stats.tgt_tokens, 1),
        "src_tgt_tokens_per_s": rate(stats.src_tokens + stats.tgt_tokens, 1),
        "tflops": tflops,
        "padding": (stats.padding_share() * 1e4).round() / 1e4,
        "last_loss": (last_loss * 1e4).round() / 1e4,
        // The memory of the GPU where there is one, as in the yardstick; with what Burn keeps for reuse.
        "peak_mem_gib": device_memory.or(host_memory).map(gib),
        "peak_host_mem_gib": host_memory.map(gib),
    });
    writeln!(std::io::stdout(), "{result}").context("cannot write to standard output")
}

/// Batches of numbers below `sentences`, one a line.
fn read_batches(path: &Path, sentences: usize) -> Result<Vec<Vec<usize>>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let number = |word: &str| word.parse().ok().filter(|&number: &usize| number < sentences);
    let batch = |(line, text): (usize, &str)| {
        text.split_whitespace()
            .map(|word| {
                number(word).with_context(|| {
                    format!(
                        "{}, line {line}: `{word}` is not the number of a sentence\nhint: numbers go from 0 to {}, as in \
                         the files of --lengths",
                        path.display(),
                        sentences.saturating_sub(1)
                    )
                })
            })
            .collect()
    };
    let batches: Vec<Vec<usize>> = (1..).zip(text.lines()).map(batch).collect::<Result<_>>()?;
    if batches.is_empty() {
        bail!(
            "{} holds no batch\nhint: write the numbers of its sentences, one batch a line",
            path.display()
        );
    }
    Ok(batches)
}

/// See [`ModelConfig::training_flops`]; `None` where the family does not count them.
fn flops(
    config: &ModelConfig,
    vocab: &Vocab,
    pairs: &LanguagePairDataset,
    batches: &[Vec<usize>],
) -> Option<f64> {
    let of_batch = |batch: &Vec<usize>| config.training_flops(vocab, pairs.shape(batch));
    batches.iter().map(of_batch).sum()
}

/// Sentence lengths of a fairseq mmap `.idx`, compressed or not.
fn read_lengths(path: &Path) -> Result<Vec<usize>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut bytes = Vec::new();
    let read = if path.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(BufReader::new(file)).read_to_end(&mut bytes)
    } else {
        BufReader::new(file).read_to_end(&mut bytes)
    };
    read.with_context(|| format!("cannot read {}", path.display()))?;
    lengths(&bytes).with_context(|| format!("{} is not the .idx of a dataset", path.display()))
}

/// Magic (9 bytes), version (8), type (1), count (8), then one `i32` per sentence.
fn lengths(bytes: &[u8]) -> Result<Vec<usize>> {
    const HEADER: usize = 26;
    if bytes.len() < HEADER || !bytes.starts_with(b"MMIDIDX\0\0") {
        bail!("it does not begin with MMIDIDX");
    }
    let count = u64::from_le_bytes(bytes[18..HEADER].try_into().expect("eight bytes")) as usize;
    let Some(sizes) = count
        .checked_mul(4)
        .and_then(|len| bytes.get(HEADER..HEADER.checked_add(len)?))
    else {
        bail!("it ends before the lengths of its {count} sentences");
    };
    let size = |bytes: &[u8]| i32::from_le_bytes(bytes.try_into().expect("four bytes"));
    sizes
        .chunks_exact(4)
        .map(|bytes| usize::try_from(size(bytes)).context("a length is negative"))
        .collect()
}

/// Pairs of random words with these lengths, `</s>` included.
fn random_pairs(
    src: &[usize],
    tgt: &[usize],
    vocab: &Vocab,
    options: PairOptions,
) -> Result<LanguagePairDataset> {
    let mut rng = Mt19937::new(1);
    let mut side = |lengths: &[usize], types: usize| {
        let words = types as u32 - FIRST_WORD;
        let mut sentence = |length: usize| {
            let mut tokens: Vec<u32> = (1..length)
                .map(|_| FIRST_WORD + rng.interval(u64::from(words - 1)) as u32)
                .collect();
            tokens.push(vocab.eos() as u32);
            tokens
        };
        Sentences::Memory(lengths.iter().map(|&length| sentence(length)).collect())
    };
    let (src, tgt) = (side(src, vocab.src), side(tgt, vocab.tgt));
    Ok(LanguagePairDataset::new(
        src,
        Some(tgt),
        vocab.src,
        vocab.tgt,
        options,
    )?)
}

/// Bytes in GiB, to two digits.
fn gib(bytes: u64) -> f64 {
    (bytes as f64 / (1_u64 << 30) as f64 * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_from_an_index_and_damage_is_noticed() {
        let mut bytes = b"MMIDIDX\0\0".to_vec();
        bytes.extend(1_u64.to_le_bytes());
        bytes.push(8);
        bytes.extend(2_u64.to_le_bytes());
        bytes.extend(7_i32.to_le_bytes());
        bytes.extend(3_i32.to_le_bytes());
        assert_eq!(lengths(&bytes).unwrap(), [7, 3]);
        assert!(
            lengths(&bytes[..30])
                .unwrap_err()
                .to_string()
                .contains("2 sentences")
        );
        assert!(lengths(b"TNTIDX\0\0").is_err());
    }

    #[test]
    fn random_pairs_have_the_lengths_asked_for() {
        let vocab = Vocab::fairseq(10, 12);
        let pairs = random_pairs(&[3, 1], &[2, 5], &vocab, PairOptions::default()).unwrap();
        assert_eq!(
            (
                pairs.src_len(0),
                pairs.src_len(1),
                pairs.tgt_len(0),
                pairs.tgt_len(1)
            ),
            (3, 1, 2, 5)
        );
        assert!(
            pairs.example(0).source[..2]
                .iter()
                .all(|&id| (4..10).contains(&id))
        );
        assert_eq!(pairs.example(1).source, [2]);
    }
}
