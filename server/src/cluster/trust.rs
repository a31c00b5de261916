//! The CA in the forms that clusters want it.
//!
//! Whoever exports two certificates, during a rotation, gets both in each.

use serde_json::{Map, Value, json};

use super::yaml;
use crate::config::address::Address;

/// The name that `image.config.openshift.io/cluster` has in `additionalTrustedCA`.
pub(super) const CONFIG_MAP: &str = "roadstead-ca";

/// The key by which `OpenShift`'s update service finds the CA of its registry.
const UPDATE_SERVICE: &str = "updateservice-registry";

/// The config map with the CA under each address, or the address that it has no key for.
pub(crate) fn config_map<'a>(pem: &str, addresses: &'a [Address]) -> Result<String, &'a Address> {
    object(pem, addresses).map(|object| yaml::document(&object))
}

/// The same, and behind it what has the cluster trust by it.
pub(crate) fn cluster<'a>(pem: &str, addresses: &'a [Address]) -> Result<String, &'a Address> {
    let image = json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": "Image",
        "metadata": { "name": "cluster" },
        "spec": { "additionalTrustedCA": { "name": CONFIG_MAP } },
    });
    object(pem, addresses).map(|object| yaml::documents(&[object, image]))
}

/// The lines for install-config.yaml. `Always`, because the default trusts the bundle only where a
/// proxy is configured.
pub(crate) fn install_config(pem: &str) -> String {
    yaml::document(&json!({
        "additionalTrustBundle": pem,
        "additionalTrustBundlePolicy": "Always",
    }))
}

fn object<'a>(pem: &str, addresses: &'a [Address]) -> Result<Value, &'a Address> {
    let mut data = Map::new();
    data.insert(UPDATE_SERVICE.to_owned(), pem.into());
    for address in addresses {
        data.insert(address.config_map_key().ok_or(address)?, pem.into());
    }
    Ok(json!({
        "apiVersion": "v1",
        "data": data,
        "kind": "ConfigMap",
        "metadata": { "name": CONFIG_MAP, "namespace": "openshift-config" },
    }))
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::PEM;
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    const EXPECTED: &str = "\
apiVersion: v1
data:
  reg.example.com: |
    -----BEGIN CERTIFICATE-----
    AAAA
    -----END CERTIFICATE-----
  reg.example.com..8443: |
    -----BEGIN CERTIFICATE-----
    AAAA
    -----END CERTIFICATE-----
  updateservice-registry: |
    -----BEGIN CERTIFICATE-----
    AAAA
    -----END CERTIFICATE-----
kind: ConfigMap
metadata:
  name: roadstead-ca
  namespace: openshift-config
";

    #[test]
    fn the_config_map_has_a_key_for_each_address_and_one_for_the_update_service() {
        let addresses = addresses(&["reg.example.com:8443", "reg.example.com"]);
        assert_eq!(config_map(PEM, &addresses).unwrap(), EXPECTED);
    }

    #[test]
    fn a_cluster_is_told_to_trust_by_the_config_map() {
        let addresses = addresses(&["reg.example.com:8443", "reg.example.com"]);
        let image = "---\napiVersion: config.openshift.io/v1\nkind: Image\nmetadata:\n  name: cluster\nspec:\n  \
                     additionalTrustedCA:\n    name: roadstead-ca\n";
        let expected = format!("{EXPECTED}{image}");
        assert_eq!(cluster(PEM, &addresses).unwrap(), expected);
    }

    #[test]
    fn an_address_that_no_key_can_hold_is_named() {
        let addresses = addresses(&["reg:1", "[2001:db8::1]:8443"]);
        assert_eq!(config_map(PEM, &addresses).unwrap_err(), &addresses[1]);
    }

    #[test]
    fn the_install_config_trusts_without_a_proxy() {
        let expected = "\
additionalTrustBundle: |
  -----BEGIN CERTIFICATE-----
  AAAA
  -----END CERTIFICATE-----
additionalTrustBundlePolicy: Always
";
        assert_eq!(install_config(PEM), expected);
    }
}
