//! Tokens that are not good, however close they come (security cases, 13).

use harness::{Anonymous, Registry};
use serde_json::{Value, json};

use super::jwt::{self, Signer};
use super::token;

/// A registry where `ci` may read `a/b` and nobody else may, with a good token and its own key.
struct Lab {
    registry: Registry,
    token: String,
    key: Signer,
}

impl Lab {
    fn new() -> Self {
        let registry = Registry::with().anonymous(Anonymous::None).start();
        let client = registry.user("ci", "a password");
        client.push_blob("a/b", &"secret".into());
        let token = client.token(&["repository:a/b:pull,push"]);
        let key = Signer::of(&registry);
        Self {
            registry,
            token,
            key,
        }
    }

    /// The good token's header and claims, changed.
    fn sign(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let (mut header, mut claims) = self.parts();
        change(&mut header, &mut claims);
        self.key.sign(&header, &claims)
    }

    fn parts(&self) -> (Value, Value) {
        (jwt::header(&self.token), jwt::claims(&self.token))
    }

    #[track_caller]
    fn takes(&self, token: &str) {
        let client = self.registry.client().bearer(token);
        client.get("/v2/").expect(200);
        client.get("/v2/a/b/tags/list").expect(200);
    }

    #[track_caller]
    fn refuses(&self, token: &str) {
        let client = self.registry.client().bearer(token);
        client.get("/v2/").refused(401, "UNAUTHORIZED");
        let answer = client.get("/v2/a/b/tags/list").refused(401, "UNAUTHORIZED");
        let challenge = answer.must("www-authenticate");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }

    fn finish(self) {
        self.registry.finish();
    }
}

#[test]
fn a_token_signed_again_by_the_same_key_is_as_good_as_before() {
    let lab = Lab::new();

    lab.takes(&lab.token);
    // Proves that the forgeries below fail for what is forged in them.
    lab.takes(&lab.sign(|_, _| ()));
    lab.finish();
}

#[test]
fn a_token_counts_in_its_time_only() {
    let lab = Lab::new();
    let now = lab.parts().1["iat"].as_i64().expect("iat");

    lab.refuses(&lab.sign(|_, claims| claims["exp"] = json!(now - 120)));
    lab.refuses(&lab.sign(|_, claims| claims["nbf"] = json!(now + 600)));
    lab.refuses(&lab.sign(|_, claims| drop(claims.as_object_mut().unwrap().remove("exp"))));
    lab.finish();
}

#[test]
fn a_token_counts_for_its_service_and_user_only() {
    let lab = Lab::new();

    lab.refuses(&lab.sign(|_, claims| claims["aud"] = json!("another.example.com")));
    lab.refuses(&lab.sign(|_, claims| drop(claims.as_object_mut().unwrap().remove("aud"))));
    lab.refuses(&lab.sign(|_, claims| claims["iss"] = json!("somebody else")));
    lab.refuses(&lab.sign(|_, claims| claims["sub"] = json!("nobody")));
    lab.refuses(&lab.sign(|_, claims| claims["sub"] = json!("")));
    lab.finish();
}

#[test]
fn a_token_changed_after_it_was_signed_is_refused() {
    let lab = Lab::new();
    let (header, mut claims) = lab.parts();
    claims["sub"] = json!("admin");
    let forged = jwt::unsigned(&header, &claims);
    let signature = lab.token.rsplit_once('.').expect("three parts").1;

    lab.refuses(&format!("{forged}{signature}"));
    lab.refuses(&forged);
    lab.refuses(&lab.token[..lab.token.len() - 4]);
    lab.refuses(&format!("{}AAAA", lab.token));
    lab.finish();
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let lab = Lab::new();
    let (_, claims) = lab.parts();

    for none in ["none", "None", "NONE", "nOnE", ""] {
        lab.refuses(&jwt::unsigned(
            &json!({ "alg": none, "typ": "JWT" }),
            &claims,
        ));
    }
    lab.refuses(&jwt::unsigned(&json!({ "typ": "JWT" }), &claims));
    lab.finish();
}

