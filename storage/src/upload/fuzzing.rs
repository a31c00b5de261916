//! What must hold of the record of an upload, whatever is found in its place: see `crate::fuzzing`.

use crate::record;
use crate::upload::state::State;

/// The bytes are a record without its hash. One that is read is written as the same, and its hash either
/// goes on or is known to be damaged.
pub(crate) fn upload_state(bytes: &[u8]) {
    let Ok(state) = serde_json::from_slice::<State>(bytes) else {
        return;
    };
    let sealed = record::encode(&state);
    let again: State = record::decode(&sealed).expect("what we write is a record");
    assert_eq!(record::encode(&again), sealed);
    if let Some(mut hasher) = state.hash.resume() {
        assert_eq!(hasher.save(), state.hash, "awake and put to rest again");
        let algorithm = hasher.algorithm();
        hasher.update(b"more");
        assert_eq!(hasher.finish().algorithm(), algorithm);
    }
}
