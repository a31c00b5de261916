//! Talks to other registries (the engine comes with pull-through and sync); knows nothing of serving.
