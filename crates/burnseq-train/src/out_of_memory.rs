//! Devices that run out of memory: what Burn reports then, and batches that are computed in parts because of it.
//!
//! On a GPU an allocation that fails stops nothing: CubeCL frees what it can and tries once more, then marks the buffer.
//! Whatever would read a marked buffer is left out and marks its own result, until something is read: that gives the
//! error of the allocation (`try_into_data`), or a panic with its text (`into_data`). So what was computed from other
//! buffers is as good as before, and the device can be used on. The processor reports nothing: there the system ends
//! the process.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData, kind::Basic};
use burnseq_data::Batch;

use crate::error::{Error, Result};

/// A computation does not fit in the memory of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

/// What CubeCL 0.11 (`IoError`, `LaunchError`, `ErrorGraph`) and CUDA's driver say when an allocation fails.
const MESSAGES: [&str; 7] = [
    "out of device memory allocating",
    "can't allocate buffer of size",
    "every page size the memory tracks still holds live allocations",
    "couldn't map storage for a deferred allocation",
    "An out-of-memory error happened during launch",
    "was never allocated: the reservation behind it failed",
    "CUDA_ERROR_OUT_OF_MEMORY",
];

fn is_out_of_memory(message: &str) -> bool {
    MESSAGES.iter().any(|known| message.contains(known))
}

/// The text of a panic.
fn text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    let formatted = || panic.downcast_ref::<String>().map(String::as_str);
    literal.or_else(formatted).unwrap_or_default()
}

/// What `compute` gives; a panic for lack of memory is an error, any other goes on.
pub(crate) fn catch<T>(compute: impl FnOnce() -> Result<T, OutOfMemory>) -> Result<T, OutOfMemory> {
    match catch_unwind(AssertUnwindSafe(compute)) {
        Ok(result) => result,
        Err(panic) if is_out_of_memory(text(&*panic)) => Err(OutOfMemory),
        Err(panic) => resume_unwind(panic),
    }
}

/// The values of a tensor. On a GPU this finds out whether they can be computed; it is waited for when they are looked at.
///
/// # Errors
/// When something that they depend on did not fit in memory.
///
/// # Panics
/// When the device failed in another way.
pub(crate) fn read<const D: usize, K: Basic>(tensor: Tensor<D, K>) -> Result<TensorData, OutOfMemory> {
    match tensor.try_into_data() {
        Ok(data) => Ok(data),
        Err(error) if is_out_of_memory(&error.to_string()) => Err(OutOfMemory),
        Err(error) => panic!("a tensor cannot be read: {error}"),
    }
}

/// Whether all parameters have their values, rather than being the result of an update that did not fit in memory.
pub(crate) fn is_intact<M: Module>(model: &M) -> bool {
    struct Intact(bool);
    impl ModuleVisitor for Intact {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            // On a GPU nothing is copied before the values are looked at.
            self.0 &= read(param.val()).is_ok();
        }
    }
    let mut intact = Intact(true);
    model.visit(&mut intact);
    intact.0
}

/// A batch, or a piece of one, and its number within the update.
#[derive(Debug, Clone)]
pub(crate) struct Part<B> {
    /// Counts the batches of the update.
    pub(crate) number: usize,
    /// Which piece of that batch: 1 is the whole, and `2 n` and `2 n + 1` are the halves of `n`.
    pub(crate) piece: u64,
    pub(crate) batch: B,
}

impl<B: Batch> Part<B> {
    pub(crate) fn whole(number: usize, batch: B) -> Self {
        Self {
            number,
            piece: 1,
            batch,
        }
    }

    /// Both halves; `None` for a single sentence.
    fn halves(&self) -> Option<[Self; 2]> {
        let [first, second] = self.batch.halves()?;
        let half = |piece, batch| Self {
            number: self.number,
            piece,
            batch,
        };
        Some([half(2 * self.piece, first), half(2 * self.piece + 1, second)])
    }
}

/// What is known of the memory of a device: the size from which batches do not fit.
///
/// Training and validation know of it separately: a backward pass needs more.
#[derive(Debug, Clone)]
pub struct DeviceMemory {
    /// Off autodiff.
    device: Device,
    /// What the sentences are, for messages: `training`, or the name of a validation set.
    sentences: String,
    /// Places of the smallest batch of several sentences that did not fit.
    too_large: Option<usize>,
    /// What there is to say to the user.
    notes: Vec<String>,
}

impl DeviceMemory {
    /// Nothing is known yet of `device`; messages call the sentences of its batches `sentences`: `training`, or the name of
    /// a validation set.
    pub fn new(device: Device, sentences: &str) -> Self {
        Self {
            device: device.without_autodiff(),
            sentences: sentences.to_owned(),
            too_large: None,
            notes: Vec::new(),
        }
    }

    /// The same of another device, of which nothing is known.
    pub(crate) fn of(&self, device: &Device) -> Self {
        Self::new(device.clone(), &self.sentences)
    }

    /// The device, off autodiff.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What there is to say to the user since the last call: one line for every size that did not fit.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Adds what another device has to say.
    pub(crate) fn add_notes(&mut self, notes: Vec<String>) {
        self.notes.extend(notes);
    }

