//! Lines as they come.

use std::io::BufRead;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use burnseq_text::LineReader;

use crate::decoding::{coded, format};

/// Lines that are read ahead.
const AHEAD: usize = 64;
/// How long to wait for one more line before those at hand are translated.
const PAUSE: Duration = Duration::from_millis(20);

/// A line, or what went wrong while it was read.
type Line = Result<Vec<u8>>;

/// Lines of a reader, taken by a thread of their own, so that a pause in the input is noticed.
#[derive(Debug)]
pub(super) struct Input {
    lines: Receiver<Line>,
}

impl Input {
    /// Reads `reader`; `name` stands for it in messages.
    pub fn new(reader: impl BufRead + Send + 'static, name: &Path) -> Self {
        let (sender, lines) = sync_channel(AHEAD);
        let name = name.to_owned();
        // It ends with the input, or with the process.
        thread::spawn(move || read(LineReader::new(reader, name).without_byte_order_mark(), &sender));
        Self { lines }
    }

    /// The next lines, at most `size`: fewer when no more come for a moment, none at the end.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn next(&mut self, size: usize) -> Result<Vec<Vec<u8>>> {
        let mut buffer = Vec::new();
        let mut line = self.lines.recv().ok();
        while let Some(next) = line {
            buffer.push(next?);
            line = if buffer.len() < size {
                self.lines.recv_timeout(PAUSE).ok()
            } else {
                None
            };
        }
        Ok(buffer)
    }
}

fn read<R: BufRead>(mut reader: LineReader<R>, lines: &SyncSender<Line>) {
    loop {
        let line = match reader.read_bytes() {
            Ok(Some(line)) => Ok(line.to_owned()),
            Ok(None) => break,
            Err(error) => Err(coded(error)),
        };
        let last = line.is_err();
        // Nobody takes lines any more when the process is about to end.
        if lines.send(line).is_err() || last {
            return;
        }
    }
    let lone = reader.lone_carriage_returns();
    if lone > 0 {
        let name = reader.name().display();
        format::note(&format!(
            "{lone} lone carriage returns in {name} were taken as line ends"
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, BufReader};

    use super::*;

    #[test]
    fn lines_come_in_buffers_and_the_last_may_lack_its_end() {
        let mut input = Input::new(&b"a\r\n\n\xff\0\nb\nc"[..], Path::new("x"));
        assert_eq!(input.next(2).unwrap(), [&b"a"[..], b""]);
        assert_eq!(input.next(3).unwrap(), [&b"\xff\0"[..], b"b", b"c"]);
        assert!(input.next(2).unwrap().is_empty());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let mut input = Input::new(&b"\xef\xbb\xbfa\n"[..], Path::new("x"));
        assert_eq!(input.next(2).unwrap(), [b"a"]);
    }

    #[test]
    fn a_pause_hands_over_what_there_is() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut input = Input::new(BufReader::new(reader), Path::new("x"));
        io::Write::write_all(&mut writer, b"a\nb\nhalf").unwrap();
        assert_eq!(input.next(100).unwrap(), [b"a", b"b"]);
        drop(writer);
        assert_eq!(input.next(100).unwrap(), [b"half"]);
    }
}
