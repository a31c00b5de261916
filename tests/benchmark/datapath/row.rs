//! A row: what each contestant showed, measured in turns.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::fleet::Target;
use crate::options::Options;
use crate::report::Report;
use crate::usage::{processor_seconds, resident};

/// What one measurement of one contestant showed.
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
    /// Milliseconds from the upstream's first byte to the client's.
    FirstByte,
    /// How often the upstream was asked for it.
    Fetches,
    /// MiB at the end.
    Resident,
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
        }
    }
}

impl Sample {
    /// With one figure more.
    pub(crate) fn with(mut self, figure: Figure, value: f64) -> Self {
        self.0.insert(figure, value);
        self
    }

    /// Turns what was measured of requests into what it is for their bytes.
    pub(crate) fn carrying(mut self, bytes: u64) -> Self {
        let mebibytes = float(bytes) / 1_048_576.0;
        let (seconds, cpu) = (self.0[&Figure::Seconds], self.0[&Figure::Cpu]);
        self.0
            .retain(|figure, _| matches!(figure, Figure::Resident | Figure::P50));
        self.with(Figure::Throughput, mebibytes / seconds)
            .with(Figure::CpuPerGib, cpu / mebibytes * 1024.0)
    }

    /// Only these.
    pub(crate) fn only(mut self, figures: &[Figure]) -> Self {
        self.0.retain(|figure, _| figures.contains(figure));
        self
    }
}

/// Watches what a server uses from here on.
pub(crate) struct Watch {
    pid: u32,
    begun: Instant,
    used: f64,
}

impl Watch {
    pub(crate) fn begin(target: &Target) -> Self {
        Self::of(target.pid)
    }

    pub(crate) fn of(pid: u32) -> Self {
        Self {
            pid,
            begun: Instant::now(),
            used: processor_seconds(pid),
        }
    }

    /// What was used, in how long, for requests that took so long each, in seconds.
    pub(crate) fn end(self, latencies: Vec<f32>) -> Sample {
        let seconds = self.begun.elapsed().as_secs_f64();
        let cpu = processor_seconds(self.pid) - self.used;
        let requests = float(latencies.len() as u64);
        let (p50, p99) = percentiles(latencies);
        Sample::default()
            .with(Figure::Requests, requests / seconds)
            .with(Figure::CpuPerRequest, cpu * 1e6 / requests)
            .with(Figure::P50, p50 * 1e3)
            .with(Figure::P99, p99 * 1e3)
            .with(Figure::Seconds, seconds)
            .with(Figure::Cpu, cpu)
            .with(Figure::Resident, resident(self.pid))
    }
}

/// The middle, and what all but a hundredth are below.
pub(crate) fn percentiles(mut values: Vec<f32>) -> (f64, f64) {
    assert!(
        !values.is_empty(),
        "a contestant answered nothing in all the time"
    );
    values.sort_by(f32::total_cmp);
    let p99 = (values.len() * 99 / 100).min(values.len() - 1);
    (values[values.len() / 2].into(), values[p99].into())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// All samples of a row.
pub(crate) struct Row {
    /// What it is called on the command line, in JSON and by the goals.
    pub(crate) name: String,
    /// What is done, in words.
    pub(crate) title: String,
    pub(crate) contestants: Vec<(&'static str, Vec<Sample>)>,
}

impl Row {
    /// The median of a figure of a contestant.
    pub(crate) fn median(&self, contestant: &str, figure: Figure) -> Option<f64> {
        let (_, samples) = self
            .contestants
            .iter()
            .find(|(name, _)| *name == contestant)?;
        let mut values: Vec<f64> = samples
            .iter()
            .filter_map(|sample| sample.0.get(&figure).copied())
            .collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }
}

/// Measures rows and hands them to the report.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    report: &'a mut Report,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(options: &'a Options, report: &'a mut Report) -> Self {
        Self { options, report }
    }

    /// Measures each target in turn, round after round; the first round only warms up. `measure` is told
    /// the number of the round, so that it can do something new in each.
    pub(crate) fn row(
        &mut self,
        name: &str,
        title: &str,
        targets: &[Target],
        mut measure: impl FnMut(&Target, usize) -> Sample,
    ) {
        if !self.options.wants(name) {
            return;
        }
        let mut contestants: Vec<_> = targets
            .iter()
            .map(|target| (target.name, Vec::new()))
            .collect();
        for round in 0..=self.options.rounds {
            for (target, (_, samples)) in targets.iter().zip(&mut contestants) {
                let sample = measure(target, round);
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
        self.report.add(Row {
            name: name.to_owned(),
            title: title.to_owned(),
            contestants,
        });
    }
}
