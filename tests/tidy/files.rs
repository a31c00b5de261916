//! Which file leans on which: no circles inside a crate, nothing through its roof.
//!
//! The arrows are read off the paths that begin with `crate::`, `super::` or `self::`. A name that a
//! folder's face re-exports leads to the file that defines it, so a face hides no circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{HOUSE, Source, sources};

/// A module of a crate as the segments behind `crate::`; the root has none.
type Module = Vec<String>;

/// The files of a crate and who leans on whom.
struct Crate {
    /// Each module that has a file, with its code.
    modules: BTreeMap<Module, String>,
    /// What faces re-export: the face and the name, and where the name comes from.
    exports: BTreeMap<(Module, String), Module>,
}

impl Crate {
    fn read(folder: &str) -> Self {
        let modules: BTreeMap<_, _> = sources(&format!("{folder}/src"))
            .iter()
            .filter(|source| !source.is_test())
            .filter_map(|source| Some((module_of(source, folder)?, source.code())))
            .collect();
        let mut all = Self {
            modules,
            exports: BTreeMap::new(),
        };
        all.exports = all
            .modules
            .iter()
            .flat_map(|(face, code)| all.exports_of(face, code))
            .collect();
        all
    }

    /// The names that `pub use` (of whatever width) makes of a face's children.
    fn exports_of(&self, face: &Module, code: &str) -> Vec<((Module, String), Module)> {
        let statements = code.split(';').filter(|statement| is_export(statement));
        let paths = statements.flat_map(|statement| paths_in(statement, face));
        paths
            .filter_map(|path| {
                let home = self.file_of(&path)?;
                (home != *face).then(|| {
                    (
                        (face.clone(), path.last().cloned().unwrap_or_default()),
                        home,
                    )
                })
            })
            .collect()
    }

    /// The module with a file that this path begins with.
    fn file_of(&self, path: &[String]) -> Option<Module> {
        (0..=path.len())
            .rev()
            .map(|n| path[..n].to_vec())
            .find(|head| self.modules.contains_key(head))
    }

    /// Where a path leads: to a file, through the faces on the way.
    fn target(&self, path: &[String]) -> Option<Module> {
        let file = self.file_of(path)?;
        let name = path.get(file.len())?;
        Some(
            self.exports
                .get(&(file.clone(), name.clone()))
                .cloned()
                .unwrap_or(file),
        )
    }

    /// What the file of this module leans on, its own children (which it only mounts) left out.
    fn arrows(&self, module: &Module) -> BTreeSet<Module> {
        let code = &self.modules[module];
        let statements = code.split(';').filter(|statement| !is_export(statement));
        let paths = statements.flat_map(|statement| paths_in(statement, module));
        paths
            .filter_map(|path| self.target(&path))
            .filter(|target| target != module)
            .collect()
    }

    /// A circle that leads back to its first module, if there is one.
    fn circle(&self) -> Option<Vec<Module>> {
        let arrows: BTreeMap<_, _> = self.modules.keys().map(|m| (m, self.arrows(m))).collect();
        let mut done = BTreeSet::new();
        arrows
            .keys()
            .find_map(|module| walk(module, &arrows, &mut Vec::new(), &mut done))
    }
}

fn walk(
    module: &Module,
    arrows: &BTreeMap<&Module, BTreeSet<Module>>,
    path: &mut Vec<Module>,
    done: &mut BTreeSet<Module>,
) -> Option<Vec<Module>> {
    if let Some(start) = path.iter().position(|seen| seen == module) {
        return Some(path[start..].to_vec());
    }
    if done.contains(module) {
        return None;
    }
    path.push(module.clone());
    let found = arrows[module]
        .iter()
        .find_map(|next| walk(next, arrows, path, done));
    path.pop();
    done.insert(module.clone());
    found
}

/// The module that a file is, or none for the file of a binary beside the library.
fn module_of(source: &Source, folder: &str) -> Option<Module> {
    let path = source
        .path
        .strip_prefix(&format!("{folder}/src/"))?
        .strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "main" => None,
        "lib" => Some(Module::new()),
        _ => Some(path.split('/').map(ToOwned::to_owned).collect()),
    }
}

