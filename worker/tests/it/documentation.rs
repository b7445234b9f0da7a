//! The README says what the program is: its settings and its example.

use clap::{Args, Command};
use shared::testing::assert_settings_are_documented;
use worker::settings::WorkerSettings;

#[test]
fn the_readme_lists_every_setting_of_the_worker() {
    let command = WorkerSettings::augment_args(Command::new("worker"));
    assert_settings_are_documented("worker", &command);
}

#[test]
fn the_readme_shows_the_example_that_is_compiled() {
    let example = include_str!("../../examples/own_handler.rs");
    let (_, shown) = example.split_once("// README: handler\n").unwrap();
    let (shown, _) = shown.split_once("// README: end").unwrap();
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(shown.trim()), "README.md should show:\n\n{shown}");
}
