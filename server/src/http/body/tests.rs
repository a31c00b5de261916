//! Parts of real blobs, as frames and as parts of their files.

use std::future::poll_fn;

use http_body_util::BodyExt as _;
use rustix::fs::{Advice, fadvise};

use super::*;
use crate::http::testing::Held;

/// Longer than two of the largest pieces, and not a multiple of anything.
const LENGTH: u32 = 1_400_001;

/// Takes all of a body, as parts of files where it offers them, and counts those.
async fn by_files(mut body: Body) -> (Vec<u8>, usize) {
    let (mut bytes, mut parts) = (Vec::new(), 0);
    while !body.is_end_stream() {
        let left = body.left().expect("known");
        if let Some(part) = poll_fn(|context| body.poll_file(context)).await {
            let part = part.expect("a disk");
            let piece = part.blob.read(part.offset, part.len()).await;
            bytes.extend(piece.expect("a disk"));
            parts += 1;
        } else {
            let frame = body.frame().await.expect("more").expect("a disk");
            bytes.extend(frame.into_data().expect("no trailers"));
        }
        let taken = left - body.left().expect("known");
        assert!(taken > 0, "each piece is counted");
    }
    (bytes, parts)
}

#[tokio::test]
async fn a_part_is_delivered_exactly_in_several_pieces() {
    let held = Held::new(LENGTH).await;
    for (start, len) in [(0, u64::from(LENGTH)), (1, 1), (300_000, 400_001)] {
        let body = held.part(start, len);
        assert_eq!(body.size_hint().exact(), Some(len));
        let bytes = body.collect().await.expect("a disk").to_bytes();
        let start = usize::try_from(start).expect("small");
        assert_eq!(bytes, held.content()[start..start + bytes.len()]);
        assert_eq!(bytes.len() as u64, len);
    }
}

#[tokio::test]
async fn several_parts_come_in_the_order_asked_each_after_its_head() {
    let held = Held::new(LENGTH).await;
    let body = || held.parts(&[("<1>", 500_000, 3), ("<2>", 0, 600_000)], "<end>");
    assert_eq!(body().size_hint().exact(), Some(3 + 3 + 3 + 600_000 + 5));
    let expected = [
        b"<1>",
        &held.content()[500_000..500_003],
        b"<2>",
        &held.content()[..600_000],
        b"<end>",
    ]
    .concat();
    let bytes = body().collect().await.expect("a disk").to_bytes();
    assert_eq!(bytes, expected);
    let (bytes, parts) = by_files(body()).await;
    assert_eq!(bytes, expected);
    assert!(parts > 0, "the long part is offered as a file");
}

#[tokio::test]
async fn a_file_is_offered_in_parts_that_are_all_of_it() {
    let held = Held::new(LENGTH).await;
    for (start, len) in [(0, LENGTH), (7, 700_000)] {
        let (bytes, parts) = by_files(held.part(start, len.into())).await;
        let start = usize::try_from(start).expect("small");
        assert_eq!(bytes, held.content()[start..][..len as usize]);
        assert!(parts > 1, "of {len} bytes, in {parts} parts");
    }
}

#[tokio::test]
async fn little_of_a_file_is_read_rather_than_offered() {
    let held = Held::new(LENGTH).await;
    let (bytes, parts) = by_files(held.part(10, 10_000)).await;
    assert_eq!(bytes, held.content()[10..10_010]);
    assert_eq!(parts, 0);
}

#[tokio::test]
async fn a_part_of_a_file_is_in_memory_before_it_is_offered() {
    let held = Held::new(LENGTH).await;
    let mut body = held.part(0, LENGTH.into());
    fadvise(held.file(), 0, None, Advice::DontNeed).expect("a file");
    while let Some(part) = poll_fn(|context| body.poll_file(context)).await {
        let part = part.expect("a disk");
        assert!(part.is_cached(), "from {} on", part.offset);
    }
}

#[tokio::test]
async fn a_blob_that_was_cut_on_disk_breaks_the_answer_instead_of_ending_it() {
    let held = Held::new(LENGTH).await;
    held.file().set_len(1_200_000).expect("a disk");
    let body = held.part(0, LENGTH.into());
    body.collect().await.expect_err("the end is gone");

    let mut body = held.part(0, LENGTH.into());
    let mut offered = 0;
    let broken = loop {
        match poll_fn(|context| body.poll_file(context)).await {
            Some(Ok(part)) => offered += part.len(),
            Some(Err(failure)) => break failure,
            None => panic!("{offered} bytes, and then no more files"),
        }
    };
    assert!(matches!(broken, StoreError::Damaged { .. }), "{broken}");
    assert!(!body.is_end_stream());
}

#[tokio::test]
async fn a_buffer_that_is_used_again_shows_nothing_of_what_it_held() {
    let held = Held::new(LENGTH).await;
    let whole = held.part(0, LENGTH.into()).collect().await;
    drop(whole.expect("a disk"));
    let part = held.part(1_000_000, 20_000).collect().await;
    let part = part.expect("a disk").to_bytes();
    assert_eq!(part, held.content()[1_000_000..1_020_000]);
}
