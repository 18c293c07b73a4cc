//! Checkpoints of other toolkits, read and written without the toolkit: nothing in a file is executed.
//!
//! - [`pickle`]: what Python saved, as data, and the closed list of classes that may be named in it.
//! - [`zip`]: the archives that PyTorch puts pickles and tensors into.
//! - [`torch_file`]: files of `torch.save`, today's and those of before PyTorch 1.6, with their tensors.
//! - [`fairseq`]: checkpoints of fairseq 0.6 to 0.12: weights, options, progress and the state of Adam.
//! - [`hugging_face`]: folders of transformers: settings and weights by name, read and written.
//!
//! ```
//! use burnseq_interchange::torch_file::{Storages, TorchFile, save};
//!
//! # let dir = tempfile::tempdir()?;
//! let path = dir.path().join("x.pt");
//! let values = [1.0, 2.0, 3.0, 4.0];
//! let mut storages = Storages::default();
//! let tensor = storages.tensor(&[2, 2], &values);
//! save(&path, &tensor, &storages)?;
//!
//! let file = TorchFile::open(&path)?;
//! let info = file.tensor("x", file.root())?.expect("a tensor was saved");
//! assert_eq!(file.read("x", &info)?.values, values);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
pub mod fairseq;
pub mod hugging_face;
pub mod pickle;
pub mod torch_file;
pub mod zip;

pub use error::{Error, Result};
