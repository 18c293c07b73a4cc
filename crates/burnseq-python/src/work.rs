//! Long work outside the interpreter lock: threads, progress, Ctrl-C.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use burnseq::decode::{OnBatch, Progress};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::errors::{exception, wrong};

/// Most threads of a pool; more than processors are of no use.
const MOST_THREADS: usize = 1024;
/// How often signals are looked for while a batch is computed.
const PAUSE: Duration = Duration::from_millis(50);

/// A pool of so many threads; nothing stands for one thread for each processor, which all models share.
///
/// # Errors
/// `ValueError`: no thread at all, or more than are of use.
pub fn pool(threads: Option<i64>) -> PyResult<Option<ThreadPool>> {
    let Some(threads) = threads else { return Ok(None) };
    let Some(threads) = usize::try_from(threads)
        .ok()
        .filter(|threads| (1..=MOST_THREADS).contains(threads))
    else {
        return Err(wrong(format!(
            "'threads' = {threads}: must be 1 to {MOST_THREADS}, or None for one for each processor"
        )));
    };
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map(Some)
        .map_err(|error| wrong(format!("'threads' = {threads}: {error}")))
}

/// Does `work` on a thread of its own, or of `pool`, and meanwhile looks for signals. After each batch `progress` is told how
/// many sentences are done; a signal, or an exception in `progress`, ends the work there.
///
/// # Errors
/// The exception that ended it, or that of its own error.
pub fn run<T: Send>(
    py: Python<'_>,
    pool: Option<&ThreadPool>,
    progress: &Reporter<'_>,
    work: impl FnOnce(OnBatch<'_>) -> burnseq::Result<T> + Send,
) -> PyResult<T> {
    let reporter = progress.0.as_ref().map(|reporter| reporter.clone().unbind());
    let mut failure: Option<PyErr> = None;
    let result = py.detach(|| {
        thread::scope(|scope| {
            let (tell, told) = channel::<Progress>();
            let (answer, answered) = channel::<ControlFlow<()>>();
            let body = move || {
                work(&mut |progress| match tell.send(progress) {
                    Ok(()) => answered.recv().unwrap_or(ControlFlow::Break(())),
                    Err(_) => ControlFlow::Break(()),
                })
            };
            let worker = scope.spawn(move || match pool {
                Some(pool) => pool.install(body),
                None => body(),
            });
            loop {
                let told = told.recv_timeout(PAUSE);
                if let Err(RecvTimeoutError::Disconnected) = told {
                    break;
                }
                if failure.is_none() {
                    let looked = Python::attach(|py| {
                        py.check_signals()?;
                        if let (Ok(Progress { done, total }), Some(reporter)) = (told, &reporter) {
                            reporter.call1(py, (done, total))?;
                        }
                        Ok(())
                    });
                    failure = looked.err();
                }
                if told.is_ok() {
                    let flow = match failure {
                        None => ControlFlow::Continue(()),
                        Some(_) => ControlFlow::Break(()),
                    };
                    // The worker waits for it.
                    let _ = answer.send(flow);
                }
            }
            worker.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    });
    match failure {
        Some(failure) => Err(failure),
        None => result.map_err(exception),
    }
}

/// Does `load` without the interpreter lock.
///
/// # Errors
/// That of its own error.
pub fn load<T: Send>(py: Python<'_>, load: impl FnOnce() -> burnseq::Result<T> + Send) -> PyResult<T> {
    py.detach(load).map_err(exception)
}

/// What is told how far work is; closed when it goes.
pub struct Reporter<'py>(Option<Bound<'py, PyAny>>);

impl<'py> Reporter<'py> {
    /// From the argument `progress`: nothing or false, true for a bar, or a function.
    ///
    /// # Errors
    /// `TypeError`: something else.
    pub fn new(py: Python<'py>, progress: Option<&Bound<'py, PyAny>>, what: &str) -> PyResult<Self> {
        let Some(progress) = progress else {
            return Ok(Self(None));
        };
        let reporter = py
            .import("burnseq._progress")?
            .call_method1("reporter", (progress, what))?;
        Ok(Self((!reporter.is_none()).then_some(reporter)))
    }
}

impl Drop for Reporter<'_> {
    fn drop(&mut self) {
        if let Some(reporter) = &self.0
            && let Err(error) = reporter.call_method0("close")
        {
            // There is no caller to raise it to.
            error.write_unraisable(reporter.py(), Some(reporter));
        }
    }
}
