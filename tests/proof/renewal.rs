//! A name is added and the certificate renewed while 1 GiB is pulled in a loop: no client sees an
//! error, and the CA stays the same.

use std::time::Instant;

use harness::{Noise, Peer, Registry, eventually, pulling};
use rustix::process::Signal;

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it saw")]
fn a_client_that_pulls_a_gibibyte_in_a_loop_notices_nothing_of_a_new_certificate() {
    let config = |names: &str| format!("names = [{names}]\n[auth]\nanonymous = \"push\"\n");
    let mut registry = Registry::with().config(config("")).start();
    let ca = registry.ca();
    let address = registry.tls_address();
    let serves = |name: &str| Peer::meet(address, name, &ca, &[]);
    let client = registry.client();
    let blob = client.push_noise("a/b", &Noise::new(1, 1 << 30));
    let before = serves("localhost").expect("the first certificate");
    serves("added.example.com").expect_err("nobody said that name yet");

    let begun = Instant::now();
    pulling(&[client], &blob, || {
        registry.reconfigure(&config("\"added.example.com\""));
        registry.signal(Signal::HUP);
        eventually("the new name is served", || {
            serves("added.example.com").is_ok()
        });
        registry.command(&["ca", "renew"], "").ok();
    });

    let after = serves("added.example.com").expect("the renewed certificate");
    assert_ne!(after.serial, before.serial);
    assert_eq!(registry.ca(), ca, "the CA is another");
    println!(
        "1 GiB pulled in a loop during a renewal, no error, in {:.1?}",
        begun.elapsed()
    );
    registry.stop();
}
