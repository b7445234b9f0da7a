//! Which letters are meant, as an address says it, as an address is written, and in words.

use shared::origin::Origin;

use super::access::Reach;
use super::query::{Query, Writer};
use crate::records::dead_letters::{Filter, State};
use crate::records::origin_meant;
use crate::when;

/// Stands for an empty text, such as the target of letters that were given up before any handler
/// had begun.
pub(super) const NONE: &str = "(none)";
/// What a filter can have.
const FIELDS: [&str; 14] = [
    "id", "problem", "code", "reason", "type", "handler", "origin", "portal", "object", "job",
    "since", "since_ms", "until", "until_ms",
];
/// What else stands in an address or a form beside a filter.
const BESIDE: [&str; 6] = ["state", "before", "scope", "filter", "format", "done"];
/// Said of what is no origin.
const NO_ORIGIN: &str = "Origin: write hubspot/62515, or the number of a HubSpot account.";
/// The longest value of a field, in bytes.
const MAX_VALUE_BYTES: usize = 500;

/// What is meant, and what could not be understood of it.
pub(super) struct Selection {
    pub(super) filter: Filter,
    pub(super) mistakes: Vec<String>,
}

/// Reads the fields of a filter, for somebody who sees what is within `reach`. A state is not among them:
/// pages have their own.
pub(super) fn selection_of(query: &Query, reach: &Reach) -> Selection {
    let mut mistakes = Vec::new();
    let mut text = |name: &str, label: &str| {
        let value = query.get(name)?;
        if value.len() > MAX_VALUE_BYTES {
            mistakes.push(format!("{label}: at most {MAX_VALUE_BYTES} bytes."));
            return None;
        }
        Some(if value == NONE { String::new() } else { value.to_owned() })
    };
    let (fingerprint, code) = (text("problem", "Problem"), text("code", "Code"));
    let (reason, subscription_type) = (text("reason", "Reason"), text("type", "Type"));
    let target = text("handler", "Handler");
    let origin = origin_named(query, reach, &mut mistakes);
    let mut number = |name: &str, label: &str| {
        let value = query.get(name)?;
        let number = value.parse::<u64>().map(u64::cast_signed);
        number.map_err(|_| mistakes.push(format!("{label}: write a number."))).ok()
    };
    let (object_id, job_id) = (number("object", "Object"), number("job", "Job"));
    let mut time = |name: &str, label: &str| {
        // Exactly, where a plan was made of it; else as people write it.
        if let Some(exact) = query.get(&format!("{name}_ms")) {
            return exact.parse().map_err(|_| mistakes.push(format!("{label}: no time."))).ok();
        }
        let read = when::parse(query.get(name)?);
        read.map_err(|why| mistakes.push(format!("{label}: {why}."))).ok()
    };
    let (since_ms, until_ms) = (time("since", "Died since"), time("until", "Died before"));
    let mut ids = Vec::new();
    for id in query.all("id") {
        match id.parse() {
            Ok(id) => ids.push(id),
            Err(_) => mistakes.push("A letter is named by its number.".to_owned()),
        }
    }
    ids.sort_unstable();
    ids.dedup();
    mistakes.extend(query.unknown(&[&FIELDS, &BESIDE]).map(unknown));
    let filter = Filter {
        ids,
        fingerprint,
        code,
        reason,
        origin,
        subscription_type,
        object_id,
        target,
        job_id,
        state: None,
        since_ms,
        until_ms,
    };
    Selection { filter, mistakes }
}

/// The origin that is meant: that which an address or a form names, as `origin`, or as `portal` by a HubSpot
/// account's number; for those who see one alone, that one, and to name another is a mistake.
pub(super) fn origin_named(
    query: &Query,
    reach: &Reach,
    mistakes: &mut Vec<String>,
) -> Option<Origin> {
    let text = match (query.get("origin"), query.get("portal")) {
        (Some(_), Some(_)) => {
            mistakes.push("Origin and portal mean the same: give one of them.".to_owned());
            return None;
        }
        (origin, portal) => origin.or(portal),
    };
    let named = text.map(origin_meant).transpose();
    let named = named.map_err(|_| mistakes.push(NO_ORIGIN.to_owned())).ok()?;
    let own = reach.origin();
    let beyond =
        || format!("Origin: you see {} alone.", own.map(Origin::to_string).unwrap_or_default());
    reach.narrow(named).map_err(|_| mistakes.push(beyond())).ok()?
}

/// What is said of a name that no filter has.
pub(super) fn unknown(name: &str) -> String {
    format!("There is no filter `{}`.", &name[..name.floor_char_boundary(40)])
}

/// The filter as an address, with exact times; its state is left out.
pub(super) fn write(filter: &Filter) -> Writer {
    let mut query = Writer::default();
    for id in &filter.ids {
        query.add("id", &id);
    }
    let texts = [
        ("problem", &filter.fingerprint),
        ("code", &filter.code),
        ("reason", &filter.reason),
        ("type", &filter.subscription_type),
        ("handler", &filter.target),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            query.add(name, &or_none(text));
        }
    }
    if let Some(origin) = &filter.origin {
        query.add("origin", origin);
    }
    for (name, number) in [("object", filter.object_id), ("job", filter.job_id)] {
        if let Some(number) = number {
            query.add(name, &number.cast_unsigned());
        }
    }
    for (name, ms) in [("since_ms", filter.since_ms), ("until_ms", filter.until_ms)] {
        if let Some(ms) = ms {
            query.add(name, &ms);
        }
    }
    query
}

