//! What the configuration file accepts, refuses and means.

use std::net::SocketAddr;
use std::path::Path;

use crate::auth::config::Anonymous;
use crate::config::invalid::Invalid;
use crate::config::source::RawConfig;
use crate::config::{Config, Flags, Source};

/// Reads `text` as the file would be, with a data directory given by the environment's root.
pub(crate) fn read(text: &str) -> Result<Config, Invalid> {
    let raw = toml::from_str(text).expect("the text is TOML of our shape");
    let flags = Flags {
        data: Some("/data".into()),
        ..Flags::default()
    };
    Source {
        flags,
        ..Source::default()
    }
    .check(raw, None)
}

#[track_caller]
fn refused(text: &str, key: &str) {
    let error = read(text).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{key}: ")), "{error}");
}

/// Every key of the contract, each with a value that is not its default.
const WHOLE: &str = r#"
data = "/srv/registry"
address = "registry.example.com:8443"
listen = ["[::]:8443", "127.0.0.1:9443"]
http_listen = ["127.0.0.1:8080"]
names = ["registry.example.com", "192.0.2.1"]
trusted_proxies = ["10.0.0.0/8", "192.0.2.7"]

[tls]
cert = "/etc/roadstead/tls.crt"
key = "/etc/roadstead/tls.key"

[auth]
anonymous = "none"
token_lifetime = "10m"
[[auth.rule]]
who = ["ci", "authenticated"]
repositories = ["team/**"]
may = ["pull", "push", "delete"]

[storage]
max_size = "500GiB"
keep_free = "10GiB"
delete = false
immutable_tags = ["openshift/**:*"]
gc_every = "12h"
gc_grace = "2h"

[release]
keys = ["/etc/roadstead/release-key.asc"]
signature_stores = ["https://mirror.openshift.com/pub/openshift-v4/signatures/openshift/release"]

[[upstream]]
name = "quay.io"
hosts = ["quay.example.com"]
prefix = "quay"
urls = ["https://quay.io"]
auth_file = "/etc/roadstead/pull-secret.json"
ca_file = "/etc/roadstead/upstream-ca.crt"
proxy = "http://ann:secret@proxy.example.com:3128"
token_hosts = ["auth.example.com"]
redirect_hosts = ["10.0.0.9"]
pull_through = true
anonymous_fill = true
writable = true
repositories = ["openshift-release-dev/**"]
tag_max_age = "1m"
max_connections = 8

[[sync]]
name = "base-images"
images = ["docker.io/library/nginx:1.*"]
platforms = ["linux/amd64", "linux/arm/v7"]
schedule = "0 3 * * *"
prune = true
[[sync]]
name = "openshift"
releases = ["4.18.7"]
samples = true
every = "6h"
[[sync]]
name = "old-quay"
from = "old-quay.example.com"
repositories = ["**"]
to = ""
"#;

#[test]
fn every_key_of_the_contract_is_understood() {
    let config = read(WHOLE).unwrap();
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.trusted_proxies[1].to_string(), "192.0.2.7/32");
    assert_eq!(config.auth.anonymous, Anonymous::None);
    assert_eq!(config.auth.rules[0].who.len(), 2);
    assert!(!config.storage.delete);
    assert_eq!(
        config.own_certificate().unwrap().key,
        Path::new("/etc/roadstead/tls.key")
    );
}

#[test]
fn what_is_shown_is_read_back_as_the_same_configuration() {
    let text = WHOLE.replace("ann:secret@", "");
    let config = read(&text).unwrap();
    let shown = toml::to_string(&config).unwrap();
    assert_eq!(read(&shown).unwrap(), config, "{shown}");
    let defaults = read("").unwrap();
    let shown = toml::to_string(&defaults).unwrap();
    let again = Config {
        warnings: Vec::new(),
        ..read(&shown).unwrap()
    };
    assert_eq!(again, defaults, "{shown}");
}

#[test]
fn a_secret_is_never_shown() {
    let config = read(WHOLE).unwrap();
    for shown in [toml::to_string(&config).unwrap(), format!("{config:?}")] {
        assert!(!shown.contains("secret@"), "{shown}");
        assert!(shown.contains("[redacted]@proxy.example.com"), "{shown}");
    }
}

#[test]
fn what_is_configured_well_is_not_warned_of() {
    assert_eq!(read("").unwrap().warnings, Vec::<String>::new());
}

