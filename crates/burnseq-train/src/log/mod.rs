//! What training tells while it runs: sums kept per interval and epoch ([`Meters`]), and the
//! records made of them ([`TrainRecord`], [`ValidRecord`]) with fairseq's keys.

mod measure;
mod meters;
mod named_sums;
mod record;

pub use measure::Measure;
pub(crate) use meters::Tally;
pub use meters::{Meters, UpdateStats};
pub use named_sums::NamedSums;
pub use record::{TrainRecord, ValidRecord, format_duration};
