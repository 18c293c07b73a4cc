//! The binaries from end to end, on tiny data.

mod generate;
mod preprocess;
mod score;
mod train;
