//! dockerd with its own root, socket and `/etc/docker`, and `docker` to command it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::installed;
use crate::outcome::Outcome;
use crate::process::{Process, eventually};
use crate::scratch::Scratch;

/// The one place where dockerd looks for certificates; no flag moves it.
const ETC: &str = "/etc/docker";

/// A running dockerd.
pub struct Docker {
    // Dropped first, while its directories are still there.
    _daemon: Process,
    _etc: MountPoint,
    program: PathBuf,
    home: Scratch,
}

impl Docker {
    /// Starts one, or none where it is not installed.
    #[track_caller]
    pub fn start() -> Option<Self> {
        Self::configured("{}")
    }

    /// Starts one that asks this registry (`host:port`), which this CA vouches for, for whatever Docker
    /// Hub has.
    #[track_caller]
    pub fn mirrored(host: &str, ca: &[u8]) -> Option<Self> {
        let docker = Self::configured(&format!("{{\"registry-mirrors\": [\"https://{host}\"]}}"))?;
        docker.trust(host, ca);
        Some(docker)
    }

    #[track_caller]
    fn configured(config: &str) -> Option<Self> {
        let [docker, dockerd, unshare] = installed(["docker", "dockerd", "unshare"])?;
        let home = Scratch::new();
        let etc = MountPoint::ready();
        let own = home.dir("etc");
        let config = home.file("daemon.json", config);
        let root = home.path().display();
        let mut command = Command::new(unshare);
        command
            .args(["--mount", "sh", "-c"])
            // Its own /etc/docker lies over the machine's, in a mount namespace that goes with it.
            .arg(r#"mount --bind "$0" "$1" && shift && exec "$@""#)
            .args([&own, Path::new(ETC), &dockerd])
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none"])
            .args(["--storage-driver=vfs", "--config-file"])
            .arg(config)
            .args([
                format!("--data-root={root}/root"),
                format!("--exec-root={root}/exec"),
            ])
            .args([
                format!("--host=unix://{root}/sock"),
                format!("--pidfile={root}/pid"),
            ])
            .env("HOME", home.path())
            .env("TMPDIR", home.dir("tmp"));
        let daemon = Process::spawn(&mut command, &home.join("dockerd.log"));
        let docker = Self {
            _daemon: daemon,
            _etc: etc,
            program: docker,
            home,
        };
        eventually("dockerd answers", || {
            docker.run(&["version"]).code == Some(0)
        });
        Some(docker)
    }

    /// Makes it trust this CA for this registry (`host:port`).
    pub fn trust(&self, host: &str, ca: &[u8]) {
        self.home.file(format!("etc/certs.d/{host}/ca.crt"), ca);
    }

    /// `docker login` at this registry.
    #[track_caller]
    pub fn login(&self, host: &str, name: &str, password: &str) -> Outcome {
        let words = ["login", "--username", name, "--password-stdin", host];
        Outcome::of(&mut self.command(&words), password)
    }

    /// Makes an image from scratch with one file that holds this text, under this name.
    #[track_caller]
    pub fn import(&self, name: &str, text: &str) {
        let layer = crate::layer::archive(&[("content", text.as_bytes())]);
        let layer = self.home.file("layer.tar", layer);
        self.run(&[
            "import",
            layer.to_str().expect("scratch paths are text"),
            name,
        ])
        .ok();
    }

    /// Runs docker.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> Outcome {
        Outcome::of(&mut self.command(words), "")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .env("HOME", self.home.path())
            .env("DOCKER_CONFIG", self.home.join("config"))
            .env(
                "DOCKER_HOST",
                format!("unix://{}", self.home.join("sock").display()),
            )
            .env_remove("DOCKER_CONTEXT");
        command
    }
}

/// `/etc/docker`, which must exist to be mounted over. If it was made for that, the last test that
/// uses it removes it: earlier, and the mounts of the others would go with it.
struct MountPoint;

/// How many tests use the mount point, and whether it was made for them.
static USERS: Mutex<(usize, bool)> = Mutex::new((0, false));

impl MountPoint {
    fn ready() -> Self {
        let mut users = USERS.lock().unwrap_or_else(PoisonError::into_inner);
        let made = fs::create_dir(ETC).is_ok();
        *users = (users.0 + 1, users.1 || made);
        Self
    }
}

impl Drop for MountPoint {
    fn drop(&mut self) {
        let mut users = USERS.lock().unwrap_or_else(PoisonError::into_inner);
        users.0 -= 1;
        if *users == (0, true) {
            users.1 = false;
            // If somebody has put something there meanwhile, it stays.
            drop(fs::remove_dir(ETC));
        }
    }
}
