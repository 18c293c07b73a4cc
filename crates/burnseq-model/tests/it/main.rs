//! Integration tests of the models.

mod golden;
mod stepwise;
