//! containerd: `ctr images pull` and `push` with a hosts directory.

use harness::tools::Containerd;
use harness::{Anonymous, Client, Format, Image, Registry, index_of};

use crate::lab::{PASSWORD, USER};

/// A registry, and a containerd that trusts its CA.
struct Lab {
    registry: Registry,
    containerd: Containerd,
    host: String,
    client: Client,
}

impl Lab {
    #[track_caller]
    fn open(anonymous: Anonymous) -> Option<Self> {
        let containerd = Containerd::start()?;
        let registry = Registry::with().anonymous(anonymous).start();
        let client = registry.user(USER, PASSWORD);
        let host = registry.host();
        containerd.hosts(&host, &host, &registry.ca());
        Some(Self {
            registry,
            containerd,
            host,
            client,
        })
    }

    fn image(&self, path: &str) -> String {
        format!("{}/{path}", self.host)
    }
}

fn login() -> String {
    format!("{USER}:{PASSWORD}")
}

#[track_caller]
fn check_that_ctr_pulls_and_pushes(format: Format) {
    let Some(lab) = Lab::open(Anonymous::None) else {
        return;
    };
    let image = Image::new(format, "for containerd");
    image.push(&lab.client, "ctr/app", "1");
    let (source, target) = (lab.image("ctr/app:1"), lab.image("ctr/pushed:2"));

    lab.containerd.pull(&[&source]).failed();
    lab.containerd
        .pull(&["--user", "ci:wrong", &source])
        .failed();
    lab.containerd.pull(&["--user", &login(), &source]).ok();
    lab.containerd.push(&[&target, &source]).failed();
    lab.containerd
        .push(&["--user", &login(), &target, &source])
        .ok();

    let pushed = lab.client.manifest("ctr/pushed", "2").expect(200);
    assert_eq!(pushed.body, image.manifest.bytes);
    lab.registry.finish().no_uploads();
}

#[test]
fn ctr_pulls_and_pushes_an_oci_image_with_a_login() {
    check_that_ctr_pulls_and_pushes(Format::Oci);
}

#[test]
fn ctr_pulls_and_pushes_a_docker_image_with_a_login() {
    check_that_ctr_pulls_and_pushes(Format::Docker);
}

#[test]
fn ctr_pulls_by_tag_and_by_digest_without_a_login_where_pulls_are_anonymous() {
    let Some(lab) = Lab::open(Anonymous::Pull) else {
        return;
    };
    let image = Image::new(Format::Oci, "public");
    image.push(&lab.client, "ctr/public", "1");

    lab.containerd.pull(&[&lab.image("ctr/public:1")]).ok();
    lab.containerd.forget(&lab.image("ctr/public:1"));
    lab.containerd
        .pull(&[&lab.image(&format!("ctr/public@{}", image.digest()))])
        .ok();

    lab.registry.finish().no_uploads();
}

#[test]
fn ctr_pushes_back_a_whole_index_where_everything_is_anonymous() {
    let Some(lab) = Lab::open(Anonymous::Push) else {
        return;
    };
    let amd64 = Image::for_platform(Format::Oci, ("linux", "amd64"), &["shared", "for amd64"]);
    let arm64 = Image::for_platform(Format::Oci, ("linux", "arm64"), &["shared", "for arm64"]);
    for image in [&amd64, &arm64] {
        image.push(&lab.client, "ctr/index", image.digest().as_str());
    }
    let platforms = [
        (&amd64.manifest, ("linux", "amd64")),
        (&arm64.manifest, ("linux", "arm64")),
    ];
    let index = index_of(Format::Oci, &platforms);
    index.put(&lab.client, "ctr/index", "1").expect(201);
    let (source, target) = (lab.image("ctr/index:1"), lab.image("ctr/back:1"));

    lab.containerd.pull(&["--all-platforms", &source]).ok();
    lab.containerd.push(&[&target, &source]).ok();

    assert_eq!(
        lab.client.manifest("ctr/back", "1").expect(200).body,
        index.bytes
    );
    let truth = lab.registry.finish().no_uploads();
    let [source, back] = ["ctr/index", "ctr/back"].map(|name| &truth.repositories[name]);
    assert_eq!(source.manifests, back.manifests);
    assert_eq!(source.blobs, back.blobs);
}
