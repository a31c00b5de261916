//! Keys that sign releases, and what they sign: made by `GnuPG`, in a home of their own.
//!
//! The clock of `GnuPG` is the test's, so that keys expire and signatures are older than they could be.
//! It runs on from the time that each command is given, so that what builds on something else is given
//! a later one: a slow machine makes a key a second after its time, and a key signs nothing before it is.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::digest::Digest;
use crate::outcome::Outcome;
use crate::scratch::Scratch;
use crate::tools;

/// When keys are made, if nothing else is said.
const MADE: &str = "20241230T000000";

/// When they are given another part.
const ADDED: &str = "20241231T000000";

/// When they sign, if nothing else is said, and all the rest is done.
const TODAY: &str = "20250101T000000";

/// A key that signs releases.
pub struct ReleaseKey {
    gpg: PathBuf,
    home: Scratch,
    fingerprint: String,
}

impl ReleaseKey {
    /// A new one that is good for ever, or none where `GnuPG` is not installed.
    #[track_caller]
    pub fn new() -> Option<Self> {
        Self::made(MADE, "never")
    }

    /// One that was made at this time (`20250101T000000`), and expires after that long (`1y`, `never`).
    #[track_caller]
    pub fn made(when: &str, validity: &str) -> Option<Self> {
        let gpg = tools::at_hand("gpg")?;
        let mut key = Self {
            gpg,
            home: Scratch::new(),
            fingerprint: String::new(),
        };
        let user = "Release key <security@example.com>";
        key.run(
            when,
            &["--quick-generate-key", user, "rsa2048", "sign", validity],
            "",
        );
        key.fingerprint = key.fingerprints().swap_remove(0);
        Some(key)
    }

    /// Gives it a part that signs in its place.
    #[track_caller]
    pub fn add_signing_part(&self) {
        let words = [
            "--quick-add-key",
            &self.fingerprint,
            "rsa2048",
            "sign",
            "never",
        ];
        self.run(ADDED, &words, "");
    }

    /// Lets it expire at this time (`20210101T000000`), as it was said long ago.
    #[track_caller]
    pub fn expire(&self, when: &str) {
        self.run(TODAY, &["--quick-set-expire", &self.fingerprint, when], "");
    }

    /// Takes it back, for this reason: 1 is that others have it, 3 that it is no longer used.
    #[track_caller]
    pub fn revoke(&self, reason: u8) {
        let words = [
            "--no-batch",
            "--command-fd",
            "0",
            "--gen-revoke",
            &self.fingerprint,
        ];
        let answers = format!("y\n{reason}\n\ny\n");
        let text = self.run(TODAY, &words, &answers);
        let file = self.home.file("revocation.asc", text);
        let file = file.to_str().expect("scratch paths are text");
        self.run(TODAY, &["--import", file], "");
    }

    /// Its public part, as text.
    #[track_caller]
    pub fn public(&self) -> String {
        self.run(TODAY, &["--armor", "--export", &self.fingerprint], "")
    }

    /// Its public part in a file.
    #[track_caller]
    pub fn file(&self) -> PathBuf {
        self.home.file("public.asc", self.public())
    }

    /// Says of the image with this digest that it is what this reference names.
    #[track_caller]
    pub fn attest(&self, digest: &Digest, reference: &str) -> Vec<u8> {
        self.sign(TODAY, &statement(digest, reference))
    }

    /// The same, said at this time.
    #[track_caller]
    pub fn attest_at(&self, when: &str, digest: &Digest, reference: &str) -> Vec<u8> {
        self.sign(when, &statement(digest, reference))
    }

    /// Signs this text, whatever it says.
    #[track_caller]
    pub fn sign(&self, when: &str, text: &str) -> Vec<u8> {
        let text = self.home.file("text", text);
        let output = self.home.join("signed");
        // The youngest part; the exclamation mark means this very one.
        let part = self.fingerprints().pop().expect("a key has itself");
        let (part, path) = (format!("{part}!"), |path: &PathBuf| {
            path.display().to_string()
        });
        let (text, into) = (path(&text), path(&output));
        let words = [
            "--output",
            &into,
            "--compress-algo",
            "none",
            "--local-user",
            &part,
        ];
        self.run(when, &[&words[..], &["--sign", &text]].concat(), "");
        std::fs::read(output).expect("read what was signed")
    }

    /// The fingerprints of its parts, its own first.
    #[track_caller]
    fn fingerprints(&self) -> Vec<String> {
        let listed = self.run(TODAY, &["--with-colons", "--list-keys"], "");
        let rows = listed.lines().filter_map(|row| row.strip_prefix("fpr:"));
        rows.map(|row| row.trim_matches(':').to_owned()).collect()
    }

    #[track_caller]
    fn run(&self, when: &str, words: &[&str], input: &str) -> String {
        let mut command = Command::new(&self.gpg);
        command
            .args([
                "--batch",
                "--no-tty",
                "--yes",
                "--pinentry-mode",
                "loopback",
            ])
            .args(["--passphrase", "", "--faked-system-time", when])
            .args(words)
            .env("GNUPGHOME", self.home.path());
        Outcome::of(&mut command, input).ok()
    }
}

impl Drop for ReleaseKey {
    fn drop(&mut self) {
        // Its agent would stay for a while, and look for a home that is gone.
        let mut command = Command::new(self.gpg.with_file_name("gpgconf"));
        command
            .args(["--kill", "all"])
            .env("GNUPGHOME", self.home.path());
        drop(command.output());
    }
}

/// What a signature says: that this reference names the image with this digest.
fn statement(digest: &Digest, reference: &str) -> String {
    json!({
        "critical": {
            "type": "atomic container signature",
            "image": { "docker-manifest-digest": digest.as_str() },
            "identity": { "docker-reference": reference },
        },
        "optional": { "creator": "a test", "timestamp": 1_735_689_600 },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_found_again_and_bears_a_binary_signature() {
        let Some(key) = ReleaseKey::new() else {
            return;
        };
        let digest = Digest::of(b"");
        let signed = key.attest(&digest, "quay.io/a/b:1");
        assert!(signed[0] & 0x80 != 0, "not text");
        let file = key.home.file("found", &signed);
        let said = key.run(TODAY, &["--decrypt", file.to_str().unwrap()], "");
        assert_eq!(said, statement(&digest, "quay.io/a/b:1"));
        let before = key.public();
        key.add_signing_part();
        assert_ne!(key.public(), before);
        assert_ne!(key.attest(&digest, "quay.io/a/b:1"), signed);
        key.revoke(1);
    }
}
