//! What the tests of several crates share: the reference data beside the checkout, and the comparison of numbers.

#![allow(clippy::print_stderr, reason = "a skipped test says why")]

mod close;
mod shared;

pub use close::{Tolerance, assert_close, larger, largest_difference};
pub use shared::{GOLDEN, REQUIRE, SKIPPED, golden, read, shared};