    /// Computes something about a batch beside its loss, such as translations: as a whole, or in pieces that fit.
    /// `compute` may panic as Burn does when memory runs out.
    ///
    /// # Errors
    /// A single sentence that does not fit.
    pub fn compute_batch<M: Module, B: Batch, T>(
        &mut self,
        model: &M,
        batch: B,
        mut compute: impl FnMut(&B) -> T,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        let at_once = |parts: &[Part<B>]| -> Result<Vec<T>, OutOfMemory> {
            Ok(parts.iter().map(|part| compute(&part.batch)).collect())
        };
        self.compute(model, vec![Part::whole(0, batch)], at_once, |pieces| {
            found.extend(pieces);
        })?;
        Ok(found)
    }

    /// Computes `parts`, all at once if they fit and one after the other if they do not.
    ///
    /// `at_once` computes some parts together; `add` takes in what it gives. A part that does not fit by itself is
    /// halved until its pieces do; from then on, batches of its size are halved beforehand.
    ///
    /// # Errors
    /// A single sentence that does not fit, or a model that was lost in an update that did not fit.
    pub(crate) fn compute<M: Module, B: Batch, T>(
        &mut self,
        model: &M,
        parts: Vec<Part<B>>,
        mut at_once: impl FnMut(&[Part<B>]) -> Result<T, OutOfMemory>,
        mut add: impl FnMut(T),
    ) -> Result<()> {
        let parts = self.halved_beforehand(parts);
        match catch(|| at_once(&parts)) {
            Ok(result) => add(result),
            Err(OutOfMemory) => {
                free(&self.device);
                if !is_intact(model) {
                    return Err(Error::UpdateOutOfMemory);
                }
                self.one_by_one(parts, at_once, add)?;
            }
        }
        Ok(())
    }

    fn one_by_one<B: Batch, T>(
        &mut self,
        parts: Vec<Part<B>>,
        mut compute: impl FnMut(&[Part<B>]) -> Result<T, OutOfMemory>,
        mut add: impl FnMut(T),
    ) -> Result<()> {
        // Which of several parts did not fit is not known; of one it is.
        let mut is_first_known = parts.len() == 1;
        let mut left = VecDeque::from(parts);
        while let Some(part) = left.pop_front() {
            if !std::mem::take(&mut is_first_known) && !self.is_too_large(&part.batch) {
                if let Ok(result) = catch(|| compute(std::slice::from_ref(&part))) {
                    add(result);
                    continue;
                }
                free(&self.device);
            }
            let [first, second] = self.halves(&part)?;
            left.push_front(second);
            left.push_front(first);
        }
        Ok(())
    }

    /// The halves of a part that does not fit, which is remembered.
    fn halves<B: Batch>(&mut self, part: &Part<B>) -> Result<[Part<B>; 2]> {
        let batch = &part.batch;
        let Some(halves) = part.halves() else {
            return Err(Error::SentenceOutOfMemory {
                sentences: self.sentences.clone(),
                number: batch.ids()[0],
                sizes: batch.row_sizes(0),
            });
        };
        if !self.is_too_large(batch) {
            self.too_large = Some(batch.places());
            self.notes.push(format!(
                "out of memory: a batch of {} {} sentences x {} ({} with padding) is computed in two halves, and so are \
                 later ones of that size",
                batch.nsentences(),
                self.sentences,
                batch.widths(),
                batch.places()
            ));
        }
        Ok(halves)
    }

    /// Whether a batch is as large as one that did not fit.
    fn is_too_large(&self, batch: &impl Batch) -> bool {
        batch.nsentences() > 1 && self.too_large.is_some_and(|places| batch.places() >= places)
    }

    /// The parts, those in halves that are as large as one that did not fit.
    fn halved_beforehand<B: Batch>(&self, parts: Vec<Part<B>>) -> Vec<Part<B>> {
        let mut fitting = Vec::new();
        let mut left = VecDeque::from(parts);
        while let Some(part) = left.pop_front() {
            let halves = self.is_too_large(&part.batch).then(|| part.halves());
            if let Some([first, second]) = halves.flatten() {
                left.push_front(second);
                left.push_front(first);
            } else {
                fitting.push(part);
            }
        }
        fitting
    }
}

/// Gives back the memory of `device` that is no longer used.
pub(crate) fn free(device: &Device) {
    // What waits to be launched holds memory. An error of it belongs to its results, which nothing uses.
    let _ = device.sync();
    device.memory_cleanup();
}

#[cfg(test)]
mod tests {
    use super::*;
    use burnseq_data::{Dataset, LanguagePairDataset, PairBatch, PairOptions, Sentences};

    /// Number and piece of each part that was computed, as often as it was, and the notes.
    type Computed = (Vec<(usize, u64)>, Vec<String>);

    fn memory() -> DeviceMemory {
        DeviceMemory::new(Device::flex(), "training")
    }

