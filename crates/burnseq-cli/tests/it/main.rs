//! The binaries from end to end, on tiny data.

mod preprocess;
