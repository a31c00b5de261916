//! The rules of the house that a compiler does not know, as tests.
//!
//! A rule that fails names the file and says what to do; a rule that has become wrong is changed
//! here, in the open.

mod crates;
mod files;
mod source;
mod units;
mod words;
