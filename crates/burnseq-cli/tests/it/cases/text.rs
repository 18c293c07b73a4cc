//! Cases about text, scores and preprocess.

mod compressed;
mod moses;
mod scores;
mod segmented;
mod unknown;