    /// Batches of sentences of these lengths.
    fn parts(batches: &[&[usize]]) -> Vec<Part<PairBatch>> {
        let part = |(number, lengths): (usize, &&[usize])| {
            let side = || Sentences::Memory(lengths.iter().map(|&length| vec![2; length]).collect());
            let pairs = LanguagePairDataset::new(side(), Some(side()), 9, 9, PairOptions::default()).unwrap();
            let all: Vec<usize> = (0..lengths.len()).collect();
            Part::whole(number, pairs.collate(&all, 0).unwrap())
        };
        batches.iter().enumerate().map(part).collect()
    }

    /// Computes parts on a device that holds `places`; those tried and those computed.
    fn compute(
        memory: &mut DeviceMemory,
        places: usize,
        parts: Vec<Part<PairBatch>>,
    ) -> Result<(Computed, usize)> {
        #[derive(Module, Debug)]
        struct Nothing {}
        let (mut computed, mut tried) = (Vec::new(), 0);
        let at_once = |parts: &[Part<PairBatch>]| {
            tried += 1;
            let needed: usize = parts.iter().map(|part| part.batch.places()).sum();
            assert!(needed <= places, "{}{needed} bytes", MESSAGES[0]);
            Ok(parts
                .iter()
                .map(|part| (part.number, part.piece))
                .collect::<Vec<_>>())
        };
        memory.compute(&Nothing {}, parts, at_once, |parts| computed.extend(parts))?;
        Ok(((computed, memory.take_notes()), tried))
    }

    #[test]
    fn what_fits_is_computed_at_once() {
        let ((computed, notes), tried) = compute(&mut memory(), 12, parts(&[&[1, 1], &[2, 2]])).unwrap();
        assert_eq!((computed, tried), (vec![(0, 1), (1, 1)], 1));
        assert!(notes.is_empty());
    }

    #[test]
    fn parts_that_fit_one_after_the_other_stay_whole() {
        let ((computed, notes), tried) = compute(&mut memory(), 8, parts(&[&[1, 1], &[2, 2]])).unwrap();
        assert_eq!((computed, tried), (vec![(0, 1), (1, 1)], 3));
        assert!(notes.is_empty());
    }

    #[test]
    fn a_batch_that_does_not_fit_is_halved_until_it_does_and_later_ones_beforehand() {
        let mut memory = memory();
        // 5 x 4 x 2 = 40 places, halves of 24 and 16, quarters of 16 and 8.
        let batch: &[usize] = &[4; 5];
        let ((computed, notes), tried) = compute(&mut memory, 16, parts(&[batch])).unwrap();
        assert_eq!(computed, [(0, 4), (0, 5), (0, 3)]);
        assert_eq!(tried, 5, "40, 24, 16, 8, 16");
        assert_eq!(
            notes,
            [
                "out of memory: a batch of 5 training sentences x 4 source x 4 target tokens (40 with padding) is \
                 computed in two halves, and so are later ones of that size",
                "out of memory: a batch of 3 training sentences x 4 source x 4 target tokens (24 with padding) is \
                 computed in two halves, and so are later ones of that size",
            ]
        );
        // The same pieces, without a failure.
        let ((again, notes), tried) = compute(&mut memory, 40, parts(&[batch])).unwrap();
        assert_eq!((again, tried, notes.len()), (computed, 1, 0));
        // A size that was never tried fails at 12 places and is remembered too.
        let (_, tried) = compute(&mut memory, 10, parts(&[&[3, 3]])).unwrap();
        assert_eq!((tried, memory.too_large), (3, Some(12)));
    }

    #[test]
    fn halves_of_different_lengths_are_narrow_and_a_long_sentence_stands_alone() {
        let ((computed, _), _) = compute(&mut memory(), 18, parts(&[&[1, 9, 1, 1]])).unwrap();
        assert_eq!(computed, [(0, 4), (0, 5), (0, 3)]);
    }

    #[test]
    fn a_single_sentence_that_does_not_fit_is_named() {
        let error = compute(&mut memory(), 17, parts(&[&[2, 9, 3]])).unwrap_err();
        let Error::SentenceOutOfMemory { number, sizes, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((*number, sizes.as_str()), (1, "9 source and 9 target tokens"));
        let text = error.to_string();
        assert!(text.contains("training sentence 1") && text.contains("9 source and 9 target tokens"));
    }

    #[test]
    fn reports_of_burn_are_recognised_and_other_panics_go_on() {
        let report = "Error while reading data: WithContext { reason: \"The bytes were never written (failure #7, still \
            claiming 2 buffer(s))\\nCaused by:\\n  An IO error happened\\nCaused by:\\n  out of device memory allocating \
            4096 bytes\" }";
        assert_eq!(
            catch(|| -> Result<(), OutOfMemory> { panic!("{report}") }),
            Err(OutOfMemory)
        );
        assert_eq!(catch(|| Ok::<_, OutOfMemory>(3)), Ok(3));
        let other = std::panic::catch_unwind(|| catch(|| -> Result<(), OutOfMemory> { panic!("index 3") }));
        assert_eq!(text(&*other.unwrap_err()), "index 3");
    }
}
