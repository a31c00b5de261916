//! The name of an upload session.

use std::str::FromStr;

use uuid::Uuid;

use crate::error::Error;

/// Names an upload session; unguessable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UploadId(pub(super) Uuid);

impl std::fmt::Display for UploadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for UploadId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Only the form we write: another spelling of the same id would get past the lock.
        let id = Uuid::try_parse(text).map_err(|_| Error::UploadUnknown)?;
        if id.to_string() == text {
            Ok(Self(id))
        } else {
            Err(Error::UploadUnknown)
        }
    }
}
