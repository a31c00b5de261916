//! Login as a whole: who gets which token, and what it is good for.

use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use serde_json::Value;

use super::*;
use crate::auth::config::{Anonymous, RawConfig};
use crate::auth::grant::Denied;
use crate::auth::grant::{Pull, Push};
use crate::auth::password::Password;
use crate::auth::role::Role;
use crate::auth::table::Account;

struct Fixture {
    auth: Authenticator,
    now: Arc<Mutex<SystemTime>>,
    _data: tempfile::TempDir,
}

fn config(text: &str) -> Config {
    toml::from_str::<RawConfig>(text)
        .unwrap()
        .try_into()
        .unwrap()
}

/// A registry with the user `ann`, password `secret`.
fn fixture(text: &str) -> Fixture {
    let data = tempfile::tempdir().unwrap();
    let users = Users::open(data.path()).unwrap();
    let hash = Password::new("secret".to_owned()).unwrap().hash().unwrap();
    users
        .add(Account {
            name: "ann".parse().unwrap(),
            hash,
            role: Role::User,
        })
        .unwrap();
    let key = TokenKey::open_or_create(&data.path().join("certs")).unwrap();
    let now = Arc::new(Mutex::new(UNIX_EPOCH + Duration::from_hours(500_000)));
    let clock = Arc::clone(&now);
    let clock: Clock = Arc::new(move || *clock.lock().unwrap());
    let auth = Authenticator::new(&config(text), Arc::new(users), &key, clock).unwrap();
    Fixture {
        auth,
        now,
        _data: data,
    }
}

fn header(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, value.parse().unwrap());
    headers
}

fn basic(login: &str) -> HeaderMap {
    header(&format!("Basic {}", STANDARD.encode(login)))
}

impl Fixture {
    async fn ask(
        &self,
        headers: &HeaderMap,
        proof: Proof,
        scopes: &[&str],
    ) -> Result<Value, AuthError> {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let answer = self
            .auth
            .issue(
                headers,
                TokenRequest {
                    proof,
                    scopes,
                    offline: true,
                },
            )
            .await?;
        Ok(serde_json::to_value(answer).unwrap())
    }

    async fn caller(&self, token: &Value) -> Result<Caller, AuthError> {
        let token = token["token"].as_str().unwrap();
        self.auth
            .authenticate(&header(&format!("Bearer {token}")))
            .await
    }
}

#[tokio::test]
async fn a_login_gets_a_token_for_what_it_may() {
    let f = fixture("");
    let asked = [
        "repository:a:pull,push,delete",
        "registry:catalog:* nonsense",
    ];
    let answer = f
        .ask(&basic("ann:secret"), Proof::Header, &asked)
        .await
        .unwrap();
    assert_eq!(answer["token"], answer["access_token"]);
    assert_eq!(answer["expires_in"], 300);
    assert_eq!(answer["issued_at"], "2027-01-15T08:00:00Z");
    assert_eq!(answer["scope"], "repository:a:pull,push registry:catalog:*");
    let caller = f.caller(&answer).await.unwrap();
    assert_eq!(caller.principal().as_str(), "user:ann");
    assert!(f.auth.grant::<Push>(&caller, &"a".parse().unwrap()).is_ok());
    assert!(
        f.auth
            .grant::<Pull>(&caller, &"b".parse().unwrap())
            .is_err()
    );
}

#[tokio::test]
async fn strangers_get_a_token_for_what_is_open() {
    let f = fixture("");
    for headers in [HeaderMap::new(), basic(":")] {
        let answer = f
            .ask(&headers, Proof::Header, &["repository:a:pull,push"])
            .await
            .unwrap();
        assert_eq!(answer["scope"], "repository:a:pull");
        assert_eq!(
            answer.get("refresh_token"),
            None,
            "there is nothing to refresh"
        );
        assert!(f.caller(&answer).await.unwrap().is_anonymous());
    }
    let open = fixture("anonymous = 'push'");
    let answer = open
        .ask(&HeaderMap::new(), Proof::Header, &["repository:a:*"])
        .await
        .unwrap();
    assert_eq!(answer["scope"], "repository:a:delete,pull,push");
}

#[tokio::test]
async fn where_nothing_is_open_a_strangers_token_is_good_for_nothing() {
    let f = fixture("anonymous = 'none'");
    let answer = f
        .ask(&HeaderMap::new(), Proof::Header, &["repository:a:pull"])
        .await
        .unwrap();
    assert_eq!(answer["scope"], "");
    let caller = f.caller(&answer).await.unwrap();
    assert_eq!(f.auth.ping(&caller), Err(Denied::Login));
}

#[tokio::test]
async fn wrong_credentials_are_refused_however_much_is_open() {
    for mode in [Anonymous::None, Anonymous::Pull, Anonymous::Push] {
        let f = fixture("");
        f.auth.reload(&Config {
            anonymous: mode,
            ..Config::default()
        });
        for login in ["ann:wrong", "ann:", ":secret", "bob:secret", "nonsense"] {
            let refused = f.auth.authenticate(&basic(login)).await.unwrap_err();
            assert!(matches!(refused, AuthError::Credentials), "{login}");
            let refused = f.ask(&basic(login), Proof::Header, &[]).await.unwrap_err();
            assert!(matches!(refused, AuthError::Credentials), "{login}");
        }
        let refused = f
            .auth
            .authenticate(&header("Bearer nonsense"))
            .await
            .unwrap_err();
        assert!(matches!(refused, AuthError::Token));
    }
}

