//! High and low water: when a store is tight, and how much has to go until it is at ease.
//!
//! Between the two marks nothing is done, so that a store which is always full is not trimmed all the time.
//! Knows nothing of files; everything is in bytes.

/// At which part of its size, in percent, a store is tight, and to which it is trimmed then.
const HIGH_WATER: u64 = 95;
const LOW_WATER: u64 = 90;

/// What of a disk, in percent, is free above what has to be when it is tight, and what after a trim.
const LOW_MARGIN: u64 = 1;
const HIGH_MARGIN: u64 = 2;

/// For what would take more than this part of all there is, in percent, no room is made: half of
/// everything else would go for one blob, and it can be streamed.
const LARGEST_WISH: u64 = 50;

/// What has to go from a store that takes `used` of `max_size` and has just refused `wish`.
pub(crate) fn above_store(used: u64, wish: u64, max_size: u64) -> u64 {
    let taken = used.saturating_add(granted(wish, max_size));
    if taken > percent(max_size, HIGH_WATER) {
        taken - percent(max_size, LOW_WATER)
    } else {
        0
    }
}

/// What has to go from a disk that has `free` of `total`, of which `keep` have to stay so, when `wish`
/// was just refused.
pub(crate) fn above_disk(free: u64, keep: u64, wish: u64, total: u64) -> u64 {
    let wanted = keep.saturating_add(granted(wish, total));
    if free < wanted.saturating_add(percent(total, LOW_MARGIN)) {
        wanted.saturating_add(percent(total, HIGH_MARGIN)) - free
    } else {
        0
    }
}

fn granted(wish: u64, whole: u64) -> u64 {
    if wish <= percent(whole, LARGEST_WISH) {
        wish
    } else {
        0
    }
}

fn percent(whole: u64, part: u64) -> u64 {
    // In this order it cannot overflow; what is lost is less than a hundred bytes.
    whole / 100 * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_tight_from_one_mark_on_and_trimmed_to_the_other() {
        assert_eq!(above_store(950, 0, 1000), 0);
        assert_eq!(above_store(951, 0, 1000), 51);
        assert_eq!(above_store(900, 100, 1000), 100);
    }

    #[test]
    fn a_disk_is_tight_before_it_is_full_and_trimmed_beyond_that() {
        assert_eq!(above_disk(60, 50, 0, 1000), 0);
        assert_eq!(above_disk(59, 50, 0, 1000), 11);
        assert_eq!(above_disk(60, 50, 100, 1000), 110);
    }

    #[test]
    fn what_would_take_most_of_it_is_not_made_room_for() {
        assert_eq!(above_store(900, 501, 1000), 0);
        assert_eq!(above_disk(900, 50, 501, 1000), 0);
    }
}
