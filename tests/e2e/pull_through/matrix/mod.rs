//! Whatever an upstream does wrong, seen from outside: what is held is served within two seconds and says
//! whether it may be out of date, no wrong byte is ever served to its end, nothing but the beginning of
//! right content stays on disk, and all is well again when the upstream is.

mod body;
mod header;
mod lab;
mod location;
mod network;
mod stall;
mod status;

use harness::Fault;

use self::lab::Lab;

/// What is expected while something goes wrong.
#[derive(Clone, Copy, Debug)]
struct Expected {
    /// Of a tag that is held and due.
    tag: Tag,
    /// Of a blob that is not held, of a manifest that is.
    blob: Missing,
    /// Of a manifest that is not held.
    manifest: Missing,
}

/// How a tag that is held is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    /// The upstream has confirmed it.
    Fresh,
    /// With a warning that nobody has.
    Stale,
    /// Either way.
    Held,
}

/// What becomes of who asks for what is not held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// It comes all the same.
    Comes,
    /// It does not, and whoever waits for it hears that.
    Fails,
}

/// Nothing can be had from the upstream.
const NOTHING: Expected = Expected {
    tag: Tag::Stale,
    blob: Missing::Fails,
    manifest: Missing::Fails,
};

/// The upstream confirms what tags name, and gives neither blobs nor manifests.
const CONFIRMED: Expected = Expected {
    tag: Tag::Fresh,
    ..NOTHING
};

/// What breaks off is continued, but a manifest is taken whole or not at all.
const CONTINUED: Expected = Expected {
    blob: Missing::Comes,
    ..CONFIRMED
};

/// It does no harm.
const HARMLESS: Expected = Expected {
    tag: Tag::Fresh,
    blob: Missing::Comes,
    manifest: Missing::Comes,
};

/// Has this go wrong with each request, and then no more.
#[track_caller]
fn check(fault: Fault, expected: Expected) {
    let lab = Lab::open();
    lab.upstream.always(fault);
    lab.check(expected);
    lab.upstream.behave();
    lab.heals();
}
