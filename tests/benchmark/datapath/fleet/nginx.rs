//! nginx, tuned as an expert would: files by sendfile, descriptors kept open, no log; and as a cache.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::tools::at_hand;
use harness::upstream::Ca;
use harness::{Process, Scratch};

use super::port;
use crate::content::Content;
use crate::machine::own_processors;

/// nginx with the contents as files.
pub(super) struct Nginx {
    // Dropped first, while its directory is still there.
    process: Process,
    program: PathBuf,
    pub(super) plain: SocketAddr,
    pub(super) tls: SocketAddr,
    _home: Scratch,
}

/// nginx before an upstream: it keeps what it fetches, and fetches it once.
pub(crate) struct Cache {
    process: Process,
    pub(crate) address: SocketAddr,
    _home: Scratch,
}

impl Nginx {
    /// Starts it with these contents, where it is installed.
    pub(super) fn start(ca: &Ca, content: &Content) -> Option<Self> {
        let program = at_hand("nginx")?;
        let home = Scratch::new();
        for (path, bytes) in content.files() {
            home.file(format!("files{path}"), bytes);
        }
        let (certificate, key) = ca.issue_pem(&["127.0.0.1"]);
        home.file("tls.crt", certificate);
        home.file("tls.key", key);
        let (plain, tls) = (port::free(), port::free());
        let dir = home.path().display();
        let media_type = &content.image.manifest.media_type;
        let servers = format!(
            "sendfile on; tcp_nopush on; tcp_nodelay on;\n\
             keepalive_requests 100000000; open_file_cache max=1000 inactive=1h; \
             open_file_cache_valid 1h;\n\
             server {{ listen {plain} backlog=4096; listen {tls} ssl backlog=4096; \
             root {dir}/files;\n\
             ssl_certificate {dir}/tls.crt; ssl_certificate_key {dir}/tls.key;\n\
             ssl_protocols TLSv1.3; ssl_session_cache shared:tls:10m; ssl_session_tickets on; \
             ssl_buffer_size 16k; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;\n\
             location ~ /manifests/ {{ default_type {media_type}; }}\n\
             location / {{ default_type application/octet-stream; }} }}\n"
        );
        let process = start(&program, &home, &servers, plain);
        Some(Self {
            process,
            program,
            plain,
            tls,
            _home: home,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Where it is installed.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Starts another one as a cache before this upstream.
    pub(super) fn cache_before(&self, upstream: SocketAddr) -> Cache {
        let home = Scratch::new();
        let (address, dir) = (port::free(), home.path().display());
        let servers = format!(
            "sendfile on; tcp_nopush on; proxy_cache_path {dir}/cache keys_zone=c:1m levels=2 \
             use_temp_path=off max_size=100g;\n\
             server {{ listen {address}; location / {{ proxy_pass http://{upstream}; \
             proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_cache c; \
             proxy_cache_valid 200 1h; proxy_cache_lock on; proxy_cache_lock_timeout 10m; \
             proxy_cache_lock_age 10m; }} }}\n"
        );
        let process = start(&self.program, &home, &servers, address);
        Cache {
            process,
            address,
            _home: home,
        }
    }
}

impl Cache {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

fn start(program: &Path, home: &Scratch, servers: &str, address: SocketAddr) -> Process {
    let dir = home.path().display();
    let workers = own_processors();
    for temporary in ["body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        home.dir(temporary);
    }
    let config = format!(
        "daemon off; worker_processes {workers}; pid {dir}/pid; error_log stderr error;\n\
         events {{ worker_connections 4096; multi_accept on; }}\n\
         http {{ access_log off; client_body_temp_path {dir}/body; \
         proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi; \
         uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;\n\
         {servers} }}\n"
    );
    let config = home.file("nginx.conf", config);
    let mut command = Command::new(program);
    command.args(["-e", "stderr", "-c"]).arg(config);
    if rustix::process::geteuid().is_root() {
        // Its workers would become another user, who may not enter here.
        command.args(["-g", "user root;"]);
    }
    let mut process = Process::spawn(&mut command, &home.join("log"));
    port::wait(&mut process, address);
    process
}
