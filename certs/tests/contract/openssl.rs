//! The same certificates in another's eyes: openssl at its strictest.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use roadstead_certs::Authority;

use crate::bench::{DAY, Home, names, now, put};

#[test]
fn openssl_accepts_the_ca_and_its_servers_at_its_strictest() {
    if !is_here() {
        return;
    }
    let home = Home::new();
    let authority = home.authority();
    let files = Files::write(&home, &authority, &authority.trust_pem(now()));
    files.verify("registry.example", now(), true);
    files.verify("192.0.2.1", now(), true);
    files.verify("other.example", now(), false);
    files.verify("registry.example", now() + DAY * 366, false);
}

#[test]
fn openssl_accepts_the_server_from_either_side_of_a_rotation() {
    if !is_here() {
        return;
    }
    let home = Home::new();
    let mut authority = home.authority();
    let old = authority.trust_pem(now());
    authority.rotate(now()).unwrap();
    let both = authority.trust_pem(now());
    let new = both.strip_suffix(&old).unwrap();
    for trust in [&old, new, &both] {
        Files::write(&home, &authority, trust).verify("registry.example", now(), true);
    }
    authority.rotate(now()).unwrap();
    Files::write(&home, &authority, &old).verify("registry.example", now(), false);
}

#[test]
fn the_ca_and_the_server_certificate_say_what_they_should() {
    if !is_here() {
        return;
    }
    let home = Home::new();
    let authority = home.authority();
    let files = Files::write(&home, &authority, &authority.trust_pem(now()));

    let ca = text(&files.trust);
    assert!(ca.contains("ASN1 OID: prime256v1"), "{ca}");
    assert!(ca.contains("CA:TRUE, pathlen:1"), "{ca}");
    assert!(ca.contains("Certificate Sign, CRL Sign"), "{ca}");
    assert!(!ca.contains("Name Constraints"), "{ca}");
    assert!(!ca.contains("Alternative Name"), "{ca}");

    let leaf = text(&files.leaf);
    assert!(leaf.contains("ASN1 OID: prime256v1"), "{leaf}");
    assert!(leaf.contains("CA:FALSE"), "{leaf}");
    assert!(leaf.contains("TLS Web Server Authentication\n"), "{leaf}");
    assert!(
        leaf.contains("DNS:registry.example, IP Address:192.0.2.1\n"),
        "{leaf}"
    );
    assert!(leaf.contains("Authority Key Identifier"), "{leaf}");
}

struct Files {
    trust: PathBuf,
    chain: PathBuf,
    leaf: PathBuf,
}

impl Files {
    fn write(home: &Home, authority: &Authority, trust: &str) -> Self {
        let asked = names(["registry.example", "192.0.2.1"]);
        let chain = authority.issue(&asked, now()).unwrap().chain_pem();
        let files = Self {
            trust: home.path("trust.pem"),
            chain: home.path("chain.pem"),
            leaf: home.path("leaf.pem"),
        };
        put(&files.trust, trust, 0o644);
        put(&files.chain, &chain, 0o644);
        // openssl reads the first certificate of a file as the one to verify.
        put(&files.leaf, &chain, 0o644);
        files
    }

    #[track_caller]
    fn verify(&self, name: &str, at: SystemTime, expected: bool) {
        let at = at.duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
        let by = if name.parse::<IpAddr>().is_ok() {
            "-verify_ip"
        } else {
            "-verify_hostname"
        };
        let output = run(Command::new("openssl")
            .args(["verify", "-x509_strict", "-purpose", "sslserver"])
            .args(["-no-CApath", "-no-CAstore", "-attime", &at, by, name])
            .arg("-CAfile")
            .arg(&self.trust)
            .arg("-untrusted")
            .arg(&self.chain)
            .arg(&self.leaf));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), expected, "{name}: {said}");
    }
}

fn text(file: &Path) -> String {
    let output = run(Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(file));
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Without openssl these tests are skipped aloud; a machine that must not skip sets `CI=1`.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn is_here() -> bool {
    let here = Command::new("openssl").arg("version").output().is_ok();
    let required = std::env::var_os("CI").is_some_and(|value| value == "1");
    assert!(here || !required, "openssl is not installed");
    if !here {
        eprintln!("skipped: openssl is not installed");
    }
    here
}
