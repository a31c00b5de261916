//! Reading blobs (end-2): whole, conditionally and in parts.

mod range;
mod several_ranges;
mod whole;

pub(crate) use whole::malformed_digests;
