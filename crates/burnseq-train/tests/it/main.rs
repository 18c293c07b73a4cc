//! Integration tests of the training crate.
#![expect(clippy::print_stderr, reason = "skipped tests say why")]

mod checkpoint;
mod copying;
mod families;
mod golden;
mod language_models;
mod recorded;
mod shared;
