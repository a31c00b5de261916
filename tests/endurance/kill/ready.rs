//! How long the registry takes from its start until it is ready, and when it is killed.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use harness::{Client, Registry, Session};
use http::Method;

/// What it may take to be ready again.
pub(crate) const LIMIT: Duration = Duration::from_secs(2);

/// How long each start took.
#[derive(Debug, Default)]
pub(crate) struct Starts(Vec<Duration>);

impl Starts {
    /// Starts a killed registry on its old ports and measures until `/readyz` answers 200.
    #[track_caller]
    pub(crate) fn again(&mut self, registry: &mut Registry) {
        let address = registry.plain_address();
        let begun = Instant::now();
        let took = thread::scope(|scope| {
            let ready = scope.spawn(move || {
                until_ready(address);
                begun.elapsed()
            });
            registry.start_again();
            ready.join().expect("it gets ready")
        });
        assert!(took < LIMIT, "ready after {took:.2?}");
        self.0.push(took);
    }

    /// How many, the median and the maximum, in words.
    pub(crate) fn figures(mut self) -> String {
        self.0.sort_unstable();
        let count = self.0.len();
        let (median, longest) = (self.0[count / 2], self.0[count - 1]);
        format!("{count} kills; ready again after {median:.0?}, at most {longest:.0?}")
    }
}

/// Asks again and again, as a load balancer does, only faster.
fn until_ready(address: SocketAddr) {
    let client = Client::plain(address);
    let mut session = Session::of(&client);
    let end = Instant::now() + harness::DEADLINE;
    let mut ask = || -> io::Result<bool> {
        let answer = client.request(Method::GET, "/readyz").over(&mut session)?;
        Ok(answer.status == 200)
    };
    while !ask().unwrap_or(false) {
        assert!(Instant::now() < end, "it does not get ready");
        thread::sleep(Duration::from_millis(1));
    }
}
