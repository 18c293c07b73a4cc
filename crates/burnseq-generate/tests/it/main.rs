//! Decoding with real models: what must hold for any, and what fairseq found with a trained one.

mod golden;
mod properties;
