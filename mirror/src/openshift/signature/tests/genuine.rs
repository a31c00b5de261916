//! Signatures that others made: Red Hat's own, the ones of a payload made by the real `oc`, `GnuPG`'s.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use roadstead_storage::oci::Digest;

use super::lab::{NOW, Owner, statement, time};
use crate::openshift::signature::{Keyring, Unverified, verify};

/// Of 4.10.18 for `x86_64`, as Red Hat published it: compressed, and a signature of version 3.
const OF_4_10_18: &str = "\
owGbwMvMwMEoOU9/4l9n2UDGtYwpSWLxRQW5xZnpukWphbrZkUXB+T56SZl5SQutkquVkosySzKTE3OUrBSqlTJzE9NT\
wayU/OTs1CLd3MS8zLTU4hLdlMx0IAWUUirOSDQyNbMytDRNSTVKNE1NM05MMzSwMDYzMkg0M0o0MU1NNDNMTDY0MjZO\
S0s0Mk9KSk41TzI2MDOwTDSzNDc3TUxNTjS0VKrVUVAqqSwAWaeUWJKfm5mskJyfV5KYmZdapAB0bV5iSWlRqhJQVWZK\
al5JZkklssOKUtNSi1LzksHaC0sTK/Uy8/XzC1LzijMy00qA0jmpicWpuimpZfr5yQUwvpWJnqGBnqGFboWFWbyZiVIt\
yBH5BSWZ+XnQEEguSgU6pghkalBqioJHYomCP9DUYJCpCsFAV2XmpSs4lpZk5APDrVLBQA9oHNCYTiZRZlYGUIjCQ55j\
8jv+/7Uu/XbHJ7Hs//N4Zf0KsbSZDx4Fifp9V53jsz1j4SPLhRadaod93tzeMP8Kb7DTZCa11fLnDxqGqJTu8st6VnEw\
YBdr+UrbmpA9Z5O21iT1t3YL8+bwPpvff/LYpTcPSu5Ulm/3draL1rtxz/zx2qQtr1LqvrUYnZqbXb3a40XEv5Ouc84f\
S7u15kXXhkaPy8mRe3LDHG4e+dQ313zJhtq1PQH2W/crnHr6OIn3g/7FXV43789+2samUd+gmMOUnKWg46Unm7lYep5D\
zo3yfV3l5WHx72bnxB8y+5+z7EZOZcMCI6frai8e8T77dC+99lzt0WR5v6qZSWunmv28Zv+9LMAka5GBfAPXOukNZlVG\
j0ubmQpCD3lfvV13RnzvRE+Gnln15TYhVf+2ClwtKHyWfv13/+Z3x5MCjjWveVRxeqMQ+86eI88cNxYYzjm1aMG1pMbL\
wTcOTngcnZM0fxFT+AcZfh9ehYVfoq1Osu+KutIo9ZRza2vLpb39brwX+8s+K26eL3t9ueuas1ELf20SjA6QNMloXbmH\
4dyy2V0u/wKentd0E15jXe3Y23bgotCSG0I++dv2zPxxUPVIlLKAauL7wyqbZr+6dYirxGqFeU3sjw/NDuYFKdwXdfcy\
N/80Xt8wf6vqykReya6vD2/bhqrUWbgptQt9v6x8UoRN6ea3zxI7C814PhtrBETfDxIMFLv1toTrMxODIwA=";
const DIGEST_OF_4_10_18: &str =
    "sha256:195de2a5ef3af1083620a62a45ea61ac1233ffa27bbce7b30609a69775aeca19";

