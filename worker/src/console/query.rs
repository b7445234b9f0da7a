//! The names and values of an address or a form, as they were sent.

use std::fmt::Display;

use super::fault::Fault;

/// More names than any page has.
const MAX_PAIRS: usize = 400;

/// Names and values in their order. A name can be there more than once.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=1&b=x%20y`.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let wrong = || Fault::Wrong("The address or the form cannot be read.".to_owned());
        let pairs = actix_web::web::Query::<Vec<(String, String)>>::from_query(text)
            .map_err(|_| wrong())?
            .into_inner();
        if pairs.len() > MAX_PAIRS {
            return Err(wrong());
        }
        // As the records keep it: PostgreSQL takes no NUL in a text.
        let kept = |(name, value): (String, String)| (name, value.replace('\0', "\u{fffd}"));
        Ok(Self(pairs.into_iter().map(kept).collect()))
    }

    /// The value of `name`; none if it is empty, as fields of a form are that nobody filled in.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of `name` but the empty ones, without the spaces that pasting brings along.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.0.iter().filter(move |(other, value)| other == name && !value.is_empty());
        values.map(|(_, value)| match value.trim_matches(' ') {
            "" => value,
            trimmed => trimmed,
        })
    }

    /// The value as it was sent, to be shown in its field again.
    pub(super) fn field(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// All of it.
    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// Whether one of `names` has a value.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.get(name).is_some())
    }

    /// The names that stand in none of the lists. What is left out by mistake makes a filter wider.
    pub(super) fn unknown<'a>(&'a self, known: &'a [&'a [&str]]) -> impl Iterator<Item = &'a str> {
        let names = self.0.iter().map(|(name, _)| name.as_str());
        names.filter(|name| !known.iter().any(|list| list.contains(name)))
    }

    /// A whole number, if there is one.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Fault> {
        let number = self.get(name).map(str::parse).transpose();
        number.map_err(|_| Fault::Wrong(format!("`{name}` is not a number.")))
    }
}

/// Writes an address's names and values.
#[derive(Clone, Debug, Default)]
pub(super) struct Writer(Vec<(String, String)>);

impl Writer {
    pub(super) fn add(&mut self, name: &str, value: &dyn Display) -> &mut Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// `a=1&b=x+y`, in plain ASCII without quotes.
    pub(super) fn finish(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.0 {
            if !text.is_empty() {
                text.push('&');
            }
            encode(name, &mut text);
            text.push('=');
            encode(value, &mut text);
        }
        text
    }
}

fn encode(value: &str, text: &mut String) {
    use std::fmt::Write as _;
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                text.push(char::from(byte));
            }
            // Writing into a String cannot fail.
            _ => _ = write!(text, "%{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let hostile = "a b&c=d+e%20\"'<ü\u{202e}\n\u{0}";
        let mut writer = Writer::default();
        writer.add("id", &1).add("id", &2).add("code", &hostile).add("none", &"");
        let text = writer.finish();
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>".contains(&byte)));
        let query = Query::read(&text).unwrap();
        assert_eq!(query.all("id").collect::<Vec<_>>(), ["1", "2"]);
        let kept = hostile.replace('\0', "\u{fffd}");
        assert_eq!((query.get("code"), query.get("none")), (Some(kept.as_str()), None));
        assert_eq!(query.number("id").unwrap(), Some(1));
        assert!(query.number("code").is_err());
    }
}
