//! containerd with a hosts directory: it says by `ns` whose content it wants.

use harness::tools::Containerd;

use super::{FIRST, Lab, Name, SECOND};

#[track_caller]
fn check_that_ctr_pulls(name: Name) {
    let Some(containerd) = Containerd::start() else {
        return;
    };
    let Some(mut lab) = Lab::open() else { return };
    containerd.hosts(name.reference, &lab.registry.host(), &lab.registry.ca());
    let by_tag = format!("{}/team/app:1", name.reference);
    let by_digest = format!("{}/team/app@{}", name.reference, lab.list.digest());
    let digest = lab.list.digest();
    let pull = |image: &str| {
        containerd.pull(&[image]).ok();
        let listed = containerd.ctr(&["images", "list"]).ok();
        let line = listed.lines().find(|line| line.starts_with(image));
        assert!(
            line.is_some_and(|line| line.contains(digest.as_str())),
            "{listed}"
        );
        containerd.forget(image);
    };
    pull(&by_tag);
    pull(&by_digest);
    lab.cut_off();
    pull(&by_tag);
    pull(&by_digest);
    lab.finish(&[name]);
}

#[test]
fn ctr_pulls_what_another_registry_has_and_goes_on_when_that_is_down() {
    check_that_ctr_pulls(FIRST);
}

#[test]
fn ctr_pulls_what_a_registry_with_a_port_has_and_goes_on_when_that_is_down() {
    check_that_ctr_pulls(SECOND);
}
