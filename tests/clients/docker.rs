//! docker: login, push and pull through dockerd.
//!
//! dockerd does not check certificates of loopback addresses, so the registry is called by an
//! address of the machine's own.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use harness::tools::Docker;
use harness::{Anonymous, Client, Format, Image, Registry};

use crate::lab::{PASSWORD, USER};

/// A registry that can be reached by an address of this machine, and a dockerd.
struct Lab {
    registry: Registry,
    docker: Docker,
    host: String,
    client: Client,
}

impl Lab {
    #[track_caller]
    fn open(anonymous: Anonymous) -> Option<Self> {
        let docker = Docker::start()?;
        let registry = Registry::with()
            .anonymous(anonymous)
            .listen("0.0.0.0:0")
            .start();
        let client = registry.user(USER, PASSWORD);
        let host = format!("{}:{}", own_address(), registry.tls_address().port());
        Some(Self {
            registry,
            docker,
            host,
            client,
        })
    }

    /// The same with dockerd trusting the CA.
    #[track_caller]
    fn trusted(anonymous: Anonymous) -> Option<Self> {
        let lab = Self::open(anonymous)?;
        lab.docker.trust(&lab.host, &lab.registry.ca());
        Some(lab)
    }

    fn image(&self, path: &str) -> String {
        format!("{}/{path}", self.host)
    }
}

/// The address this machine would speak to others from; no packet is sent to find out.
fn own_address() -> IpAddr {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|socket| {
            socket
                .connect((Ipv4Addr::new(192, 0, 2, 1), 9))
                .map(|()| socket)
        })
        .and_then(|socket| socket.local_addr())
        .map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip())
}

#[test]
fn docker_pushes_after_login_and_pulls_the_same_image_back() {
    let Some(lab) = Lab::trusted(Anonymous::None) else {
        return;
    };
    let name = lab.image("docker/app:1");
    lab.docker.import(&name, "imported");
    let id = |lab: &Lab| {
        lab.docker
            .run(&["image", "inspect", "--format", "{{.Id}}", &name])
            .ok()
    };
    let imported = id(&lab);

    lab.docker.login(&lab.host, USER, PASSWORD).ok();
    lab.docker.run(&["push", &name]).ok();
    lab.docker.run(&["rmi", &name]).ok();
    lab.docker.run(&["pull", &name]).ok();

    assert_eq!(id(&lab), imported);
    lab.registry.finish().no_uploads();
}

#[test]
fn docker_refuses_to_log_in_with_a_wrong_password() {
    let Some(lab) = Lab::trusted(Anonymous::Pull) else {
        return;
    };

    let refusal = lab.docker.login(&lab.host, USER, "wrong").failed();

    assert!(refusal.to_lowercase().contains("unauthorized"), "{refusal}");
    lab.docker.login(&lab.host, USER, PASSWORD).ok();
    lab.registry.finish();
}

#[test]
fn docker_pulls_both_formats_without_a_login_where_pulls_are_anonymous() {
    let Some(lab) = Lab::trusted(Anonymous::Pull) else {
        return;
    };
    for (format, tag) in [(Format::Docker, "docker"), (Format::Oci, "oci")] {
        let image = Image::new(format, tag);
        image.push(&lab.client, "docker/public", tag);

        lab.docker
            .run(&["pull", &lab.image(&format!("docker/public:{tag}"))])
            .ok();
        lab.docker
            .run(&[
                "pull",
                &lab.image(&format!("docker/public@{}", image.digest())),
            ])
            .ok();
    }
    lab.docker
        .run(&["push", &lab.image("docker/public:oci")])
        .failed();
    lab.registry.finish();
}

#[test]
fn docker_moves_a_layer_between_repositories() {
    let Some(lab) = Lab::trusted(Anonymous::Pull) else {
        return;
    };
    let (first, second) = (lab.image("docker/first:1"), lab.image("docker/second:1"));
    lab.docker.import(&first, "pushed twice");
    lab.docker.login(&lab.host, USER, PASSWORD).ok();

    lab.docker.run(&["push", &first]).ok();
    lab.docker.run(&["tag", &first, &second]).ok();
    let said = lab.docker.run(&["push", &second]).ok();

    assert!(said.contains("Mounted from docker/first"), "{said}");
    let truth = lab.registry.finish().no_uploads();
    let layers = |name: &str| truth.repositories[name].blobs.clone();
    assert_eq!(layers("docker/first"), layers("docker/second"));
}

#[test]
fn docker_trusts_the_registry_only_through_its_ca() {
    let Some(lab) = Lab::open(Anonymous::Pull) else {
        return;
    };
    assert!(
        !own_address().is_loopback(),
        "this machine has no address but loopback"
    );
    Image::new(Format::Docker, "trusted").push(&lab.client, "docker/trusted", "1");
    let pull = ["pull", &lab.image("docker/trusted:1")];

    let refusal = lab.docker.run(&pull).failed();
    assert!(refusal.contains("x509"), "{refusal}");
    lab.docker.trust(&lab.host, &lab.registry.ca());
    lab.docker.run(&pull).ok();

    lab.registry.finish();
}
