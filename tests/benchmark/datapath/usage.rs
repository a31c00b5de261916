//! What a server uses: processor time and memory, of its process and its children.

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
    memory(pid, "VmRSS:")
}

/// The most a server had resident since [`forget_peak`], in MiB.
pub(crate) fn peak(pid: u32) -> f64 {
    memory(pid, "VmHWM:")
}

/// Lets the peak begin anew, from what is resident now.
pub(crate) fn forget_peak(pid: u32) {
    for pid in family(pid) {
        // What 5 means: proc_pid_clear_refs(5).
        fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a server that runs as we do");
    }
}

/// The process and its children: nginx works in these.
fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.expect("a running server, and a kernel that lists its children");
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

fn memory(pid: u32, row: &str) -> f64 {
    let kib: u32 = family(pid).into_iter().map(|pid| kib(pid, row)).sum();
    f64::from(kib) / 1024.0
}

fn kib(pid: u32, row: &str) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running server");
    let value = status.lines().find_map(|line| line.strip_prefix(row));
    let kib = value.and_then(|value| value.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse().ok()).expect("a size in kB")
}
