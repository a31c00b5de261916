//! The data path beside its peers: Debian's docker-registry and nginx, driven by the same client in turns.
//!
//! Each row is measured round by round, one contestant after the other, and what counts is the ratio of
//! medians within one run. Servers have one half of the processors and the client the other, so that
//! what a server costs is its own. `cargo bench -p roadstead-tests --bench datapath -- --help` says what
//! can be asked for. Any answer that is not as it should be ends the run: no figure comes of it.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod bench;
mod content;
mod crowd;
mod download;
mod fleet;
mod goals;
mod machine;
mod options;
mod report;
mod row;
mod rows;
mod sample;
mod target;
mod usage;
mod wire;

use std::fs;

use crate::bench::Bench;
use crate::fleet::Fleet;
use crate::machine::Machine;
use crate::options::Options;

fn main() {
    let Some(options) = Options::from_words(std::env::args().skip(1)) else {
        println!("{}", options::USAGE);
        return;
    };
    machine::allow_many_connections();
    let machine = Machine::look(options.pin);
    println!("{machine}");
    machine.pin_servers();
    let fleet = Fleet::start(options.large);
    machine.pin_client();
    fleet.fill();
    let versions = fleet.versions();
    println!("{}\n", versions.join("\n"));
    let mut bench = Bench::new(&options);
    rows::run(&mut bench, &fleet, &machine);
    let rows = bench.into_rows();
    assert!(!rows.is_empty(), "--only names no row");
    let goals = goals::judge(&rows);
    if !goals.is_empty() {
        println!("{}", report::goals(&goals));
    }
    if let Some(path) = &options.json {
        let text = report::json(&machine, &versions, &rows, &goals);
        fs::write(path, text).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
    }
}
