//! What is read out of images: from upstreams of the harness that fail on the way, and of the payload
//! that the real `oc` made.

mod genuine;
mod lab;
mod remote;
