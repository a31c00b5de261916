//! What containerd is told: a directory for each registry, with `hosts.toml` and the CA.
//!
//! containerd names the registry that it takes us for beside each path, so one entry stands for all its
//! repositories. Owns these files. Invariant: what we do not have is still asked of the registry itself.

use std::collections::BTreeSet;

use super::facts::{Facts, Repository};
use super::mirrors::Scope;
use crate::config::address::Address;

/// Where the directories belong, below the directory of containerd's configuration.
pub(crate) const DIRECTORY: &str = "certs.d";

/// The name of each file that says where a registry's images are.
pub(crate) const HOSTS: &str = "hosts.toml";

/// The name of each file that says whom to trust; `hosts.toml` names it beside itself.
pub(crate) const CA: &str = "ca.crt";

/// Where images of Docker Hub are.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// The registries of which we hold something: the directories' names.
pub(crate) fn registries(facts: &Facts, scope: Scope) -> BTreeSet<String> {
    let is_told = |is_asked| scope == Scope::Everything || is_asked;
    let releases = facts.releases.iter().filter(|it| is_told(it.is_asked));
    let named = releases.flat_map(|it| it.mirrors.keys());
    let others = facts.repositories.iter().filter(|_| is_told(false));
    let sources = named.chain(others.map(|Repository { source, .. }| source));
    let hosts = sources.filter_map(|source| source.split_once('/'));
    hosts.map(|(host, _)| host.to_owned()).collect()
}

/// The file for images of `registry`.
pub(crate) fn hosts(registry: &str, address: &Address) -> String {
    let api = if registry == HUB.0 { HUB.1 } else { registry };
    format!(
        "# Written by `roadstead cluster containerd`.\nserver = \"https://{api}\"\n\n\
         [host.\"https://{address}\"]\ncapabilities = [\"pull\", \"resolve\"]\nca = \"{CA}\"\n"
    )
}

/// The file for images of this registry itself.
pub(crate) fn own_hosts(address: &Address) -> String {
    format!(
        "# Written by `roadstead cluster containerd`.\nserver = \"https://{address}\"\nca = \"{CA}\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::{address, facts, release, repository};
    use super::*;

    #[test]
    fn each_registry_of_which_something_is_held_has_a_directory() {
        let repositories = vec![
            repository("docker.io/library/nginx", "docker.io/library/nginx", true),
            repository("quay.io/a", "quay.io/a", true),
        ];
        let facts = facts(vec![release("4.18.7", "a", "b")], repositories);
        let found = registries(&facts, Scope::Everything);
        assert_eq!(Vec::from_iter(found), ["docker.io", "quay.io"]);
        assert_eq!(
            Vec::from_iter(registries(&facts, Scope::Named)),
            ["quay.io"]
        );
    }

    #[test]
    fn what_is_not_here_is_asked_of_the_registry_itself() {
        let expected = r#"# Written by `roadstead cluster containerd`.
server = "https://registry-1.docker.io"

[host."https://registry.example.com:8443"]
capabilities = ["pull", "resolve"]
ca = "ca.crt"
"#;
        let written = hosts("docker.io", &address());
        assert_eq!(written, expected);
        toml::from_str::<toml::Table>(&written).unwrap();
        let own = own_hosts(&address());
        assert!(
            own.contains("server = \"https://registry.example.com:8443\""),
            "{own}"
        );
        toml::from_str::<toml::Table>(&own).unwrap();
    }
}
