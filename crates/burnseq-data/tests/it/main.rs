//! Integration tests of the data stage.

mod batching;
mod dataset_dir;
mod indexed;
mod preprocess;
mod shared;
mod subwords;
