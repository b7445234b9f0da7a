//! `/`: how many distinct problems there are, the landing page.

use askama::Template;

use super::super::fault::Fault;
use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part, Trend, count_of, grouped};
use super::super::query::{Query, Writer};
use super::super::selection::{or_none, unknown};
use super::super::visit::{Answer, Visit, page};
use crate::records::dead_letters::{Group, Grouping, Groups};

/// Groups of one page.
const GROUPS: i64 = 100;

/// What an address can say.
const FIELDS: [&str; 4] = ["by", "all", "page", "done"];

/// What the letters can be grouped by: the address's word, the tab's and a row's.
const WAYS: [(&str, &str, &str, Grouping); 4] = [
    ("problem", "Problem", "Problem", Grouping::Fingerprint),
    ("code", "Code", "Code", Grouping::Code),
    ("handler", "Handler", "Handler", Grouping::Target),
    ("origin", "Origin", "Origin", Grouping::Origin),
];

struct Way {
    label: &'static str,
    href: String,
    is_current: bool,
}

struct Row {
    /// What its letters have in common, as it is called.
    name: String,
    /// A problem's handler.
    target: String,
    /// A problem's last error.
    sample: String,
    /// A problem's fingerprint.
    fingerprint: Option<String>,
    dead: String,
    /// Out for a retry.
    out: i64,
    problems: String,
    origins: String,
    /// How retries have ended, if there were any.
    retries: Option<String>,
    first: Option<Part<Moment>>,
    last: Part<Moment>,
    trend: Option<Part<Trend>>,
    note: Option<String>,
    /// The filter of its letters.
    filter: String,
    has_dead: bool,
}

#[derive(Template)]
#[template(path = "groups.html")]
struct GroupsPage {
    frame: Frame,
    ways: Vec<Way>,
    column: &'static str,
    by_problem: bool,
    is_all: bool,
    toggle: String,
    rows: Vec<Row>,
    summary: String,
    /// Which of how many, if not all are on this page.
    part: Option<String>,
    previous: Option<String>,
    next: Option<String>,
}

pub(in crate::console) async fn show(visit: Visit) -> Answer {
    let (word, _, column, grouping) = way_of(&visit.query)?;
    let is_all = visit.query.get("all").is_some();
    let number = visit.query.number("page")?.unwrap_or(1).max(1);
    let first = (number - 1).saturating_mul(GROUPS);
    let view = visit.view();
    let found = visit.ask(async move { view.groups(grouping, is_all, first, GROUPS).await });
    let Groups { groups: shown, count, dead, more } = found.await?;
    let last = first.saturating_add(GROUPS).min(count);
    let address = |page: i64| address(word, is_all, page);
    let template = GroupsPage {
        frame: visit.frame("Problems", Tab::Problems).live(true),
        ways: WAYS.map(|way| self::way(way.0, way.1, word, is_all)).into(),
        column,
        by_problem: grouping == Grouping::Fingerprint,
        is_all,
        toggle: self::address(word, !is_all, 1),
        summary: if more { "more than ".to_owned() } else { String::new() }
            + &summary(dead, count, column),
        part: (count > GROUPS || shown.is_empty() && count > 0)
            .then(|| format!("{} to {last} of {}", first.saturating_add(1), grouped(count))),
        previous: (number > 1).then(|| address(number - 1)),
        next: (last < count && !shown.is_empty()).then(|| address(number + 1)),
        rows: shown.iter().map(|group| row(group, grouping, visit.now_ms)).collect(),
    };
    page(&template)
}

/// The way that is asked for. All letters are here: whoever wants fewer must not take these for them.
fn way_of(query: &Query) -> Result<(&'static str, &'static str, &'static str, Grouping), Fault> {
    if let Some(name) = query.unknown(&[&FIELDS]).next() {
        return Err(Fault::Wrong(unknown(name)));
    }
    let by = query.get("by").unwrap_or("problem");
    WAYS.into_iter().find(|way| way.0 == by).ok_or_else(|| {
        Fault::Wrong("Problems are grouped by problem, code, handler or origin.".to_owned())
    })
}

fn way(word: &str, label: &'static str, current: &str, is_all: bool) -> Way {
    Way { label, href: address(word, is_all, 1), is_current: word == current }
}

fn address(by: &str, is_all: bool, page: i64) -> String {
    let mut query = Writer::default();
    if by != "problem" {
        query.add("by", &by);
    }
    if is_all {
        query.add("all", &1);
    }
    if page > 1 {
        query.add("page", &page);
    }
    let query = query.finish();
    if query.is_empty() { "/".to_owned() } else { format!("/?{query}") }
}

fn summary(dead: i64, count: i64, column: &str) -> String {
    let column = column.to_lowercase();
    format!(
        "{} in {}",
        count_of(dead, "dead letter", "dead letters"),
        count_of(count, &column, &format!("{column}s"))
    )
}

fn row(group: &Group, by: Grouping, now_ms: i64) -> Row {
    let counters = group.counters.unwrap_or_default();
    let name = match by {
        Grouping::Fingerprint => group.code.clone().unwrap_or_default(),
        Grouping::Code | Grouping::Target | Grouping::Origin => group.key.clone(),
    };
    let ended = (counters.resolved, counters.died_again);
    let retries = (ended != (0, 0))
        .then(|| format!("{} succeeded, {} died again", grouped(ended.0), grouped(ended.1)));
    Row {
        name: or_none(&name).to_owned(),
        target: or_none(group.target.as_deref().unwrap_or_default()).to_owned(),
        sample: group.sample.clone().unwrap_or_default(),
        fingerprint: (by == Grouping::Fingerprint).then(|| group.key.clone()),
        dead: grouped(group.dead),
        out: counters.requested + counters.retried,
        problems: grouped(group.problems),
        origins: grouped(group.origins) + if group.more_origins { " and more" } else { "" },
        retries,
        first: group.first_ms.map(|ms| Moment::new(ms, now_ms)),
        last: Moment::new(group.last_ms, now_ms),
        trend: group.trend.as_deref().map(Trend::new),
        note: group.note.clone(),
        filter: filter(group, by),
        has_dead: group.dead > 0,
    }
}

/// The key as it stands: what is no origin, as one of another build's senders, is refused where this leads
/// to. Left out, it would be every letter.
fn filter(group: &Group, by: Grouping) -> String {
    let name = match by {
        Grouping::Fingerprint => "problem",
        Grouping::Code => "code",
        Grouping::Target => "handler",
        Grouping::Origin => "origin",
    };
    Writer::default().add(name, &or_none(&group.key)).finish()
}
