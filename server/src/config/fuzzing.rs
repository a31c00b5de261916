//! What must hold of the configuration file, whatever stands in it: see `crate::fuzzing`.

use crate::config::source::RawConfig;
use crate::config::{Config, Flags, Source};

/// The text of the file. What is accepted and shown is accepted again, and is the same.
pub(crate) fn config(text: &str) {
    let Some(config) = read(text) else { return };
    let shown = toml::to_string(&config).expect("a configuration can be shown");
    // Passwords of proxies are not shown.
    if text.contains("proxy") {
        return;
    }
    let again = read(&shown).expect("what is shown is a configuration");
    assert_eq!(again, config, "{shown}");
}

fn read(text: &str) -> Option<Config> {
    let raw: RawConfig = toml::from_str(text).ok()?;
    let flags = Flags {
        data: Some("/data".into()),
        ..Flags::default()
    };
    let source = Source {
        flags,
        ..Source::default()
    };
    source.check(raw, None).ok()
}
