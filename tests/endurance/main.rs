//! What only time and crowds show: kills without number, collection under load, a thousand clients.
//!
//! `tests/endurance/run` runs them one after the other against the release binary; with
//! `ROADSTEAD_LONG=1` for as long as it takes.

mod collection;
mod complete;
mod crowd;
mod kill;

/// Whether this run may take as long as it takes.
fn is_long() -> bool {
    std::env::var_os("ROADSTEAD_LONG").is_some()
}
