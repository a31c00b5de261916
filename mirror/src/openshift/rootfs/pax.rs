//! Attributes that stand before an entry in an archive (POSIX pax, "pax Header Block").
//!
//! Pure. Each says how long it is, and that alone counts: values such as extended attributes are bytes,
//! line breaks among them. Invariant: no more is given out than was there.

/// One attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
}

/// The attributes in such a block; `None` for one that has not their form, and then no more.
pub(super) fn attributes(block: &[u8]) -> impl Iterator<Item = Option<Attribute<'_>>> {
    let mut rest = block;
    std::iter::from_fn(move || {
        // What is filled up is filled up with zeros.
        if rest.first().is_none_or(|byte| *byte == 0) {
            return None;
        }
        let split = first(rest);
        rest = split.map_or(&[], |(_, rest)| rest);
        Some(split.map(|(attribute, _)| attribute))
    })
}

/// The first attribute, and what follows it: `LENGTH KEY=VALUE` and a line break, where the length is
/// that of all of this.
fn first(block: &[u8]) -> Option<(Attribute<'_>, &[u8])> {
    let space = block.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&block[..space]).ok()?.parse().ok()?;
    let (whole, rest) = block.split_at_checked(length)?;
    let text = whole.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&text[..equals], &text[equals + 1..]);
    Some((Attribute { key, value }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(block: &[u8], expected: &[Option<(&'static str, &[u8])>]) {
        let read: Vec<_> = attributes(block).collect();
        let attribute = |(key, value): (&'static str, _)| Attribute {
            key: key.as_bytes(),
            value,
        };
        let expected: Vec<_> = expected.iter().map(|it| it.map(attribute)).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn attributes_are_as_long_as_they_say() {
        check(b"", &[]);
        check(b"9 path=a\n", &[Some(("path", b"a"))]);
        check(
            b"9 path=a\n12 size=100\n\0\0",
            &[Some(("path", b"a")), Some(("size", b"100"))],
        );
        check(b"11 path==\n\n", &[Some(("path", b"=\n"))]);
        // What looks like an attribute within a value is none.
        check(
            b"19 x=\n9 path=evil\n\n9 path=a\n",
            &[Some(("x", b"\n9 path=evil\n")), Some(("path", b"a"))],
        );
        check(b"7 path=\n", &[None]);
        check(b"8 path=\n", &[Some(("path", b""))]);
    }

    #[test]
    fn what_has_not_their_form_ends_them() {
        for block in [
            &b"path=a\n"[..],
            b"9path=a\n",
            b"99 path=a\n",
            b"0 path=a\n",
            b"1 path=a\n",
            b"8 path=a\n",
            b"9 path:a\n",
            b"-9 path=a\n",
            b"18446744073709551616 path=a\n",
            b" 9 path=a\n",
        ] {
            check(block, &[None]);
        }
        check(b"9 path=a\nx", &[Some(("path", b"a")), None]);
    }
}
