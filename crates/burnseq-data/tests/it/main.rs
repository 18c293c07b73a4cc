//! Integration tests of the data stage.

mod alignments;
mod bad_text;
mod batching;
mod corpus;
mod dataset_dir;
mod golden_preprocess;
mod indexed;
mod preprocess;
mod segmented;
mod shared;
mod subwords;
mod text_dir;
mod token_blocks;
