//! Event files for TensorBoard, with the folders and tags of fairseq.
//!
//! A file is a sequence of records (the framing of TFRecord: length, its checksum, content, its checksum), and each record a
//! protobuf message `Event` of TensorFlow.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use crate::error::Result;
use burnseq_text::FileError;

/// What the first record of a file says; readers refuse other versions.
const FILE_VERSION: &str = "brain.Event:2";

/// `tensorflow.Event`, as far as scalars need it.
#[derive(Clone, PartialEq, Message)]
pub struct EventRecord {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// Update of the run.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// In the first record of a file alone.
    #[prost(string, optional, tag = "3")]
    pub file_version: Option<String>,
    /// Values.
    #[prost(message, optional, tag = "5")]
    pub summary: Option<Summary>,
    /// A start: what other files hold of this step and later ones is void.
    #[prost(message, optional, tag = "7")]
    pub session_log: Option<SessionLog>,
}

/// `tensorflow.Summary`.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    /// Values, each under a tag of its own.
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<SummaryValue>,
}

/// `tensorflow.Summary.Value` of a scalar.
#[derive(Clone, PartialEq, Message)]
pub struct SummaryValue {
    /// What it is.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// Its value.
    #[prost(float, tag = "2")]
    pub simple_value: f32,
}

/// `tensorflow.SessionLog`.
#[derive(Clone, PartialEq, Message)]
pub struct SessionLog {
    /// 1: the run starts.
    #[prost(int32, tag = "1")]
    pub status: i32,
}

/// The status of a start.
const START: i32 = 1;

/// Writes scalars for TensorBoard: a folder for each set (`train_inner`, `train`, `valid`), in it a file for each start of
/// the run. Every record is handed to the system at once, so that a run that is killed loses none.
#[derive(Debug)]
pub struct TensorboardWriter {
    logdir: PathBuf,
    /// Updates that were done before this start.
    resumed_at: u64,
    files: HashMap<String, (File, PathBuf)>,
}

