//! A filter's tree: conditions, and groups of them. Refuses trees that are large or deep.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::condition::Condition;
use super::error::{FilterError, Place};
use super::facts::Facts;
use super::suggestion::unknown;

/// Of groups in each other.
const MAX_DEPTH: usize = 8;
/// Of conditions, and of groups, in a whole filter.
const MAX_NODES: usize = 100;
/// Of conditions with a regular expression: a search costs more than all the rest.
const MAX_PATTERNS: usize = 10;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Condition(Condition),
}

/// Of all of its patterns together, compiled, in bytes: what one event can cost grows with them.
const MAX_COMPILED: u64 = 64 * 1024;

/// What there is of a filter so far.
#[derive(Default)]
struct Size {
    groups: usize,
    conditions: usize,
    patterns: usize,
    compiled: u64,
}

impl Node {
    pub(crate) fn parse(json: &Value, place: &Place) -> Result<Self, FilterError> {
        node(json, place, 1, &mut Size::default())
    }

    pub(crate) fn properties(&self, into: &mut BTreeSet<String>) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => {
                for node in nodes {
                    node.properties(into);
                }
            }
            Self::Condition(condition) => into.extend(condition.property().map(str::to_owned)),
        }
    }

    /// What `of` says of all conditions, together.
    pub(crate) fn sum(&self, of: &dyn Fn(&Condition) -> u64) -> u64 {
        match self {
            Self::All(nodes) | Self::Any(nodes) => {
                nodes.iter().fold(0, |sum: u64, node| sum.saturating_add(node.sum(of)))
            }
            Self::Condition(condition) => of(condition),
        }
    }

    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(facts)),
            Self::Any(nodes) => nodes.is_empty() || nodes.iter().any(|node| node.holds(facts)),
            Self::Condition(condition) => condition.holds(facts),
        }
    }
}

fn node(json: &Value, place: &Place, depth: usize, size: &mut Size) -> Result<Node, FilterError> {
    let Value::Object(json) = json else {
        return Err(place.refuse("must be an object: a condition or a group of conditions"));
    };
    if json.contains_key("conditions") || json.contains_key("logic") {
        return group(json, place, depth, size);
    }
    if json.is_empty() {
        return Err(place.refuse("has neither a field nor conditions"));
    }
    // Who wrote `condition` meant a group.
    only_known(json, &["field", "operator", "value", "logic", "conditions"], place)?;
    count(&mut size.conditions, MAX_NODES, "conditions", place)?;
    let condition = Condition::parse(json, place)?;
    if let Some(pattern) = condition.pattern() {
        count(&mut size.patterns, MAX_PATTERNS, "conditions with matches", place)?;
        size.compiled += pattern.size();
        if size.compiled > MAX_COMPILED {
            let kept = MAX_COMPILED / 1024;
            return Err(place.refuse(format!(
                "the patterns of a filter have {kept} KiB compiled at the most, each up to the next power of two, and \
                 with this one they have more: \
                 write {{m,n}} with smaller numbers, or fewer of them"
            )));
        }
    }
    Ok(Node::Condition(condition))
}

fn group(
    json: &Map<String, Value>,
    place: &Place,
    depth: usize,
    size: &mut Size,
) -> Result<Node, FilterError> {
    only_known(json, &["logic", "conditions"], place)?;
    if depth > MAX_DEPTH {
        return Err(place.refuse(format!("deeper than {MAX_DEPTH} groups")));
    }
    count(&mut size.groups, MAX_NODES, "groups", place)?;
    let logic = place.key("logic");
    let is_any = match json.get("logic") {
        None => false,
        Some(Value::String(word)) if word == "and" => false,
        Some(Value::String(word)) if word == "or" => true,
        Some(Value::String(word)) => return Err(logic.refuse(unknown(word, &["and", "or"]))),
        Some(_) => return Err(logic.refuse("must be and, or or")),
    };
    let list = place.key("conditions");
    let Some(Value::Array(conditions)) = json.get("conditions") else {
        return Err(list.refuse("must be a list"));
    };
    let each = conditions.iter().enumerate();
    let nodes = each.map(|(at, json)| node(json, &list.item(at), depth + 1, size));
    let nodes = nodes.collect::<Result<_, _>>()?;
    Ok(if is_any { Node::Any(nodes) } else { Node::All(nodes) })
}

fn only_known(json: &Map<String, Value>, known: &[&str], place: &Place) -> Result<(), FilterError> {
    match json.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(place.refuse(unknown(key, known))),
        None => Ok(()),
    }
}

fn count(so_far: &mut usize, limit: usize, what: &str, place: &Place) -> Result<(), FilterError> {
    *so_far += 1;
    if *so_far > limit {
        return Err(place.refuse(format!("a filter has at most {limit} {what}")));
    }
    Ok(())
}
