//! Learning subwords from the training text: how many, from which sides, and what to tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use burnseq_text::hugging_face::{HfLearnOptions, HfLearner, LearnedKind};
use burnseq_text::sentencepiece::{self, SentencePieceOptions};
use burnseq_text::subword_nmt::{self, LearnOptions};
use burnseq_text::{Normalization, TextPipeline};

use super::Notes;
use super::config::{BpeKind, DEFAULT_BPE_SIZE, PreprocessConfig};
use super::gather::gather;
use super::observer::Observer;
use super::pairs::PairReader;
use super::segment::is_pair_over;
use super::survey::SplitSurvey;
use super::words::Words;
use crate::error::{Error, Result};

/// On a small corpus a piece should stand for this many words, lest most pieces are too rare to
/// be learnt well (Gowda and May 2020 ask that 95 % of the types occur a hundred times).
const WORDS_PER_PIECE: u64 = 100;
/// No corpus is so small that fewer pieces are better.
const FEWEST_PIECES: u64 = 500;
/// How often a learning thread is asked whether it should stop.
const POLL: Duration = Duration::from_millis(50);

/// Models learnt from the training text.
pub(crate) struct Learnt {
    /// One for both sides, or one for each.
    pub(crate) models: Vec<Model>,
    /// In words, for the report.
    pub(crate) description: String,
}

/// A learnt model.
pub(crate) struct Model {
    /// Content of its file.
    pub(crate) content: Vec<u8>,
    /// Content of a file for people, when there is one.
    pub(crate) vocab: Option<Vec<u8>>,
    /// Pieces or merges.
    size: usize,
}

/// The text that subwords are learnt from, and who is told how far that is.
#[derive(Clone, Copy)]
pub(crate) struct LearningText<'a> {
    pub(crate) config: &'a PreprocessConfig,
    pub(crate) words: &'a Words,
    pub(crate) surveys: &'a [SplitSurvey],
    pub(crate) observer: &'a dyn Observer,
}

/// Learns SentencePiece models.
///
/// # Errors
/// When the text cannot be read, or `--bpe-size` is too small for its characters.
pub(crate) fn learn_sentencepiece(text: LearningText<'_>, notes: &mut Notes<'_>) -> Result<Learnt> {
    let LearningText {
        config,
        words,
        surveys,
        observer,
    } = text;
    let mut sizes: Vec<usize> = sides(config)
        .iter()
        .map(|sides| wanted(config, surveys, sides))
        .collect();
    let pipelines = words.pipelines(Normalization::NmtNfkc)?;
    let lines = surveys.first().map(|train| train.lines);
    let learned = match try_sentencepiece(config, &pipelines, &sizes, lines, observer) {
        // Many characters: a size that was picked here gives way, one asked for does not.
        Err(Error::Text(burnseq_text::Error::VocabularyTooSmall { required, .. }))
            if config.bpe_size.is_none() =>
        {
            sizes
                .iter_mut()
                .for_each(|size| *size = (*size).max(2 * required));
            try_sentencepiece(config, &pipelines, &sizes, lines, observer)
        }
        learned => learned,
    }?;
    let mut models = Vec::new();
    for (learned, size) in learned.into_iter().zip(sizes) {
        tell_size(config, notes, size, learned.pieces, "pieces");
        if learned.skipped_long > 0 {
            notes.add(format!(
                "SentencePiece did not learn from {} lines of more than {} bytes",
                learned.skipped_long,
                SentencePieceOptions::default().max_line_length
            ));
        }
        if learned.skipped_reserved > 0 {
            notes.add(format!(
                "SentencePiece did not learn from {} lines that hold the reserved character U+2585",
                learned.skipped_reserved
            ));
        }
        models.push(Model {
            content: learned.model,
            vocab: Some(learned.vocab.into_bytes()),
            size: learned.pieces,
        });
    }
    Ok(describe("SentencePiece", "pieces", models))
}

/// A model of the given size for each group of sides.
fn try_sentencepiece(
    config: &PreprocessConfig,
    pipelines: &[TextPipeline],
    sizes: &[usize],
    lines: Option<u64>,
    observer: &dyn Observer,
) -> Result<Vec<sentencepiece::Learned>> {
    let options = |size: usize| SentencePieceOptions {
        vocab_size: size,
        character_coverage: config.character_coverage as f32,
        ..SentencePieceOptions::default()
    };
    sizes.iter().try_for_each(|&size| options(size).validate())?;
    let make = |group: usize| {
        sentencepiece::Learner::new(options(sizes[group])).expect("the options are checked above")
    };
    let learners = gather_learners(
        config,
        pipelines,
        lines,
        observer,
        make,
        sentencepiece::Learner::add_line,
        sentencepiece::Learner::merge,
    )?;
    observer.stage("learn", None);
    let learn = |learner: sentencepiece::Learner| {
        let work = move |watch: Watch| learner.learn_watched(|done, wanted| watch.tell(done, wanted));
        Ok(interruptible(observer, work)??)
    };
    learners.into_iter().map(learn).collect()
}

