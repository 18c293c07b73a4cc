//! Cases about text, scores and preprocess.

mod moses;
