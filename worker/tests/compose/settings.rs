//! What compose.yaml tells the programs is what they know, and its times fit theirs.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Args, Command, CommandFactory as _, Parser};
use receiver::Receiver;
use receiver::settings::ReceiverSettings;
use worker::parts::commands::console::ConsoleCommand;
use worker::settings::{ConsoleProgramSettings, WorkerSettings};

use crate::file::{service, text};

/// What traces that are not sent yet may take at the end.
const TRACES: Duration = Duration::from_secs(2);

#[derive(Parser)]
struct Worker {
    #[command(flatten)]
    settings: WorkerSettings,
}

fn names(command: &Command) -> BTreeSet<String> {
    let names = command.get_arguments().filter_map(|argument| argument.get_env());
    names.map(|name| name.to_str().unwrap().to_owned()).collect()
}

fn receiver() -> BTreeSet<String> {
    names(&ReceiverSettings::command())
}

fn worker() -> BTreeSet<String> {
    names(&WorkerSettings::augment_args(Command::new("worker")))
}

fn console() -> BTreeSet<String> {
    names(&ConsoleProgramSettings::augment_args(Command::new("console")))
}

#[test]
fn every_setting_is_one_that_the_program_has() {
    for (name, known) in [("receiver", receiver()), ("worker", worker()), ("console", console())] {
        for setting in service(name).environment().keys() {
            assert!(known.contains(setting), "{name} has no {setting}");
        }
    }
    let all: BTreeSet<String> = [receiver(), worker(), console()].into_iter().flatten().collect();
    for line in text("compose/hubline.env.example").lines() {
        let Some((name, _)) = line.trim_start_matches('#').split_once('=') else { continue };
        if name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            assert!(all.contains(name), "hubline.env.example: {name}");
        }
    }
}

#[test]
fn programs_are_ended_after_they_have_ended_by_themselves() {
    let receiver = ReceiverSettings::try_parse_from(["receiver"]).unwrap();
    let worker = Worker::try_parse_from(["worker"]).unwrap();
    for (name, drain) in [
        ("receiver", receiver.shutdown_grace + Receiver::AFTER_GRACE),
        ("worker", worker.settings.shutdown_grace + worker::parts::Worker::AFTER_GRACE),
        ("console", ConsoleCommand::STOP),
    ] {
        assert!(!service(name).environment().contains_key("SHUTDOWN_GRACE"), "{name}");
        assert!(service(name).stop_grace() >= drain + TRACES, "{name}: {drain:?}");
    }
}