/// Of 4.15.49 for `x86_64`: compressed, and a signature of version 4 whose number is a little short.
const OF_4_15_49: &str = "\
owGbwMvMwMEoOU9/4l9n2UDGtYwpSWLxRQW5xZnpukWphbqG5fHmvuF6SZl56T9szaqVkosySzKTE3OUrBSqlTJzE9NT\
wayU/OTs1CLd3MS8zLTU4hLdlMx0IAWUUirOSDQyNbMyNzC2TDVPSjE2SUsxMDJJSzMztExJszQ0MTWySLZIsTBNNTNK\
sjAxN7I0TDMzszAxsDRLSzFJTrRISUo0SkpKUarVUVAqqSwAWaeUWJKfm5mskJyfV5KYmZdapAB0bV5iSWlRqhJQVWZK\
al5JZkklssOKUtNSi1LzksHaC0sTK/Uy8/XzC1LzijMy00qA0jmpicWpuimpZfr5yQUwvpWJnqGpnomlboWFWbyZiVIt\
yBH5BSWZ+XnQEEguSgU6pghkalBqioJHYomCP9DUYJCpCsFAVwHDTcGxtCQjHxhulQoGegZ6hkBjOplkWBgYORjYWJlA\
wcrAxSkAiwKvaP4/3HqJh3UYyn9lnVnG9Lrnp7Pzhtkh3t2nz54qft6wVS/35TyutokOFgu036qtrUyQvKRfaLlYdMFN\
tugzR/tEMyMrrdlfWfHc/1wW4dl5o+Nxtvu7s2HnGBpu3XNYk3QvdAcfR0XlBO/M2I9TOt5UrXRRPZAupxh9okt887En\
0Wp2ycJiQoveM9e47OXZe/iGSxNfmPK0ODn1iTITkupmlhR+fn1rnlF8j96n90umbZNcf3nGfEXbX+JFXPmylcwy97iN\
67Ifc/PpbpR4p1odce/LmdNmv3hkQ0qKFu9gqDvA2xUtuTaSyZczoWP7Ho1n/pqLTszoF53k8WzXksRAnjKx/+XhD//N\
WJxxTfkF75lUz/cy+7/byPVc3bC/L2htmMhRkZKI2MsnTD8br2fvZRfgXd7yJYqP+6DRu/dBC5//VJ+YExEwL0x86dlL\
S3Te8Gyr5My0ag/gDGt/1TZ3Tb/UndD7K/QUf2k+7svh4+gonRb0WqNlF9eR8KjDG9ftN8zqYuR5t7hu3uJ3VZlu93jq\
hZ1PxfZNF2zVVttSkeeZ3zDpXDGf3oaYvNA5K+ZsUPPOuibNJJcWflvwaqBGotrk3mkdbkd2XLNue1l43jf+c9+9PZEX\
QuZ9NT05933K3KXsFRtcNp9Zd2qSoeOnbRvOFK89t3vFhIXmXP8WOAWcftbrbxK1zMfv5nHmy/8ufFlaum1W3cXad7wA";
const DIGEST_OF_4_15_49: &str =
    "sha256:7039e7bd34fd024ff619df914528c8d85e62b847291f6684096fd4ca8dba2bbd";

#[test]
fn the_key_that_is_carried_is_red_hats_release_key_2() {
    let carried = Keyring::carried();
    let found: Vec<_> = carried
        .fingerprints()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, ["567E347AD0044ADE55BA8A5F199E2F91FD431D51"]);
}

#[track_caller]
fn check_red_hats(signature: &str, digest: &str, made: u32, version: &str) {
    let signature = BASE64_STANDARD.decode(signature).unwrap();
    let digest: Digest = digest.parse().unwrap();
    let keys = Keyring::carried();
    let verified = verify(&signature, &digest, &keys, time(NOW)).unwrap();
    assert_eq!(verified.key, keys.fingerprints()[0]);
    assert_eq!(verified.made_at, time(made));
    let reference = format!("quay.io/openshift-release-dev/ocp-release:{version}-x86_64");
    assert_eq!(verified.reference, reference);
    let creator = "Red Hat OpenShift Signing Authority 0.0.1";
    assert_eq!(verified.creator.as_deref(), Some(creator));
    let refused = verify(
        &signature,
        &super::lab::WANTED.parse().unwrap(),
        &keys,
        time(NOW),
    );
    assert!(
        matches!(refused, Err(Unverified::OtherDigest { .. })),
        "{refused:?}"
    );
}