impl TensorboardWriter {
    /// A writer to `logdir`, which is made if need be; files appear with the first record of each set.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn new(logdir: &Path) -> Result<Self> {
        let failed = FileError::write(logdir);
        fs::create_dir_all(logdir).map_err(failed)?;
        // Hours of training would come before the first record.
        tempfile::tempfile_in(logdir).map_err(failed)?;
        Ok(Self {
            logdir: logdir.to_owned(),
            resumed_at: 0,
            files: HashMap::new(),
        })
    }

    /// Says that the run goes on after `num_updates`: what is in the folder of later updates is from a run that was killed
    /// after its last checkpoint, and TensorBoard leaves it out.
    pub fn resume(&mut self, num_updates: u64) {
        self.resumed_at = num_updates;
    }

    /// Writes the numbers of a record of the set `subset` at update `num_updates`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, subset: &str, num_updates: u64, scalars: &[(String, f64)]) -> Result<()> {
        let value = scalars.iter().map(|(tag, value)| SummaryValue {
            tag: tag.clone(),
            simple_value: *value as f32,
        });
        let event = EventRecord {
            wall_time: now(),
            step: num_updates as i64,
            summary: Some(Summary {
                value: value.collect(),
            }),
            ..EventRecord::default()
        };
        let (file, path) = self.file(subset)?;
        Ok(file.write_all(&frame(&event)).map_err(FileError::write(path))?)
    }

    fn file(&mut self, subset: &str) -> Result<&mut (File, PathBuf)> {
        if !self.files.contains_key(subset) {
            let opened = self.open(subset)?;
            self.files.insert(subset.to_owned(), opened);
        }
        Ok(self.files.get_mut(subset).expect("it was opened above"))
    }

    /// A new file, whose name is later than that of every earlier start: readers take files by name.
    fn open(&self, subset: &str) -> Result<(File, PathBuf)> {
        let folder = self.logdir.join(subset);
        fs::create_dir_all(&folder).map_err(FileError::write(&folder))?;
        let time = now();
        let name = format!("events.out.tfevents.{time:017.6}.{}", std::process::id());
        let path = folder.join(name);
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(FileError::write(&path))?;
        let mut head = frame(&EventRecord {
            wall_time: time,
            file_version: Some(FILE_VERSION.to_owned()),
            ..EventRecord::default()
        });
        if self.resumed_at > 0 {
            head.extend(frame(&EventRecord {
                wall_time: time,
                step: self.resumed_at as i64 + 1,
                session_log: Some(SessionLog { status: START }),
                ..EventRecord::default()
            }));
        }
        file.write_all(&head).map_err(FileError::write(&path))?;
        Ok((file, path))
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// A record: length (64 bits, little-endian), its checksum, the message, its checksum.
fn frame(event: &EventRecord) -> Vec<u8> {
    let content = event.encode_to_vec();
    let length = (content.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(content.len() + 16);
    record.extend(length);
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(&content);
    record.extend(masked_crc(&content).to_le_bytes());
    record
}

/// CRC-32C, rotated and shifted, as TFRecord wants it: a checksum of data that holds checksums.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The records in the content of an event file; the last one may be incomplete, as in a file that is being written.
///
/// # Errors
/// The position of a record whose checksum or message is wrong.
pub fn read_events(mut bytes: &[u8]) -> Result<Vec<EventRecord>, usize> {
    let all = bytes.len();
    let mut events = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<8>() {
        let position = all - bytes.len();
        let Some((length_crc, rest)) = rest.split_first_chunk::<4>() else {
            break;
        };
        if u32::from_le_bytes(*length_crc) != masked_crc(length) {
            return Err(position);
        }
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| position)?;
        let Some((content, rest)) = rest.split_at_checked(length) else {
            break;
        };
        let Some((content_crc, rest)) = rest.split_first_chunk::<4>() else {
            break;
        };
        if u32::from_le_bytes(*content_crc) != masked_crc(content) {
            return Err(position);
        }
        events.push(EventRecord::decode(content).map_err(|_| position)?);
        bytes = rest;
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalars(loss: f64) -> Vec<(String, f64)> {
        vec![("loss".to_owned(), loss), ("lr".to_owned(), 0.0005)]
    }

    /// The records of the only file of a set.
    fn only_file(logdir: &Path, subset: &str) -> Vec<u8> {
        let files: Vec<_> = fs::read_dir(logdir.join(subset)).unwrap().collect();
        assert_eq!(files.len(), 1);
        fs::read(files[0].as_ref().unwrap().path()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back_before_the_writer_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = TensorboardWriter::new(dir.path()).unwrap();
        writer.write("train_inner", 10, &scalars(9.5)).unwrap();
        writer.write("train_inner", 20, &scalars(8.25)).unwrap();
        writer.write("valid", 20, &scalars(8.0)).unwrap();

        let events = read_events(&only_file(dir.path(), "train_inner")).unwrap();
        assert_eq!(events[0].file_version.as_deref(), Some(FILE_VERSION));
        let steps: Vec<i64> = events[1..].iter().map(|event| event.step).collect();
        assert_eq!(steps, [10, 20]);
        let last = &events[2].summary.as_ref().unwrap().value;
        assert_eq!((last[0].tag.as_str(), last[0].simple_value), ("loss", 8.25));
        assert_eq!((last[1].tag.as_str(), last[1].simple_value), ("lr", 0.0005));
        assert!(events.iter().all(|event| event.wall_time > 1e9));
        assert_eq!(read_events(&only_file(dir.path(), "valid")).unwrap().len(), 2);
    }

    #[test]
    fn a_resumed_run_says_from_where_on_earlier_files_are_void() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = TensorboardWriter::new(dir.path()).unwrap();
        writer.resume(15);
        writer.write("train", 20, &scalars(1.0)).unwrap();
        let events = read_events(&only_file(dir.path(), "train")).unwrap();
        assert_eq!(
            (
                events[1].step,
                events[1].session_log.as_ref().map(|log| log.status)
            ),
            (16, Some(START))
        );
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        // Event{wall_time: 1.5, step: 3, summary{value{tag: "a", simple_value: 2}}}, by hand.
        let event = EventRecord {
            wall_time: 1.5,
            step: 3,
            summary: Some(Summary {
                value: vec![SummaryValue {
                    tag: "a".to_owned(),
                    simple_value: 2.0,
                }],
            }),
            ..EventRecord::default()
        };
        let mut message = vec![0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]; // 1: double 1.5
        message.extend([0x10, 3]); // 2: varint 3
        message.extend([0x2a, 10, 0x0a, 8]); // 5: summary of 10 bytes, in it 1: value of 8 bytes
        message.extend([0x0a, 1, b'a', 0x15, 0, 0, 0, 0x40]); // 1: "a", 2: float 2
        assert_eq!(frame(&event)[12..12 + message.len()], message);
        // RFC 3720, B.4: the CRC-32C of 32 zeros is 8a9136aa.
        assert_eq!(
            masked_crc(&[0; 32]),
            0x8a91_36aa_u32.rotate_right(15).wrapping_add(0xa282_ead8)
        );
    }

    #[test]
    fn a_file_that_is_cut_is_read_up_to_there_and_a_changed_one_refused() {
        let event = EventRecord {
            step: 7,
            ..EventRecord::default()
        };
        let mut bytes = frame(&event);
        let second = bytes.len();
        bytes.extend(frame(&event));
        assert_eq!(read_events(&bytes[..bytes.len() - 1]).unwrap().len(), 1);
        bytes[second + 12] ^= 1;
        assert_eq!(read_events(&bytes), Err(second));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("taken");
        fs::write(&taken, "x").unwrap();
        let error = TensorboardWriter::new(&taken).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot write ") && error.contains("taken"),
            "{error}"
        );
    }
}
