//! `worker dead-letters groups`: how many distinct problems there are.

use clap::{Args, ValueEnum};
use serde_json::json;
use shared::harmless::cut;

use super::output::{say, say_json};
use super::place::{Act, Place};
use crate::count::count;
use crate::records::dead_letters::{DeadLetters, Group, Grouping};
use crate::records::redaction::Redaction;
use crate::when;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Problem,
    Code,
    #[value(alias = "portal")]
    Origin,
    Handler,
}

/// How many distinct problems there are, the largest first.
///
/// Letters are of one problem if handler, code, HTTP status and message are the same but for ids,
/// numbers, addresses and quoted text. OUT are those being retried; the bars are deaths in each of the
/// last 24 hours.
#[derive(Args, Clone, Debug)]
pub(super) struct Groups {
    /// What to group by
    #[arg(long, default_value = "problem")]
    by: By,
    /// Also those that are over: retried with success, or discarded
    #[arg(long)]
    all: bool,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) place: Place,
}

impl Act for Groups {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let (by, name) = match self.by {
            By::Problem => (Grouping::Fingerprint, "PROBLEM"),
            By::Code => (Grouping::Code, "CODE"),
            By::Origin => (Grouping::Origin, "ORIGIN"),
            By::Handler => (Grouping::Target, "HANDLER"),
        };
        let mut groups = letters.groups(by, self.all).await?;
        letters.redact_samples(&Redaction::from(&self.place.records), &mut groups).await?;
        if self.json {
            say_json(&json!({ "groups": groups }))?;
            return Ok(true);
        }
        if groups.is_empty() {
            say("No dead letters.")?;
            return Ok(true);
        }
        if by == Grouping::Fingerprint {
            problems(&groups)?;
        } else {
            say(format_args!(
                "{name:<40} {:>9} {:>9} {:>9}  {:<19}",
                "DEAD", "PROBLEMS", "ORIGINS", "LAST (UTC)"
            ))?;
            for group in &groups {
                let key = if group.key.is_empty() { "(none)" } else { &group.key };
                say(format_args!(
                    "{:<40} {:>9} {:>9} {:>9}  {}",
                    cut(key, 40),
                    group.dead,
                    group.problems,
                    origins(group),
                    when::show(group.last_ms)
                ))?;
            }
        }
        let dead: i64 = groups.iter().map(|group| group.dead).sum();
        let groups = i64::try_from(groups.len()).unwrap_or(i64::MAX);
        let groups = match by {
            Grouping::Fingerprint => count(groups, "problem", "problems"),
            Grouping::Code => count(groups, "code", "codes"),
            Grouping::Origin => count(groups, "origin", "origins"),
            Grouping::Target => count(groups, "handler", "handlers"),
        };
        say(format_args!("{} in {groups}", count(dead, "dead letter", "dead letters")))?;
        Ok(true)
    }
}

/// Of how many origins, as far as was counted.
fn origins(group: &Group) -> String {
    format!("{}{}", group.origins, if group.more_origins { "+" } else { "" })
}

fn problems(groups: &[Group]) -> anyhow::Result<()> {
    say(format_args!(
        "{:<16} {:>8} {:>6} {:>7}  {:<34} {:<19}",
        "PROBLEM", "DEAD", "OUT", "ORIGINS", "CODE", "LAST (UTC)"
    ))?;
    for group in groups {
        let out = group.counters.map_or(0, |counters| counters.requested + counters.retried);
        say(format_args!(
            "{:<16} {:>8} {out:>6} {:>7}  {:<34} {}",
            cut(&group.key, 16),
            group.dead,
            group.origins,
            cut(group.code.as_deref().unwrap_or_default(), 34),
            when::show(group.last_ms)
        ))?;
        let target = group.target.as_deref().filter(|target| !target.is_empty());
        let sample = group.sample.as_deref().unwrap_or_default();
        let what = format!("{}: {sample}", target.unwrap_or("(no handler)"));
        let trend = bars(group.trend.as_deref().unwrap_or_default());
        say(format_args!("  {:<70}  {trend}", cut(&what, 70)))?;
        if let Some(note) = &group.note {
            say(format_args!("  note: {}", cut(note, 90)))?;
        }
    }
    Ok(())
}

/// One sign for each number, the largest the highest.
fn bars(numbers: &[i64]) -> String {
    const SIGNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let largest = numbers.iter().copied().max().unwrap_or_default().max(1);
    let sign = |number: i64| match usize::try_from((number * 8 - 1) / largest) {
        Ok(place) if number > 0 => SIGNS[place.min(7)],
        _ => '·',
    };
    numbers.iter().map(|number| sign(*number)).collect()
}

#[cfg(test)]
mod tests {
    use super::bars;

    #[test]
    fn bars_are_as_high_as_their_numbers() {
        assert_eq!(bars(&[0, 1, 50, 100, -3]), "·▁▄█·");
        assert_eq!(bars(&[0, 0]), "··");
        assert_eq!(bars(&[]), "");
    }
}
