//! A first look at all text: every fault is found before the work begins, and what is learnt
//! here decides about subwords.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use burnseq_text::tokenize_line;

use super::observer::Observer;
use super::pairs::{Chunk, PairReader, for_each_chunk};
use super::segment::is_pair_over;
use crate::error::{Error, Result};

/// Marks that a subword model leaves in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    /// `@@` ends a token that the next one continues (subword-nmt).
    ContinuationAt,
    /// `▁` begins a token that begins a word (SentencePiece).
    WordStart,
}

/// What is in one text file.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct FileSurvey {
    /// Lines with at least one word.
    pub(crate) filled: u64,
    /// Words, as white space separates them.
    pub(crate) words: u64,
    /// Lines with a token that ends in `@@`, which another one continues.
    pub(crate) continuation_at: u64,
    /// Lines with a token that begins with `▁`.
    pub(crate) word_start: u64,
    /// Tokens that are a single punctuation mark.
    lone_marks: u64,
    /// Words that end in such a mark.
    joined_marks: u64,
    /// Lines that end at a carriage return without a line feed.
    pub(crate) lone_carriage_returns: u64,
    /// The file begins with a byte order mark.
    pub(crate) byte_order_mark: bool,
}

/// What is in one split.
#[derive(Debug)]
pub(crate) struct SplitSurvey {
    /// `train`, `valid`, ...
    pub(crate) name: String,
    /// Text without language suffix.
    pub(crate) prefix: PathBuf,
    /// Lines, the same on both sides.
    pub(crate) lines: u64,
    /// The files, source first.
    pub(crate) paths: Vec<PathBuf>,
    /// What is in each.
    pub(crate) files: Vec<FileSurvey>,
}

/// Punctuation that raw text has right behind a word.
fn ends_clause(c: char) -> bool {
    matches!(
        c,
        '.' | ',' | '?' | '!' | ';' | '。' | '，' | '、' | '？' | '！' | '؟' | '،' | '।'
    )
}

impl FileSurvey {
    fn of(chunk: &Chunk, side: usize, limit: usize) -> Self {
        let lines = &chunk.sides[side];
        let mut survey = Self {
            byte_order_mark: chunk.first_line == 1
                && lines.len() > 0
                && lines.line(0).starts_with('\u{feff}'),
            ..Self::default()
        };
        for index in (0..chunk.len()).filter(|&index| !is_pair_over(chunk, index, limit)) {
            let (mut words, mut at, mut start, mut open) = (0, false, false, false);
            for token in tokenize_line(lines.line(index)) {
                words += 1;
                at |= open;
                open = token.len() > 2 && token.ends_with("@@");
                start |= token.starts_with('\u{2581}');
                if token.ends_with(ends_clause) {
                    let alone = token.chars().nth(1).is_none();
                    survey.lone_marks += u64::from(alone);
                    survey.joined_marks += u64::from(!alone);
                }
            }
            survey.filled += u64::from(words > 0);
            survey.words += words;
            survey.continuation_at += u64::from(at);
            survey.word_start += u64::from(start);
        }
        survey
    }

    fn merge(&mut self, other: &Self) {
        self.filled += other.filled;
        self.words += other.words;
        self.continuation_at += other.continuation_at;
        self.word_start += other.word_start;
        self.lone_marks += other.lone_marks;
        self.joined_marks += other.joined_marks;
        self.byte_order_mark |= other.byte_order_mark;
    }
}

