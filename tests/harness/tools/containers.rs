//! podman, buildah and skopeo: one family, one configuration, one storage.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::installed;
use crate::outcome::Outcome;
use crate::scratch::Scratch;

/// A home in which podman, buildah and skopeo live together, as on a user's machine.
#[derive(Debug)]
pub struct Containers {
    podman: PathBuf,
    buildah: PathBuf,
    skopeo: PathBuf,
    home: Scratch,
}

impl Containers {
    /// An empty home, or none where one of the three is not installed.
    pub fn new() -> Option<Self> {
        let [podman, buildah, skopeo] = installed(["podman", "buildah", "skopeo"])?;
        let home = Scratch::new();
        let root = home.path().display();
        home.file(
            "storage.conf",
            format!(
                "[storage]\ndriver = \"vfs\"\n\
                 graphroot = \"{root}/graph\"\nrunroot = \"{root}/run\"\n"
            ),
        );
        home.file(
            "containers.conf",
            format!(
                "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n\
                 tmp_dir = \"{root}/libpod\"\nstatic_dir = \"{root}/static\"\n\
                 volume_path = \"{root}/volumes\"\n\
                 [network]\nnetwork_config_dir = \"{root}/networks\"\n"
            ),
        );
        home.file(
            ".config/containers/policy.json",
            r#"{ "default": [ { "type": "insecureAcceptAnything" } ] }"#,
        );
        home.file("auth.json", "{}");
        // Newer ones want it to be there.
        let runtime = home.join("runtime");
        std::fs::create_dir_all(runtime).expect("make a directory of the scratch");
        home.dir("tmp");
        Some(Self {
            podman,
            buildah,
            skopeo,
            home,
        })
    }

    /// Makes them trust this CA for this registry (`host:port`), as `certs.d` does.
    pub fn trust(&self, host: &str, ca: &[u8]) {
        self.home
            .file(format!(".config/containers/certs.d/{host}/ca.crt"), ca);
    }

    /// Gives them this registries.conf.
    pub fn registries_conf(&self, text: &str) {
        self.home.file(".config/containers/registries.conf", text);
    }

    /// Where they look for their configuration.
    pub fn config(&self) -> PathBuf {
        self.home.dir(".config/containers")
    }

    /// Lets them run images only of what this says (policy.json), with signatures where that says
    /// (registries.d).
    pub fn policy(&self, policy: &str, signatures: &str) {
        self.home.file(".config/containers/policy.json", policy);
        self.home.file(
            ".config/containers/registries.d/signatures.yaml",
            signatures,
        );
    }

    /// A directory of the test's own.
    pub fn scratch(&self) -> &Scratch {
        &self.home
    }

    /// Runs podman.
    #[track_caller]
    pub fn podman(&self, words: &[&str]) -> Outcome {
        self.run(&self.podman, words, "")
    }

    /// Runs buildah.
    #[track_caller]
    pub fn buildah(&self, words: &[&str]) -> Outcome {
        self.run(&self.buildah, words, "")
    }

    /// Runs skopeo.
    #[track_caller]
    pub fn skopeo(&self, words: &[&str]) -> Outcome {
        self.run(&self.skopeo, words, "")
    }

    /// `podman login` at this registry.
    #[track_caller]
    pub fn login(&self, host: &str, name: &str, password: &str) -> Outcome {
        self.run(
            &self.podman,
            &["login", "--username", name, "--password-stdin", host],
            password,
        )
    }

    /// Forgets every login.
    #[track_caller]
    pub fn logout(&self) {
        self.podman(&["logout", "--all"]).ok();
    }

    /// Builds an image from scratch with one file that holds this text, under this name.
    #[track_caller]
    pub fn build(&self, name: &str, text: &str) {
        let file = self.home.file("built/content", text);
        let container = self.buildah(&["from", "scratch"]).ok();
        let file = file.to_str().expect("scratch paths are text");
        self.buildah(&["copy", &container, file, "/content"]).ok();
        self.buildah(&["config", "--cmd", "/content", &container])
            .ok();
        self.buildah(&["commit", "--quiet", "--rm", &container, name])
            .ok();
    }

    /// Removes every image, so that the next pull has to fetch.
    #[track_caller]
    pub fn forget_images(&self) {
        self.podman(&["rmi", "--all", "--force"]).ok();
    }

    #[track_caller]
    fn run(&self, program: &Path, words: &[&str], input: &str) -> Outcome {
        let home = &self.home;
        let mut command = Command::new(program);
        if program != self.skopeo {
            // Said aloud, for otherwise each finds a place of its own.
            command
                .args(["--storage-driver", "vfs", "--root"])
                .arg(home.join("graph"));
            command.arg("--runroot").arg(home.join("run"));
        }
        command
            .args(words)
            .env("HOME", home.path())
            .env("TMPDIR", home.join("tmp"))
            .env("XDG_RUNTIME_DIR", home.join("runtime"))
            .env("XDG_DATA_HOME", home.join("share"))
            .env("CONTAINERS_CONF", home.join("containers.conf"))
            .env("CONTAINERS_STORAGE_CONF", home.join("storage.conf"))
            .env("REGISTRY_AUTH_FILE", home.join("auth.json"))
            .env("BUILDAH_ISOLATION", "chroot")
            .env_remove("CONTAINERS_REGISTRIES_CONF")
            .env_remove("XDG_CONFIG_HOME")
            // Otherwise they note, as root, which registry has which blob under /var/lib/containers.
            .env("_CONTAINERS_ROOTLESS_UID", "1");
        Outcome::of(&mut command, input)
    }
}
