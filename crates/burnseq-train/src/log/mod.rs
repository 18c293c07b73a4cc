//! What training tells while it runs: sums kept per interval and epoch ([`Meters`]), and the
//! records made of them ([`TrainRecord`], [`ValidRecord`]) with fairseq's keys, also as files for TensorBoard
//! ([`TensorboardWriter`]).

mod measure;
mod meters;
mod named_sums;
mod record;
pub mod tensorboard;

pub use measure::Measure;
pub(crate) use meters::Tally;
pub use meters::{Meters, UpdateStats};
pub use named_sums::NamedSums;
pub use record::{TrainRecord, ValidRecord, format_duration};
pub use tensorboard::TensorboardWriter;
