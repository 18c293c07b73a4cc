//! The binaries from end to end, on tiny data.

mod decoding;
mod fixture;
mod generate;
mod interactive;
mod preprocess;
mod score;
mod train;
