//! Pull-through: what an upstream has is served as if it were here, and is here afterwards.

mod along;
mod chain;
mod damaged;
mod matrix;
mod outage;
mod proxy;
mod resume;
mod right;
mod room;
mod security;
mod seen;
mod serve;
mod town;

use std::time::Duration;

use harness::{Anonymous, Registry, Upstream};

/// How long whoever asks for what is held may wait: two seconds, which are insisted on where nothing
/// else happens on the machine.
fn soon() -> Duration {
    let is_idle = std::env::var_os("ROADSTEAD_LONG").is_some();
    Duration::from_secs(if is_idle { 2 } else { 6 })
}

/// A registry that pulls through from this upstream, which it calls `up.example`.
fn registry(upstream: &Upstream, more: &str) -> Registry {
    let config = section(upstream, more);
    Registry::with()
        .config(config)
        .anonymous(Anonymous::Pull)
        .start()
}

/// The section of the configuration for this upstream, with `more` in it.
fn section(upstream: &Upstream, more: &str) -> String {
    let url = upstream.url();
    format!(
        "[[upstream]]\nname = \"up.example\"\nurls = [\"{url}\"]\npull_through = true\n{more}\n"
    )
}