/// Whether this statement is a `pub use`, of whatever width.
fn is_export(statement: &str) -> bool {
    let mut words = statement.split_whitespace();
    words.next().is_some_and(|word| word.starts_with("pub")) && words.next() == Some("use")
}

/// Every path into the crate that stands in this code, seen from this module.
fn paths_in(code: &str, module: &Module) -> Vec<Module> {
    let mut paths = Vec::new();
    for keyword in ["crate::", "super::", "self::"] {
        for (start, _) in code.match_indices(keyword) {
            let before = code[..start].chars().next_back();
            // A path that began earlier (`super::super::`), or a longer word that ends alike.
            if before.is_some_and(|c| c.is_alphanumeric() || "_:$".contains(c)) {
                continue;
            }
            let mut base = match keyword {
                "crate::" => Module::new(),
                "super::" => module[..module.len().saturating_sub(1)].to_vec(),
                _ => module.clone(),
            };
            let mut rest = &code[start + keyword.len()..];
            while let Some(further) = rest.strip_prefix("super::") {
                base.pop();
                rest = further;
            }
            expand(rest, &base, &mut paths);
        }
    }
    paths
}

/// Follows `a::b::{c, d::E}` from here and returns what stands behind it.
fn expand<'a>(mut rest: &'a str, base: &Module, paths: &mut Vec<Module>) -> &'a str {
    let mut path = base.clone();
    loop {
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = group.trim_start_matches([',', ' ', '\n']);
                if let Some(behind) = group.strip_prefix('}') {
                    return behind;
                }
                let behind = expand(group, &path, paths);
                if behind.len() == group.len() {
                    return behind;
                }
                group = behind;
            }
        }
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if end > 0 {
            path.push(rest[..end].to_owned());
        }
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(further) if end > 0 => rest = further,
            _ => break,
        }
    }
    if path.len() > base.len() {
        paths.push(path);
    }
    match rest.strip_prefix(" as ") {
        Some(alias) => alias.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'),
        None => rest,
    }
}

fn name(module: &Module) -> String {
    format!("crate::{}", module.join("::"))
}

#[test]
fn files_of_a_crate_lean_on_each_other_without_circles() {
    let circles: Vec<_> = HOUSE
        .iter()
        .filter_map(|folder| {
            let circle = Crate::read(folder).circle()?;
            let names: Vec<_> = circle.iter().map(name).collect();
            Some(format!("{folder}: {}", names.join(" -> ")))
        })
        .collect();
    assert!(circles.is_empty(), "circles of files: {circles:#?}");
}

#[test]
fn nobody_imports_through_the_roof_of_their_crate() {
    for folder in HOUSE {
        let all = Crate::read(folder);
        for (module, code) in all.modules.iter().filter(|(module, _)| !module.is_empty()) {
            for path in paths_in(code, module) {
                let through = all.file_of(&path).is_none_or(|file| file.is_empty());
                assert!(
                    !through,
                    "{folder}: {} imports {} through lib.rs",
                    name(module),
                    name(&path)
                );
            }
        }
    }
}

#[test]
fn the_vocabulary_imports_nothing_of_the_store() {
    let all = Crate::read("storage");
    for module in all
        .modules
        .keys()
        .filter(|module| module.first().is_some_and(|m| m == "oci"))
    {
        for target in all.arrows(module) {
            assert_eq!(
                target[0],
                "oci",
                "{} leans on {}",
                name(module),
                name(&target)
            );
        }
    }
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let module = vec!["repo".to_owned(), "tags".to_owned()];
    let code = "use crate::oci::{Digest, name::{RepoName, Tag}};\n pub(crate) use super::link::Link;\n \
                fn f() { crate::disk::sync(1) }";
    let mut found: Vec<_> = paths_in(code, &module).iter().map(name).collect();
    found.sort();
    let expected = [
        "disk::sync",
        "oci::Digest",
        "oci::name::RepoName",
        "oci::name::Tag",
        "repo::link::Link",
    ];
    assert_eq!(found, expected.map(|path| format!("crate::{path}")));
}
