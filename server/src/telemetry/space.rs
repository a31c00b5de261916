//! The room that the store has: what it takes, may take, and has to leave.
//!
//! The numbers are what the store said last, told as long as the process runs; whoever answers a
//! collector of metrics asks the store first. Invariant: what is not known is not told, rather than
//! told as 0: nothing before the store was asked, and no limit where there is none.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use roadstead_storage::Usage;

/// What the store said last. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Space(Arc<Mutex<Option<Usage>>>);

impl Space {
    /// Makes the numbers part of what `/metrics` tells.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }

    /// Takes over what the store says now.
    pub(super) fn set(&self, usage: Usage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(usage);
    }
}

impl Collector for Space {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let usage = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(usage) = usage else {
            return Ok(());
        };
        let numbers = [
            (
                "space_used_bytes",
                "Bytes of all blobs and uploads; counted where they are limited.",
                usage.used,
            ),
            (
                "space_max_bytes",
                "Bytes that all blobs and uploads may take.",
                usage.max_size,
            ),
            (
                "space_free_bytes",
                "Bytes of the disk that are free.",
                Some(usage.free),
            ),
            (
                "space_keep_free_bytes",
                "Bytes of the disk that have to stay free.",
                Some(usage.keep_free),
            ),
        ];
        for (name, help, number) in numbers {
            let Some(number) = number else {
                continue;
            };
            let gauge = ConstGauge::new(number);
            let place = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(place)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[track_caller]
    fn check(usage: Option<Usage>, expected: &[&str]) {
        let space = Space::default();
        if let Some(usage) = usage {
            space.set(usage);
        }
        let mut registry = Registry::with_prefix("roadstead");
        space.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let numbers = text.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(numbers.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_what_is_known_is_told() {
        check(None, &[]);
        let usage = Usage {
            used: None,
            max_size: None,
            free: 10,
            keep_free: 5,
        };
        let disk = [
            "roadstead_space_free_bytes 10",
            "roadstead_space_keep_free_bytes 5",
        ];
        check(Some(usage), &disk);
        let usage = Usage {
            used: Some(7),
            max_size: Some(9),
            ..usage
        };
        let store = [
            "roadstead_space_used_bytes 7",
            "roadstead_space_max_bytes 9",
        ];
        check(Some(usage), &[store, disk].concat());
    }
}
