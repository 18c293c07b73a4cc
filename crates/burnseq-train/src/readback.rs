//! Numbers on their way from a device to the host, which goes on working until it looks at them.
//!
//! Burn copies lazily: what it gives for a tensor is copied when it is first looked at, and then everything that the
//! device was told meanwhile is waited for, too. So a thread looks at once, and hands the numbers over when they are there.

use std::any::Any;
use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use burn::tensor::{Device, Tensor, TensorData, kind::Basic};

use crate::out_of_memory::{OutOfMemory, read};

/// The numbers of a tensor, which are waited for when they are looked at.
#[derive(Debug)]
pub(crate) struct Readback {
    numbers: OnceCell<Vec<f64>>,
    coming: Option<Receiver<Copied>>,
}

/// Numbers, or the panic that their copying ended in.
type Copied = Result<Vec<f64>, Box<dyn Any + Send>>;

impl Readback {
    /// Begins to copy; the device is not waited for.
    ///
    /// # Errors
    /// When something that the numbers depend on did not fit in memory.
    ///
    /// # Panics
    /// When the device failed in another way.
    pub(crate) fn start<const D: usize, K: Basic>(tensor: Tensor<D, K>) -> Result<Self, OutOfMemory> {
        let is_here = tensor.device().without_autodiff() == Device::flex();
        let data = read(tensor)?;
        Ok(if is_here {
            Self {
                numbers: OnceCell::from(numbers(&data)),
                coming: None,
            }
        } else {
            Self::in_background(data)
        })
    }

    fn in_background(data: TensorData) -> Self {
        type Task = (TensorData, Sender<Copied>);
        static READER: OnceLock<Sender<Task>> = OnceLock::new();
        let reader = READER.get_or_init(|| {
            let (tasks, received) = channel::<Task>();
            // One thread for the whole process: every thread has a stream of its own on the device.
            std::thread::spawn(move || {
                for (data, sender) in received {
                    // Nobody may be there to receive them: an update is given up when a run stops.
                    let _ = sender.send(catch_unwind(AssertUnwindSafe(|| numbers(&data))));
                }
            });
            tasks
        });
        let (sender, coming) = channel();
        let sent = reader.send((data, sender));
        sent.expect("the reader lives as long as the process");
        Self {
            numbers: OnceCell::new(),
            coming: Some(coming),
        }
    }

    /// The numbers, in order.
    ///
    /// # Panics
    /// When they cannot be copied.
    pub(crate) fn numbers(&self) -> &[f64] {
        self.numbers.get_or_init(|| {
            let coming = self.coming.as_ref().expect("either here or coming");
            match coming.recv().expect("the reader answers every task") {
                Ok(numbers) => numbers,
                Err(panic) => resume_unwind(panic),
            }
        })
    }
}

fn numbers(data: &TensorData) -> Vec<f64> {
    data.iter().collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Int;

    use super::*;

    #[test]
    fn numbers_arrive_in_order_whatever_their_type_and_from_whichever_thread() {
        let device = Device::flex();
        let floats = || Tensor::<1>::from_floats([0.5, -2.0], &device);
        let ints = || Tensor::<1, Int>::from_ints([3, 4, 5], &device);
        for found in [
            [
                Readback::start(floats()).unwrap(),
                Readback::start(ints()).unwrap(),
            ],
            [
                Readback::in_background(floats().into_data()),
                Readback::in_background(ints().into_data()),
            ],
        ] {
            assert_eq!(found[1].numbers(), [3.0, 4.0, 5.0]);
            for _ in 0..2 {
                assert_eq!(found[0].numbers(), [0.5, -2.0]);
            }
        }
    }

    #[test]
    fn what_nobody_waits_for_does_not_stop_the_reader() {
        let data = || Tensor::<1>::from_floats([1.0], &Device::flex()).into_data();
        drop(Readback::in_background(data()));
        assert_eq!(Readback::in_background(data()).numbers(), [1.0]);
    }
}
