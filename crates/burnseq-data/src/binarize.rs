//! Text to ids in one streaming pass: read in step, segmented and looked up on several threads,
//! written in order. The files do not depend on the number of threads.

use std::path::Path;

use burnseq_text::{Dictionary, SPECIAL_SYMBOLS};

use crate::error::{Error, Result};
use crate::indexed::{Dtype, EncodedChunk, IndexedWriter};
use crate::parallel::ordered_map;
use crate::preprocess::observer::Observer;
use crate::preprocess::pairs::{Chunk, PairReader};
use crate::preprocess::segment::{Segment, segment_pair};
use crate::preprocess::stats::{ChunkStats, Encoded, SplitStats};

/// How one side of a split becomes ids, and where they go.
pub(crate) struct BinarizeSide<'a> {
    /// Gives tokens their ids.
    pub(crate) dictionary: &'a Dictionary,
    /// Gives lines their tokens.
    pub(crate) segmenter: &'a dyn Segment,
    /// Dataset to write, without `.bin` and `.idx`.
    pub(crate) out: &'a Path,
    /// Language, for the statistics.
    pub(crate) lang: Option<String>,
}

/// Writes every side of a split, leaving out lines of which a side is over `limit` tokens.
///
/// # Errors
/// When text cannot be read or segmented, or a file cannot be written; no file appears then.
pub(crate) fn binarize(
    split: &str,
    mut reader: PairReader,
    sides: &[BinarizeSide<'_>],
    limit: usize,
    workers: usize,
    observer: &dyn Observer,
) -> Result<SplitStats> {
    let files: Vec<_> = reader
        .paths()
        .iter()
        .zip(sides)
        .map(|(path, side)| (path.display().to_string(), side.lang.clone()))
        .collect();
    let vocabs: Vec<usize> = sides.iter().map(|side| side.dictionary.len()).collect();
    let mut writers = sides
        .iter()
        .map(|side| IndexedWriter::create(side.out, Dtype::for_vocab(side.dictionary.len())))
        .collect::<Result<Vec<_>>>()?;
    let mut stats = ChunkStats::new(&vocabs);
    ordered_map(
        workers,
        || {
            if observer.interrupted() {
                Err(Error::Interrupted)
            } else {
                reader.next_chunk()
            }
        },
        |chunk| encode_chunk(&chunk, sides, &vocabs, limit),
        |(lines, chunks, chunk_stats)| {
            for (writer, chunk) in writers.iter_mut().zip(&chunks) {
                writer.append(chunk)?;
            }
            stats.merge(&chunk_stats);
            observer.advance(lines);
            Ok(())
        },
    )?;
    for writer in writers {
        writer.finish()?;
    }
    Ok(stats.finish(split, files))
}

fn encode_chunk(
    chunk: &Chunk,
    sides: &[BinarizeSide<'_>],
    vocabs: &[usize],
    limit: usize,
) -> Result<(u64, Vec<EncodedChunk>, ChunkStats)> {
    let segmenters: Vec<&dyn Segment> = sides.iter().map(|side| side.segmenter).collect();
    let mut stats = ChunkStats::new(vocabs);
    let mut chunks: Vec<EncodedChunk> = sides
        .iter()
        .map(|side| EncodedChunk::new(Dtype::for_vocab(side.dictionary.len())))
        .collect();
    let mut sentence = vec![Encoded::default(); sides.len()];
    for index in 0..chunk.len() {
        let line = chunk.first_line + index as u64;
        let Some(tokens) = segment_pair(chunk, index, &segmenters, limit)? else {
            stats.skip(line);
            continue;
        };
        for ((encoded, side), tokens) in sentence.iter_mut().zip(sides).zip(&tokens) {
            encode_line(side.dictionary, tokens, encoded);
        }
        for (chunk, encoded) in chunks.iter_mut().zip(&sentence) {
            chunk.push(&encoded.ids);
        }
        stats.add(line, &sentence);
    }
    Ok((chunk.len() as u64, chunks, stats))
}

/// Ids of a segmented line with `</s>` behind.
fn encode_line(dictionary: &Dictionary, tokens: &str, encoded: &mut Encoded) {
    encoded.ids.clear();
    encoded.unknown = 0;
    let unk = dictionary.unk();
    for (token, id) in dictionary.tokens(tokens) {
        encoded.ids.push(id);
        encoded.unknown += u64::from(id == unk && token != SPECIAL_SYMBOLS[unk as usize]);
    }
    encoded.ids.push(dictionary.eos());
}