#[test]
fn the_public_key_is_no_secret_to_sign_with() {
    let lab = Lab::new();
    let (mut header, claims) = lab.parts();
    header["alg"] = json!("HS256");
    let jwk = lab.key.jwk().to_string();

    for secret in [
        lab.key.public(),
        &lab.key.public()[1..],
        jwk.as_bytes(),
        b"",
    ] {
        lab.refuses(&jwt::hs256(secret, &header, &claims));
    }
    lab.finish();
}

#[test]
fn a_key_that_comes_with_its_token_is_not_trusted() {
    let lab = Lab::new();
    let stranger = Signer::stranger();
    let (header, claims) = lab.parts();
    let with = |member: &str, value: Value| {
        let mut header = header.clone();
        header[member] = value;
        stranger.sign(&header, &claims)
    };

    lab.refuses(&stranger.sign(&header, &claims));
    lab.refuses(&with("jwk", stranger.jwk()));
    lab.refuses(&with("jku", json!("https://evil.example.com/keys")));
    lab.refuses(&with("x5u", json!("https://evil.example.com/chain.pem")));
    lab.refuses(&with("x5c", json!(["MIIB"])));
    lab.refuses(&with("kid", json!("../../../dev/null")));
    lab.finish();
}

#[test]
fn what_is_no_token_is_refused() {
    let lab = Lab::new();

    let long = "A".repeat(20_000);
    for junk in ["", "x", "..", "a.b.c", "e30.e30.e30", &long] {
        let client = lab
            .registry
            .client()
            .authorization(format!("Bearer {junk}"));
        client.get("/v2/a/b/tags/list").expect(401);
    }
    for scheme in [
        "Bearer",
        "Negotiate abc",
        "Token x",
        "bearer",
        "Digest username=\"ci\"",
    ] {
        lab.registry
            .client()
            .authorization(scheme)
            .get("/v2/a/b/tags/list")
            .expect(401);
    }
    lab.finish();
}

#[test]
fn a_refresh_token_opens_nothing_and_an_access_token_refreshes_nothing() {
    let lab = Lab::new();
    let client = lab.registry.client().basic("ci", "a password");
    let answer = client
        .get("/token?offline_token=true&service=x")
        .expect(200);
    let refresh = answer.json()["refresh_token"]
        .as_str()
        .expect("refresh_token")
        .to_owned();

    lab.refuses(&refresh);
    let form = format!(
        "grant_type=refresh_token&service=x&refresh_token={}",
        lab.token
    );
    token::post(&lab.registry.client(), &form).expect(401);
    lab.finish();
}

#[test]
fn a_token_reaches_exactly_the_repository_it_names() {
    let lab = Lab::new();
    let admin = lab.registry.admin();
    for repository in ["a", "a/b", "a/b/c", "a-b", "ab"] {
        admin.push_blob(repository, &"bytes".into());
    }
    let reaches = |scope: &str, expected: &[&str]| {
        let client = admin.clone().bearer(&admin.token(&[scope]));
        for repository in ["a", "a/b", "a/b/c", "a-b", "ab"] {
            let status = if expected.contains(&repository) {
                200
            } else {
                401
            };
            client
                .get(format!("/v2/{repository}/tags/list"))
                .expect(status);
        }
    };

    reaches("repository:a:pull", &["a"]);
    reaches("repository:a/b:pull", &["a/b"]);
    reaches("repository:a-b:pull", &["a-b"]);
    for wildcard in ["*", "a/*", "**", "a/**"] {
        reaches(&format!("repository:{wildcard}:pull"), &[]);
    }
    lab.finish();
}

#[test]
fn a_token_to_push_deletes_nothing() {
    let lab = Lab::new();
    let admin = lab.registry.admin();
    let digest = admin.push_blob("a/b", &"bytes".into());
    let pushes = admin
        .clone()
        .bearer(&admin.token(&["repository:a/b:pull,push"]));
    let deletes = admin
        .clone()
        .bearer(&admin.token(&["repository:a/b:delete"]));

    let answer = pushes.delete(format!("/v2/a/b/blobs/{digest}")).expect(401);
    assert!(
        answer
            .must("www-authenticate")
            .contains("insufficient_scope"),
        "{answer}"
    );
    deletes.post("/v2/a/b/blobs/uploads/", "").expect(401);
    deletes
        .delete(format!("/v2/a/b/blobs/{digest}"))
        .expect(202);
    lab.finish();
}
