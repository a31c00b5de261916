//! What the process's surroundings say: the only place that reads environment variables.
//!
//! They are read once, at the start, into plain values that are passed down. Only what a unit file or
//! the XDG conventions need is read; everything else is in the configuration file or a flag.

use std::env::{var, var_os};
use std::ffi::OsString;
use std::fmt::{self, Debug, Formatter};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The variables this program heeds, as they were when it started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    /// `ROADSTEAD_LOG`: which log lines are wanted.
    pub(crate) log: Option<String>,
    /// `NOTIFY_SOCKET`: where the service manager wants to be told of our state.
    pub(crate) notify_socket: Option<OsString>,
    /// `WATCHDOG_USEC`: how often at least it wants to hear from us.
    pub(crate) watchdog: Option<Duration>,
    /// Through which proxies other registries are reached.
    pub(crate) proxies: ProxyVariables,
    /// `REGISTRY_AUTH_FILE`: where podman and its kin have their credentials.
    registry_auth_file: Option<PathBuf>,
    runtime_directory: Option<PathBuf>,
    config_home: Option<PathBuf>,
    state_directory: Option<PathBuf>,
    data_home: Option<PathBuf>,
    home: Option<PathBuf>,
    is_root: bool,
}

/// Where credentials for registries may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuthFiles {
    /// Here.
    Named(PathBuf),
    /// In the first of these that is there.
    Usual(Vec<PathBuf>),
}

/// The variables about proxies, in upper or lower case; empty where there are none. They may hold a
/// password and are not printed.
#[derive(Clone, Default)]
pub(crate) struct ProxyVariables {
    /// `HTTP_PROXY`, or `ALL_PROXY`.
    pub(crate) http: String,
    /// `HTTPS_PROXY`, or `ALL_PROXY`.
    pub(crate) https: String,
    /// `NO_PROXY`.
    pub(crate) no: String,
}

impl ProxyVariables {
    fn read() -> Self {
        let first = |names: &[&str]| {
            let mut values = names.iter().filter_map(|name| var(name).ok());
            values.find(|value| !value.is_empty()).unwrap_or_default()
        };
        let all = ["ALL_PROXY", "all_proxy"];
        Self {
            http: first(&["HTTP_PROXY", "http_proxy", all[0], all[1]]),
            https: first(&["HTTPS_PROXY", "https_proxy", all[0], all[1]]),
            no: first(&["NO_PROXY", "no_proxy"]),
        }
    }
}

impl Debug for ProxyVariables {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Environment {
    /// Reads the variables of this process.
    pub(crate) fn read() -> Self {
        let absolute = |name| {
            var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        Self {
            log: var("ROADSTEAD_LOG")
                .ok()
                .filter(|filter| !filter.is_empty()),
            notify_socket: var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()),
            watchdog: watchdog(),
            proxies: ProxyVariables::read(),
            registry_auth_file: var_os("REGISTRY_AUTH_FILE")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            runtime_directory: absolute("XDG_RUNTIME_DIR"),
            config_home: absolute("XDG_CONFIG_HOME"),
            // systemd lists several directories with colons between; the first is the unit's own.
            state_directory: var("STATE_DIRECTORY").ok().and_then(|list| {
                list.split(':')
                    .next()
                    .map(PathBuf::from)
                    .filter(|path| path.is_absolute())
            }),
            data_home: absolute("XDG_DATA_HOME"),
            home: absolute("HOME"),
            is_root: rustix::process::geteuid().is_root(),
        }
    }

    /// Where credentials for registries may lie, in the order in which podman looks
    /// (containers-auth.json(5)). One that a variable names has to be there.
    pub(crate) fn auth_files(&self) -> AuthFiles {
        if let Some(file) = &self.registry_auth_file {
            return AuthFiles::Named(file.clone());
        }
        let runtime = self.runtime_directory.iter();
        let in_home = |folder: &str| self.home.as_ref().map(|home| home.join(folder));
        let config = self.config_home.clone().or_else(|| in_home(".config"));
        let containers = runtime
            .chain(&config)
            .map(|dir| dir.join("containers/auth.json"));
        let docker = in_home(".docker/config.json");
        AuthFiles::Usual(containers.chain(docker).collect())
    }

    /// Where the data lies when neither a flag nor the file says so.
    pub(crate) fn data_directory(&self) -> Option<PathBuf> {
        if let Some(directory) = &self.state_directory {
            return Some(directory.clone());
        }
        if self.is_root {
            return Some(PathBuf::from("/var/lib/roadstead"));
        }
        let share = |home: &Path| home.join(".local/share");
        let data_home = self
            .data_home
            .clone()
            .or_else(|| self.home.as_deref().map(share));
        data_home.map(|directory| directory.join("roadstead"))
    }
}

/// The watchdog's time, if it is meant for this process and not for one that started it.
fn watchdog() -> Option<Duration> {
    let is_ours = match var("WATCHDOG_PID") {
        Ok(pid) => pid.parse() == Ok(std::process::id()),
        Err(_) => true,
    };
    let micros = var("WATCHDOG_USEC").ok()?.parse().ok()?;
    (is_ours && micros > 0).then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(environment: &Environment, expected: Option<&str>) {
        assert_eq!(
            environment.data_directory().as_deref(),
            expected.map(Path::new)
        );
    }

    #[test]
    fn data_lies_where_the_service_manager_then_the_user_then_the_conventions_say() {
        let user = Environment {
            home: Some("/home/ann".into()),
            ..Environment::default()
        };
        check(&user, Some("/home/ann/.local/share/roadstead"));
        let with_xdg = Environment {
            data_home: Some("/data/ann".into()),
            ..user
        };
        check(&with_xdg, Some("/data/ann/roadstead"));
        let root = Environment {
            is_root: true,
            ..with_xdg
        };
        check(&root, Some("/var/lib/roadstead"));
        let unit = Environment {
            state_directory: Some("/var/lib/other".into()),
            ..root
        };
        check(&unit, Some("/var/lib/other"));
        check(&Environment::default(), None);
    }
}
