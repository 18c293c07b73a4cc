//! Decoding with real models: what must hold for any, and what fairseq found with a trained one.
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

mod device;
mod families;
mod fusion;
mod golden;
mod options;
mod prompts;
mod properties;
mod scorer;
mod searches;
