//! The scenarios by which Prometheus' rules are tested (`promtool test rules`), held against the
//! conditions here: the same series, the same alerts at the same moments.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::exposition::series;
use super::history::History;
use super::rules::RULES;
use super::states::States;

const MINUTE: i64 = 60_000;

#[derive(Deserialize)]
struct File {
    tests: Vec<Scenario>,
}

#[derive(Deserialize)]
struct Scenario {
    name: String,
    input_series: Vec<Input>,
    alert_rule_test: Vec<Expectation>,
}

#[derive(Deserialize)]
struct Input {
    series: String,
    values: String,
}

#[derive(Deserialize)]
struct Expectation {
    eval_time: String,
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    exp_labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Written>,
}

#[derive(Deserialize)]
struct Written {
    alert: Option<String>,
    #[serde(default)]
    r#for: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

fn read<T: for<'a> Deserialize<'a>>(file: &str) -> T {
    let path = format!("{}/../k8s/monitoring/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a minute brings.
#[derive(Clone, Copy)]
enum Minute {
    Value(f64),
    Nothing,
    End,
}

/// `1+2x3 _ stale 4`, by the minute.
fn values(text: &str) -> Vec<Minute> {
    let mut values = Vec::new();
    for part in text.split_whitespace() {
        match part {
            "stale" => values.push(Minute::End),
            "_" => values.push(Minute::Nothing),
            _ => values.extend(sequence(part)),
        }
    }
    values
}

fn sequence(part: &str) -> Vec<Minute> {
    let Some((value, times)) = part.split_once('x') else {
        return vec![Minute::Value(part.parse().unwrap())];
    };
    let times: usize = times.parse().unwrap();
    if value == "_" {
        return vec![Minute::Nothing; times];
    }
    // The sign of a step is not that of the value, nor of an exponent.
    let place = value.char_indices().skip(1).find(|(_, sign)| "+-".contains(*sign));
    let (first, step): (f64, f64) = match place {
        Some((place, _)) => (value[..place].parse().unwrap(), value[place..].parse().unwrap()),
        None => (value.parse().unwrap(), 0.0),
    };
    #[expect(clippy::cast_precision_loss, reason = "some thousand steps")]
    (0..=times).map(|number| Minute::Value(first + step * number as f64)).collect()
}

/// `1h30m` in minutes.
fn minutes(text: &str) -> i64 {
    let duration = humantime::parse_duration(text).unwrap();
    i64::try_from(duration.as_secs() / 60).unwrap()
}

type Alerts = BTreeSet<BTreeMap<String, String>>;

/// What is open at every minute up to `last`.
fn play(scenario: &Scenario, last: i64) -> Vec<BTreeMap<&'static str, Alerts>> {
    let inputs: Vec<_> = scenario
        .input_series
        .iter()
        .map(|input| (series(&input.series).unwrap(), values(&input.values)))
        .collect();
    let (mut history, mut states) = (History::default(), States::default());
    // Times are far from the epoch, as they are in life.
    let minute = |number: i64| (number + 1_000_000) * MINUTE;
    let step = |number: i64| {
        for ((name, labels), values) in &inputs {
            match values.get(usize::try_from(number).unwrap()) {
                Some(Minute::Value(value)) => {
                    history.add(name, labels.clone(), minute(number), *value);
                }
                Some(Minute::End) => history.end(name, labels.clone(), minute(number)),
                Some(Minute::Nothing) | None => {}
            }
        }
        states.advance(&mut history, minute(number));
        let mut open: BTreeMap<&'static str, Alerts> = BTreeMap::new();
        for alert in states.open() {
            let severity = [("severity".to_owned(), alert.severity.to_string())];
            let about = alert.about.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            open.entry(alert.name).or_default().insert(about.chain(severity).collect());
        }
        open
    };
    (0..=last).map(step).collect()
}

#[test]
fn every_scenario_of_the_rules_opens_the_same_alerts_here() {
    let File { tests } = read("alerts.test.yaml");
    let mut wrong = Vec::new();
    for scenario in &tests {
        let times = scenario.alert_rule_test.iter().map(|test| minutes(&test.eval_time));
        let open = play(scenario, times.max().unwrap());
        for expected in &scenario.alert_rule_test {
            let at = usize::try_from(minutes(&expected.eval_time)).unwrap();
            let found = open[at].get(&*expected.alertname).cloned().unwrap_or_default();
            let wanted: Alerts =
                expected.exp_alerts.iter().map(|alert| alert.exp_labels.clone()).collect();
            if found != wanted {
                let (name, alert) = (&scenario.name, &expected.alertname);
                wrong.push(format!("{name}: {alert} at {at} min is {found:?}, not {wanted:?}"));
            }
        }
    }
    assert!(tests.len() >= RULES.len(), "{} scenarios", tests.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_the_same_name_severity_and_patience_there() {
    let Rules { groups } = read("alerts.yaml");
    let written = groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.alert.is_some());
    let written: BTreeSet<_> = written
        .map(|rule| {
            let hold = if rule.r#for.is_empty() { 0 } else { minutes(&rule.r#for) };
            (rule.alert.clone().unwrap(), rule.labels["severity"].clone(), hold * MINUTE)
        })
        .collect();
    let own: BTreeSet<_> = RULES
        .iter()
        .map(|rule| (rule.name.to_owned(), rule.severity.to_string(), rule.hold_ms()))
        .collect();
    assert_eq!(own, written);
}

#[test]
fn the_runbook_speaks_of_every_alert() {
    let path = format!("{}/../docs/alerts.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let headings: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let missing: Vec<&str> =
        RULES.iter().map(|rule| rule.name).filter(|name| !headings.contains(name)).collect();
    assert!(missing.is_empty(), "docs/alerts.md has no heading for {missing:?}");
}
