//! The one choice of cryptography: aws-lc-rs, for TLS, certificates and tokens alike.
//!
//! Every TLS configuration made in this crate names this provider itself; the process default is
//! set only for libraries that ask for it. Which suites and versions exist is rustls' decision (its
//! safe defaults, TLS 1.2 and 1.3), not ours.

use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// Makes aws-lc-rs the default of this process; calling it again changes nothing.
pub fn install() {
    // An error only says that a default is there already, and no other stack is compiled in.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// The provider that every configuration of this crate uses.
pub(crate) fn shared() -> Arc<CryptoProvider> {
    static SHARED: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(SHARED.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}
