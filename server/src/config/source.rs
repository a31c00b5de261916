//! Where the configuration comes from, and how it is read.
//!
//! Owns the file's outline, the defaults, and the rule that a flag wins over the file. The result is
//! the whole of a file or nothing: the first value that cannot be used is named and ends it.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use roadstead_certs::SubjectName;
use serde::Deserialize;
use thiserror::Error;

use crate::auth::config::{Anonymous, Config as AuthConfig, RawConfig as RawAuth};
use crate::config::address::Address;
use crate::config::checked::{Config, Tls, warnings};
use crate::config::environment::Environment;
use crate::config::invalid::{Invalid, parse, parse_all};
use crate::config::mirroring::{RawRelease, RawUpstream};
use crate::config::storage::RawStorage;
use crate::config::sync::{self, RawSync};

/// Where the configuration lies when no flag names a file.
const DEFAULT_FILE: &str = "/etc/roadstead/config.toml";

/// The port of the one listener that is there by default.
const DEFAULT_PORT: u16 = 8443;

/// Where the configuration comes from: a file, flags, the environment. It can be read again, so that
/// a change of the file takes effect without a restart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    /// The file that a flag names.
    pub(crate) file: Option<PathBuf>,
    /// What other flags say.
    pub(crate) flags: Flags,
    /// What the process's surroundings say.
    pub(crate) environment: Environment,
}

/// What flags say about the configuration; empty means that the file decides.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// `--address`
    pub(crate) address: Option<Address>,
    /// `--anonymous`
    pub(crate) anonymous: Option<Anonymous>,
    /// `--data`
    pub(crate) data: Option<PathBuf>,
    /// `--http-listen`
    pub(crate) http_listen: Vec<SocketAddr>,
    /// `--listen`
    pub(crate) listen: Vec<SocketAddr>,
    /// `--name`: added to those of the file.
    pub(crate) names: Vec<SubjectName>,
}

impl Source {
    /// Reads the file and puts the flags over it.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML of our shape, or holds a value that cannot be used.
    pub(crate) fn load(&self) -> Result<Config, Error> {
        let Some((file, text)) = self.read()? else {
            return self
                .check(RawConfig::default(), None)
                .map_err(|source| Error::Flags { source });
        };
        let raw = match toml::from_str(&text) {
            Ok(raw) => raw,
            Err(source) => {
                return Err(Error::Parse {
                    file,
                    source: Box::new(source),
                });
            }
        };
        let config = self.check(raw, Some(file.clone()));
        config.map_err(|source| Error::Value { file, source })
    }

    /// The data directory, without a check of anything else where a flag names it.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn data(&self) -> Result<PathBuf, Error> {
        match &self.flags.data {
            Some(data) => std::path::absolute(data).map_err(|source| Error::Read {
                file: data.clone(),
                source,
            }),
            None => Ok(self.load()?.data),
        }
    }

    /// The text of the file, and its name. The default file may be missing, a named one may not.
    fn read(&self) -> Result<Option<(PathBuf, String)>, Error> {
        let file = self.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        let failed = |source| Error::Read {
            file: file.to_owned(),
            source,
        };
        match std::fs::read_to_string(file) {
            Ok(text) => Ok(Some((std::path::absolute(file).map_err(failed)?, text))),
            Err(source) if self.file.is_none() && source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(source) => Err(failed(source)),
        }
    }

    pub(super) fn check(&self, raw: RawConfig, file: Option<PathBuf>) -> Result<Config, Invalid> {
        let flags = &self.flags;
        let mut auth = AuthConfig::try_from(raw.auth)?;
        auth.anonymous = flags.anonymous.unwrap_or(auth.anonymous);
        let address = raw
            .address
            .map(|text| parse("address", &text))
            .transpose()?;
        let data = match flags
            .data
            .clone()
            .or(raw.data)
            .or_else(|| self.environment.data_directory())
        {
            Some(data) => std::path::absolute(data).map_err(|error| Invalid::new("data", error))?,
            None => {
                return Err(Invalid::new(
                    "data",
                    "there is no home directory to put it into",
                ));
            }
        };
        let listen =
            listeners("listen", &flags.listen, raw.listen.as_deref())?.unwrap_or_else(|| {
                vec![SocketAddr::new(
                    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                    DEFAULT_PORT,
                )]
            });
        let http_listen = listeners(
            "http_listen",
            &flags.http_listen,
            raw.http_listen.as_deref(),
        )?;
        let http_listen = http_listen.unwrap_or_default();
        if listen.is_empty() && http_listen.is_empty() {
            return Err(Invalid::new(
                "listen",
                "no address to listen on, nor any in http_listen",
            ));
        }
        let mut names = flags.names.clone();
        let names_in_file: Vec<SubjectName> = parse_all("names", &raw.names)?;
        names.extend(names_in_file);
        let proxies: Vec<Network> = parse_all("trusted_proxies", &raw.trusted_proxies)?;
        let upstreams = raw.upstream.into_iter().enumerate();
        let mut config = Config {
            file,
            warnings: Vec::new(),
            data,
            address: flags.address.clone().or(address),
            listen,
            http_listen,
            names,
            trusted_proxies: proxies.into_iter().map(|network| network.0).collect(),
            tls: raw.tls,
            auth,
            storage: raw.storage.try_into()?,
            release: raw.release.unwrap_or_default().try_into()?,
            upstreams: upstreams
                .map(|(place, raw)| raw.check(place))
                .collect::<Result<_, _>>()?,
            syncs: sync::check(raw.sync)?,
        };
        config.warnings = warnings(&config);
        Ok(config)
    }
}

/// The addresses to listen on: the flags' if there are any, else the file's.
fn listeners(
    key: &str,
    flags: &[SocketAddr],
    file: Option<&[String]>,
) -> Result<Option<Vec<SocketAddr>>, Invalid> {
    match file {
        _ if !flags.is_empty() => Ok(Some(flags.to_vec())),
        Some(texts) => parse_all(key, texts).map(Some),
        None => Ok(None),
    }
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawConfig {
    data: Option<PathBuf>,
    address: Option<String>,
    listen: Option<Vec<String>>,
    http_listen: Option<Vec<String>>,
    names: Vec<String>,
    trusted_proxies: Vec<String>,
    tls: Option<Tls>,
    auth: RawAuth,
    storage: RawStorage,
    release: Option<RawRelease>,
    upstream: Vec<RawUpstream>,
    sync: Vec<RawSync>,
}

/// A network, or the one address that a text without a prefix length names.
struct Network(IpNet);

impl FromStr for Network {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self(address.into())),
            Err(_) => text.parse().map(Self),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// A flag or a default cannot be used.
    #[error("read the configuration")]
    Flags {
        /// Which, and why.
        source: Invalid,
    },
    /// The file is not TOML, or has a key that does not exist.
    #[error("read the configuration {}", file.display())]
    Parse {
        /// The file.
        file: PathBuf,
        /// Where in it, and why.
        source: Box<toml::de::Error>,
    },
    /// The file cannot be read.
    #[error("read the configuration {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A value in the file cannot be used.
    #[error("read the configuration {}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// Which, and why.
        source: Invalid,
    },
}
