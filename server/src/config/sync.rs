//! The `[[sync]]` sections: what is brought in again and again, and when.
//!
//! Owns their grammar, the schedules' included. This version checks them and says at its start that
//! it does not act on them yet.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::auth::pattern::RepoPattern;
use crate::config::invalid::{Invalid, parse, parse_all};
use crate::config::unit::Span;

/// One `[[sync]]`: content that is brought in again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Sync {
    name: String,
    images: Vec<String>,
    platforms: Vec<String>,
    releases: Vec<String>,
    samples: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    repositories: Vec<RepoPattern>,
    to: String,
    prune: bool,
    #[serde(flatten)]
    when: When,
}

/// When a sync job runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum When {
    Asked {},
    Every { every: Span },
    Schedule { schedule: Cron },
}

/// Five fields of a cron schedule: minute, hour, day, month, weekday.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cron(String);

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const LIMITS: [(u8, u8); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
        let fields: Vec<&str> = text.split_whitespace().collect();
        let is_cron = fields.len() == LIMITS.len()
            && fields
                .iter()
                .zip(LIMITS)
                .all(|(field, limits)| is_cron_field(field, limits));
        if is_cron {
            Ok(Self(fields.join(" ")))
        } else {
            Err(InvalidCron)
        }
    }
}

/// `*`, `3`, `1-5`, each with an optional `/step`, several with commas between.
fn is_cron_field(field: &str, (least, most): (u8, u8)) -> bool {
    let number = |text: &str| {
        text.parse()
            .ok()
            .filter(|n: &u8| (least..=most).contains(n))
    };
    field.split(',').all(|part| {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let has_step = step.parse::<u8>().is_ok_and(|step| step > 0);
        let is_range = match range.split_once('-') {
            _ if range == "*" => true,
            Some((from, to)) => matches!((number(from), number(to)), (Some(a), Some(b)) if a <= b),
            None => number(range).is_some(),
        };
        has_step && is_range
    })
}

impl Display for Cron {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Cron {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A text that is no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not five fields of cron, such as \"0 3 * * *\"")]
struct InvalidCron;

/// One `[[sync]]`, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSync {
    name: String,
    #[serde(default)]
    images: Vec<String>,
    #[serde(default)]
    platforms: Vec<String>,
    #[serde(default)]
    releases: Vec<String>,
    #[serde(default)]
    samples: bool,
    from: Option<String>,
    #[serde(default)]
    repositories: Vec<String>,
    #[serde(default)]
    to: String,
    #[serde(default)]
    prune: bool,
    schedule: Option<String>,
    every: Option<String>,
}

impl RawSync {
    /// Checks the sync job at `place` in the file.
    ///
    /// # Errors
    /// Names the key that is wrong.
    pub(crate) fn check(self, place: usize) -> Result<Sync, Invalid> {
        let key = |name| format!("sync[{place}].{name}");
        if self.name.is_empty() {
            return Err(Invalid::new(key("name"), "a job needs a name"));
        }
        let when = match (self.schedule, self.every) {
            (None, None) => When::Asked {},
            (Some(text), None) => When::Schedule {
                schedule: parse(key("schedule"), &text)?,
            },
            (None, Some(text)) => When::Every {
                every: parse(key("every"), &text)?,
            },
            (Some(_), Some(_)) => {
                return Err(Invalid::new(
                    key("every"),
                    "stands beside a schedule: one is enough",
                ));
            }
        };
        for (index, platform) in self.platforms.iter().enumerate() {
            let parts: Vec<&str> = platform.split('/').collect();
            if !(2..=3).contains(&parts.len()) || parts.iter().any(|part| part.is_empty()) {
                let problem = "not OS/ARCH, such as \"linux/amd64\"";
                return Err(Invalid::new(
                    format!("{}[{index}]", key("platforms")),
                    problem,
                ));
            }
        }
        Ok(Sync {
            name: self.name,
            images: self.images,
            platforms: self.platforms,
            releases: self.releases,
            samples: self.samples,
            from: self.from,
            repositories: parse_all(&key("repositories"), &self.repositories)?,
            to: self.to,
            prune: self.prune,
            when,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, valid: bool) {
        assert_eq!(text.parse::<Cron>().is_ok(), valid, "{text}");
    }

    #[test]
    fn a_schedule_has_five_fields_within_their_limits() {
        for valid in [
            "0 3 * * *",
            "*/5 * * * *",
            "0,30 8-18 * * 1-5",
            "0 0 1 */3 7",
        ] {
            check(valid, true);
        }
        for wrong in [
            "",
            "* * * *",
            "60 * * * *",
            "0 3 * * mon",
            "5-1 * * * *",
            "*/0 * * * *",
        ] {
            check(wrong, false);
        }
    }
}
