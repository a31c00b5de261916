//! Files for single nodes, which the caller has written where they want them.

use std::fs;

use super::{ADDRESS, ca, printed, registry};

const REGISTRIES: &str = r#"# Written by `roadstead cluster podman`.

[[registry]]
location = "up.example/team/app"
[[registry.mirror]]
location = "registry.example.com:8443/up.example/team/app"

[[registry]]
location = "up.example/team/base"
[[registry.mirror]]
location = "registry.example.com:8443/up.example/team/base"
pull-from-mirror = "digest-only"
"#;

const HOSTS: &str = r#"# Written by `roadstead cluster containerd`.
server = "https://up.example"

[host."https://registry.example.com:8443"]
capabilities = ["pull", "resolve"]
ca = "ca.crt"
"#;

#[test]
fn podman_is_told_on_standard_output_or_in_its_directory() {
    let (registry, _) = registry();
    assert_eq!(printed(&registry, &["podman"]), REGISTRIES);

    let to = registry.scratch().join("containers");
    let words = ["podman", "--to", to.to_str().expect("an ASCII path")];
    let listed = printed(&registry, &words);

    let conf = to.join("registries.conf.d/roadstead.conf");
    let trusted = to.join(format!("certs.d/{ADDRESS}/ca.crt"));
    assert_eq!(
        listed,
        format!("{}\n{}\n", trusted.display(), conf.display())
    );
    assert_eq!(fs::read_to_string(conf).expect("the file"), REGISTRIES);
    assert_eq!(fs::read_to_string(trusted).expect("the CA"), ca(&registry));
    registry.finish();
}

#[test]
fn containerd_is_told_on_standard_output_or_in_its_directory() {
    let (registry, _) = registry();
    let text = printed(&registry, &["containerd"]);
    let head = format!("# certs.d/up.example/hosts.toml\n{HOSTS}");
    assert!(text.starts_with(&head), "{text}");

    let to = registry.scratch().join("containerd");
    let words = ["containerd", "--to", to.to_str().expect("an ASCII path")];
    printed(&registry, &words);

    let of = |file: &str| fs::read_to_string(to.join("certs.d").join(file)).expect(file);
    assert_eq!(of("up.example/hosts.toml"), HOSTS);
    let own = of(&format!("{ADDRESS}/hosts.toml"));
    assert!(
        own.contains(&format!("server = \"https://{ADDRESS}\"")),
        "{own}"
    );
    for host in ["up.example", ADDRESS] {
        assert_eq!(of(&format!("{host}/ca.crt")), ca(&registry));
    }
    registry.finish();
}
