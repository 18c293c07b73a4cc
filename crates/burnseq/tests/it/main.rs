//! Checkpoints that the real fairseq has written, taken over.
#![expect(clippy::print_stderr, reason = "skipped tests say why")]

mod convert;
