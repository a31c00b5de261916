//! A registry as a whole: by its catalog, or by names where there is none.

use globset::{Glob, GlobMatcher};
use harness::{Fault, Subject, Upstream};
use roadstead_mirror::job::{Order, Registry, State};

use crate::lab::{Lab, image, order, states};

fn pattern(text: &str) -> GlobMatcher {
    Glob::new(text).expect("a pattern").compile_matcher()
}

fn of(lab: &Lab, repositories: &[&str], to: &str) -> Order {
    let registry = Registry {
        client: lab.client.clone(),
        repositories: repositories.iter().map(|text| pattern(text)).collect(),
        to: to.to_owned(),
    };
    Order {
        registries: vec![registry],
        ..order([])
    }
}

fn upstream() -> Upstream {
    let upstream = Upstream::with().page(2).start();
    for repository in ["team/app", "team/tool", "other/x"] {
        for tag in ["1", "2", "3"] {
            upstream.put(repository, tag, &image(&format!("{repository} {tag}")));
        }
    }
    upstream
}

#[tokio::test(flavor = "multi_thread")]
async fn all_repositories_of_the_catalog_come_with_all_their_tags() {
    let upstream = upstream();
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(of(&lab, &["**"], "")).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(outcome.totals.copied, 9);
    for repository in ["team/app", "team/tool", "other/x"] {
        assert_eq!(lab.tags(repository).await, ["1", "2", "3"]);
    }
    let again = lab.run(of(&lab, &["**"], "")).await;
    assert_eq!(again.totals.unchanged, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_choose_repositories_and_a_prefix_says_where_they_go() {
    let upstream = upstream();
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(of(&lab, &["team/*"], "moved/here")).await;
    assert_eq!(outcome.totals.copied, 6);
    assert_eq!(lab.tags("moved/here/team/app").await, ["1", "2", "3"]);
    assert!(lab.tags("moved/here/other/x").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_catalog_repositories_are_named() {
    for status in [401, 403, 404, 405] {
        let upstream = upstream();
        upstream.when(move |asked| {
            matches!(asked.subject(), Subject::Catalog).then(|| Fault::status(status))
        });
        let lab = Lab::new(&upstream).await;
        let outcome = lab.run(of(&lab, &["team/app", "other/**"], "")).await;
        assert_eq!(outcome.totals.copied, 3, "{outcome:?}");
        let failed: Vec<_> = outcome.failures().collect();
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].source, "upstream/other/**");
        let because = failed[0].because.as_deref().unwrap_or_default();
        assert!(because.contains("name them without wildcards"), "{because}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_alone_need_no_catalog() {
    let upstream = upstream();
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(of(&lab, &["team/app", "team/none"], "")).await;
    let failed: Vec<_> = outcome.failures().collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].source, "upstream/team/none:*");
    assert_eq!(outcome.totals.copied, 3);
    let catalogs = upstream.count(|asked| matches!(asked.subject(), Subject::Catalog));
    assert_eq!(catalogs, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_gets_too_long_is_told() {
    let upstream = upstream();
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(of(&lab, &["team/app"], &"x".repeat(250))).await;
    assert_eq!(states(&outcome), [("upstream/team/app", State::Failed)]);
}
