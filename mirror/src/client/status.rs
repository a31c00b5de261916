//! What the status of an answer means, and what an upstream says of it.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::error::{Error, Said};
use crate::net::Answer;

/// The body of a refusal, as the distribution specification has it.
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The answer if it is a success, and the failure that it is otherwise.
pub(super) async fn check(answer: Answer) -> Result<Answer, Error> {
    match answer.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(answer),
        _ => Err(failure(answer).await),
    }
}

/// The failure that an answer stands for.
pub(super) async fn failure(answer: Answer) -> Error {
    let status = answer.status();
    let url = answer.url().into();
    let retry_after = retry_after(answer.headers(), SystemTime::now());
    let body = answer.aside().await;
    if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        return Error::NotFound { url };
    }
    // What it is about is known without its words.
    let said = body.map_or_else(Said::default, |body| said(&body));
    Error::Answer {
        url,
        status,
        said,
        retry_after,
    }
}

fn said(body: &[u8]) -> Said {
    match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { errors }) => errors.first().map_or_else(Said::default, |error| {
            Said::new(&format!("{} {}", error.code, error.message))
        }),
        // Plain text, or a page for a browser, of which nobody reads a log.
        Err(_) => match str::from_utf8(body) {
            Ok(text) if !text.trim_start().starts_with('<') => Said::new(text),
            _ => Said::default(),
        },
    }
}

/// When the upstream wants to be asked again, in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check_retry(value: &str, expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 60);
        let expected = expected.map(Duration::from_secs);
        assert_eq!(retry_after(&headers, now), expected, "{value}");
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_until_a_date() {
        check_retry("120", Some(120));
        check_retry("Sun, 06 Nov 1994 08:49:37 GMT", Some(60));
        check_retry("Sun, 06 Nov 1983 08:49:37 GMT", Some(0));
        check_retry("-1", None);
        check_retry("soon", None);
    }

    #[test]
    fn the_words_of_an_upstream_are_kept_short() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no\nentry"},{"code":"X"}]}"#;
        assert_eq!(said(body).to_string(), ": DENIED no entry");
        assert_eq!(
            said(b"Too Many Requests (HAP429)").to_string(),
            ": Too Many Requests (HAP429)"
        );
        assert_eq!(said(b"<html>x").to_string(), "");
        assert_eq!(said(b"\xff").to_string(), "");
        assert_eq!(said(b"{}").to_string(), "");
    }
}
