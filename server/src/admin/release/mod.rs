//! What commands about releases want, as data that crosses the admin socket.

pub(crate) mod trust;