/// One condition in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// The filter in words, one condition each; none if every letter is meant.
pub(super) fn words(filter: &Filter) -> Vec<Condition> {
    let number = |number: Option<i64>| number.map(|number| number.cast_unsigned().to_string());
    let time = |ms: Option<i64>| ms.map(|ms| format!("{} UTC", when::show(ms)));
    let ids: Vec<String> = filter.ids.iter().map(ToString::to_string).collect();
    let text = |text: &Option<String>| text.as_deref().map(|text| or_none(text).to_owned());
    let conditions = [
        ("number", Some(ids.join(", ")).filter(|ids| !ids.is_empty())),
        ("problem", text(&filter.fingerprint)),
        ("code", text(&filter.code)),
        ("reason", text(&filter.reason)),
        ("origin", filter.origin.as_ref().map(ToString::to_string)),
        ("type", text(&filter.subscription_type)),
        ("object", number(filter.object_id)),
        ("handler", text(&filter.target)),
        ("job", number(filter.job_id)),
        ("state", filter.state.map(|state| words_of(state).to_owned())),
        ("died since", time(filter.since_ms)),
        ("died before", time(filter.until_ms)),
    ];
    let conditions = conditions.into_iter();
    conditions.filter_map(|(name, value)| Some(Condition { name, value: value? })).collect()
}

/// The text, or what stands for an empty one.
pub(super) fn or_none(text: &str) -> &str {
    if text.is_empty() { NONE } else { text }
}

/// A state in people's words.
pub(super) fn words_of(state: State) -> &'static str {
    match state {
        State::Dead => "dead",
        State::Requested => "retry requested",
        State::Retried => "being retried",
        State::Resolved => "resolved",
        State::DiedAgain => "died again",
        State::Discarded => "discarded",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn a_filter_that_was_written_is_read_as_it_was() {
        let filter = Filter {
            ids: vec![3, 17],
            fingerprint: Some("5ac1".to_owned()),
            code: Some("A&b=\u{202e}\"'\n".to_owned()),
            reason: Some("exhausted".to_owned()),
            origin: Some(Origin::hubspot(u64::MAX)),
            subscription_type: Some("deal.creation".to_owned()),
            object_id: Some(7),
            target: Some(String::new()),
            job_id: Some(3),
            state: None,
            since_ms: Some(1_790_000_000_001),
            until_ms: Some(1_790_000_000_999),
        };
        let query = Query::read(&write(&filter).finish()).unwrap();
        let read = selection_of(&query, &Reach::All);
        assert_eq!(read.filter, filter);
        assert!(read.mistakes.is_empty());
    }

    #[test]
    fn what_cannot_be_understood_is_told_and_leaves_nothing_out_by_itself() {
        let query = Query::read("origin=x&since=yesterday&id=y&object=&code=A").unwrap();
        let read = selection_of(&query, &Reach::All);
        assert_eq!(read.mistakes.len(), 3, "{:?}", read.mistakes);
        assert_eq!(read.filter, Filter { code: Some("A".to_owned()), ..Filter::default() });
    }

    #[test]
    fn a_hubspot_account_can_be_named_by_its_number_alone() {
        for address in ["origin=hubspot%2F62515", "origin=62515", "portal=62515"] {
            let read = selection_of(&Query::read(address).unwrap(), &Reach::All);
            assert_eq!(read.filter.origin, Some(Origin::hubspot(62515)), "{address}");
            assert!(read.mistakes.is_empty(), "{address}");
        }
        let wrong = selection_of(&Query::read("portal=x").unwrap(), &Reach::All);
        assert_eq!((wrong.filter.origin, wrong.mistakes.len()), (None, 1));
    }

    #[test]
    fn whoever_sees_one_origin_means_that_one_and_can_name_no_other() {
        let own = Reach::Origin(Origin::hubspot(7));
        for address in ["", "code=A", "origin=hubspot%2F7", "portal=7"] {
            let read = selection_of(&Query::read(address).unwrap(), &own);
            assert_eq!(read.filter.origin, Some(Origin::hubspot(7)), "{address}");
            assert!(read.mistakes.is_empty(), "{address}");
        }
        for address in ["origin=hubspot%2F8", "portal=8", "portal=7&origin=hubspot%2F8", "portal=x"]
        {
            let read = selection_of(&Query::read(address).unwrap(), &own);
            assert_eq!(read.mistakes.len(), 1, "{address}");
        }
    }

    #[test]
    fn a_filter_is_told_in_words() {
        let filter = Filter {
            origin: Some(Origin::hubspot(7)),
            target: Some(String::new()),
            until_ms: Some(1_795_253_400_000),
            ..Filter::default()
        };
        let words: Vec<String> =
            words(&filter).iter().map(|it| format!("{} {}", it.name, it.value)).collect();
        assert_eq!(
            words,
            ["origin hubspot/7", "handler (none)", "died before 2026-11-21 09:30:00 UTC"]
        );
        assert!(super::words(&Filter::default()).is_empty());
    }
}
