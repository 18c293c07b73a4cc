//! What the binaries share, and the command line of each: flags become a full config, the config
//! goes through one library call, the result is reported.
//!
//! - [`exit`]: exit codes and the one block that an error prints.
//! - [`preprocess`]: `preprocess`, from parallel text to a binarised dataset.

pub mod exit;
pub mod preprocess;
