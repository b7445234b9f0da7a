//! The documentation says what the program is, its settings and its example. Its links lead
//! somewhere.

use clap::{Args, Command, CommandFactory};
use receiver::settings::ReceiverSettings;
use shared::testing::{assert_settings_are_documented, settings_table};
use worker::settings::{ConsoleProgramSettings, StandaloneSettings, WorkerSettings};

mod links;
mod pages;

#[test]
fn the_documentation_lists_every_setting_of_the_worker() {
    assert_settings_are_documented("worker", &worker());
}

/// Those that are not documented with the receiver or the worker already.
#[test]
fn the_documentation_lists_every_setting_of_its_own_of_the_console() {
    let others = [ReceiverSettings::command(), worker()];
    assert_settings_are_documented("console", &without(&console(), &others));
}

/// Those that are not documented with the others already.
#[test]
fn the_documentation_lists_every_setting_of_its_own_of_standalone() {
    let others = [ReceiverSettings::command(), worker(), console()];
    let standalone = StandaloneSettings::augment_args(Command::new("standalone"));
    assert_settings_are_documented("standalone", &without(&standalone, &others));
}

fn worker() -> Command {
    WorkerSettings::augment_args(Command::new("worker"))
}

fn console() -> Command {
    ConsoleProgramSettings::augment_args(Command::new("console"))
}

/// The settings of `command` that none of the others has in the same words.
fn without(command: &Command, others: &[Command]) -> Command {
    let documented: String = others.iter().map(settings_table).collect();
    let own = command.get_arguments().filter(|argument| {
        let row = settings_table(&Command::new("one").arg((*argument).clone()));
        !documented.contains(row.lines().last().unwrap())
    });
    Command::new("own").args(own.cloned())
}

#[test]
fn the_documentation_shows_the_example_that_is_compiled_and_its_test() {
    let example = include_str!("../../examples/own_handler.rs");
    let shown = |part: &str| {
        let (_, shown) = example.split_once(&format!("// docs: {part}\n")).unwrap();
        shown.split_once("// docs: end").unwrap().0.trim()
    };
    let (readme, handlers) =
        (include_str!("../../../README.md"), include_str!("../../../docs/handlers.md"));
    for (name, page, part) in [
        ("README.md", readme, "handler"),
        ("docs/handlers.md", handlers, "handler"),
        ("docs/handlers.md", handlers, "test"),
    ] {
        assert!(page.contains(shown(part)), "{name} should show:\n\n{}", shown(part));
    }
}
