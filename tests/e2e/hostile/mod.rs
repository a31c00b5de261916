//! Odd and hostile input: it gets the right error, leaves nothing behind, and harms nobody else.

mod document;
mod flood;
mod header;
mod method;
mod name;
mod slow;
