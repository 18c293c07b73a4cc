//! Python pickles, read as data and written.
//!
//! A pickle is a program for a stack machine that may call any function of Python. [`read`] runs the machine but calls
//! nothing: it builds a [`Graph`] of plain values, and where Python would make an instance it notes class and
//! arguments. Classes come from a closed list ([`classes`]); every other one is refused by name, before anything that
//! follows it is looked at. Work and memory are bounded by [`MAX_BYTES`] and [`MAX_NODES`], whatever a file says.
//!
//! [`write()`] makes a pickle of protocol 2 of an [`Object`].

mod calls;
pub mod classes;
mod error;
mod graph;
mod opcode;
mod operands;
mod reader;
mod writer;

pub use error::PickleError;
pub use graph::{Graph, Node, NodeId, View};
pub use reader::{MAX_BYTES, MAX_NODES, read, read_prefix};
pub use writer::{Object, write};
