//! The data path beside its peers: Debian's docker-registry and nginx, driven by the same client in turns.
//!
//! Each row is measured round by round, one contestant after the other, and what counts is the ratio of
//! medians within one run. Servers have one half of the processors and the client the other, so that
//! what a server costs is its own. `cargo bench -p roadstead-tests --bench datapath -- --help` says what
//! can be asked for.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

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
mod usage;
mod wire;

use std::fs;

use crate::fleet::Fleet;
use crate::machine::Machine;
use crate::options::Options;
use crate::report::Report;
use crate::row::Bench;

fn main() {
    let Some(options) = Options::from_words(std::env::args().skip(1)) else {
        return;
    };
    let machine = Machine::look();
    println!("{machine}");
    machine.pin_servers(options.pin);
    let mut fleet = Fleet::start(&options);
    machine.pin_client(options.pin);
    fleet.fill(&options);
    println!("{}\n", fleet.versions());
    let mut report = Report::new(&machine, &fleet);
    let mut bench = Bench::new(&options, &mut report);
    rows::run(&mut bench, &mut fleet);
    let goals = goals::judge(&report);
    println!("\nGoals (ratios of medians of this run)");
    for goal in &goals {
        println!("  {goal}");
    }
    if let Some(path) = &options.json {
        let text = report.json(&goals);
        fs::write(path, text).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
    }
}