#[tokio::test]
async fn a_form_proves_itself_by_password_or_refresh_token() {
    let f = fixture("anonymous = 'none'");
    let none = HeaderMap::new();
    let password = |password: &str| Proof::Password {
        username: "ann".to_owned(),
        password: password.to_owned(),
    };
    let first = f
        .ask(&none, password("secret"), &["repository:a:pull"])
        .await
        .unwrap();
    assert!(f.ask(&none, password("wrong"), &[]).await.is_err());
    let refresh = |answer: &Value, field: &str| Proof::Refresh {
        token: answer[field].as_str().unwrap().to_owned(),
    };
    let second = f
        .ask(
            &none,
            refresh(&first, "refresh_token"),
            &["repository:b:push"],
        )
        .await
        .unwrap();
    assert_eq!(second["scope"], "repository:b:push");
    assert_eq!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(
        f.caller(&second).await.unwrap().principal().as_str(),
        "user:ann"
    );
    assert!(
        f.ask(&none, refresh(&first, "token"), &[]).await.is_err(),
        "no token begets another"
    );
}

#[tokio::test]
async fn tokens_end_with_the_password_and_with_the_account() {
    let f = fixture("");
    let ann = "ann".parse().unwrap();
    let answer = f
        .ask(&basic("ann:secret"), Proof::Header, &[])
        .await
        .unwrap();
    assert!(f.caller(&answer).await.is_ok());
    let hash = Password::new("other".to_owned()).unwrap().hash().unwrap();
    f.auth.0.users.set_password(&ann, hash).unwrap();
    assert!(matches!(f.caller(&answer).await, Err(AuthError::Token)));
    let token = answer["refresh_token"].as_str().unwrap().to_owned();
    assert!(
        f.ask(&HeaderMap::new(), Proof::Refresh { token }, &[])
            .await
            .is_err()
    );

    let answer = f
        .ask(&basic("ann:other"), Proof::Header, &[])
        .await
        .unwrap();
    f.auth.0.users.remove(&ann).unwrap();
    assert!(matches!(f.caller(&answer).await, Err(AuthError::Token)));
}

#[tokio::test]
async fn only_who_came_before_and_may_still_come_is_recognised() {
    let f = fixture("anonymous = 'none'");
    let ann = "ann".parse().unwrap();
    let answer = f
        .ask(&basic("ann:secret"), Proof::Header, &["repository:a:pull"])
        .await
        .unwrap();
    let token = header(&format!("Bearer {}", answer["token"].as_str().unwrap()));
    let logins = [token, basic("ann:secret")];
    assert!(f.auth.recognise(&logins[0]).is_none(), "not verified yet");
    f.auth.authenticate(&logins[0]).await.unwrap();
    let a = "a".parse().unwrap();
    for login in &logins {
        let caller = f.auth.recognise(login).unwrap();
        assert_eq!(caller.principal().as_str(), "user:ann");
        assert!(f.auth.grant::<Pull>(&caller, &a).is_ok());
        f.auth.reload(&config(
            "[[rule]]\nwho = ['bob']\nrepositories = ['**']\nmay = ['pull']",
        ));
        assert!(
            f.auth.grant::<Pull>(&caller, &a).is_err(),
            "by the rules as they are"
        );
        f.auth.reload(&config("anonymous = 'none'"));
    }
    for stranger in [
        basic("ann:other"),
        basic("bob:secret"),
        header("Bearer x"),
        header("x"),
    ] {
        assert!(f.auth.recognise(&stranger).is_none());
    }

    let before = f.auth.0.users.list();
    let hash = Password::new("other".to_owned()).unwrap().hash().unwrap();
    f.auth.0.users.set_password(&ann, hash).unwrap();
    let changed = |login| f.auth.recognise(login).is_none();
    assert!(logins.iter().all(changed), "the password is another");
    f.auth.0.users.remove(&ann).unwrap();
    assert!(logins.iter().all(changed), "the account is gone");
    let [account] = before.try_into().unwrap();
    f.auth.0.users.add(account).unwrap();
    assert!(!logins.iter().any(changed), "it is as it was");
    *f.now.lock().unwrap() += Duration::from_mins(5);
    assert!(changed(&logins[0]), "a token ends");
    assert!(!changed(&logins[1]), "and a password does not");
}

#[tokio::test]
async fn a_token_is_refused_after_its_time() {
    let f = fixture("token_lifetime = '90s'");
    let answer = f
        .ask(&basic("ann:secret"), Proof::Header, &[])
        .await
        .unwrap();
    assert_eq!(answer["expires_in"], 90);
    *f.now.lock().unwrap() += Duration::from_secs(89);
    assert!(f.caller(&answer).await.is_ok());
    *f.now.lock().unwrap() += Duration::from_secs(1);
    assert!(matches!(f.caller(&answer).await, Err(AuthError::Token)));
}

#[tokio::test]
async fn a_rule_that_is_taken_back_ends_what_tokens_could_do() {
    let f = fixture("");
    let answer = f
        .ask(&basic("ann:secret"), Proof::Header, &["repository:a:push"])
        .await
        .unwrap();
    let caller = f.caller(&answer).await.unwrap();
    f.auth.reload(&config(
        "[[rule]]\nwho = ['bob']\nrepositories = ['**']\nmay = ['push']",
    ));
    assert_eq!(
        f.auth
            .grant::<Push>(&caller, &"a".parse().unwrap())
            .unwrap_err(),
        Denied::Forbidden
    );
}
