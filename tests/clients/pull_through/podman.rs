//! podman with mirrors in registries.conf.

use harness::tools::Containers;

use super::{FIRST, Lab, Name, SECOND};
use crate::lab::{PASSWORD, USER};

/// Tells podman that what is named by either upstream is at the registry.
fn mirrors(lab: &Lab, containers: &Containers) {
    let host = lab.registry.host();
    containers.trust(&host, &lab.registry.ca());
    // Either way to write a source that registries.conf knows.
    containers.registries_conf(&format!(
        "[[registry]]\nprefix = \"{first}/team\"\nlocation = \"{first}/team\"\n\
         [[registry.mirror]]\nlocation = \"{host}/{first_prefix}/team\"\n\
         [[registry]]\nlocation = \"{second}\"\n\
         [[registry.mirror]]\nlocation = \"{host}/{second_prefix}\"\n",
        first = FIRST.reference,
        first_prefix = FIRST.prefix,
        second = SECOND.reference,
        second_prefix = SECOND.prefix,
    ));
}

#[track_caller]
fn check_that_podman_pulls(name: Name) {
    let Some(containers) = Containers::new() else {
        return;
    };
    let Some(mut lab) = Lab::open() else { return };
    mirrors(&lab, &containers);
    let by_tag = format!("{}/team/app:1", name.reference);
    let by_digest = format!("{}/team/app@{}", name.reference, lab.image.digest());
    let digest = lab.image.digest();
    let pull = |image: &str| {
        containers.forget_images();
        containers.podman(&["pull", image]).ok();
        let digests =
            containers.podman(&["image", "inspect", "--format", "{{.RepoDigests}}", image]);
        let digests = digests.ok();
        assert!(digests.contains(digest.as_str()), "{image}: {digests}");
    };
    pull(&by_tag);
    pull(&by_digest);
    lab.cut_off();
    pull(&by_tag);
    pull(&by_digest);
    lab.finish(&[name]);
}

#[test]
fn podman_pulls_through_a_mirror_of_a_prefix_and_goes_on_when_the_source_is_down() {
    check_that_podman_pulls(FIRST);
}

#[test]
fn podman_pulls_through_a_mirror_of_a_location_and_goes_on_when_the_source_is_down() {
    check_that_podman_pulls(SECOND);
}

#[test]
fn what_a_stranger_may_not_have_fetched_is_there_for_all_when_a_user_has() {
    let Some(containers) = Containers::new() else {
        return;
    };
    let Some(lab) = Lab::with("") else { return };
    mirrors(&lab, &containers);
    lab.registry.user(USER, PASSWORD);
    let image = format!("{}/team/app:1", FIRST.reference);
    containers.podman(&["pull", &image]).failed();
    containers.login(&lab.registry.host(), USER, PASSWORD).ok();
    containers.podman(&["pull", &image]).ok();
    containers.logout();
    containers.forget_images();
    containers.podman(&["pull", &image]).ok();
    lab.finish(&[FIRST]);
}
