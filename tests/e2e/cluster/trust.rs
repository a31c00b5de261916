//! The CA, where clusters look for it.

use serde_json::Value;

use super::{ADDRESS, ca, documents, printed, registry};

#[test]
fn a_cluster_is_given_the_ca_and_told_to_trust_by_it() {
    let (registry, _) = registry();
    let words = ["ca", "--address", ADDRESS, "--address", "registry"];
    let text = printed(&registry, &words);
    let [map, image] = <[Value; 2]>::try_from(documents(&text)).expect("two documents");
    let ca = ca(&registry);
    for key in [
        "registry.example.com..8443",
        "registry",
        "updateservice-registry",
    ] {
        assert_eq!(map["data"][key], ca.as_str(), "{key}");
    }
    assert_eq!(map["metadata"]["namespace"], "openshift-config");
    assert_eq!(image["metadata"]["name"], "cluster");
    let trusted = &image["spec"]["additionalTrustedCA"]["name"];
    assert_eq!(trusted, &map["metadata"]["name"]);
    registry.finish();
}

#[test]
fn an_install_config_gets_mirrors_and_trust() {
    let (registry, _) = registry();
    let text = printed(&registry, &["install-config"]);
    let [config] = <[Value; 1]>::try_from(documents(&text)).expect("one document");
    let ca = ca(&registry);
    assert_eq!(config["additionalTrustBundle"], ca.as_str());
    assert_eq!(config["additionalTrustBundlePolicy"], "Always");
    assert_eq!(
        config["imageDigestSources"][0]["source"],
        "up.example/team/app"
    );
    registry.finish();
}

#[test]
fn an_address_that_no_key_can_hold_is_refused() {
    let (registry, _) = registry();
    let words = ["cluster", "ca", "--address", "[2001:db8::1]:8443"];
    let story = registry.command(&words, "").fails(1);
    assert!(story.contains("hint: "), "{story}");
    registry.finish();
}