impl SplitSurvey {
    /// Reads the text of a split once; lines over `limit` words are not looked into.
    ///
    /// # Errors
    /// When a file cannot be read, is not UTF-8 or empty, or the sides differ in length.
    pub(crate) fn read(
        name: &str,
        prefix: &Path,
        langs: &[Option<String>],
        limit: usize,
        workers: usize,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let mut reader = PairReader::open(prefix, langs)?;
        let paths = reader.paths().to_vec();
        let mut files = vec![FileSurvey::default(); langs.len()];
        let mut lines = 0;
        for_each_chunk(
            &mut reader,
            workers,
            observer,
            || {
                |chunk: &Chunk| {
                    let survey = |side| FileSurvey::of(chunk, side, limit);
                    Ok((
                        chunk.len() as u64,
                        (0..langs.len()).map(survey).collect::<Vec<_>>(),
                    ))
                }
            },
            |(chunk_lines, surveys)| {
                lines += chunk_lines;
                files
                    .iter_mut()
                    .zip(&surveys)
                    .for_each(|(file, survey)| file.merge(survey));
                Ok(())
            },
        )?;
        for (file, lone) in files.iter_mut().zip(reader.lone_carriage_returns()) {
            file.lone_carriage_returns = lone;
        }
        for (path, file) in paths.iter().zip(&files) {
            // Blank lines alone are a corpus only where nothing is learnt from it.
            if lines == 0 || (name == "train" && file.filled == 0) {
                return Err(Error::EmptyCorpus { path: path.clone() });
            }
        }
        Ok(Self {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            lines,
            paths,
            files,
        })
    }

    /// The marks that the text of a side carries, as text in subwords does: on at least one in ten lines. A single line
    /// says so only where it is half of the text.
    pub(crate) fn marks_of(&self, side: usize) -> Option<Marks> {
        let filled = self.files[side].filled;
        self.marks_on(side, |lines| {
            lines * 2 >= filled || (lines > 1 && lines * 10 >= filled)
        })
    }

    /// The marks that some lines of a side carry: at least one in a hundred, so that a stray `@@` in raw text does not
    /// count.
    pub(crate) fn some_marks_of(&self, side: usize) -> Option<Marks> {
        let filled = self.files[side].filled;
        self.marks_on(side, |lines| lines * 100 >= filled)
    }

    /// The marks whose number of lines is enough.
    fn marks_on(&self, side: usize, enough: impl Fn(u64) -> bool) -> Option<Marks> {
        let file = &self.files[side];
        let found = [
            (file.continuation_at, Marks::ContinuationAt),
            (file.word_start, Marks::WordStart),
        ];
        let found = found.into_iter().find(|(lines, _)| *lines > 0 && enough(*lines));
        found.map(|(_, marks)| marks)
    }

    /// Whether punctuation stands alone on all sides, as a tokenizer leaves it.
    pub(crate) fn is_tokenised(&self) -> bool {
        let apart = |file: &FileSurvey| {
            // A few abbreviations keep their full stop.
            file.lone_marks * 10 >= file.filled && file.lone_marks > file.joined_marks * 4
        };
        self.files.iter().all(apart)
    }

    /// Words on some sides.
    pub(crate) fn words(&self, sides: &[usize]) -> u64 {
        sides.iter().map(|&side| self.files[side].words).sum()
    }
}

/// Bytes at the start of a file that an estimate of its lines is made from.
const ESTIMATED_FROM: u64 = 1 << 16;

