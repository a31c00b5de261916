//! A registry that is full: people read why, and pull on.

use harness::{Format, Image};

use crate::lab::Lab;

#[test]
fn a_push_into_a_full_registry_says_so_and_pulls_go_on() {
    let Some(mut lab) = Lab::logged_in() else {
        return;
    };
    let (image, copy) = (lab.image("full/app:1"), lab.docker("full/copy:1"));
    Image::new(Format::Oci, "there already").push(&lab.client, "full/app", "1");
    lab.registry.reconfigure("[storage]\nmax_size = \"1KiB\"\n");
    lab.registry.restart();
    let new = lab.image("full/new:1");
    lab.containers.build(&new, "one too many");

    let archive = lab.containers.scratch().join("archive");
    let archive = format!("dir:{}", archive.display());
    let source = lab.docker("full/app:1");
    lab.containers.skopeo(&["copy", &source, &archive]).ok();

    for outcome in [
        lab.containers.podman(&["push", &new]),
        lab.containers.buildah(&["push", &new]),
        lab.containers.skopeo(&["copy", &archive, &copy]),
    ] {
        let told = outcome.failed();
        assert!(
            told.contains("503 the registry has no space left"),
            "{told}"
        );
    }
    lab.containers.podman(&["pull", &image]).ok();
    lab.registry.finish().no_uploads();
}
