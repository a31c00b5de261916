//! An administrator's own certificate in place of ours, replaced without a restart.

use harness::{Client, Peer, Registry, Scratch, eventually};
use rustix::process::Signal;

/// Makes a certificate for this name in `DIR/<name>.crt` and `.key`, signed by another registry.
fn issue(authority: &Registry, dir: &Scratch, name: &str) -> [String; 2] {
    let to = dir.path().to_str().expect("an ASCII path");
    authority
        .command(&["ca", "issue", "--name", name, "--to", to], "")
        .ok();
    ["crt", "key"].map(|end| format!("{to}/{name}.{end}"))
}

#[test]
fn an_own_certificate_is_served_and_a_new_one_after_a_reload() {
    let authority = Registry::start();
    let dir = Scratch::new();
    let [cert, key] = issue(&authority, &dir, "own.example.com");
    let config = format!("[tls]\ncert = \"{cert}\"\nkey = \"{key}\"\n");
    let mut registry = Registry::with().config(config).start();
    let meet = |name| Peer::meet(registry.tls_address(), name, &authority.ca(), &[]);

    let before = meet("own.example.com").expect("the administrator's certificate");
    assert!(before.names.contains("own.example.com"), "{before:?}");
    let port = registry.tls_address().port();
    let client = Client::tls(registry.tls_address(), &authority.ca());
    client
        .named(format!("own.example.com:{port}"))
        .get("/healthz")
        .expect(200);

    issue(&authority, &dir, "own.example.com");
    registry.signal(Signal::HUP);
    let address = registry.tls_address();
    eventually("the new certificate is served", || {
        let peer = Peer::meet(address, "own.example.com", &authority.ca(), &[]);
        peer.expect("the administrator's certificate").serial != before.serial
    });
    registry.stop();
    authority.finish();
}

#[test]
fn an_own_certificate_that_cannot_be_used_is_named_and_nothing_is_served() {
    let dir = Scratch::new();
    let cert = dir.file("cert.pem", "no certificate");
    let key = dir.file("key.pem", "no key");
    let config = format!("[tls]\ncert = {cert:?}\nkey = {key:?}\n");
    let config = dir.file("config.toml", config);
    let data = dir.join("data");

    let mut command = std::process::Command::new(harness::binary());
    command
        .arg("serve")
        .arg("--config")
        .arg(&config)
        .arg("--data")
        .arg(&data);
    command.args(["--listen", "127.0.0.1:0"]);
    let outcome = harness::Outcome::of(&mut command, "");

    assert_eq!(outcome.stdout, "");
    let story = outcome.failed();
    assert!(
        story.starts_with("error: ") && story.contains(".pem"),
        "{story}"
    );
}
