//! `roadstead serve`: logs, a runtime, and the server in it.

use crate::admin::failure::{Exit, Failure};
use crate::cli::args::Serve;
use crate::config::Source;
use crate::serve;
use crate::telemetry;

/// Threads for work that blocks: files are read and written in short batches, and each thread that
/// was ever needed costs memory for a while.
const BLOCKING_THREADS: usize = 64;

/// Each worker takes every so many-th task from the queue of all of them, where those lie that its own has no
/// room for. Left to itself it does so far more rarely, and of a thousand connections that are busy at the
/// same time some then wait ten times as long as most.
const SHARED_TURN: u32 = 2;

/// Serves until it is told to stop.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(mut source: Source, flags: Serve) -> Result<(), Failure> {
    let filter = source.environment.log.as_deref();
    telemetry::log(filter, flags.log_format)
        .map_err(|error| Failure::of(&error).exit(Exit::Configuration))?;
    flags.apply(&mut source);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .global_queue_interval(SHARED_TURN)
        .build();
    let runtime = runtime.map_err(|error| Failure::because("start the runtime", &error))?;
    runtime
        .block_on(serve::run(source))
        .map_err(|error| match &error {
            serve::Error::Config(source) => Failure::of(source).exit(Exit::Configuration),
            error => Failure::of(error),
        })
}
