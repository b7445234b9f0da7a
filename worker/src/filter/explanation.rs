//! Why a filter lets an event through or not, for people. Refuses to decide: each line asks its node.

use super::facts::Facts;
use super::node::Node;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// How many groups it is in.
    pub(crate) depth: usize,
    /// `changeSource not_in ["IMPORT"]`, or what a group asks of its conditions.
    pub(crate) text: String,
    pub(crate) held: bool,
    /// What a condition's field is, as JSON of at most 80 characters. None if it is missing, and of groups.
    pub(crate) found: Option<String>,
}

pub(crate) fn lines(root: &Node, facts: &Facts<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    tell(root, facts, 0, &mut lines);
    lines
}

/// Gives whether it held. Nothing is left out, so this is not what decides.
fn tell(node: &Node, facts: &Facts<'_>, depth: usize, lines: &mut Vec<Line>) -> bool {
    let (text, found) = match node {
        Node::All(nodes) | Node::Any(nodes) if nodes.is_empty() => ("no conditions".into(), None),
        Node::All(_) => ("all of these".to_owned(), None),
        Node::Any(_) => ("one of these".to_owned(), None),
        Node::Condition(condition) => (condition.to_string(), condition.found(facts)),
    };
    let own = lines.len();
    lines.push(Line { depth, text, held: false, found });
    let mut each = |nodes: &[Node]| -> Vec<bool> {
        nodes.iter().map(|node| tell(node, facts, depth + 1, lines)).collect()
    };
    let held = match node {
        Node::All(nodes) => !each(nodes).contains(&false),
        Node::Any(nodes) => nodes.is_empty() || each(nodes).contains(&true),
        Node::Condition(condition) => condition.holds(facts),
    };
    lines[own].held = held;
    held
}
