//! How clients reach the registry, as a command line or the configuration says it. It is never guessed.

use crate::admin::failure::Failure;
use crate::config::address::Address;

/// The addresses that were asked for, else the registry's own.
///
/// # Errors
/// When neither is known.
pub(super) fn asked_or_known(
    asked: Vec<Address>,
    known: Option<&Address>,
    attempt: &str,
) -> Result<Vec<Address>, Failure> {
    if !asked.is_empty() {
        return Ok(asked);
    }
    match known {
        Some(address) => Ok(vec![address.clone()]),
        None => Err(Failure::new(attempt)
            .since("it is not known how clients reach the registry")
            .hint("say it with --address HOST[:PORT], or as `address` in the configuration")),
    }
}

/// As [`asked_or_known`], where one is enough.
///
/// # Errors
/// When none is known.
pub(super) fn one_asked_or_known(
    asked: Option<Address>,
    known: Option<&Address>,
    attempt: &str,
) -> Result<Address, Failure> {
    let found = asked_or_known(asked.into_iter().collect(), known, attempt)?;
    Ok(found.into_iter().next().expect("there is at least one"))
}

/// What to say when the key of a config map cannot hold an address.
pub(super) fn no_key(address: &Address, attempt: &str) -> Failure {
    Failure::new(attempt)
        .since(format!("the key of a config map cannot hold {address}"))
        .hint("give --address a DNS name or an IPv4 address")
}
