//! Documents as YAML, laid out as `oc` prints it: keys in order, lists not indented, nothing folded.
//!
//! Invariant: what is written is read back as the same document by any reader, also by one that
//! still takes `yes` and `1_000` for something else than words.

use serde_json::Value;

/// What stands between two documents of one text.
const BETWEEN: &str = "---\n";

/// One document.
pub(super) fn document(value: &Value) -> String {
    let mut options = serde_saphyr::SerializerOptions::default();
    options.folded_wrap_chars = usize::MAX;
    let mut text = serde_saphyr::to_string_with_options(value, options)
        .expect("YAML has a form for every document of JSON");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Several documents, which `oc apply --filename` takes as one text.
pub(super) fn documents(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(document).collect();
    texts.join(BETWEEN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn it_looks_as_oc_prints_it() {
        let value = json!({
            "b": { "list": [{ "v": ["one", "two"], "w": "z" }], "none": [], "word": "yes" },
            "a": "line\nline\n",
            "long": "A".repeat(200) + "=",
            "host.example.com..8443": "reg:8443/a/b@sha256:0",
            "1": "8443",
        });
        let long = "A".repeat(200);
        let expected = format!(
            "\"1\": \"8443\"\na: |\n  line\n  line\nb:\n  list:\n  - v:\n    - one\n    - two\n    w: z\n  \
             none: []\n  word: \"yes\"\nhost.example.com..8443: reg:8443/a/b@sha256:0\nlong: {long}=\n"
        );
        assert_eq!(document(&value), expected);
    }

    proptest! {
        #[test]
        fn any_words_are_read_back_as_they_were(words in prop::collection::vec(".*", 1..4), key in ".*") {
            let value = json!({ key: words });
            let read: Value = serde_saphyr::from_str(&document(&value)).unwrap();
            prop_assert_eq!(read, value);
        }
    }

    #[test]
    fn words_that_some_reader_takes_for_something_else_are_quoted() {
        for word in [
            "yes", "no", "on", "off", "null", "~", "1", "1.5", "0x10", "010", "1:20", "1e3",
            "true", "",
        ] {
            let text = document(&json!({ "key": word }));
            let quoted = text.contains('"') || text.contains('\'');
            assert!(quoted, "{text}");
        }
    }
}
