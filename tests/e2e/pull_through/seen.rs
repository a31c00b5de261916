//! What those who look after it see: numbers, and lines of the log.

use harness::{Format, Image, Registry, Upstream};

use super::registry;

fn number(registry: &Registry, line: &str) -> Option<u64> {
    let answer = registry.plain().get("/metrics").expect(200);
    let number = answer
        .text()
        .lines()
        .find_map(|found| found.strip_prefix(line))?;
    number.trim().parse().ok()
}

#[test]
fn hits_misses_and_what_they_save_are_counted_with_why_the_upstream_was_asked() {
    let mut upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a/b", "1", &image);
    let registry = registry(&upstream, "tag_max_age = \"1ms\"");
    let client = registry.plain();
    let layer = harness::Digest::of(&image.layers[0]);
    let size = image.layers[0].len() as u64;
    client.manifest("up.example/a/b", "1").expect(200);
    for _ in 0..3 {
        client.blob("up.example/a/b", &layer).expect(200);
    }
    client.manifest("up.example/a/b", "1").expect(200);
    upstream.stop();
    client.manifest("up.example/a/b", "1").expect(200);
    let served = |what, result| {
        let labels = format!("{{upstream=\"up.example\",what=\"{what}\",result=\"{result}\"}}");
        number(&registry, &format!("roadstead_pull_through_total{labels}"))
    };
    assert_eq!(served("tag", "miss"), Some(1));
    assert_eq!(served("tag", "revalidated"), Some(1));
    assert_eq!(served("tag", "stale"), Some(1));
    assert_eq!(served("blob", "miss"), Some(1));
    assert_eq!(served("blob", "hit"), Some(2));
    let of_upstream = |name: &str| number(&registry, &format!("{name}{{upstream=\"up.example\"}}"));
    assert_eq!(
        of_upstream("roadstead_pull_through_saved_bytes_total"),
        Some(2 * size)
    );
    let received = of_upstream("roadstead_upstream_received_bytes_total");
    assert!(received >= Some(size + image.manifest.bytes.len() as u64));
    assert!(of_upstream("roadstead_pull_through_stale_seconds") >= Some(1));
    let asked = |cause, reply| {
        let labels = format!("{{upstream=\"up.example\",cause=\"{cause}\",reply=\"{reply}\"}}");
        number(
            &registry,
            &format!("roadstead_upstream_requests_total{labels}"),
        )
    };
    assert_eq!(asked("miss", "answered"), Some(2));
    assert_eq!(asked("revalidation", "answered"), Some(1));
    assert!(asked("revalidation", "failed") >= Some(1));
    let log = registry.log();
    for line in [
        "Asking the upstream for a manifest that is not here",
        "Asking the upstream for a blob that is not here",
        "An upstream does not answer as it should",
    ] {
        assert!(log.contains(line), "{line}");
    }
    registry.finish().no_uploads();
}
