//! Connections that break, or are never made.

use harness::upstream::Ca;
use harness::{At, Fault, Upstream};

use super::lab::Lab;
use super::{CONTINUED, HARMLESS, NOTHING, check};

#[test]
fn a_connection_that_is_reset_at_once() {
    check(Fault::Reset(At::Start), NOTHING);
}

#[test]
fn a_connection_that_is_closed_at_once() {
    check(Fault::Cut(At::Start), NOTHING);
}

#[test]
fn a_connection_that_is_reset_once_is_made_anew() {
    let lab = Lab::open();
    lab.upstream.once(|_| true, Fault::Reset(At::Start));
    lab.check(HARMLESS);
    lab.heals();
}

#[test]
fn a_connection_that_is_reset_again_and_again_on_the_way() {
    let lab = Lab::open();
    lab.break_off(|at| vec![Fault::Reset(at)]);
    lab.check(CONTINUED);
    lab.upstream.behave();
    lab.heals();
}

#[test]
fn nobody_listens() {
    let mut lab = Lab::open();
    lab.upstream.stop();
    lab.check(NOTHING);
    lab.upstream.start_again();
    lab.heals();
}

#[test]
fn nobody_has_the_name() {
    let mut lab = Lab::open();
    lab.lead_to("http://nobody.invalid");
    lab.check(NOTHING);
    let url = lab.upstream.url();
    lab.lead_to(&url);
    lab.heals();
}

#[test]
fn a_certificate_whose_time_is_over() {
    let ca = Ca::new();
    let well = Upstream::with().tls(ca.issue(&["127.0.0.1"]));
    let mut lab = Lab::before(well, &[("ca", ca.pem())], "ca_file = \"{ca}\"");
    let expired = Upstream::with()
        .tls(ca.issue_expired(&["127.0.0.1"]))
        .start();
    lab.lead_to(&expired.url());
    lab.check(NOTHING);
    assert!(expired.asked().is_empty());
    assert!(expired.connections() > 0);
    let url = lab.upstream.url();
    lab.lead_to(&url);
    lab.heals();
}

#[test]
fn a_certificate_of_a_stranger() {
    let (ca, stranger) = (Ca::new(), Ca::new());
    let well = Upstream::with().tls(ca.issue(&["127.0.0.1"]));
    let mut lab = Lab::before(well, &[("ca", ca.pem())], "ca_file = \"{ca}\"");
    let other = Upstream::with().tls(stranger.issue(&["127.0.0.1"])).start();
    lab.lead_to(&other.url());
    lab.check(NOTHING);
    assert!(other.asked().is_empty());
    let url = lab.upstream.url();
    lab.lead_to(&url);
    lab.heals();
}
