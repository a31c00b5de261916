//! skopeo: whole lists, by the registry's own name and by the upstream's.

use std::fs;

use harness::tools::Containers;

use super::{FIRST, Lab, SECOND};

/// A home where the registry is trusted.
fn trusting(lab: &Lab) -> Option<Containers> {
    let containers = Containers::new()?;
    containers.trust(&lab.registry.host(), &lab.registry.ca());
    Some(containers)
}

#[test]
fn skopeo_copies_a_whole_list_out_of_an_upstream_and_again_when_that_is_down() {
    let Some(mut lab) = Lab::open() else { return };
    let Some(containers) = trusting(&lab) else {
        return;
    };
    for attempt in ["at first", "again"] {
        for name in [FIRST, SECOND] {
            let source = format!("{}/{}/team/app:1", lab.registry.host(), name.prefix);
            let dir = format!("{attempt}/{}", name.prefix);
            let dir = containers.scratch().dir(dir);
            let target = format!("dir:{}", dir.display());
            let copy = ["copy", "--all", &format!("docker://{source}"), &target];
            containers.skopeo(&copy).ok();
            let copied = fs::read(dir.join("manifest.json")).expect("the list is copied");
            assert_eq!(copied, lab.list.bytes, "{attempt}: {name:?}");
        }
        lab.cut_off();
    }
    lab.finish(&[FIRST, SECOND]);
}

#[test]
fn skopeo_lists_the_tags_that_an_upstream_has_before_any_is_here_and_when_that_is_down() {
    let Some(mut lab) = Lab::open() else { return };
    let Some(containers) = trusting(&lab) else {
        return;
    };
    let image = format!("docker://{}/{}/team/app", lab.registry.host(), FIRST.prefix);
    let list = || {
        let told = containers.skopeo(&["list-tags", &image]).ok();
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        told["Tags"].clone()
    };
    assert_eq!(list(), serde_json::json!(["1"]));
    containers.skopeo(&["inspect", &format!("{image}:1")]).ok();
    lab.cut_off();
    assert_eq!(list(), serde_json::json!(["1"]));
    lab.finish(&[FIRST]);
}

#[test]
fn skopeo_inspects_what_an_upstream_has_by_the_name_that_it_has_there() {
    let Some(lab) = Lab::open() else { return };
    let Some(containers) = trusting(&lab) else {
        return;
    };
    let host = lab.registry.host();
    let (source, prefix) = (SECOND.reference, SECOND.prefix);
    containers.registries_conf(&format!(
        "[[registry]]\nlocation = \"{source}\"\n\
         [[registry.mirror]]\nlocation = \"{host}/{prefix}\"\n"
    ));
    let image = format!("docker://{source}/team/app:1");
    let raw = containers.skopeo(&["inspect", "--raw", &image]).ok();
    assert_eq!(raw.as_bytes(), lab.list.bytes);
    let image = format!("docker://{host}/{prefix}/team/app:1");
    let told = containers.skopeo(&["inspect", &image]).ok();
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["Digest"], lab.list.digest().as_str());
    assert_eq!(told["RepoTags"], serde_json::json!(["1"]));
    assert_eq!(told["Layers"].as_array().map(Vec::len), Some(2));
    lab.finish(&[SECOND]);
}
