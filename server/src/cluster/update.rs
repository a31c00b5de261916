//! The script that updates a cluster: all it must be told, in the order in which it must hear it.
//!
//! Owns the script. It holds its documents, so that it can be carried to where the cluster is reached.
//! Invariant: each step may be repeated, and the update itself is last.

use std::fmt::Write as _;

use super::facts::{Facts, Release};
use super::mirrors::{Mirrors, Scope};
use super::{openshift, release, trust};
use crate::config::address::Address;

/// What ends a document in the script. No line of YAML that we write is one word alone.
const END: &str = "END_OF_DOCUMENT";

/// The script that updates to `wanted`, which is one of the releases; or the address that a cluster
/// cannot be told to trust.
pub(crate) fn script<'a>(
    facts: &Facts,
    wanted: &Release,
    address: &'a Address,
) -> Result<String, &'a Address> {
    // Of all that is held: what an earlier release needed must not vanish from the cluster.
    let mirrors = Mirrors::by_digest(facts, address, Scope::Everything);
    let mut script = head(wanted, address);
    step(
        &mut script,
        "The signatures: the cluster believes in a release only when it finds one of these.",
        &apply(&release::signatures(std::iter::once(wanted))),
    );
    step(
        &mut script,
        "The CA of the registry, where the cluster trusts nobody else yet.",
        &trust_step(&trust::config_map(
            &facts.pem,
            std::slice::from_ref(address),
        )?),
    );
    step(
        &mut script,
        "Where the images are. What did not change here changes no node.",
        &mirrors_step(&mirrors),
    );
    step(
        &mut script,
        "Nodes take a change of the mirrors one after the other; this waits until all have it.",
        "# A pool that is paused never has it: resume it first.\n\
         oc wait machineconfigpool --all --for=condition=Updated=True --timeout=2h\n",
    );
    step(&mut script, "The update itself.", &update_step(wanted));
    Ok(script)
}

fn head(wanted: &Release, address: &Address) -> String {
    let Release { version, arch, .. } = wanted;
    format!(
        "#!/bin/sh\n\
         # Updates a cluster to OpenShift {version} ({arch}) from the registry {address}.\n\
         #\n\
         # It needs `oc`, logged in as an administrator of the cluster. Each step can be repeated: after\n\
         # a failure, mend what it names and run the script once more.\n\
         set -eu\n\n\
         step() {{\n  printf '%s\\n' \"== $1\"\n}}\n\n\
         step 'This is the cluster, and what it runs now.'\n\
         oc whoami --show-server\n\
         oc get clusterversion version\n"
    )
}

fn step(script: &mut String, says: &str, does: &str) {
    write!(script, "\nstep '{says}'\n{does}").expect("a string takes what is written");
}

fn apply(document: &str) -> String {
    format!("oc apply --filename=- <<'{END}'\n{document}{END}\n")
}

/// A cluster has one config map of CAs: another than ours is an administrator's, who must say so.
fn trust_step(config_map: &str) -> String {
    let ours = trust::CONFIG_MAP;
    let apply = apply(config_map);
    format!(
        "trusted=$(oc get image.config.openshift.io/cluster \\\n  \
           --output='jsonpath={{.spec.additionalTrustedCA.name}}')\n\
         case $trusted in\n\
         '' | {ours})\n{apply}\
         oc patch image.config.openshift.io/cluster --type=merge \\\n  \
           --patch='{{\"spec\":{{\"additionalTrustedCA\":{{\"name\":\"{ours}\"}}}}}}'\n\
         ;;\n\
         *)\n\
         printf '%s\\n' \"The cluster trusts by the config map $trusted in openshift-config, which is left\" \\\n  \
           'as it is. If the registry is not in it yet, add what \"roadstead cluster ca\" prints.'\n\
         ;;\n\
         esac\n"
    )
}

/// `OpenShift` before 4.13 knows only the older of the two objects.
fn mirrors_step(mirrors: &Mirrors) -> String {
    let newer = apply(&openshift::image_digest_mirror_set(mirrors));
    let older = apply(&openshift::image_content_source_policy(mirrors));
    format!(
        "if oc get crd imagedigestmirrorsets.config.openshift.io >/dev/null 2>&1; then\n{newer}\
         else\n{older}fi\n"
    )
}

fn update_step(wanted: &Release) -> String {
    let Release { from, digest, .. } = wanted;
    format!(
        "# By the name that the release has everywhere: the mirrors lead to the registry.\n\
         oc adm upgrade --allow-explicit-upgrade \\\n  --to-image={from}@{digest}\n\n\
         step 'It is under way. How far it has come is told by: oc adm upgrade'\n"
    )
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::super::facts::tests::{RELEASES, address, facts, release};
    use super::*;

    fn written() -> String {
        let (old, new) = (release("4.17.1", "old", "old"), release("4.18.7", "a", "b"));
        let facts = facts(vec![old, new.clone()], Vec::new());
        script(&facts, &new, &address()).unwrap()
    }

    #[test]
    fn the_update_comes_last_and_by_the_name_that_the_release_has_everywhere() {
        let (script, digest) = (written(), release("4.18.7", "a", "b").digest);
        let order = [
            "kind: ConfigMap",
            "additionalTrustedCA",
            "kind: ImageDigestMirrorSet",
            "kind: ImageContentSourcePolicy",
            "oc wait machineconfigpool",
            &format!("--to-image={RELEASES}@{digest}\n"),
        ];
        let places: Vec<usize> = order.iter().map(|it| script.find(it).unwrap()).collect();
        assert!(places.is_sorted(), "{script}");
        assert!(script.contains("registry.example.com:8443/old"), "{script}");
    }

    #[test]
    fn only_the_wanted_release_is_vouched_for() {
        let script = written();
        let signatures = script.matches("openshift-config-managed").count();
        assert_eq!(signatures, 1, "{script}");
    }

    #[test]
    fn a_shell_understands_it() {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-n", "-c", &written()]);
        let outcome = shell.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&outcome.stderr);
        assert!(outcome.status.success() && said.is_empty(), "{said}");
    }

    #[test]
    fn an_address_that_no_cluster_can_be_told_to_trust_is_named() {
        let address = "[2001:db8::1]:8443".parse().unwrap();
        let wanted = release("4.18.7", "a", "b");
        let facts = facts(vec![wanted.clone()], Vec::new());
        assert_eq!(script(&facts, &wanted, &address).unwrap_err(), &address);
    }
}
