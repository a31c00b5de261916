//! docker with a mirror of Docker Hub, which it asks for paths without saying whose they are.

use harness::tools::Docker;

use super::{HUB, Lab, SECOND};

#[test]
fn docker_pulls_through_a_mirror_of_the_hub_and_goes_on_when_that_is_down() {
    let Some(mut lab) = Lab::before([HUB, SECOND], "anonymous_fill = true") else {
        return;
    };
    let Some(docker) = Docker::mirrored(&lab.registry.host(), &lab.registry.ca()) else {
        return;
    };
    let list = lab.list.digest();
    let pull = |image: &str| {
        docker.run(&["pull", image]).ok();
        let digests = docker.run(&["image", "inspect", "--format", "{{.RepoDigests}}", image]);
        let digests = digests.ok();
        assert!(digests.contains(list.as_str()), "{image}: {digests}");
        docker.run(&["rmi", "--force", image]).ok();
    };
    let by_digest = format!("team/app@{list}");
    pull("team/app:1");
    pull(&by_digest);
    lab.cut_off();
    pull("team/app:1");
    pull(&by_digest);
    lab.finish(&[HUB]);
}
