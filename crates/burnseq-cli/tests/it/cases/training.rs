//! Cases about training, resuming and decoding.
