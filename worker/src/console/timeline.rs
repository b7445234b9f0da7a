//! What happened to an event, in order: from the event log and from its letters.

use shared::harmless::harmless_lines;

use super::parts::{Moment, Part};
use super::selection::or_none;
use crate::records::Line;
use crate::records::dead_letters::{Letter, State};

/// Something that happened.
pub(super) struct Step {
    pub(super) at: Part<Moment>,
    /// For the style: `good`, `bad`, `wait` or `plain`.
    pub(super) tone: &'static str,
    pub(super) title: String,
    /// The handler, where it is of one.
    pub(super) target: Option<String>,
    /// What went wrong, if something did.
    pub(super) error: Option<String>,
    /// The beginning of what the other side answered, if that was it.
    pub(super) answer: Option<String>,
    /// How long it took, in ms.
    pub(super) took_ms: Option<i64>,
    /// A letter that it is about.
    pub(super) letter: Option<i64>,
}

/// Everything that is known, the earliest first. `own` is the letter that the page is about.
pub(super) fn timeline(
    log: &[Line],
    letters: &[Letter],
    own: Option<i64>,
    now_ms: i64,
) -> Vec<Step> {
    let mut steps: Vec<(i64, u8, Step)> = Vec::new();
    let mut add = |ms: i64, rank: u8, step: Step| steps.push((ms, rank, step));
    let mut received: Vec<i64> = log.iter().map(|line| line.received_ms).collect();
    received.extend(letters.iter().map(|letter| letter.received_ms));
    if let Some(ms) = received.into_iter().min() {
        add(ms, 0, plain(ms, now_ms, "received"));
    }
    for line in log {
        add(line.settled_ms, 1, run(line, now_ms));
    }
    for letter in letters {
        // A run is noted a moment after what it was given up with.
        let run_ms = log.iter().filter(|line| ended_in(line, letter)).map(|line| line.settled_ms);
        let run_ms = run_ms.max().unwrap_or(i64::MIN);
        for (ms, rank, step) in of_letter(letter, own, now_ms) {
            add(ms.max(run_ms), rank, step);
        }
    }
    steps.sort_by_key(|(ms, rank, _)| (*ms, *rank));
    steps.into_iter().map(|(_, _, step)| step).collect()
}

/// Whether the letter is what a run ended in.
fn ended_in(line: &Line, letter: &Letter) -> bool {
    i64::from(line.attempt) + 1 == letter.attempt
        && i64::from(line.generation) == letter.generation
        && line.target.as_deref().unwrap_or_default() == letter.target
}

fn plain(ms: i64, now_ms: i64, title: impl Into<String>) -> Step {
    Step {
        at: Moment::new(ms, now_ms),
        tone: "plain",
        title: title.into(),
        target: None,
        error: None,
        answer: None,
        took_ms: None,
        letter: None,
    }
}

/// A run, or what took its place.
fn run(line: &Line, now_ms: i64) -> Step {
    let attempt = i64::from(line.attempt) + 1;
    let title = match line.generation {
        0 => format!("attempt {attempt}: {}", line.verdict),
        _ => format!("started over, attempt {attempt}: {}", line.verdict),
    };
    let error = match (&line.code, &line.error) {
        (Some(code), Some(error)) => Some(format!("{code} {error}")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    };
    Step {
        tone: tone(&line.verdict),
        target: line.target.clone(),
        error,
        answer: line.answer.as_deref().map(harmless_lines),
        took_ms: Some(line.settled_ms.saturating_sub(line.started_ms)),
        ..plain(line.settled_ms, now_ms, title)
    }
}

/// How a verdict is to be taken.
pub(super) fn tone(verdict: &str) -> &'static str {
    match verdict {
        "succeeded" => "good",
        "retried" | "limited" | "held" | "interrupted" | "lost" => "wait",
        "exhausted" | "permanent" | "unreadable" | "crashed" => "bad",
        _ => "plain",
    }
}

fn of_letter(letter: &Letter, own: Option<i64>, now_ms: i64) -> Vec<(i64, u8, Step)> {
    let this = own == Some(letter.id);
    let name = if this { "this letter".to_owned() } else { format!("letter {}", letter.id) };
    let linked = (!this).then_some(letter.id);
    let step = |ms: i64, tone: &'static str, title: String| Step {
        tone,
        letter: linked,
        target: Some(or_none(&letter.target).to_owned()),
        ..plain(ms, now_ms, title)
    };
    let died = format!("given up as {}: {name}", letter.reason);
    let mut steps = vec![(letter.died_ms, 2, step(letter.died_ms, "bad", died))];
    let (tone, what) = match letter.state {
        State::Dead if letter.state_ms <= letter.indexed_ms => return steps,
        State::Dead => ("wait", "dead again"),
        State::Requested => ("wait", "a retry was requested"),
        State::Retried => ("wait", "retried"),
        State::Resolved => ("good", "the retry succeeded"),
        State::DiedAgain => ("bad", "the retry died again"),
        State::Discarded => ("plain", "discarded"),
    };
    steps.push((letter.state_ms, 3, step(letter.state_ms, tone, format!("{what}: {name}"))));
    steps
}
