//! What to do about what is missing, as far as its reasons tell.
//!
//! Reasons were made where the work was done, and are texts here. Owns which of them an administrator
//! can mend, and where. Invariant: advice is given for what was seen, each once; what is not known here
//! gets none, and the report tells its reason all the same.

use roadstead_mirror::job::{CutShort, Outcome, Report as Plan};

/// What a reason has in it, and what mends that.
const KNOWN: [(&str, &str); 11] = [
    ("invalid peer certificate: UnknownIssuer", AUTHORITY),
    ("it wants a user and a password", LOGIN),
    ("it does not serve strangers", LOGIN),
    ("the credentials are refused", LOGIN),
    (" answered 401", LOGIN),
    (" answered 403", LOGIN),
    (": resolve ", PLACE),
    (": connect to ", PLACE),
    (" of the disk are free", SPACE),
    (": no space left", SPACE),
    (" bytes and may take ", SPACE),
];

const AUTHORITY: &str = "`ca_file` of an [[upstream]] names who vouches for its certificate";
const LOGIN: &str =
    "`auth_file` of an [[upstream]], or --authfile of `mirror image`, logs in to it";
const PLACE: &str = "`urls` of an [[upstream]] says where it is reached, `proxy` through what";
const SPACE: &str =
    "`roadstead repo remove` and `roadstead store gc` make room, or [storage] gives it";

/// What mends these reasons.
pub(super) fn on<'a>(reasons: impl Iterator<Item = &'a str>) -> Vec<&'static str> {
    let mut advice = Vec::new();
    for reason in reasons {
        let known = KNOWN.iter().find(|(part, _)| reason.contains(part));
        if let Some((_, what)) = known.filter(|(_, what)| !advice.contains(what)) {
            advice.push(*what);
        }
    }
    advice
}

/// Why something of a plan cannot be had.
pub(super) fn of_plan(plan: &Plan) -> impl Iterator<Item = &str> {
    let images = plan.images.iter().filter_map(|it| it.because.as_deref());
    images.chain(plan.not_pruned.iter().map(|it| it.because.as_str()))
}

/// Why something was not copied.
pub(super) fn of_outcome(outcome: &Outcome) -> impl Iterator<Item = &str> {
    let end = match &outcome.cut_short {
        Some(CutShort::Failed { because }) => Some(because.as_str()),
        _ => None,
    };
    let images = outcome.images.iter().filter_map(|it| it.because.as_deref());
    let not_pruned = outcome.not_pruned.iter().map(|it| it.because.as_str());
    end.into_iter().chain(images).chain(not_pruned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_advice_is_given_once_and_none_for_what_is_not_known() {
        let reasons = [
            "https://a.example/v2/b/manifests/1 is not there",
            "log in to https://a.example/: it wants a user and a password, and there are none for it",
            "https://a.example/v2/a/manifests/1 answered 401 Unauthorized",
            "read https://b.example/v2/: no connection: resolve b.example: not known",
        ];
        assert_eq!(on(reasons.into_iter()), [LOGIN, PLACE]);
        assert!(on(reasons.into_iter().take(1)).is_empty());
    }
}
