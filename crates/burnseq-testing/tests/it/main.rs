//! Integration tests of the workspace as a whole.

mod crates;
