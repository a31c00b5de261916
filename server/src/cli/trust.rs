//! The CA in the forms that clusters and nodes want it. Pure: text in, text out.
//!
//! Owns these documents. Whoever exports two certificates, during a rotation, gets both in each.

use crate::config::address::Address;

/// The name that `image.config.openshift.io/cluster` then has in `additionalTrustedCA`.
const CONFIG_MAP: &str = "roadstead-ca";

/// The key by which `OpenShift`'s update service finds the CA of its registry.
const UPDATE_SERVICE: &str = "updateservice-registry";

/// The config map with the CA under each address, or the address that it has no key for.
pub(super) fn config_map<'a>(pem: &str, addresses: &'a [Address]) -> Result<String, &'a Address> {
    let mut text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {CONFIG_MAP}\n  \
         namespace: openshift-config\ndata:\n"
    );
    for address in addresses {
        text.push_str(&entry(&address.config_map_key().ok_or(address)?, pem));
    }
    text.push_str(&entry(UPDATE_SERVICE, pem));
    Ok(text)
}

/// The lines for install-config.yaml. `Always`, because the default trusts the bundle only where a
/// proxy is configured.
pub(super) fn install_config(pem: &str) -> String {
    format!(
        "additionalTrustBundlePolicy: Always\nadditionalTrustBundle: |\n{}",
        indented(pem, "  ")
    )
}

/// One key with the CA. A key without a dot could be a number or a word of YAML.
fn entry(key: &str, pem: &str) -> String {
    let quote = if key.contains('.') || key == UPDATE_SERVICE {
        ""
    } else {
        "\""
    };
    format!("  {quote}{key}{quote}: |\n{}", indented(pem, "    "))
}

fn indented(text: &str, by: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{by}{line}\n")).collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    fn addresses(texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_config_map_has_a_key_for_each_address_and_one_for_the_update_service() {
        let addresses = addresses(&["reg.example.com:8443", "reg.example.com", "reg"]);
        let expected = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: roadstead-ca
  namespace: openshift-config
data:
  reg.example.com..8443: |
    -----BEGIN CERTIFICATE-----
    AAAA
    -----END CERTIFICATE-----
  reg.example.com: |
    -----BEGIN CERTIFICATE-----
    AAAA
    -----END CERTIFICATE-----
  \"reg\": |
    -----BEGIN CERTIFICATE-----
    AAAA
    -----END CERTIFICATE-----
  updateservice-registry: |
    -----BEGIN CERTIFICATE-----
    AAAA
    -----END CERTIFICATE-----
";
        assert_eq!(config_map(PEM, &addresses).unwrap(), expected);
    }

    #[test]
    fn an_address_that_no_key_can_hold_is_named() {
        let addresses = addresses(&["reg:1", "[2001:db8::1]:8443"]);
        assert_eq!(config_map(PEM, &addresses).unwrap_err(), &addresses[1]);
    }

    #[test]
    fn the_install_config_trusts_without_a_proxy() {
        let expected = "\
additionalTrustBundlePolicy: Always
additionalTrustBundle: |
  -----BEGIN CERTIFICATE-----
  AAAA
  -----END CERTIFICATE-----
";
        assert_eq!(install_config(PEM), expected);
    }
}
