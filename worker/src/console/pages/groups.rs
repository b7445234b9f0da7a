//! `/`: how many distinct problems there are, the landing page.

use askama::Template;

use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part, Trend, count_of, grouped};
use super::super::query::Writer;
use super::super::selection::{self, or_none};
use super::super::visit::{Answer, Visit, page};
use crate::records::dead_letters::{Filter, Group, Grouping};

/// Groups of one page.
const GROUPS: usize = 100;

/// What the letters can be grouped by: the address's word, the tab's and a row's.
const WAYS: [(&str, &str, &str, Grouping); 4] = [
    ("problem", "Problem", "Problem", Grouping::Fingerprint),
    ("code", "Code", "Code", Grouping::Code),
    ("target", "Handler", "Handler", Grouping::Target),
    ("portal", "Portal", "Portal", Grouping::Portal),
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
    portals: String,
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
    let by = visit.query.get("by").unwrap_or("problem").to_owned();
    let (word, _, column, grouping) = WAYS.into_iter().find(|way| way.0 == by).unwrap_or(WAYS[0]);
    let is_all = visit.query.get("all").is_some();
    let number = usize::try_from(visit.query.number("page")?.unwrap_or(1)).unwrap_or(1).max(1);
    let first = (number - 1).saturating_mul(GROUPS);
    let (letters, redaction) = (visit.app.letters.clone(), visit.app.redaction.clone());
    let groups = visit.app.ask(async move {
        let mut groups = letters.groups(grouping, is_all).await?;
        let last = first.saturating_add(GROUPS).min(groups.len());
        if let Some(shown) = groups.get_mut(first..last) {
            letters.redact_samples(&redaction, shown).await?;
        }
        Ok(groups)
    });
    let groups = groups.await?;
    let last = first.saturating_add(GROUPS).min(groups.len());
    let address = |page: usize| address(word, is_all, page);
    let shown = groups.get(first..last).unwrap_or_default();
    let template = GroupsPage {
        frame: visit.frame("Problems", Tab::Problems).live(true),
        ways: WAYS.map(|way| self::way(way.0, way.1, word, is_all)).into(),
        column,
        by_problem: grouping == Grouping::Fingerprint,
        is_all,
        toggle: self::address(word, !is_all, 1),
        summary: summary(&groups, column),
        part: (shown.len() < groups.len())
            .then(|| format!("{} to {last} of {}", first + 1, groups.len())),
        previous: (number > 1).then(|| address(number - 1)),
        next: (last < groups.len() && !shown.is_empty()).then(|| address(number + 1)),
        rows: shown.iter().map(|group| row(group, grouping, visit.now_ms)).collect(),
    };
    page(&template)
}

fn way(word: &str, label: &'static str, current: &str, is_all: bool) -> Way {
    Way { label, href: address(word, is_all, 1), is_current: word == current }
}

fn address(by: &str, is_all: bool, page: usize) -> String {
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

fn summary(groups: &[Group], column: &str) -> String {
    let dead = groups.iter().map(|group| group.dead).sum();
    let count = i64::try_from(groups.len()).unwrap_or(i64::MAX);
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
        // Kept as the number with the same bits.
        Grouping::Portal => group
            .key
            .parse::<i64>()
            .map_or_else(|_| group.key.clone(), |id| id.cast_unsigned().to_string()),
        Grouping::Code | Grouping::Target => group.key.clone(),
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
        portals: grouped(group.portals),
        retries,
        first: group.first_ms.map(|ms| Moment::new(ms, now_ms)),
        last: Moment::new(group.last_ms, now_ms),
        trend: group.trend.as_deref().map(Trend::new),
        note: group.note.clone(),
        filter: selection::write(&filter(group, by)).finish(),
        has_dead: group.dead > 0,
    }
}

fn filter(group: &Group, by: Grouping) -> Filter {
    let (key, nothing) = (group.key.clone(), Filter::default());
    match by {
        Grouping::Fingerprint => Filter { fingerprint: Some(key), ..nothing },
        Grouping::Code => Filter { code: Some(key), ..nothing },
        Grouping::Target => Filter { target: Some(key), ..nothing },
        Grouping::Portal => Filter { portal_id: key.parse().ok(), ..nothing },
    }
}
