//! What this machine is called: the names that go into the certificate without being asked for.
//!
//! Asks the kernel and `/etc/hosts`, never the network: a start must not wait for a name server.

use std::fs;

use roadstead_certs::SubjectName;

/// The host name and, where `/etc/hosts` gives it, the full name. Empty where the machine has no
/// name but `localhost`.
pub(crate) fn host_names() -> Vec<SubjectName> {
    let Ok(host) = gethostname::gethostname().into_string() else {
        return Vec::new();
    };
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let names = std::iter::once(host.clone()).chain(full_name(&host, &hosts));
    let is_local = |name: &SubjectName| {
        name.as_dns()
            .is_some_and(|name| name.starts_with("localhost"))
    };
    names
        .filter_map(|name| name.parse().ok())
        .filter(|name| !is_local(name))
        .collect()
}

/// `localhost`, the loopback addresses, and the addresses of the network interfaces. Link-local ones
/// are left out: nobody can reach them without naming an interface too.
pub(crate) fn local_names() -> Vec<SubjectName> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let reachable = interfaces
        .iter()
        .filter(|interface| !interface.is_link_local());
    let addresses = reachable.map(|interface| interface.ip().to_string());
    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    local
        .into_iter()
        .chain(addresses)
        .filter_map(|name| name.parse().ok())
        .collect()
}

/// The first dotted name of the line that knows `host`, as hosts(5) puts canonical names first.
fn full_name(host: &str, hosts: &str) -> Option<String> {
    let mut lines = hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    lines.find_map(|line| {
        let names: Vec<&str> = line.split_whitespace().skip(1).collect();
        let canonical = names.first().filter(|name| name.contains('.'))?;
        names.contains(&host).then(|| (*canonical).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(hosts: &str, expected: Option<&str>) {
        assert_eq!(full_name("reg", hosts).as_deref(), expected, "{hosts}");
    }

    #[test]
    fn the_full_name_is_the_canonical_one_beside_the_host_name() {
        check(
            "127.0.0.1 localhost\n127.0.1.1 reg.example.com reg\n",
            Some("reg.example.com"),
        );
        check("10.0.0.1 reg reg.example.com", None);
        check("#10.0.0.1 reg.example.com reg", None);
        check("10.0.0.1 other.example.com other", None);
        check("", None);
    }

    #[test]
    fn the_loopback_is_always_among_the_local_names() {
        let names = local_names();
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert!(names.contains(&name.parse().unwrap()), "{name}");
        }
    }
}
