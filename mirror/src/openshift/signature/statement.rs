//! What a release signature says: this digest is the release that its name promises.
//!
//! Owns the JSON that is signed, "atomic container signature" as containers/image defines it. Invariant: a
//! field that is not known here makes it void, for it could restrict what is said.

use roadstead_storage::oci::Digest;
use serde::Deserialize;

use super::unverified::Unverified;

const KIND: &str = "atomic container signature";

/// What is said of a release.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// What the signer calls it.
    pub(super) reference: String,
    /// What signed it, in its own words.
    pub(super) creator: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    critical: Critical,
    optional: Option<Optional>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Image,
    identity: Identity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    #[serde(rename = "docker-reference")]
    reference: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Optional {
    creator: Option<String>,
    #[serde(rename = "timestamp")]
    _timestamp: Option<i64>,
}

impl Statement {
    /// What `body` says of the release `wanted`. The name in it is compared with nothing: mirrors serve the
    /// release under names of their own.
    pub(super) fn read(body: &[u8], wanted: &Digest) -> Result<Self, Unverified> {
        let raw: Raw =
            serde_json::from_slice(body).map_err(|source| Unverified::Statement { source })?;
        let refuse = |what| Unverified::StatementOf { what };
        let Critical {
            kind,
            image,
            identity: Identity { reference },
        } = raw.critical;
        if kind != KIND {
            return Err(refuse("it is a statement of another kind"));
        }
        if reference.is_empty() || !is_plain(&reference) {
            return Err(refuse("it names no image"));
        }
        let found: Digest = image.digest.parse().map_err(|_| refuse("no digest"))?;
        if found != *wanted {
            let found = Box::new(found);
            return Err(Unverified::OtherDigest { found });
        }
        let creator = raw.optional.and_then(|optional| optional.creator);
        Ok(Self {
            reference,
            creator: creator.filter(|creator| is_plain(creator)),
        })
    }
}

/// Whether a text can be shown to a person as it is.
fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn json(critical: &str, optional: &str) -> String {
        let all = format!(
            r#"{{"critical":{{"image":{{"docker-manifest-digest":"{WANTED}"}},{critical}}}{optional}}}"#
        );
        all.replace(
            "KIND",
            r#""type":"atomic container signature","identity":{"docker-reference":"quay.io/a/b:1"}"#,
        )
    }

    fn read(body: &str) -> Result<Statement, Unverified> {
        Statement::read(body.as_bytes(), &WANTED.parse().unwrap())
    }

    #[track_caller]
    fn check(body: &str, creator: Option<&str>) {
        let expected = Statement {
            reference: "quay.io/a/b:1".to_owned(),
            creator: creator.map(str::to_owned),
        };
        assert_eq!(read(body).unwrap(), expected, "{body}");
    }

    #[test]
    fn what_is_optional_may_be_left_out() {
        check(&json("KIND", ""), None);
        check(&json("KIND", r#","optional":null"#), None);
        check(&json("KIND", r#","optional":{}"#), None);
        let both = r#","optional":{"creator":"me","timestamp":1740000000}"#;
        check(&json("KIND", both), Some("me"));
    }

    #[track_caller]
    fn check_refused(body: &str, because: &str) {
        let refused = read(body).unwrap_err().to_string();
        assert!(refused.contains(because), "{body}: {refused}");
    }

    #[test]
    fn what_is_not_known_makes_a_statement_void() {
        for body in [
            json(r#"KIND,"more":1"#, ""),
            json("KIND", r#","more":{}"#),
            json("KIND", r#","optional":{"more":1}"#),
            json("KIND", "").replace(r#"quay.io/a/b:1""#, r#"a","more":1"#),
            json("KIND", "").replace(r#""}"#, r#"","more":1}"#),
            json("KIND,KIND", ""),
            json("KIND", "") + "{}",
            json(r#""type":"atomic container signature""#, ""),
            String::new(),
            "[".repeat(20_000),
        ] {
            check_refused(&body, "says nothing of a release");
        }
    }

    #[test]
    fn what_it_is_about_has_to_be_said() {
        let good = json("KIND", "");
        check_refused(&good.replace("atomic ", ""), "another kind");
        check_refused(&good.replace("quay.io/a/b:1", ""), "names no image");
        check_refused(&good.replace("quay.io/", r"\u001b[31m"), "names no image");
        check_refused(&good.replace("sha256:", "sha256:../"), "no digest");
        check_refused(
            &good.replace("44136fa3", "54136fa3"),
            "it is for sha256:5413",
        );
    }
}
