//! TLS: the certificate that is served, its renewal under load, and the rotation of the CA.

mod certificate;
mod own;
mod renewal;
mod rotation;
