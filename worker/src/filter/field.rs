//! A dotted path to what a condition looks at. Refuses to know what may be there.

use serde_json::Value;

use super::facts::Facts;

const MAX_BYTES: usize = 256;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    root: Root,
    steps: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Root {
    Event,
    Record,
}

impl Field {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("longer than {MAX_BYTES} bytes"));
        }
        let text = text.strip_prefix("[0].").unwrap_or(text);
        if text.starts_with('[') {
            return Err("begins with a number, but an event is one object".to_owned());
        }
        let mut steps = steps(text)?;
        let root = match steps.first().map(String::as_str) {
            Some("object") => Root::Record,
            Some("event") => Root::Event,
            _ => return Ok(Self { root: Root::Event, steps }),
        };
        steps.remove(0);
        if root == Root::Record && steps.first().is_some_and(|step| step == "properties") {
            steps.remove(0);
        }
        if steps.is_empty() {
            return Err("names no field: object.amount is a record's property, and event.object \
                        is the event's own field"
                .to_owned());
        }
        Ok(Self { root, steps })
    }

    /// The property of the record that it asks for.
    pub(crate) fn property(&self) -> Option<&str> {
        let of_record = self.is_of_record().then(|| self.steps.first());
        of_record.flatten().map(String::as_str)
    }

    pub(crate) fn is_of_record(&self) -> bool {
        self.root == Root::Record
    }

    /// None where it is missing or null.
    pub(crate) fn find<'a>(&self, facts: &Facts<'a>) -> Option<&'a Value> {
        let start = match self.root {
            Root::Event => facts.event,
            Root::Record => facts.record?,
        };
        let found = self.steps.iter().try_fold(start, |value, step| match value {
            Value::Object(object) => object.get(step),
            Value::Array(array) => array.get(step.parse::<usize>().ok()?),
            _ => None,
        });
        found.filter(|found| !found.is_null())
    }
}

fn steps(text: &str) -> Result<Vec<String>, String> {
    let mut steps = Vec::new();
    for part in text.split('.') {
        let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if name.is_empty() || name.contains(']') {
            return Err("a name is missing: write it like a.b or a[0].b".to_owned());
        }
        steps.push(name.to_owned());
        while !rest.is_empty() {
            let number = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let digits = |number: &str| number.bytes().all(|byte| byte.is_ascii_digit());
            let Some((number, after)) = number.filter(|(n, _)| !n.is_empty() && digits(n)) else {
                return Err("brackets hold one number: a[0].b".to_owned());
            };
            steps.push(number.to_owned());
            rest = after;
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_into_objects_arrays_and_the_record() {
        let event = json!({
            "objectId": 7, "a": [{ "b": [1, 2] }], "n": { "0": "key" }, "object": "own",
            "event": "own", "none": null,
        });
        let record = json!({ "amount": "100" });
        let facts = Facts { event: &event, record: Some(&record) };
        for (path, found) in [
            ("objectId", json!(7)),
            ("[0].objectId", json!(7)),
            ("event.objectId", json!(7)),
            ("[0].event.objectId", json!(7)),
            ("a.0.b.1", json!(2)),
            ("a[0].b[1]", json!(2)),
            ("a[0][0]", json!(null)),
            ("n.0", json!("key")),
            ("event.object", json!("own")),
            ("event.event", json!("own")),
            ("object.amount", json!("100")),
            ("object.properties.amount", json!("100")),
            ("object.missing", json!(null)),
            ("none", json!(null)),
            ("none.deeper", json!(null)),
            ("objectId.deeper", json!(null)),
            ("a.99999999999999999999999", json!(null)),
        ] {
            let found_there = Field::parse(path).unwrap().find(&facts).cloned();
            assert_eq!(found_there.unwrap_or_default(), found, "{path}");
        }
        let without_record = Facts { event: &event, record: None };
        assert_eq!(Field::parse("object.amount").unwrap().find(&without_record), None);
    }

    #[test]
    fn a_path_that_leads_nowhere_is_refused() {
        for path in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a[",
            "a[]",
            "a[x]",
            "a[+1]",
            "a[0]b",
            "a]",
            "[0]",
            "[1].a",
            "[0].[0].a",
            "object",
            "event",
            "object.properties",
            "object.properties.",
        ] {
            assert!(Field::parse(path).is_err(), "{path}");
        }
        assert!(Field::parse(&"a".repeat(256)).is_ok());
        assert!(Field::parse(&"a".repeat(257)).is_err());
    }
}