/// Learns subword-nmt codes.
///
/// # Errors
/// When the text cannot be read.
pub(crate) fn learn_subword_nmt(text: LearningText<'_>, notes: &mut Notes<'_>) -> Result<Learnt> {
    let LearningText {
        config,
        words,
        surveys,
        observer,
    } = text;
    let learners = gather_learners(
        config,
        &words.pipelines(Normalization::None)?,
        surveys.first().map(|train| train.lines),
        observer,
        |_| subword_nmt::Learner::new(),
        subword_nmt::Learner::add_line,
        subword_nmt::Learner::merge,
    )?;
    observer.stage("learn", None);
    let mut models = Vec::new();
    for (learner, side) in learners.into_iter().zip(sides(config)) {
        let size = wanted(config, surveys, &side);
        let options = LearnOptions {
            symbols: size,
            min_frequency: config.bpe_min_frequency,
            ..LearnOptions::default()
        };
        let codes = interruptible(observer, move |watch: Watch| {
            learner.learn_watched(&options, |done, wanted| watch.tell(done, wanted))
        })??;
        tell_size(config, notes, size, codes.merges.len(), "merges");
        let content = codes.to_string().into_bytes();
        models.push(Model {
            content,
            vocab: None,
            size: codes.merges.len(),
        });
    }
    Ok(describe("subword-nmt", "merges", models))
}

/// Learns tokenizers of Hugging Face.
///
/// # Errors
/// When the text cannot be read, or 'bpe_size' is too small for its characters.
pub(crate) fn learn_hugging_face(
    text: LearningText<'_>,
    kind: BpeKind,
    notes: &mut Notes<'_>,
) -> Result<Learnt> {
    let LearningText {
        config,
        words,
        surveys,
        observer,
    } = text;
    let (name, learned_kind) = match kind {
        BpeKind::Wordpiece => ("WordPiece", LearnedKind::WordPiece),
        _ => ("byte-level BPE", LearnedKind::ByteBpe),
    };
    let sizes: Vec<usize> = sides(config)
        .iter()
        .map(|sides| wanted(config, surveys, sides))
        .collect();
    let options = |size: usize| {
        let mut options = HfLearnOptions::new(learned_kind, size);
        options.min_frequency = config.bpe_min_frequency;
        if !config.bpe_special_tokens.is_empty() {
            options.special_tokens = config.bpe_special_tokens.clone();
        }
        if learned_kind == LearnedKind::WordPiece {
            options.limit_alphabet = config.bpe_limit_alphabet.or(options.limit_alphabet);
            options.initial_alphabet = config.bpe_initial_alphabet.chars().collect();
        }
        options.lowercase = config.lowercase;
        options.add_prefix_space = config.bpe_prefix_space;
        options
    };
    sizes.iter().try_for_each(|&size| options(size).validate())?;
    let learners = gather_learners(
        config,
        &words.pipelines(Normalization::None)?,
        surveys.first().map(|train| train.lines),
        observer,
        |group| HfLearner::new(options(sizes[group])).expect("the options are checked above"),
        |learner: &mut HfLearner, line: &str| {
            learner
                .add_line(line)
                .expect("the parts of the learner take any text")
        },
        HfLearner::merge,
    )?;
    observer.stage("learn", None);
    let mut models = Vec::new();
    for (learner, size) in learners.into_iter().zip(sizes) {
        // A size that was picked here gives way to the alphabet, one asked for does not.
        let learner = match config.bpe_size {
            Some(_) => learner,
            None => learner.with_room(),
        };
        let learned = interruptible(observer, move |_: Watch| learner.learn())??;
        tell_size(config, notes, size, learned.size, "tokens");
        models.push(Model {
            content: learned.json.into_bytes(),
            vocab: None,
            size: learned.size,
        });
    }
    Ok(describe(name, "tokens", models))
}

/// The sides that each model learns from.
fn sides(config: &PreprocessConfig) -> Vec<Vec<usize>> {
    let all: Vec<usize> = (0..config.langs().len()).collect();
    if config.bpe_per_side {
        all.into_iter().map(|side| vec![side]).collect()
    } else {
        vec![all]
    }
}

/// Feeds the words of the training text, of so many `lines`, to one learner for both sides, or one for each.
fn gather_learners<L: Send>(
    config: &PreprocessConfig,
    pipelines: &[TextPipeline],
    lines: Option<u64>,
    observer: &dyn Observer,
    make: impl Fn(usize) -> L + Sync,
    add: impl Fn(&mut L, &str) + Sync,
    merge: impl Fn(&mut L, L),
) -> Result<Vec<L>> {
    let prefix = config.trainpref.as_ref().expect("checked by `validate`");
    let reader = PairReader::open(prefix, &config.langs())?;
    observer.stage("words", lines);
    let groups = sides(config);
    let make_all = || (0..groups.len()).map(&make).collect::<Vec<_>>();
    let parts = gather(
        reader,
        config.worker_count(),
        observer,
        make_all,
        |learners, chunk| {
            for index in 0..chunk.len() {
                if is_pair_over(chunk, index, config.max_line_tokens) {
                    continue;
                }
                for (learner, sides) in learners.iter_mut().zip(&groups) {
                    sides.iter().for_each(|&side| {
                        add(learner, &pipelines[side].words(chunk.sides[side].line(index)))
                    });
                }
            }
            Ok(())
        },
    )?;
    let mut whole = make_all();
    for part in parts {
        whole
            .iter_mut()
            .zip(part)
            .for_each(|(whole, part)| merge(whole, part));
    }
    Ok(whole)
}

