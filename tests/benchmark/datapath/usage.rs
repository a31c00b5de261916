//! What a server has used: processor time and memory, of its process and its children.

use std::fs;

use rustix::param::clock_ticks_per_second;

/// The processor time that a server has used so far, in seconds. What its ended threads used counts.
pub(crate) fn processor_seconds(pid: u32) -> f64 {
    let ticks: u64 = family(pid).into_iter().map(ticks).sum();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 ticks")]
    let seconds = ticks as f64 / clock_ticks_per_second() as f64;
    seconds
}

/// What a server has resident, in MiB.
pub(crate) fn resident(pid: u32) -> f64 {
    let kib: u32 = family(pid).into_iter().map(resident_kib).sum();
    f64::from(kib) / 1024.0
}

/// The process and its children: nginx works in these.
fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let mut family = vec![pid];
    family.extend(children.split_whitespace().flat_map(str::parse::<u32>));
    family
}

fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running server");
    // After the name, which may hold spaces: user time is field 14, system time field 15 (proc(5)).
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let times = fields.split_whitespace().skip(11).take(2);
    times
        .map(|ticks| ticks.parse::<u64>().expect("a number"))
        .sum()
}

fn resident_kib(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running server");
    let row = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let value = row.and_then(|row| row.trim().strip_suffix(" kB"));
    value
        .and_then(|kib| kib.parse().ok())
        .expect("a size in kB")
}
