//! The documentation says what the program is: its settings, its commands, its example, and the Rust it
//! needs. Its links lead somewhere, and its sentences are short.

use clap::{Args, Command, CommandFactory};
use receiver::settings::ReceiverSettings;
use shared::testing::{assert_settings_are_documented, settings_table};
use worker::settings::{ConsoleProgramSettings, StandaloneSettings, WorkerSettings};

mod commands;
mod links;
mod pages;
mod words;

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

/// `1.94` and `1.94.0` alike, so that they can be compared.
fn version(text: &str) -> Vec<u32> {
    let mut parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
    parts.resize(3, 0);
    parts
}

#[test]
fn the_rust_that_is_asked_for_is_not_older_than_any_dependency_needs() {
    let cargo = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let stated = env!("CARGO_PKG_RUST_VERSION");
    let packages = metadata["packages"].as_array().unwrap();
    let needs = packages
        .iter()
        .filter_map(|package| Some((package["rust_version"].as_str()?, package["name"].as_str()?)));
    let newest = needs.max_by_key(|(needed, _)| version(needed)).unwrap();
    assert!(version(stated) >= version(newest.0), "{newest:?} needs more than {stated}");
    assert!(packages.len() > 100, "{} packages were looked at", packages.len());
}

#[test]
fn the_same_rust_is_asked_for_everywhere() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let files = docs.chain(["README.md", "Dockerfile"].map(|name| root.join(name)));
    let files = files.filter(|file| file.is_file());
    let asks = regex_lite::Regex::new(
        r"(?:Rust\W[^\n]{0,40}?|Any from )(1\.\d+)(?:\.\d+)?(?: or later| on can build)",
    )
    .unwrap();
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for captures in asks.captures_iter(&text) {
            assert_eq!(&captures[1], env!("CARGO_PKG_RUST_VERSION"), "{}", file.display());
            found.push(file.file_name().unwrap().to_owned());
        }
    }
    assert!(found.len() > 1 && found.iter().any(|name| name == "Dockerfile"), "{found:?}");
}
