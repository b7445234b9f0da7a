//! The README says what the program is: its settings and its example.

use clap::{Args, Command, CommandFactory};
use receiver::settings::ReceiverSettings;
use shared::testing::{assert_settings_are_documented, settings_table};
use worker::settings::{StandaloneSettings, WorkerSettings};

#[test]
fn the_readme_lists_every_setting_of_the_worker() {
    let command = WorkerSettings::augment_args(Command::new("worker"));
    assert_settings_are_documented("worker", &command);
}

/// Those that are not documented with the receiver or the worker already.
#[test]
fn the_readme_lists_every_setting_of_its_own_of_standalone() {
    let receiver = ReceiverSettings::command();
    let worker = WorkerSettings::augment_args(Command::new("worker"));
    let documented = [settings_table(&receiver), settings_table(&worker)].concat();
    let standalone = StandaloneSettings::augment_args(Command::new("standalone"));
    let own = standalone.get_arguments().filter(|argument| {
        let row = settings_table(&Command::new("one").arg((*argument).clone()));
        !documented.contains(row.lines().last().unwrap())
    });
    let own = Command::new("standalone").args(own.cloned());
    assert_settings_are_documented("standalone", &own);
}

#[test]
fn the_readme_shows_the_example_that_is_compiled() {
    let example = include_str!("../../examples/own_handler.rs");
    let (_, shown) = example.split_once("// README: handler\n").unwrap();
    let (shown, _) = shown.split_once("// README: end").unwrap();
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(shown.trim()), "README.md should show:\n\n{shown}");
}
