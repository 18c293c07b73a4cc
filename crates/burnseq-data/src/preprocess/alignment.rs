//! Word alignments beside parallel text: `0-0 1-2` says which source token stands for which target
//! token, counted from 0.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use burnseq_text::Dictionary;

use super::config::PreprocessConfig;
use super::dictionaries::Dictionaries;
use super::observer::Observer;
use super::pairs::{Chunk, PairReader, for_each_chunk};
use super::segment::{Segmenter, segment_pair};
use crate::error::Result;

/// Pairs of source and target token of a line, after each other: `0 0 1 2`.
///
/// # Errors
/// What is wrong with the line: no pair of numbers, or a number that the sentence does not have.
pub(crate) fn parse(line: &str, src_len: usize, tgt_len: usize) -> Result<Vec<u32>, String> {
    let mut flat = Vec::new();
    for pair in burnseq_text::tokenize_line(line) {
        let numbers = pair
            .split_once('-')
            .and_then(|(src, tgt)| Some((src.parse::<u32>().ok()?, tgt.parse::<u32>().ok()?)));
        let Some((src, tgt)) = numbers else {
            return Err(format!("expected pairs such as `0-0 1-2`, got {pair:?}"));
        };
        for (side, token, len) in [("source", src, src_len), ("target", tgt, tgt_len)] {
            if token as usize >= len {
                return Err(format!(
                    "`{pair}` names {side} token {token}, but the sentence has {len}, counted from 0"
                ));
            }
        }
        flat.extend([src, tgt]);
    }
    Ok(flat)
}

/// The alignments of a split, `PREFIX.SUFFIX`, where they are there.
pub(crate) fn alignments_of(config: &PreprocessConfig, prefix: &Path) -> Option<PathBuf> {
    let suffix = config.align_suffix.as_ref()?;
    let path = crate::indexed::with_suffix(prefix, &format!(".{suffix}"));
    path.is_file().then_some(path)
}

/// How often source and target tokens are aligned, in the order in which they were first seen.
#[derive(Default)]
struct AlignmentCounts {
    sources: Vec<u32>,
    /// Count and time of first sight of each target token.
    targets: HashMap<u32, HashMap<u32, (u64, usize)>>,
}

impl AlignmentCounts {
    fn add(&mut self, src: u32, tgt: u32) {
        let targets = self.targets.entry(src).or_insert_with(|| {
            self.sources.push(src);
            HashMap::new()
        });
        let seen = targets.len();
        targets.entry(tgt).or_insert((0, seen)).0 += 1;
    }

    /// `SOURCE TARGET` per line: the most frequent target token of each, the first seen of several.
    fn to_text(&self, src_dict: &Dictionary, tgt_dict: &Dictionary) -> String {
        let mut text = String::new();
        for src in &self.sources {
            let targets = self.targets[src].iter();
            let best = targets.max_by_key(|(_, (count, seen))| (*count, std::cmp::Reverse(*seen)));
            let (tgt, _) = best.expect("a source token is listed with its first target token");
            writeln!(text, "{} {}", src_dict.symbol(*src), tgt_dict.symbol(*tgt))
                .expect("writing to memory does not fail");
        }
        text
    }
}

/// The content of `alignment.SRC-TGT.txt`, which `--replace-unk` takes: for each source token of the
/// training text the target token that it is aligned with most often. Unknown words do not count.
///
/// # Errors
/// When a file cannot be read, the three are of different lengths, or an alignment is wrong.
pub(crate) fn alignment_dictionary(
    config: &PreprocessConfig,
    alignments: &Path,
    dictionaries: &Dictionaries,
    segmenters: &[Segmenter],
    observer: &dyn Observer,
) -> Result<String> {
    let prefix = config.trainpref.as_ref().expect("checked by `validate`");
    let mut reader = PairReader::open(prefix, &config.langs())?.with_alignments(alignments)?;
    let (src_dict, tgt_dict) = (&dictionaries.sides[0], &dictionaries.sides[1]);
    let mut counts = AlignmentCounts::default();
    for_each_chunk(
        &mut reader,
        config.worker_count(),
        observer,
        || {
            let segmenters = segmenters.to_vec();
            move |chunk: &Chunk| {
                let limit = config.max_line_tokens;
                aligned_ids(chunk, alignments, [src_dict, tgt_dict], &segmenters, limit)
            }
        },
        |links| {
            links.into_iter().for_each(|(src, tgt)| counts.add(src, tgt));
            Ok(())
        },
    )?;
    Ok(counts.to_text(src_dict, tgt_dict))
}

/// The ids of known tokens that a chunk aligns, in the order of the text.
fn aligned_ids(
    chunk: &Chunk,
    path: &Path,
    dictionaries: [&Dictionary; 2],
    segmenters: &[Segmenter],
    limit: usize,
) -> Result<Vec<(u32, u32)>> {
    let mut links = Vec::new();
    for index in 0..chunk.len() {
        let Some(tokens) = segment_pair(chunk, index, segmenters, limit)? else {
            continue;
        };
        let [src, tgt] = [0, 1].map(|side| dictionaries[side].encode_line(&tokens[side], false));
        let flat = chunk.alignment(index, path, src.len(), tgt.len())?;
        for pair in flat.chunks_exact(2) {
            let (src_id, tgt_id) = (src[pair[0] as usize], tgt[pair[1] as usize]);
            if src_id != dictionaries[0].unk() && tgt_id != dictionaries[1].unk() {
                links.push((src_id, tgt_id));
            }
        }
    }
    Ok(links)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_numbers_within_the_sentence() {
        assert_eq!(parse(" 0-0 2-1\t1-1", 3, 2).unwrap(), [0, 0, 2, 1, 1, 1]);
        assert!(parse("", 3, 2).unwrap().is_empty());
        for (line, expected) in [
            ("0-0 1", "got \"1\""),
            ("a-b", "got \"a-b\""),
            ("-1-0", "got \"-1-0\""),
            ("3-0", "`3-0` names source token 3, but the sentence has 3"),
            ("0-2", "`0-2` names target token 2, but the sentence has 2"),
        ] {
            let error = parse(line, 3, 2).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_most_frequent_target_counts_and_the_first_seen_of_several() {
        let mut dictionary = Dictionary::new();
        ["a", "b", "c", "d"].iter().for_each(|token| {
            dictionary.add_symbol(token, 1);
        });
        let mut counts = AlignmentCounts::default();
        for (src, tgt) in [(5, 7), (4, 6), (4, 5), (5, 6), (5, 6), (4, 5), (4, 6)] {
            counts.add(src, tgt);
        }
        assert_eq!(counts.to_text(&dictionary, &dictionary), "b c\na c\n");
    }
}
