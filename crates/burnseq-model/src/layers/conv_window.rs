//! What a causal convolution remembers while a batch is decoded step by step.

use burn::tensor::{Device, Int, Tensor};
use burnseq_kernels::Stepping;

use super::selection;

/// The inputs that the next output of a causal convolution still sees.
#[derive(Debug, Clone)]
pub struct ConvWindow {
    kernel_size: usize,
    past: Past,
}

/// How these inputs lie in memory; see [`Stepping`].
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a layer has one of them, which is not moved"
)]
enum Past {
    /// `[rows, kernel_size - 1, width]`, zeros before the first input, copied when rows are reordered; none before the
    /// first step, and for one tap.
    Contiguous(Option<Tensor<3>>),
    /// Where each step computed them.
    Scattered(ScatteredInputs),
}

/// Inputs of the last steps, this one included, at most as many as there are taps.
#[derive(Debug, Clone, Default)]
pub struct ScatteredInputs {
    /// For every step `[rows of the step, width]`.
    pub steps: Vec<Tensor<2>>,
    /// Where the rows come from: row `r` was row `ancestors[step][r]` when step `step` was computed.
    pub ancestors: Vec<Vec<u32>>,
}

impl ConvWindow {
    /// Before the first step of a convolution of `kernel_size` taps, as one tensor.
    pub fn contiguous(kernel_size: usize) -> Self {
        Self {
            kernel_size,
            past: Past::Contiguous(None),
        }
    }

    /// Before the first step of a convolution of `kernel_size` taps.
    pub fn new(kernel_size: usize, stepping: Stepping) -> Self {
        match stepping {
            Stepping::Device => Self::contiguous(kernel_size),
            Stepping::Processor => Self {
                kernel_size,
                past: Past::Scattered(ScatteredInputs::default()),
            },
        }
    }

    /// Takes in the input of this step, `[rows, 1, width]`, and gives what its output sees.
    pub fn push(&mut self, x: Tensor<3>) -> Seen<'_> {
        let kernel = self.kernel_size;
        match &mut self.past {
            Past::Contiguous(past) => {
                if kernel == 1 {
                    return Seen::Window(x);
                }
                let [rows, _, width] = x.dims();
                let before = past.take().unwrap_or_else(|| {
                    let options = (&x.device(), x.dtype());
                    Tensor::zeros([rows, kernel - 1, width], options)
                });
                let window = Tensor::cat(vec![before, x], 1);
                *past = Some(window.clone().slice([0..rows, 1..kernel]));
                Seen::Window(window)
            }
            Past::Scattered(inputs) => {
                let [rows, _, _] = x.dims();
                if inputs.steps.len() == kernel {
                    inputs.steps.remove(0);
                    inputs.ancestors.remove(0);
                }
                inputs.steps.push(x.squeeze_dim(1));
                inputs.ancestors.push((0..rows as u32).collect());
                Seen::Scattered(inputs)
            }
        }
    }

    /// Makes new row `r` continue old row `rows[r]`; `index` `[rows]` holds the same.
    pub fn reorder(&mut self, rows: &[usize], index: &Tensor<1, Int>) {
        match &mut self.past {
            Past::Contiguous(past) => {
                *past = past.take().map(|past| past.select(0, index.clone()));
            }
            Past::Scattered(inputs) => {
                for ancestors in &mut inputs.ancestors {
                    *ancestors = rows.iter().map(|&row| ancestors[row]).collect();
                }
            }
        }
    }

    /// As [`reorder`](Self::reorder), with `rows` `[rows]` on the device.
    pub fn reorder_rows(&mut self, rows: &Tensor<1, Int>) {
        let host = match &self.past {
            Past::Contiguous(_) => Vec::new(),
            Past::Scattered(_) => {
                let rows = rows.clone().into_data();
                rows.iter::<i64>().map(|row| row as usize).collect()
            }
        };
        self.reorder(&host, rows);
    }
}

/// What an output sees.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is given")]
pub enum Seen<'a> {
    /// `[rows, kernel_size, width]`
    Window(Tensor<3>),
    /// The same, with fewer inputs before the window is full.
    Scattered(&'a ScatteredInputs),
}

impl Seen<'_> {
    /// The window of a [contiguous](ConvWindow::contiguous) one.
    ///
    /// # Panics
    /// For others.
    pub fn window(self) -> Tensor<3> {
        match self {
            Self::Window(window) => window,
            Self::Scattered(_) => panic!("the window is no single tensor"),
        }
    }
}
/// The windows of all convolutions of a model.
#[derive(Debug, Clone)]
pub struct ConvWindows {
    /// One for each convolution.
    pub(crate) windows: Vec<ConvWindow>,
    /// Tokens so far.
    pub(crate) steps: usize,
    /// Rows of the latest step.
    rows: usize,
}

impl ConvWindows {
    /// Before the first step.
    pub(crate) fn new(windows: impl Iterator<Item = ConvWindow>) -> Self {
        Self {
            windows: windows.collect(),
            steps: 0,
            rows: 0,
        }
    }

    /// Begins a step of so many rows.
    pub(crate) fn begin_step(&mut self, rows: usize) {
        self.rows = rows;
        self.steps += 1;
    }

    /// See [`crate::Stepwise::reorder`].
    pub(crate) fn reorder(&mut self, rows: &[usize], device: &Device) {
        // Before the first step there is nothing to reorder.
        if self.steps == 0 {
            return;
        }
        if let Some(index) = selection(rows, self.rows, device) {
            self.rows = rows.len();
            for window in &mut self.windows {
                window.reorder(rows, &index);
            }
        }
    }

    /// See [`crate::Stepwise::reorder_rows`].
    pub(crate) fn reorder_rows(&mut self, rows: &Tensor<1, Int>) {
        [self.rows] = rows.dims();
        for window in &mut self.windows {
            window.reorder_rows(rows);
        }
    }
}