#[test]
fn a_wrong_value_is_named_by_its_key() {
    refused("address = 'https://reg'", "address");
    refused("listen = ['8443']", "listen[0]");
    refused("listen = []", "listen");
    refused("names = ['ok.example.com', 'not a name']", "names[1]");
    refused("trusted_proxies = ['10.0.0.0/33']", "trusted_proxies[0]");
    refused("[auth]\ntoken_lifetime = '0s'", "auth.token_lifetime");
    refused("[storage]\nkeep_free = '100%'", "storage.keep_free");
    refused(
        "[storage]\nimmutable_tags = ['none']",
        "storage.immutable_tags",
    );
    refused(
        "[[upstream]]\nname = 'quay.io'\nurls = ['quay.io']",
        "upstream[0].urls[0]",
    );
    refused("[[upstream]]\nname = ''", "upstream[0].name");
    refused(
        "[release]\nsignature_stores = ['https://a.example', 'https://a:b@c.example']",
        "release.signature_stores[1]",
    );
    refused(
        "[[sync]]\nname = 'a'\nplatforms = ['amd64']",
        "sync[0].platforms[0]",
    );
    refused(
        "[[sync]]\nname = 'a'\nevery = '1h'\nschedule = '0 3 * * *'",
        "sync[0].every",
    );
    refused("[[sync]]\nname = 'a'", "sync[0].images");
    refused(
        "[[sync]]\nname = 'a'\nimages = ['nginx']",
        "sync[0].images[0]",
    );
    refused(
        "[[sync]]\nname = 'a'\nreleases = ['4.18.7']\nrepositories = ['**']",
        "sync[0].repositories",
    );
    refused("[[sync]]\nname = 'a'\nsamples = true", "sync[0].samples");
    refused(
        "[[sync]]\nname = 'a'\nreleases = ['a b']",
        "sync[0].releases",
    );
    refused("[[sync]]\nname = 'a'\nfrom = 'https://reg'", "sync[0].from");
    refused(
        "[[sync]]\nname = 'a'\nreleases = ['4.18.7']\n[[sync]]\nname = 'a'\nreleases = ['4.18.7']",
        "sync[1].name",
    );
}

#[test]
fn an_unknown_key_is_refused_in_every_section() {
    for text in [
        "data_dir = 'x'",
        "[tls]\ncert = 'a'\nkey = 'b'\nca = 'c'",
        "[auth]\nmode = 'x'",
        "[[auth.rule]]\nwho = []\nrepositories = []\nmay = []\nmust = []",
        "[storage]\nsize = 1",
        "[release]\nkey = []",
        "[[upstream]]\nname = 'a'\npassword = 'b'",
        "[[sync]]\nname = 'a'\nimage = 'b'",
    ] {
        assert!(toml::from_str::<RawConfig>(text).is_err(), "{text}");
    }
}

#[test]
fn flags_win_over_the_file_and_add_to_its_names() {
    let source = Source {
        flags: Flags {
            address: Some("other:1".parse().unwrap()),
            anonymous: Some(Anonymous::Push),
            data: Some("/elsewhere".into()),
            http_listen: vec!["127.0.0.1:1".parse().unwrap()],
            listen: vec!["127.0.0.1:2".parse().unwrap()],
            names: vec!["flag.example.com".parse().unwrap()],
        },
        ..Source::default()
    };
    let config = source.check(toml::from_str(WHOLE).unwrap(), None).unwrap();
    assert_eq!(config.address.as_ref().unwrap().to_string(), "other:1");
    assert_eq!(config.auth.anonymous, Anonymous::Push);
    assert_eq!(config.data, Path::new("/elsewhere"));
    assert_eq!(config.http_listen, source.flags.http_listen);
    assert_eq!(config.listen, source.flags.listen);
    assert_eq!(config.names[0].to_string(), "flag.example.com");
    assert_eq!(config.names.len(), 3);
}

#[test]
fn the_address_is_the_first_name_with_the_first_tls_port() {
    let address = |text: &str, bound: &[&str]| {
        let bound: Vec<SocketAddr> = bound.iter().map(|text| text.parse().unwrap()).collect();
        read(text)
            .unwrap()
            .public_address(&bound)
            .map(|address| address.to_string())
    };
    let named = "names = ['reg.example.com', 'other.example.com']\n";
    assert_eq!(address(named, &[]).unwrap(), "reg.example.com:8443");
    assert_eq!(
        address(&format!("{named}listen = ['[::]:443']"), &[]).unwrap(),
        "reg.example.com"
    );
    let any_port = format!("{named}listen = ['[::]:0']");
    assert_eq!(
        address(&any_port, &["[::]:40123"]).unwrap(),
        "reg.example.com:40123"
    );
    assert_eq!(address(&any_port, &[]), None);
    assert_eq!(
        address("address = 'reg:1'\nlisten = ['[::]:0']", &[]).unwrap(),
        "reg:1"
    );
    assert_eq!(
        address("names = ['*.example.com', 'reg.example.com']", &[]).unwrap(),
        "reg.example.com:8443"
    );
}

#[test]
fn the_certificate_names_the_configured_hosts_and_this_machine() {
    let config = read("address = 'reg.example.com:8443'\nnames = ['other.example.com']").unwrap();
    let names = config.certificate_names();
    for name in [
        "reg.example.com",
        "other.example.com",
        "localhost",
        "127.0.0.1",
        "::1",
    ] {
        assert!(names.contains(&name.parse().unwrap()), "{name}");
    }
}

#[test]
fn the_example_file_is_the_defaults() {
    let example = include_str!("../../../systemd/config.toml");
    // Every line that is commented out once is a key with its default; prose is commented twice.
    let keys: Vec<&str> = example
        .lines()
        .filter(|line| !line.starts_with("##"))
        .map(|line| line.trim_start_matches('#').trim_start())
        .collect();
    let keys = keys.join("\n");
    let config = read(&keys).unwrap();
    let mut shown = read("").unwrap();
    shown.warnings.clone_from(&config.warnings);
    assert_eq!(config, shown);
    assert_eq!(
        read(example).unwrap(),
        read("").unwrap(),
        "as it is installed it changes nothing"
    );
}
