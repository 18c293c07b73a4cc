//! Files of PyTorch, OmegaConf and fairseq, as these have written them.
#![expect(clippy::print_stderr, reason = "skipped tests say why")]

mod damaged;
mod fixtures;
mod golden;
mod hugging_face;
mod versions;
mod written;
