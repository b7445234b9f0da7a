//! Who imports whom, and where that goes round.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::imports::Arrow;

/// Modules and the arrows between them.
pub(crate) struct Graph(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Graph {
    pub(crate) fn of(arrows: impl IntoIterator<Item = Arrow>) -> Self {
        let mut graph: BTreeMap<String, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
        for Arrow { from, to, name } in arrows {
            graph.entry(to.clone()).or_default();
            graph.entry(from).or_default().entry(to).or_default().insert(name);
        }
        Self(graph)
    }

    pub(crate) fn arrows(&self) -> impl Iterator<Item = (&str, &str)> {
        let from_each = self.0.iter();
        from_each.flat_map(|(from, to)| to.keys().map(move |to| (from.as_str(), to.as_str())))
    }

    /// Modules that can be reached from each other, each with itself among them.
    pub(crate) fn circles(&self) -> Vec<Vec<&str>> {
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            self.0.keys().map(|module| (module.as_str(), self.reached_from(module))).collect();
        let mut circles = BTreeSet::new();
        for (module, others) in &reached {
            if others.contains(module) {
                let circle = others.iter().filter(|other| reached[**other].contains(module));
                circles.insert(circle.copied().collect::<Vec<_>>());
            }
        }
        circles.into_iter().collect()
    }

    fn reached_from(&self, module: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = self.0[module].keys().map(String::as_str).collect();
        while let Some(module) = next.pop() {
            if reached.insert(module) {
                next.extend(self.0[module].keys().map(String::as_str));
            }
        }
        reached
    }

    /// The circles in words, if there are any: who takes what from whom.
    pub(crate) fn told(&self, folder: &str) -> String {
        let mut text = String::new();
        for circle in self.circles() {
            let _ = writeln!(text, "- {folder}: {}", circle.join(", "));
            for from in &circle {
                for (to, names) in
                    self.0[*from].iter().filter(|(to, _)| circle.contains(&to.as_str()))
                {
                    let names: Vec<_> = names.iter().map(String::as_str).collect();
                    let _ = writeln!(text, "    {from} takes from {to}: {}", names.join(", "));
                }
            }
        }
        text
    }
}
