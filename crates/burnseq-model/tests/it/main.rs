//! Integration tests of the models.
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

mod families;
mod golden;
mod presets;
mod stepwise;
