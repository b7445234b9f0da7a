//! A file's text, taken apart into its sections and put together from them.
//!
//! Knows no key of a section: what is in it stays as it is.

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::fault::Faults;
use super::json::json;
use super::notes::Notes;
use super::section_kind::SectionKind;

/// One section and its keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SectionText {
    pub(crate) kind: SectionKind,
    pub(crate) name: String,
    /// A JSON object.
    pub(crate) body: Value,
}

/// The sections of `text`, by kind and name. Of what is wrong with it only that is told which leaves none: what
/// a section says is looked at by [`super::read`].
pub(crate) fn sections_in(file: &str, text: &str) -> Result<Vec<SectionText>, Faults> {
    let notes = Notes::default();
    let mut sections = Vec::new();
    match DeTable::parse(text) {
        Ok(table) => {
            for kind in SectionKind::ALL {
                sections_of(kind, (text, table.get_ref()), &notes, &mut sections);
            }
        }
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            notes.fault(at, "", &format!("this is no TOML: {}", error.message()));
        }
    }
    notes.into_faults(file, text).map_or(Ok(sections), Err)
}

fn sections_of(
    kind: SectionKind,
    (text, root): (&str, &DeTable<'_>),
    notes: &Notes,
    sections: &mut Vec<SectionText>,
) {
    let Some(table) = root.get(kind.table()) else { return };
    let DeValue::Table(named) = table.get_ref() else { return };
    if text[table.span().start..].starts_with('{') {
        let what = kind.table();
        let message = format!(
            "is one table in braces, and what is in the records is to stand beside what is in it: write \
             [{what}.NAME], or {what}.NAME = {{ … }}"
        );
        notes.fault(table.span().start, what, &message);
    }
    for (name, section) in named {
        match json(section) {
            Ok(body) => {
                let name = name.get_ref().clone().into_owned();
                sections.push(SectionText { kind, name, body });
            }
            Err(fault) => {
                let path = format!("{}.{}", kind.table(), name.get_ref());
                notes.fault(fault.at, &path, &fault.message);
            }
        }
    }
}

/// The text of a file with these sections.
pub(crate) fn text_of<'s>(sections: impl IntoIterator<Item = &'s SectionText>) -> String {
    let mut tables = Map::new();
    for SectionText { kind, name, body } in sections {
        let table = tables.entry(kind.table()).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(table) = table {
            table.insert(name.clone(), body.clone());
        }
    }
    // TOML has all that JSON from TOML has. Whatever else it is must not read as if there were nothing.
    toml::to_string(&tables).unwrap_or_else(|error| format!("no TOML can be made of this: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    const TEXT: &str = r#"
        [tenants.acme]
        origin = "hubspot/62515"
        name = "A \"quoted\" name\nin two lines, \u007f and 😀"
        [destinations."acme-crm"]
        tenant = "acme"
        url = "https://hooks.acme.example"
        secret = { env = "TENANT_ACME" }
        headers = { X-One = "1", X-Two = { file = "/run/secrets/tenants/two" } }
        transient_statuses = [409, 423]
        [routes.acme-deals]
        tenant = "acme"
        destination = "acme-crm"
        filter = { logic = "and", conditions = [
          { field = "a", operator = "equals", value = 1.5 },
          { field = "b", operator = "in", value = [1, "two", true] },
        ] }
        transform = { template = '''
{"a": {{ event.objectId }}}
''' }
    "#;

    #[test]
    fn sections_are_taken_apart_and_put_together_again() {
        let sections = sections_in("tenants.toml", TEXT).unwrap();
        let names: Vec<_> = sections.iter().map(|section| (section.kind, &*section.name)).collect();
        let [tenant, destination, route] = SectionKind::ALL;
        assert_eq!(
            names,
            [(tenant, "acme"), (destination, "acme-crm"), (route, "acme-deals")],
            "{sections:?}"
        );
        let text = text_of(&sections);
        assert_eq!(sections_in("other", &text).unwrap(), sections, "{text}");
        assert_eq!(text_of(&[]), "");
        let body = serde_json::json!({ "origin": null });
        let odd = SectionText { kind: tenant, name: "odd".to_owned(), body };
        assert!(sections_in("records", &text_of([&odd])).is_err(), "{}", text_of([&odd]));
    }

    #[test]
    fn what_is_no_section_is_told_with_its_place() {
        let told = |text| sections_in("tenants.toml", text).unwrap_err().to_string();
        assert!(
            told("[tenants.acme\n").starts_with("tenants.toml:1:"),
            "{}",
            told("[tenants.acme\n")
        );
        let date = told("[tenants.acme]\nname = 2026-11-30\n");
        assert!(date.starts_with("tenants.toml:2:8: tenants.acme: "), "{date}");
    }
}
