//! Images on media: what comes in from trees as oc writes them, however they were copied about, and what
//! goes out to trees that oc reads.

mod export;
mod folder;
mod import;
mod lab;
