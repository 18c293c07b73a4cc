//! A pipeline that reads on one thread, works on several, and writes in the order of reading.
//!
//! At most a fixed number of items is under way, so memory does not grow with the input, and
//! the result does not depend on the number of workers.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use crate::error::Result;

/// Items under way per worker: one being worked on, one waiting, two finished out of turn.
const UNDER_WAY: usize = 4;

/// Reads items with `read` until it gives `None`, maps them on `workers` threads, and hands the results to `write` in the
/// order of reading, on the calling thread. `make_work` gives each thread its own mapping.
///
/// # Errors
/// The first error, in the order of reading; no later result is written then.
///
/// # Panics
/// When one of the closures panics.
pub(crate) fn ordered_map<In, Out, Work>(
    workers: usize,
    read: impl FnMut() -> Result<Option<In>> + Send,
    make_work: impl Fn() -> Work + Sync,
    mut write: impl FnMut(Out) -> Result<()>,
) -> Result<()>
where
    In: Send,
    Out: Send,
    Work: FnMut(In) -> Result<Out>,
{
    let workers = workers.max(1);
    let (permit_back, permits) = sync_channel(workers * UNDER_WAY);
    for _ in 0..workers * UNDER_WAY {
        permit_back.send(()).expect("the receiver is alive and has room");
    }
    let (item_sender, items) = sync_channel::<(u64, Result<In>)>(workers * UNDER_WAY);
    let items = Arc::new(Mutex::new(items));
    let (result_sender, results) =
        sync_channel::<(u64, std::thread::Result<Result<Out>>)>(workers * UNDER_WAY);
    let make_work = &make_work;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut read = read;
            for number in 0.. {
                // No permit means that writing has stopped.
                if permits.recv().is_err() {
                    break;
                }
                let item = read();
                let last = !matches!(item, Ok(Some(_)));
                if let Some(item) = item.transpose()
                    && item_sender.send((number, item)).is_err()
                {
                    break;
                }
                if last {
                    break;
                }
            }
        });
        for _ in 0..workers {
            let (items, results) = (Arc::clone(&items), result_sender.clone());
            scope.spawn(move || {
                let mut work = make_work();
                loop {
                    let item = items.lock().expect("no thread panics while it waits").recv();
                    let Ok((number, item)) = item else { break };
                    // A panic travels to the calling thread, which would wait for ever otherwise.
                    let result = catch_unwind(AssertUnwindSafe(|| item.and_then(&mut work)));
                    if results.send((number, result)).is_err() {
                        break;
                    }
                }
            });
        }
        // Only the workers hold on to these now, so that channels close when one side is done.
        drop((items, result_sender));

        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for (number, result) in results {
            waiting.insert(number, result);
            while let Some(result) = waiting.remove(&next) {
                // Returning drops `results` and `permit_back`, which ends the other threads.
                write(result.unwrap_or_else(|panic| resume_unwind(panic))?)?;
                next += 1;
                // The reader may have ended already.
                let _ = permit_back.try_send(());
            }
        }
        drop(permit_back);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::time::Duration;

    fn run(workers: usize, n: u64, fail_at: u64) -> (Vec<u64>, Result<()>) {
        let mut next = 0;
        let mut written = Vec::new();
        let result = ordered_map(
            workers,
            || {
                next += 1;
                Ok((next <= n).then_some(next))
            },
            || {
                |item| {
                    if item % 7 == 0 {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    if item == fail_at {
                        Err(Error::Interrupted)
                    } else {
                        Ok(item * 10)
                    }
                }
            },
            |item| {
                written.push(item);
                Ok(())
            },
        );
        (written, result)
    }

    #[test]
    fn results_come_in_the_order_of_reading() {
        for workers in [1, 2, 5] {
            let (written, result) = run(workers, 500, 0);
            result.unwrap();
            assert_eq!(written, (1..=500).map(|n| n * 10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_is_written_after_the_first_error() {
        for workers in [1, 3] {
            let (written, result) = run(workers, 500, 100);
            assert!(matches!(result, Err(Error::Interrupted)));
            assert_eq!(written, (1..100).map(|n| n * 10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_of_the_reader_or_writer_ends_the_run() {
        let read = ordered_map(2, || Err::<Option<u8>, _>(Error::Interrupted), || Ok, |_| Ok(()));
        assert!(read.is_err());
        let write = ordered_map(2, || Ok(Some(1)), || Ok, |_| Err(Error::Interrupted));
        assert!(write.is_err());
    }

    #[test]
    #[should_panic(expected = "broken worker")]
    fn a_panic_of_a_worker_reaches_the_caller() {
        let mut next = 0;
        let read = || {
            next += 1;
            Ok((next < 1000).then_some(next))
        };
        let work = |item: i32| {
            assert!(item != 5, "broken worker");
            Ok(item)
        };
        ordered_map(2, read, || work, |_| Ok(())).unwrap();
    }

    #[test]
    fn items_under_way_are_bounded() {
        let mut read = 0_usize;
        let read_count = std::sync::atomic::AtomicUsize::new(0);
        let mut written = 0;
        ordered_map(
            2,
            || {
                read += 1;
                read_count.store(read, std::sync::atomic::Ordering::SeqCst);
                Ok((read <= 300).then_some(read))
            },
            || Ok,
            |_| {
                written += 1;
                let ahead = read_count.load(std::sync::atomic::Ordering::SeqCst) - written;
                assert!(ahead <= 2 * UNDER_WAY + 1, "{ahead} items under way");
                Ok(())
            },
        )
        .unwrap();
    }
}
