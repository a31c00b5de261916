//! Whom a release is believed from: keys that we carry or were given, and signatures of this very image.

use harness::openshift::{Release, ReleaseKey, name};
use harness::{Digest, Fault, Upstream};
use serde_json::json;

use super::{World, reference};

const WORDS: [&str; 2] = ["release", "4.18.7-x86_64"];

/// A release and a world that has it, without a signature.
fn unsigned(key: Option<ReleaseKey>) -> Option<(Release, World)> {
    let release = Release::typical().build();
    let world = World::empty(key?, "");
    release.push(&world.quay);
    Some((release, world))
}

/// Insists that a release is refused and that nothing comes of it; this is said.
#[track_caller]
fn check_refused(world: World, because: &str) {
    let blobs = world.blobs_asked();
    let told = world.mirror(&WORDS).fails(1);
    assert!(told.starts_with("error: "), "{told}");
    assert!(told.contains("4.18.7-x86_64"), "{told}");
    assert!(told.contains(because), "{told}");
    // Only the release image itself was looked into.
    assert!(world.blobs_asked() - blobs <= 4, "components are fetched");
    world.check_that_nothing_is_here();
}

/// A release with this for its signature is refused.
#[track_caller]
fn check_signature(because: &str, sign: impl FnOnce(&Release, &World) -> Vec<u8>) {
    let Some((release, world)) = unsigned(ReleaseKey::new()) else {
        return;
    };
    let signature = sign(&release, &world);
    world.store.put(&release.digest(), 1, signature);
    check_refused(world, because);
}

/// A release with this signature is copied, and the signature is kept.
#[track_caller]
fn check_believed(release: &Release, world: World) {
    world.mirror(&WORDS).ok();
    world.check_that_it_is_here(release, name::OUR_RELEASES, name::OUR_COMPONENTS);
    assert_eq!(world.kept(release), [world.store.get(&release.digest(), 1)]);
    world.registry.finish().no_uploads();
}

#[test]
fn an_unsigned_release_is_refused_unless_somebody_says_that_it_may_be() {
    let Some((release, world)) = unsigned(ReleaseKey::new()) else {
        return;
    };
    let told = world.mirror(&WORDS).fails(1);
    assert!(told.contains("no signature"), "{told}");
    assert!(
        told.contains("--allow-unsigned"),
        "a way on is told: {told}"
    );
    assert_eq!(world.registry.admin().catalog(), Vec::<String>::new());
    let words = [&WORDS[..], &["--allow-unsigned"]].concat();
    let report = world.document(&words, 0);
    assert_eq!(report["release"]["signatures"], 0);
    assert_eq!(report["release"]["signedBy"], json!([]));
    world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
    // Once here it is no better signed than before.
    world.mirror(&WORDS).fails(1);
    world.registry.finish().no_uploads();
}

#[test]
fn a_key_that_nobody_trusts_vouches_for_nothing() {
    check_signature("no signature that counts", |release, _| {
        let other = ReleaseKey::new().expect("there was one before");
        other.attest(&release.digest(), &reference(release))
    });
}

#[test]
fn a_signature_for_another_image_vouches_for_nothing() {
    check_signature("no signature that counts", |release, world| {
        let other = Digest::of(b"another image");
        world.key.attest(&other, &reference(release))
    });
}

#[test]
fn a_signature_that_was_tampered_with_vouches_for_nothing() {
    // The text is in the message as it is: the reference is changed, which nothing else is bound to.
    check_signature("no signature that counts", |release, world| {
        let mut signature = world.attest(release);
        let at = signature.windows(7).position(|text| text == b"quay.io");
        signature[at.expect("the text is not compressed")] = b'Q';
        signature
    });
}

#[test]
fn what_is_no_signature_vouches_for_nothing() {
    let cut = |release: &Release, world: &World| {
        let mut signature = world.attest(release);
        signature.truncate(signature.len() - 40);
        signature
    };
    check_signature("no signature that counts", cut);
    check_signature("no signature that counts", |_, _| Vec::new());
    check_signature("no signature that counts", |_, _| b"<html>".to_vec());
    check_signature("no signature that counts", |_, _| vec![0xff; 4 << 20]);
}

#[test]
fn a_signed_text_that_says_something_else_vouches_for_nothing() {
    let check = |change: &dyn Fn(&Release) -> serde_json::Value| {
        check_signature("no signature that counts", |release, world| {
            world
                .key
                .sign("20250101T000000", &change(release).to_string())
        });
    };
    let statement = |release: &Release, kind: &str, reference: &str| {
        json!({
            "critical": {
                "type": kind,
                "image": { "docker-manifest-digest": release.digest().as_str() },
                "identity": { "docker-reference": reference },
            },
            "optional": {},
        })
    };
    check(&|release| statement(release, "another kind of signature", &reference(release)));
    check(&|release| statement(release, "atomic container signature", ""));
    check(&|_| json!({ "critical": {} }));
    check(&|_| json!("sha256"));
}

