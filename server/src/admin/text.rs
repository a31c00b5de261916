//! Values that cross the socket as texts, since the crates that own their grammar do not serialise
//! them.
//!
//! For use with serde's `with`. Invariant: what is read is of the grammar.

/// One value.
pub(super) mod one {
    use std::error::Error as StdError;
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::admin) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(in crate::admin) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: StdError>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// A list, or a set.
pub(super) mod list {
    use std::error::Error as StdError;
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::admin) fn serialize<'a, C, T, S>(
        list: &'a C,
        serializer: S,
    ) -> Result<S::Ok, S::Error>
    where
        &'a C: IntoIterator<Item = &'a T>,
        T: Display + 'a,
        S: Serializer,
    {
        serializer.collect_seq(list.into_iter().map(ToString::to_string))
    }

    pub(in crate::admin) fn deserialize<'de, C, T, D>(deserializer: D) -> Result<C, D::Error>
    where
        C: FromIterator<T> + IntoIterator<Item = T>,
        T: FromStr<Err: StdError>,
        D: Deserializer<'de>,
    {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let values: Result<_, _> = texts.iter().map(|text| text.parse::<T>()).collect();
        values.map_err(D::Error::custom)
    }
}

/// One value, or none.
pub(super) mod optional {
    use std::error::Error as StdError;
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(in crate::admin) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value
            .as_ref()
            .map(ToString::to_string)
            .serialize(serializer)
    }

    pub(in crate::admin) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: StdError>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(deserializer)?;
        let value = text.map(|text| text.parse());
        value.transpose().map_err(D::Error::custom)
    }
}
