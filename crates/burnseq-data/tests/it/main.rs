//! Integration tests of the data stage.

mod batching;
mod indexed;
mod shared;