/// How many pieces to learn from some sides of the training text.
fn wanted(config: &PreprocessConfig, surveys: &[SplitSurvey], sides: &[usize]) -> usize {
    config.bpe_size.unwrap_or_else(|| {
        let words = surveys.first().map_or(0, |train| train.words(sides));
        let fitting = (words / WORDS_PER_PIECE).max(FEWEST_PIECES);
        usize::try_from(fitting).map_or(DEFAULT_BPE_SIZE, |fitting| fitting.min(DEFAULT_BPE_SIZE))
    })
}

/// Says when the size is not the one that was asked for.
fn tell_size(config: &PreprocessConfig, notes: &mut Notes<'_>, wanted: usize, learnt: usize, unit: &str) {
    match config.bpe_size {
        Some(asked) if learnt < asked => {
            notes.add(format!(
                "the text gives only {learnt} {unit} of the {asked} asked for"
            ));
        }
        None if wanted < DEFAULT_BPE_SIZE => notes.add(format!(
            "{learnt} {unit} instead of {DEFAULT_BPE_SIZE}, because the corpus is small \
             (one per {WORDS_PER_PIECE} words, at least {FEWEST_PIECES}); 'bpe_size' asks for more"
        )),
        _ => {}
    }
}

fn describe(kind: &str, unit: &str, models: Vec<Model>) -> Learnt {
    let description = match models.as_slice() {
        [one] => format!("{kind}, {} {unit}", one.size),
        models => {
            let sizes: Vec<_> = models.iter().map(|model| model.size.to_string()).collect();
            format!("{kind}, {} {unit}, one model for each side", sizes.join(" and "))
        }
    };
    Learnt { models, description }
}

/// How far a thread has come with its learning.
#[derive(Default, Clone)]
struct Watch {
    done: Arc<AtomicUsize>,
    wanted: Arc<AtomicUsize>,
}

impl Watch {
    fn tell(&self, done: usize, wanted: usize) {
        self.wanted.store(wanted, Ordering::Relaxed);
        self.done.store(done, Ordering::Relaxed);
    }

    fn report(&self, observer: &dyn Observer) {
        let (done, wanted) = (
            self.done.load(Ordering::Relaxed),
            self.wanted.load(Ordering::Relaxed),
        );
        if wanted > 0 {
            observer.learnt(done as u64, wanted as u64);
        }
    }
}

/// Runs `work` on a thread of its own, and leaves it there when the observer asks to stop. What the work tells of itself
/// reaches the observer now and then.
fn interruptible<T: Send + 'static>(
    observer: &dyn Observer,
    work: impl FnOnce(Watch) -> T + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = channel();
    let watch = Watch::default();
    let of_thread = watch.clone();
    let thread = std::thread::spawn(move || {
        // Nobody listens any more after an interruption.
        let _ = sender.send(work(of_thread));
    });
    loop {
        match receiver.recv_timeout(POLL) {
            Ok(result) => {
                watch.report(observer);
                return Ok(result);
            }
            Err(RecvTimeoutError::Timeout) if observer.interrupted() => {
                return Err(Error::Interrupted);
            }
            Err(RecvTimeoutError::Timeout) => watch.report(observer),
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => unreachable!("the thread sends before it ends"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_work_can_be_left() {
        struct Stop;
        impl Observer for Stop {
            fn interrupted(&self) -> bool {
                true
            }
        }
        let result = interruptible(&Stop, |_| std::thread::sleep(Duration::from_secs(3600)));
        assert!(matches!(result, Err(Error::Interrupted)));
        assert_eq!(interruptible(&(), |_| 5).unwrap(), 5);
    }

    #[test]
    fn the_observer_hears_of_the_merges_that_are_learnt() {
        #[derive(Default)]
        struct Heard(std::sync::Mutex<Vec<(u64, u64)>>);
        impl Observer for Heard {
            fn learnt(&self, done: u64, wanted: u64) {
                self.0.lock().unwrap().push((done, wanted));
            }
        }
        let heard = Heard::default();
        let mut learner = subword_nmt::Learner::new();
        learner.add_line("lower lower low new new");
        let options = LearnOptions {
            symbols: 3,
            ..LearnOptions::default()
        };
        let work =
            move |watch: Watch| learner.learn_watched(&options, |done, wanted| watch.tell(done, wanted));
        interruptible(&heard, work).unwrap().unwrap();
        assert_eq!(heard.0.lock().unwrap().last(), Some(&(3, 3)));
    }

    #[test]
    #[should_panic(expected = "broken learner")]
    fn a_panic_while_learning_reaches_the_caller() {
        let _: Result<u8> = interruptible(&(), |_| panic!("broken learner"));
    }
}
