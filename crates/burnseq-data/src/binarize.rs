//! Text to ids in one streaming pass: read in step, segmented and looked up on several threads,
//! written in order. The files do not depend on the number of threads.

use std::path::Path;

use burnseq_text::{Dictionary, SPECIAL_SYMBOLS};

use crate::error::Result;
use crate::indexed::{Dtype, EncodedChunk, IndexedWriter};
use crate::preprocess::observer::Observer;
use crate::preprocess::pairs::{Chunk, PairReader, for_each_chunk};
use crate::preprocess::segment::{Segmenter, segment_pair};
use crate::preprocess::stats::{ChunkStats, Encoded, SplitStats};
use crate::side_writer::{SideChunk, SideWriter};

/// Alignments have no dictionary to choose a type for; fairseq takes this one.
const ALIGNMENT_DTYPE: Dtype = Dtype::U32;

/// How one side of a split becomes ids, and where they go.
pub(crate) struct BinarizeSide<'a> {
    /// Gives tokens their ids.
    pub(crate) dictionary: &'a Dictionary,
    /// Gives lines their tokens.
    pub(crate) segmenter: &'a Segmenter,
    /// Dataset to write, without `.bin` and `.idx`.
    pub(crate) out: &'a Path,
    /// Write text, not ids.
    pub(crate) raw: bool,
    /// Language, for the statistics.
    pub(crate) lang: Option<String>,
}

/// Writes every side of a split, leaving out lines of which a side is over `limit` tokens. Alignments
/// that the reader reads along go to the dataset `aligned`.
///
/// # Errors
/// When text cannot be read or segmented, or a file cannot be written; no file appears then.
pub(crate) fn binarize(
    split: &str,
    mut reader: PairReader,
    sides: &[BinarizeSide<'_>],
    aligned: Option<&Aligned<'_>>,
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
        .map(|side| SideWriter::create(side.out, side.raw, side.dictionary.len()))
        .collect::<Result<Vec<_>>>()?;
    let mut aligned_writer = match aligned {
        Some(aligned) => Some(IndexedWriter::create(aligned.out, ALIGNMENT_DTYPE)?),
        None => None,
    };
    let mut stats = ChunkStats::new(&vocabs);
    for_each_chunk(
        &mut reader,
        workers,
        observer,
        || {
            let segmenters: Vec<Segmenter> = sides.iter().map(|side| side.segmenter.clone()).collect();
            let vocabs = &vocabs;
            move |chunk: &Chunk| encode_chunk(chunk, sides, &segmenters, aligned, vocabs, limit)
        },
        |encoded| {
            for (writer, chunk) in writers.iter_mut().zip(&encoded.sides) {
                writer.append(chunk)?;
            }
            if let Some(writer) = &mut aligned_writer {
                writer.append(&encoded.alignments)?;
            }
            stats.merge(&encoded.stats);
            Ok(())
        },
    )?;
    for writer in writers {
        writer.finish()?;
    }
    if let Some(writer) = aligned_writer {
        writer.finish()?;
    }
    Ok(stats.finish(split, files))
}

/// Where the alignments of a split come from and go to.
pub(crate) struct Aligned<'a> {
    /// The file that the reader reads along, for messages.
    pub(crate) path: &'a Path,
    /// Dataset to write, without `.bin` and `.idx`.
    pub(crate) out: &'a Path,
}

/// A chunk ready to be written.
struct EncodedLines {
    sides: Vec<SideChunk>,
    alignments: EncodedChunk,
    stats: ChunkStats,
}

fn encode_chunk(
    chunk: &Chunk,
    sides: &[BinarizeSide<'_>],
    segmenters: &[Segmenter],
    aligned: Option<&Aligned<'_>>,
    vocabs: &[usize],
    limit: usize,
) -> Result<EncodedLines> {
    let mut lines = EncodedLines {
        sides: sides
            .iter()
            .map(|side| SideChunk::new(side.raw, side.dictionary.len()))
            .collect(),
        alignments: EncodedChunk::new(ALIGNMENT_DTYPE),
        stats: ChunkStats::new(vocabs),
    };
    let mut sentence = vec![Encoded::default(); sides.len()];
    for index in 0..chunk.len() {
        let line = chunk.first_line + index as u64;
        let Some(tokens) = segment_pair(chunk, index, segmenters, limit)? else {
            lines.stats.skip(line);
            continue;
        };
        for ((encoded, side), tokens) in sentence.iter_mut().zip(sides).zip(&tokens) {
            encode_line(side.dictionary, tokens, encoded);
        }
        if let Some(aligned) = aligned {
            let len = |side: usize| sentence[side].ids.len() - 1; // without </s>
            lines
                .alignments
                .push(&chunk.alignment(index, aligned.path, len(0), len(1))?);
        }
        for ((chunk, tokens), encoded) in lines.sides.iter_mut().zip(&tokens).zip(&sentence) {
            chunk.push(tokens, &encoded.ids);
        }
        lines.stats.add(line, &sentence);
    }
    Ok(lines)
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
