//! containerd with its own root, state and socket, and `ctr` to command it.

use std::path::PathBuf;
use std::process::Command;

use super::installed;
use crate::outcome::Outcome;
use crate::process::{Process, eventually};
use crate::scratch::Scratch;

/// Left out: what needs kernel modules, a network or directories of the machine.
const DISABLED: &str = r#"[
  "io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.overlayfs",
  "io.containerd.snapshotter.v1.zfs",
]"#;

/// A running containerd.
pub struct Containerd {
    // Dropped first, while its directory is still there.
    _daemon: Process,
    ctr: PathBuf,
    home: Scratch,
}

impl Containerd {
    /// Starts one, or none where it is not installed.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let [containerd, ctr, unshare] = installed(["containerd", "ctr", "unshare"])?;
        let home = Scratch::new();
        let root = home.path().display();
        let config = home.file(
            "config.toml",
            format!(
                "version = 2\nroot = \"{root}/root\"\nstate = \"{root}/state\"\n\
                 disabled_plugins = {DISABLED}\n\
                 [grpc]\naddress = \"{root}/sock\"\n[ttrpc]\naddress = \"{root}/ttrpc\"\n"
            ),
        );
        home.dir("hosts");
        // Its mounts stay in a namespace of its own, and go with it.
        let mut command = Command::new(unshare);
        command
            .arg("--mount")
            .arg(containerd)
            .arg("--config")
            .arg(config);
        let daemon = Process::spawn(&mut command, &home.join("containerd.log"));
        let containerd = Self {
            _daemon: daemon,
            ctr,
            home,
        };
        eventually("containerd answers", || {
            containerd.ctr(&["version"]).code == Some(0)
        });
        Some(containerd)
    }

    /// Tells it where the images of `source` are: at `host` (`host:port`), which this CA vouches for.
    pub fn hosts(&self, source: &str, host: &str, ca: &[u8]) {
        let ca = self.home.file(format!("hosts/{source}/ca.crt"), ca);
        let ca = ca.display();
        self.home.file(
            format!("hosts/{source}/hosts.toml"),
            format!(
                "server = \"https://{source}\"\n[host.\"https://{host}\"]\n  \
                 capabilities = [\"pull\", \"resolve\", \"push\"]\n  ca = \"{ca}\"\n"
            ),
        );
    }

    /// `ctr images pull`, with these words (flags and the reference) behind.
    #[track_caller]
    pub fn pull(&self, words: &[&str]) -> Outcome {
        let hosts = self.hosts_dir();
        let pull = [
            "images",
            "pull",
            "--snapshotter",
            "native",
            "--hosts-dir",
            &hosts,
        ];
        self.ctr(&[&pull, words].concat())
    }

    /// `ctr images push`, with these words (flags and the references) behind.
    #[track_caller]
    pub fn push(&self, words: &[&str]) -> Outcome {
        let hosts = self.hosts_dir();
        self.ctr(&[&["images", "push", "--hosts-dir", &hosts], words].concat())
    }

    /// Forgets an image and its content.
    #[track_caller]
    pub fn forget(&self, name: &str) {
        self.ctr(&["images", "remove", "--sync", name]).ok();
    }

    /// Runs ctr.
    #[track_caller]
    pub fn ctr(&self, words: &[&str]) -> Outcome {
        let mut command = Command::new(&self.ctr);
        command
            .arg("--address")
            .arg(self.home.join("sock"))
            .args(words);
        Outcome::of(command.env("HOME", self.home.path()), "")
    }

    fn hosts_dir(&self) -> String {
        self.home.join("hosts").display().to_string()
    }
}
