//! Paths within an image, as layers write them, in one form: `usr/bin/oc`.
//!
//! Pure. Invariant: a path leads nowhere but down from the image's root.

/// What a whiteout's name begins with (image-spec, layer.md, "Whiteouts").
const WHITEOUT: &str = ".wh.";
/// What hides all that lower layers have in its directory.
const OPAQUE: &str = ".wh..wh..opq";

/// What an entry's path says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Something lies there.
    Entry(String),
    /// What lower layers have below this directory is hidden.
    Opaque(String),
    /// What lower layers have there, and below, is hidden.
    Whiteout(String),
}

/// A path that leads out of the image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Climbs;

/// The path in its one form; empty for the root.
pub(super) fn normal(path: &str) -> Result<String, Climbs> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(Climbs),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// What an entry of this path means.
pub(super) fn meaning(path: &str) -> Result<Meaning, Climbs> {
    let path = normal(path)?;
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", &path));
    if name == OPAQUE {
        return Ok(Meaning::Opaque(dir.to_owned()));
    }
    match name.strip_prefix(WHITEOUT) {
        Some(hidden) if !hidden.is_empty() => Ok(Meaning::Whiteout(join(dir, hidden))),
        _ => Ok(Meaning::Entry(path)),
    }
}

/// Where a link at `path` leads: absolute from the image's root, or from beside the link. What climbs
/// above the root stays there, as for any process in the image.
pub(super) fn target(path: &str, link: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    if !link.starts_with('/') {
        parts.extend(path.split('/'));
        parts.pop();
    }
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether `path` is `dir` or lies below it. Everything lies below the root.
pub(super) fn is_within(path: &str, dir: &str) -> bool {
    dir.is_empty()
        || path
            .strip_prefix(dir)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path itself, what it lies in, what that lies in, and the root.
pub(super) fn upwards(path: &str) -> impl Iterator<Item = &str> {
    let parents = path.rmatch_indices('/').map(|(end, _)| &path[..end]);
    let root = (!path.is_empty()).then_some("");
    std::iter::once(path).chain(parents).chain(root)
}

pub(super) fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form_and_never_climbs() {
        for path in ["a/b", "./a/b", "/a/b", "a//b/", "a/./b"] {
            assert_eq!(normal(path).as_deref(), Ok("a/b"), "{path}");
        }
        for path in ["../a", "a/../../b", "a/..", ".."] {
            assert_eq!(normal(path), Err(Climbs), "{path}");
        }
        assert_eq!(normal("./").as_deref(), Ok(""));
    }

    #[test]
    fn upwards_every_directory_is_passed_once() {
        let passed = |path| upwards(path).collect::<Vec<_>>();
        assert_eq!(passed("a/b/c"), ["a/b/c", "a/b", "a", ""]);
        assert_eq!(passed("a"), ["a", ""]);
        assert_eq!(passed(""), [""]);
    }

    #[test]
    fn whiteouts_hide_what_they_are_named_for() {
        let entry = |path: &str| Ok(Meaning::Entry(path.to_owned()));
        assert_eq!(meaning("a/.wh.b"), Ok(Meaning::Whiteout("a/b".to_owned())));
        assert_eq!(meaning(".wh.b"), Ok(Meaning::Whiteout("b".to_owned())));
        assert_eq!(
            meaning("a/.wh..wh..opq"),
            Ok(Meaning::Opaque("a".to_owned()))
        );
        assert_eq!(meaning("a/b.wh.c"), entry("a/b.wh.c"));
        assert_eq!(meaning("a/.wh."), entry("a/.wh."));
    }

    #[test]
    fn links_lead_down_from_the_root_or_from_beside_them() {
        assert_eq!(target("usr/bin/oc", "kubectl"), "usr/bin/kubectl");
        assert_eq!(target("usr/bin/oc", "../lib/oc"), "usr/lib/oc");
        assert_eq!(target("usr/bin/oc", "/opt/oc"), "opt/oc");
        assert_eq!(target("oc", "../../../opt/oc"), "opt/oc");
    }

    #[test]
    fn a_sibling_with_a_longer_name_is_not_within() {
        assert!(is_within("a/b", "a/b") && is_within("a/b/c", "a/b") && is_within("x", ""));
        assert!(!is_within("a/bc", "a/b") && !is_within("a", "a/b"));
    }
}