#[test]
fn red_hats_own_signatures_are_good_by_the_key_that_is_carried() {
    check_red_hats(OF_4_10_18, DIGEST_OF_4_10_18, 1_654_733_411, "4.10.18");
    check_red_hats(OF_4_15_49, DIGEST_OF_4_15_49, 1_744_321_846, "4.15.49");
}

#[test]
fn red_hats_signatures_are_worth_nothing_to_who_trusts_another_key() {
    let keys = Keyring::parse(&[("mine", Owner::new(1).plain())]).unwrap();
    let signature = BASE64_STANDARD.decode(OF_4_10_18).unwrap();
    let refused = verify(
        &signature,
        &DIGEST_OF_4_10_18.parse().unwrap(),
        &keys,
        time(NOW),
    );
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("199E2F91FD431D51"), "{refused}");
}

/// The directory of a payload that the real `oc` made, where it lies beside the project.
fn fixture() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.parent()?;
    let fixture = root.join("shared/fixtures/openshift-4.18.7");
    fixture.is_dir().then_some(fixture)
}

#[test]
fn the_signature_of_a_payload_by_oc_is_good_by_its_key() {
    let Some(fixture) = fixture() else {
        // The same is shown above by what Red Hat published.
        return;
    };
    let key = fs::read(fixture.join("release-key.asc")).unwrap();
    let keys = Keyring::parse(&[("release-key.asc", key)]).unwrap();
    let now = time(1_795_400_000);
    let mut found = 0;
    for folder in fs::read_dir(fixture.join("signatures")).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap();
        let digest = name.replace('=', ":").parse().unwrap();
        let signature = fs::read(folder.join("signature-1")).unwrap();
        let verified = verify(&signature, &digest, &keys, now).unwrap();
        assert!(verified.reference.ends_with("ocp-release:4.18.7-x86_64"));
        let refused = verify(&signature, &digest, &Keyring::carried(), now);
        assert!(
            matches!(refused, Err(Unverified::UnknownKey { .. })),
            "{refused:?}"
        );
        found += 1;
    }
    assert!(found > 0);
}

/// `GnuPG` with a home of its own.
struct Gpg(tempfile::TempDir);

impl Gpg {
    /// With a new key, where there is a `GnuPG`.
    fn new() -> Option<Self> {
        let gpg = Self(tempfile::tempdir().unwrap());
        Command::new("gpg").arg("--version").output().ok()?;
        let user = "Release <release@example.com>";
        gpg.run(&["--quick-generate-key", user, "ed25519", "sign", "1y"]);
        Some(gpg)
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let made = Command::new("gpg")
            .args([
                "--batch",
                "--yes",
                "--quiet",
                "--passphrase",
                "",
                "--homedir",
            ])
            .arg(self.0.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        made.stdout
    }
}

impl Drop for Gpg {
    /// Its agent goes when its home does; it is only told to do so at once.
    fn drop(&mut self) {
        let mut agent = Command::new("gpgconf");
        agent.arg("--homedir").arg(self.0.path());
        drop(agent.args(["--kill", "all"]).output());
    }
}

#[test]
fn what_gnupg_signs_is_good_however_it_packs_it() {
    let Some(gpg) = Gpg::new() else {
        // What GnuPG makes is shown above by what Red Hat signed with it.
        return;
    };
    let text = gpg.0.path().join("statement");
    fs::write(&text, statement()).unwrap();
    let text = text.to_str().unwrap();
    let wanted = super::lab::WANTED.parse().unwrap();
    let now = std::time::SystemTime::now();
    let keys = [gpg.run(&["--export"]), gpg.run(&["--export", "--armor"])];
    for key in keys {
        let keys = Keyring::parse(&[("gpg", key)]).unwrap();
        for packing in ["none", "zip", "zlib"] {
            let message = gpg.run(&["--sign", "--compress-algo", packing, "-o", "-", text]);
            verify(&message, &wanted, &keys, now).unwrap();
        }
        let detached = gpg.run(&["--detach-sign", "-o", "-", text]);
        verify(&detached, &wanted, &keys, now).unwrap_err();
        let clear = gpg.run(&["--clear-sign", "-o", "-", text]);
        verify(&clear, &wanted, &keys, now).unwrap_err();
    }
}
