//! Cases about text, scores and preprocess.