#[test]
fn a_key_that_was_taken_back_vouches_for_nothing() {
    for reason in [1, 3] {
        let Some(key) = ReleaseKey::new() else {
            return;
        };
        let release = Release::typical().build();
        let signature = key.attest(&release.digest(), &reference(&release));
        key.revoke(reason);
        let world = World::empty(key, "");
        release.push(&world.quay);
        world.store.put(&release.digest(), 1, signature);
        check_refused(world, "no signature that counts");
    }
}

#[test]
fn a_key_vouches_for_what_it_signed_before_it_expired_and_for_nothing_later() {
    let release = Release::typical().build();
    let sign = |when: &str| {
        let key = ReleaseKey::made("20200101T000000", "never")?;
        let signature = key.attest_at(when, &release.digest(), &reference(&release));
        key.expire("20210101T000000");
        let world = World::empty(key, "");
        release.push(&world.quay);
        world.store.put(&release.digest(), 1, signature);
        Some(world)
    };
    let Some(world) = sign("20200601T000000") else {
        return;
    };
    check_believed(&release, world);
    let Some(world) = sign("20240601T000000") else {
        return;
    };
    check_refused(world, "no signature that counts");
}

#[test]
fn a_part_of_a_key_that_signs_in_its_place_counts() {
    let Some(key) = ReleaseKey::new() else {
        return;
    };
    key.add_signing_part();
    let release = Release::typical().build();
    let world = World::empty(key, "");
    world.publish(&release);
    check_believed(&release, world);
}

#[test]
fn one_of_several_signatures_is_enough_and_all_are_kept() {
    let Some((release, world)) = unsigned(ReleaseKey::new()) else {
        return;
    };
    let other = ReleaseKey::new().expect("there was one before");
    let foreign = other.attest(&release.digest(), &reference(&release));
    world.store.put(&release.digest(), 1, foreign);
    world
        .store
        .put(&release.digest(), 2, world.attest(&release));
    let report = world.document(&WORDS, 0);
    assert_eq!(report["release"]["signatures"], 2);
    let kept = world.kept(&release);
    let expected = [1, 2].map(|number| world.store.get(&release.digest(), number));
    assert_eq!(kept, expected);
    world.registry.finish().no_uploads();
}

#[test]
fn one_of_several_keys_is_enough() {
    let Some((release, world)) = unsigned(ReleaseKey::new()) else {
        return;
    };
    let other = ReleaseKey::new().expect("there was one before");
    world.sign(&release);
    let (ours, theirs) = (world.key.file(), other.file());
    let [ours, theirs] = [&ours, &theirs].map(|file| file.to_str().expect("a path of text"));
    let flag = "--release-key";
    let only_theirs = [&WORDS[..], &[flag, theirs]].concat();
    world.mirror(&only_theirs).fails(1);
    let both = [&WORDS[..], &[flag, theirs, flag, ours]].concat();
    world.mirror(&both).ok();
    world.check_that_it_is_here(&release, name::OUR_RELEASES, name::OUR_COMPONENTS);
    world.registry.finish().no_uploads();
}

#[test]
fn the_key_that_a_payload_brings_along_does_not_count() {
    let Some(theirs) = ReleaseKey::new() else {
        return;
    };
    let document = json!({
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {
            "name": "release-verification",
            "namespace": "openshift-config-managed",
            "annotations": { "release.openshift.io/verification-config-map": "" },
        },
        "data": { "verifier-public-key-redhat": theirs.public() },
    });
    let path = "release-manifests/0000_50_verification.json";
    let layer = harness::layer::Tar::new().file(path, document.to_string());
    let release = Release::typical().above(layer.gzip()).build();
    let Some(ours) = ReleaseKey::new() else {
        return;
    };
    let world = World::empty(ours, "");
    release.push(&world.quay);
    let signature = theirs.attest(&release.digest(), &reference(&release));
    world.store.put(&release.digest(), 1, signature);
    check_refused(world, "no signature that counts");
}

#[test]
fn a_directory_serves_as_a_store() {
    let Some((release, world)) = unsigned(ReleaseKey::new()) else {
        return;
    };
    let directory = harness::openshift::SignatureStore::new();
    directory.put(&release.digest(), 1, world.attest(&release));
    let path = directory.path().to_str().expect("a path of text");
    let words = [&WORDS[..], &["--signature-store", path]].concat();
    world.mirror(&words).ok();
    assert_eq!(world.kept(&release), [directory.get(&release.digest(), 1)]);
    // Now that it is here, nobody need be asked.
    world.mirror(&WORDS).ok();
    world.registry.finish().no_uploads();
}

#[test]
fn a_store_that_fails_is_named_and_another_may_have_what_is_needed() {
    let Some((release, world)) = unsigned(ReleaseKey::new()) else {
        return;
    };
    world.sign(&release);
    let broken = Upstream::start();
    broken.always(Fault::status(500));
    let (broken_url, good_url) = (broken.url(), world.store_url());
    let words = [&WORDS[..], &["--signature-store", &broken_url]].concat();
    let told = world.mirror(&words).fails(1);
    assert!(told.contains(&broken_url), "{told}");
    let words = [&words[..], &["--signature-store", &good_url]].concat();
    world.mirror(&words).ok();
    assert_eq!(
        world.kept(&release),
        [world.store.get(&release.digest(), 1)]
    );
    world.registry.finish().no_uploads();
}
