//! Images that lie in several places, and one that waits for all others.

use harness::{Format, Image, Upstream, index_of};
use roadstead_mirror::job::{Place, Set, State, Wish};

use crate::lab::{Lab, image, known, order, repo, tag, tagged};

fn place(repository: &str, name: Option<&str>) -> Place {
    Place {
        repository: repo(repository),
        tag: name.map(tag),
    }
}

/// A list of one image, under a tag of `a/b`.
fn list(upstream: &Upstream, name: &str) -> (Image, harness::Digest) {
    let child = Image::for_platform(Format::Oci, ("linux", "amd64"), &[name]);
    upstream.put("a/b", child.digest().as_str(), &child);
    let list = index_of(Format::Oci, &[(&child.manifest, ("linux", "amd64"))]);
    upstream.put_manifest("a/b", name, &list);
    (child, list.digest())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_lies_whole_in_each_of_its_places_and_comes_once() {
    let upstream = Upstream::start();
    let (child, list) = list(&upstream, "1");
    let signature = list.as_str().replace(':', "-") + ".sig";
    upstream.put("a/b", &signature, &image("signature"));
    let lab = Lab::new(&upstream).await;
    let wanted = || {
        order([Wish {
            also: vec![place("named/here", Some("one")), place("by/digest", None)],
            ..lab.wish("a/b", tagged("1"))
        }])
    };
    let outcome = lab.run(wanted()).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!((outcome.totals.images, outcome.totals.copied), (1, 1));

    for repository in ["upstream/a/b", "named/here", "by/digest"] {
        for reference in [list.as_str(), child.digest().as_str(), &signature] {
            let here = lab.whole(repository, reference).await;
            assert!(here.is_some(), "{repository} lacks {reference}");
        }
    }
    assert_eq!(lab.whole("named/here", "one").await, Some(known(&list)));
    assert_eq!(lab.tags("by/digest").await, [signature]);

    let before = upstream.sent();
    let again = lab.run(wanted()).await;
    assert_eq!(again.totals.unchanged, 1, "{again:?}");
    assert_eq!(again.totals.bytes_fetched, 0);
    assert!(upstream.sent() > before, "the tag was asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_new_is_filled_from_what_is_here() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &image("1"));
    let lab = Lab::new(&upstream).await;
    lab.run(order([lab.wish("a/b", tagged("1"))])).await;
    let outcome = lab
        .run(order([Wish {
            also: vec![place("other", Some("2"))],
            ..lab.wish("a/b", tagged("1"))
        }]))
        .await;
    assert_eq!(outcome.totals.copied, 1, "{outcome:?}");
    assert_eq!(outcome.totals.bytes_fetched, 0);
    assert!(lab.whole("other", "2").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_others_comes_only_when_they_are_here() {
    let upstream = Upstream::start();
    upstream.put("a/b", "part", &image("part"));
    upstream.put("a/b", "whole", &image("whole"));
    let lab = Lab::new(&upstream).await;
    let wanted = |parts: &[&str]| {
        let set = |is_head| Some(Set { number: 1, is_head });
        let head = Wish {
            set: set(true),
            also: vec![place("named/here", Some("whole"))],
            ..lab.wish("a/b", tagged("whole"))
        };
        let parts = parts.iter().map(|part| Wish {
            set: set(false),
            ..lab.wish("a/b", tagged(part))
        });
        // What is missing and does not belong to it is nothing to it.
        let other = lab.wish("a/b", tagged("never"));
        order([head, other].into_iter().chain(parts).collect::<Vec<_>>())
    };
    let outcome = lab.run(wanted(&["part", "absent"])).await;
    assert_eq!(outcome.images[0].state, State::Left, "{outcome:?}");
    let because = outcome.images[0].because.as_deref();
    assert!(
        because.is_some_and(|because| because.contains('1')),
        "{because:?}"
    );
    assert!(!outcome.is_complete());
    assert_eq!(lab.tags("upstream/a/b").await, ["part"]);
    assert!(lab.tags("named/here").await.is_empty());

    upstream.put("a/b", "absent", &image("absent"));
    let outcome = lab.run(wanted(&["part", "absent"])).await;
    assert_eq!(outcome.totals.failed, 1, "{outcome:?}");
    assert_eq!(lab.tags("upstream/a/b").await, ["absent", "part", "whole"]);
    assert_eq!(lab.tags("named/here").await, ["whole"]);
}
