//! What training tells while it runs: sums kept per interval and epoch ([`Meters`]), and the
//! records made of them ([`TrainRecord`], [`ValidRecord`]) with fairseq's keys.

mod meters;
mod record;

pub(crate) use meters::Tally;
pub use meters::{Meters, UpdateStats};
pub use record::{TrainRecord, ValidRecord, format_duration};
