//! `burnseq text subword`: an existing model applied to text, and undone.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow};
use burnseq_text::sentencepiece::SentencePiece;
use burnseq_text::subword_nmt::{Codes, SubwordNmt, Vocabulary};
use burnseq_text::{SampleRng, SubwordModel, SubwordSampler, SubwordSampling, carries_subword_marks};

use super::args::{DecodeArgs, EncodeArgs, ModelArgs, SubwordCommand};
use super::hugging_face;
use super::stream::map_lines;
use crate::decoding::format::note;
use crate::exit::usage;

/// Runs `burnseq text subword`.
///
/// # Errors
/// Models that cannot be read or sampled from, text that cannot be read or written.
pub(super) fn run(command: &SubwordCommand) -> Result<()> {
    match command {
        SubwordCommand::Encode(args) => encode(args),
        SubwordCommand::Decode(args) => decode(args),
    }
}

fn encode(args: &EncodeArgs) -> Result<()> {
    if let Some(path) = &args.model.tokenizer {
        return hugging_face::encode(path, args);
    }
    let sampling = match (args.bpe_dropout, args.unigram_alpha) {
        (Some(p), _) => Some(SubwordSampling::BpeDropout { p }),
        (None, Some(alpha)) => Some(SubwordSampling::Unigram { alpha }),
        (None, None) => None,
    };
    if let Some(sampling) = sampling {
        sampling.validate().map_err(usage)?;
    } else if args.seed.is_some() {
        return Err(usage(anyhow!(
            "--seed is for drawn segmentations: give --bpe-dropout or --unigram-alpha"
        )));
    }
    let vocabulary = match &args.vocabulary {
        None => None,
        Some(path) => Some(Vocabulary::load(path, args.vocabulary_threshold.unwrap_or(1))?),
    };
    let model = load(&args.model, vocabulary)?;
    match sampling {
        // A clone for each thread: models remember words, and threads would wait for each other.
        None => {
            let marked = AtomicBool::new(false);
            map_lines(&args.stream, || {
                let (model, marked) = (model.clone(), &marked);
                move |_, line: &str| {
                    if carries_subword_marks(line) && !marked.swap(true, Ordering::Relaxed) {
                        note("lines that carry subword marks already are segmented once more");
                    }
                    Ok(model.encode_line(line)?)
                }
            })
        }
        Some(sampling) => {
            let sampler = SubwordSampler::new(&model, sampling).map_err(usage)?;
            let seed = args.seed.unwrap_or(1);
            map_lines(&args.stream, || {
                let sampler = &sampler;
                move |number, line: &str| {
                    Ok(sampler.encode_line(line, &mut SampleRng::for_sentence(seed, 0, number))?)
                }
            })
        }
    }
}

fn decode(args: &DecodeArgs) -> Result<()> {
    if let Some(path) = &args.model.tokenizer {
        return hugging_face::decode(path, args);
    }
    let model = load(&args.model, None)?;
    map_lines(&args.stream, || |_, line: &str| Ok(model.decode(line)))
}

fn load(args: &ModelArgs, vocabulary: Option<Vocabulary>) -> Result<SubwordModel> {
    if let Some(path) = &args.model {
        return Ok(SubwordModel::SentencePiece(SentencePiece::load(path)?));
    }
    let path = args.codes.as_ref().context("a model is required")?;
    let codes = Codes::load(path)?;
    Ok(SubwordModel::SubwordNmt(match vocabulary {
        None => SubwordNmt::new(&codes),
        Some(vocabulary) => SubwordNmt::with_vocabulary(&codes, vocabulary)?,
    }))
}
