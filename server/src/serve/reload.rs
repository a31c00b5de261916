//! What an order to reload does.
//!
//! Reads again what can change under a running server: rules, accounts, names, certificates, upstreams,
//! jobs. The rest of the configuration is fixed at the start. Invariant: what cannot be read or used is
//! logged and leaves the old in force, each part for itself.

use std::sync::Arc;

use roadstead_certs::{Clock, ServerTls};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use crate::admin::execute::Context;
use crate::auth::Authenticator;
use crate::auth::users::Users;
use crate::config::{Config, Source};
use crate::jobs::roster::Roster;
use crate::report::chain;
use crate::upstreams::Upstreams;

/// What an order to reload reads again. The rest of the configuration needs a restart.
pub(super) struct Reload {
    /// Where it is read from.
    pub(super) source: Source,
    /// What was in force at the start.
    pub(super) config: Config,
    /// Takes the rules.
    pub(super) auth: Authenticator,
    /// Takes the accounts.
    pub(super) users: Arc<Users>,
    /// Takes the names and certificates.
    pub(super) tls: Arc<ServerTls>,
    /// Takes the upstreams.
    pub(super) upstreams: Upstreams,
    /// Takes the jobs.
    pub(super) roster: Roster,
    /// Tells commands what is configured.
    pub(super) context: Context,
    /// Tells the time to the certificates.
    pub(super) clock: Clock,
}

impl Reload {
    /// Reads the configuration, the accounts and the certificates again. What cannot be read or
    /// used is logged and leaves the old in force.
    pub(super) async fn run(&mut self) {
        let source = self.source.clone();
        let config = match spawn_blocking(move || source.load()).await {
            Ok(Ok(config)) => config,
            Ok(Err(error)) => {
                error!(error = %chain(&error), "Kept the old configuration");
                return;
            }
            Err(panic) => {
                error!(%panic, "Reading the configuration panicked");
                return;
            }
        };
        self.auth.reload(&config.auth);
        let (users, tls) = (Arc::clone(&self.users), Arc::clone(&self.tls));
        let (upstreams, configured) = (self.upstreams.clone(), config.upstreams.clone());
        let (release, certificates) = (config.release.clone(), config.certificates());
        let now = (self.clock)();
        let files = spawn_blocking(move || {
            if let Err(error) = users.reload() {
                error!(error = %chain(&error), "Kept the old accounts");
            }
            if let Err(error) = upstreams.reload(&configured) {
                error!(error = %chain(&error), "Kept the old upstreams");
            }
            if let Err(error) = upstreams.trust().reload(&release) {
                error!(error = %chain(&error), "Kept the old release keys and signature stores");
            }
            if let Err(error) = tls.reload(certificates.names, certificates.own, now) {
                error!(error = %chain(&error), "Kept the old certificate");
            }
        });
        if let Err(panic) = files.await {
            error!(%panic, "Reading the accounts and certificates panicked");
        }
        self.roster.reload(&config.syncs).await;
        self.roster.note_new().await;
        if config.listen != self.config.listen
            || config.http_listen != self.config.http_listen
            || config.data != self.config.data
            || config.storage != self.config.storage
            || config.trusted_proxies != self.config.trusted_proxies
        {
            warn!("Some changes of the configuration need a restart");
        }
        self.context.reconfigure(config);
        info!("Reloaded the configuration");
    }
}
