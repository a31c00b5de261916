//! What one measurement of one contestant showed.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::usage::{forget_peak, peak, processor_seconds, resident};

/// The figures of one measurement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample(pub(crate) BTreeMap<Figure, f64>);

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Figure {
    /// MiB in a second.
    Throughput,
    /// Server CPU seconds for each GiB.
    CpuPerGib,
    /// In a second.
    Requests,
    /// Microseconds of server CPU for each request.
    CpuPerRequest,
    /// Milliseconds.
    P50,
    /// Milliseconds.
    P99,
    /// Seconds from beginning to end.
    Seconds,
    /// Server CPU seconds altogether.
    Cpu,
    /// Milliseconds from the upstream's first byte to that of the last client to get one.
    FirstByte,
    /// How often the upstream was asked for it.
    Fetches,
    /// MiB at the end.
    Resident,
    /// MiB at most.
    Peak,
}

impl Figure {
    /// Head of its column, and its name in JSON.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Throughput => ("MiB/s", "mebibytes_per_second"),
            Self::CpuPerGib => ("CPU s/GiB", "cpu_seconds_per_gibibyte"),
            Self::Requests => ("requests/s", "requests_per_second"),
            Self::CpuPerRequest => ("CPU us/request", "cpu_microseconds_per_request"),
            Self::P50 => ("p50 ms", "p50_milliseconds"),
            Self::P99 => ("p99 ms", "p99_milliseconds"),
            Self::Seconds => ("seconds", "seconds"),
            Self::Cpu => ("CPU s", "cpu_seconds"),
            Self::FirstByte => ("first byte +ms", "first_byte_after_upstream_milliseconds"),
            Self::Fetches => ("fetches", "upstream_fetches"),
            Self::Resident => ("resident MiB", "resident_mebibytes"),
            Self::Peak => ("peak MiB", "peak_mebibytes"),
        }
    }
}

impl Sample {
    /// With one figure more.
    pub(crate) fn with(mut self, figure: Figure, value: f64) -> Self {
        self.0.insert(figure, value);
        self
    }

    /// Without some.
    pub(crate) fn without(mut self, figures: &[Figure]) -> Self {
        self.0.retain(|figure, _| !figures.contains(figure));
        self
    }

    /// What was used for so many bytes.
    pub(crate) fn of_bytes(self, bytes: u64) -> Self {
        let mebibytes = float(bytes) / 1_048_576.0;
        let (seconds, cpu) = (self.0[&Figure::Seconds], self.0[&Figure::Cpu]);
        self.without(&[Figure::Seconds, Figure::Cpu])
            .with(Figure::Throughput, mebibytes / seconds)
            .with(Figure::CpuPerGib, cpu / mebibytes * 1024.0)
    }

    /// What was used for requests that took so long each, in seconds.
    pub(crate) fn of_requests(self, latencies: Vec<f32>) -> Self {
        let requests = float(latencies.len() as u64);
        let (seconds, cpu) = (self.0[&Figure::Seconds], self.0[&Figure::Cpu]);
        let (p50, p99) = percentiles(latencies);
        self.without(&[Figure::Seconds, Figure::Cpu])
            .with(Figure::Requests, requests / seconds)
            .with(Figure::CpuPerRequest, cpu * 1e6 / requests)
            .with(Figure::P50, p50 * 1e3)
            .with(Figure::P99, p99 * 1e3)
    }
}

/// Watches what a server uses from here on.
pub(crate) struct Watch {
    pid: u32,
    begun: Instant,
    used: f64,
}

impl Watch {
    /// Begins.
    pub(crate) fn begin(pid: u32) -> Self {
        forget_peak(pid);
        Self {
            pid,
            used: processor_seconds(pid),
            begun: Instant::now(),
        }
    }

    /// What was used, and in how long.
    pub(crate) fn end(self) -> Sample {
        let seconds = self.begun.elapsed().as_secs_f64();
        Sample::default()
            .with(Figure::Seconds, seconds)
            .with(Figure::Cpu, processor_seconds(self.pid) - self.used)
            .with(Figure::Resident, resident(self.pid))
            .with(Figure::Peak, peak(self.pid))
    }
}

/// The middle, and what all but a hundredth are below.
fn percentiles(mut values: Vec<f32>) -> (f64, f64) {
    assert!(!values.is_empty(), "nothing was answered in all the time");
    values.sort_by(f32::total_cmp);
    let p99 = (values.len() * 99 / 100).min(values.len() - 1);
    (values[values.len() / 2].into(), values[p99].into())
}

/// A number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}
