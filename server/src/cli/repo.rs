//! `roadstead repo`: what lies in the registry, and how to be rid of it.

use std::fmt::Write;

use crate::admin::client::ask;
use crate::admin::command::Command;
use crate::admin::failure::Failure;
use crate::admin::report::{Removed, Report, Repositories, Repository, RepositoryLine, TagLine};
use crate::cli::args::Repo;
use crate::cli::print;
use crate::config::Source;

/// Carries out one of the commands.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(source: &Source, command: Repo) -> Result<(), Failure> {
    match command {
        Repo::List { format } => match ask(source, &Command::RepoList)? {
            Report::Repositories(list) if format.json => print::json(&list),
            Report::Repositories(list) => print::text(&list_text(&list)),
            _ => Err(Failure::other_report()),
        },
        Repo::Show { name, format } => match ask(source, &Command::RepoShow { name })? {
            Report::Repository(repository) if format.json => print::json(&repository),
            Report::Repository(repository) => print::text(&repository_text(&repository)),
            _ => Err(Failure::other_report()),
        },
        Repo::Remove {
            target,
            dry_run,
            format,
        } => match ask(source, &Command::RepoRemove { target, dry_run })? {
            Report::Removed(removed) if format.json => print::json(&removed),
            Report::Removed(removed) => print::text(&removed_text(&removed)),
            _ => Err(Failure::other_report()),
        },
    }
}

fn list_text(list: &Repositories) -> String {
    let head = ["REPOSITORY", "TAGS", "MANIFESTS", "SIZE"].map(str::to_owned);
    let row = |line: &RepositoryLine| {
        let counts = [line.tags, line.manifests].map(|count| count.to_string());
        let [tags, manifests] = counts;
        [
            line.name.to_string(),
            tags,
            manifests,
            print::size(line.bytes),
        ]
    };
    let rows: Vec<_> = std::iter::once(head)
        .chain(list.repositories.iter().map(row))
        .collect();
    print::table(&rows)
}

fn repository_text(repository: &Repository) -> String {
    let mut text = format!(
        "{}: {}, {}\n",
        repository.name,
        print::count(repository.manifests, "manifest"),
        print::size(repository.bytes)
    );
    let head = ["TAG", "DIGEST", "SET", "BY"].map(str::to_owned);
    let row = |tag: &TagLine| {
        [
            tag.name.to_string(),
            tag.digest.to_string(),
            tag.set_at.clone(),
            tag.by.clone(),
        ]
    };
    let rows: Vec<_> = std::iter::once(head)
        .chain(repository.tags.iter().map(row))
        .collect();
    text.push_str(&print::table(&rows));
    for digest in &repository.missing {
        let _ = writeln!(text, "missing {digest}");
    }
    text
}

fn removed_text(removed: &Removed) -> String {
    let mut text = String::new();
    let (verb, frees) = if removed.dry_run {
        ("would remove", "would free")
    } else {
        ("removed", "frees")
    };
    for tag in &removed.tags {
        let _ = writeln!(text, "{verb} tag {tag}");
    }
    for digest in &removed.manifests {
        let _ = writeln!(text, "{verb} manifest {digest}");
    }
    for digest in &removed.untagged {
        let _ = writeln!(
            text,
            "{digest} stays, without a tag; remove it by its digest to free its space"
        );
    }
    let _ = writeln!(text, "{frees} {}", print::size(removed.freed_bytes));
    text
}