/// About how many lines a file has, from its size and the lines at its start; `None` where that says nothing, as in a pipe or
/// a compressed file.
pub(crate) fn estimated_lines(path: &Path) -> Option<u64> {
    let meta = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let mut start = Vec::new();
    let file = File::open(path).ok()?;
    file.take(ESTIMATED_FROM).read_to_end(&mut start).ok()?;
    // gzip and zstd, whatever the name.
    if start.starts_with(b"\x1f\x8b") || start.starts_with(b"\x28\xb5\x2f\xfd") {
        return None;
    }
    let lines = start.iter().filter(|&&byte| byte == b'\n').count();
    let bytes_per_line = start.len() as f64 / lines.max(1) as f64;
    (lines > 0).then(|| (meta.len() as f64 / bytes_per_line).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_estimated_from_the_start_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "ein Haus\n".repeat(100_000)).unwrap();
        let lines = estimated_lines(&path).unwrap();
        assert!((99_000..101_000).contains(&lines), "{lines}");
        std::fs::write(&path, "ein\nHaus\n").unwrap();
        assert_eq!(estimated_lines(&path), Some(2));
        std::fs::write(&path, "no line feed").unwrap();
        assert_eq!(estimated_lines(&path), None);
        std::fs::write(&path, "\u{1f}not gzip\n").unwrap();
        assert_eq!(estimated_lines(&path), Some(1));
        std::fs::write(&path, b"\x1f\x8b\n\n\n").unwrap();
        assert_eq!(estimated_lines(&path), None);
        assert_eq!(estimated_lines(dir.path()), None);
        assert_eq!(estimated_lines(&dir.path().join("absent")), None);
    }

    fn survey(text: &str) -> Result<SplitSurvey> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, text).unwrap();
        SplitSurvey::read("train", &path, &[None], 100, 2, &())
    }

    #[test]
    fn marks_are_told_from_stray_signs() {
        let marks = |text: &str| survey(text).unwrap().marks_of(0);
        let some = |text: &str| survey(text).unwrap().some_marks_of(0);
        // So many raw lines, and so many in subwords.
        let mixed = |raw: usize, pieces: usize| {
            let (raw, pieces) = ("ein Haus\n".repeat(raw), "ein Hau@@ s\n".repeat(pieces));
            format!("{raw}{pieces}")
        };
        let at = Some(Marks::ContinuationAt);
        for (raw, pieces, many, few) in [
            (200, 0, None, None),
            (200, 1, None, None),
            (200, 3, None, at),
            (5, 1, None, at),
            (20, 1, None, at),
            (50, 1, None, at),
            (100, 10, None, at),
            (90, 10, at, at),
            (1, 1, at, at),
            (0, 1, at, at),
        ] {
            let text = mixed(raw, pieces);
            assert_eq!((marks(&text), some(&text)), (many, few), "{raw} and {pieces}");
        }
        let pieces = "\u{2581}ein \u{2581}Hau s\n";
        assert_eq!(marks(pieces), Some(Marks::WordStart));
        // A mark that forms no word.
        for text in ["@@ alone\n", "ends in@@\n", "@@\n"] {
            assert_eq!(some(text), None, "{text:?}");
        }
    }

    #[test]
    fn tokenised_text_is_told_from_raw_text() {
        let tokenised = |text: &str| survey(text).unwrap().is_tokenised();
        assert!(tokenised("ein Haus , ja .\nzwei , drei ?\nusw. fertig .\nohne\n"));
        assert!(tokenised("他 说 好 。\n"));
        assert!(!tokenised("ein Haus, ja.\nzwei ?\n"));
        assert!(!tokenised("ein Haus\nzwei\n"));
        assert!(!tokenised("他说好。\n"));
        assert!(!tokenised("Oui, mais non !\nOui.\n"));
    }

    #[test]
    fn words_and_lines_are_counted_and_long_lines_left_alone() {
        let long = "w ".repeat(101);
        let survey = survey(&format!("a b\n\n{long}\nc\r\rd\n")).unwrap();
        assert_eq!((survey.lines, survey.words(&[0])), (6, 4));
        assert_eq!(survey.files[0].filled, 3);
        assert_eq!(survey.files[0].lone_carriage_returns, 2);
    }

    #[test]
    fn a_byte_order_mark_is_one_at_the_start_of_a_file() {
        let marked = |text: &str| survey(text).unwrap().files[0].byte_order_mark;
        assert!(marked("\u{feff}a\nb\n"));
        assert!(!marked(&format!("a\n{}", "\u{feff}b\n".repeat(3000))));
    }

    #[test]
    fn text_without_words_is_an_empty_corpus() {
        for text in ["", "\n \n\u{a0}\n"] {
            assert!(matches!(survey(text), Err(Error::EmptyCorpus { .. })), "{text:?}");
        }
    }
}
