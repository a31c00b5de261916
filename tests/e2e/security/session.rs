//! Uploads that are begun and never ended: there is room for many, not for any number.

use std::fs;

use harness::Registry;

/// As many as the registry keeps, less a few.
const LEFT_BEHIND: u32 = 9_990;

#[test]
fn uploads_that_nobody_ends_leave_room_only_for_so_many() {
    let mut registry = Registry::open();
    registry.stop();
    // As that many clients would have left them.
    let uploads = registry.data().join("uploads");
    let names = (0..LEFT_BEHIND).map(|number| format!("{number:08x}-0000-4000-8000-000000000000"));
    let left: Vec<_> = names.map(|name| uploads.join(name)).collect();
    for dir in &left {
        fs::create_dir_all(dir).expect("make a directory");
    }
    registry.start_again();
    let client = registry.plain();

    let begun: Vec<_> = (0..10).map(|_| client.start_upload("a/b")).collect();
    let refused = client
        .post("/v2/a/b/blobs/uploads/", "")
        .refused(429, "TOOMANYREQUESTS");
    assert!(refused.header("location").is_none());

    // Whoever gives one up makes room for another.
    client.delete(&begun[0]).expect(204);
    let again = client.start_upload("a/b");
    for location in begun[1..].iter().chain([&again]) {
        client.delete(location).expect(204);
    }
    for dir in &left {
        fs::remove_dir(dir).expect("remove a directory");
    }
    registry.finish().no_uploads();
}
