//! Roadstead as the mirror of a source that cannot be reached, as the nodes of a cluster see it.

use harness::{Anonymous, Format, Image};

use crate::lab::Lab;

/// Pulls `source.invalid/team/app` by digest, with this line in the mirror's or the source's table.
#[track_caller]
fn check_that_the_mirror_answers(source_line: &str, mirror_line: &str) {
    let Some(lab) = Lab::open(Anonymous::Pull) else {
        return;
    };
    let image = Image::new(Format::Oci, "mirrored");
    let digest = image.digest();
    image.push(&lab.client, "mirrored/team/app", digest.as_str());
    let host = &lab.host;
    lab.containers.registries_conf(&format!(
        "[[registry]]\nlocation = \"source.invalid/team\"\n{source_line}\n\
         [[registry.mirror]]\nlocation = \"{host}/mirrored/team\"\n{mirror_line}\n"
    ));

    lab.containers
        .podman(&["pull", &format!("source.invalid/team/app@{digest}")])
        .ok();

    let names = lab
        .containers
        .podman(&["images", "--format", "{{.Repository}}"])
        .ok();
    assert_eq!(names, "source.invalid/team/app");
    lab.registry.finish().no_uploads();
}

#[test]
fn an_image_mirrored_by_digest_only_is_pulled_while_its_source_does_not_exist() {
    check_that_the_mirror_answers("", "pull-from-mirror = \"digest-only\"");
}

#[test]
fn an_image_mirrored_the_old_way_is_pulled_while_its_source_does_not_exist() {
    check_that_the_mirror_answers("mirror-by-digest-only = true", "");
}
