//! What counts as unset, as half set, and as wrong.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use clap::builder::Resettable;
use clap::{Command, FromArgMatches as _};

use super::*;

/// Reads flags alone: whatever the developer's environment holds must not matter.
fn read(arguments: &[&str]) -> Result<IntegrationSettings, clap::Error> {
    let command = IntegrationSettings::augment_args(Command::new("worker"))
        .mut_args(|argument| argument.env(Resettable::Reset));
    let matches = command.try_get_matches_from(["worker"].iter().chain(arguments))?;
    IntegrationSettings::from_arg_matches(&matches)
}

#[test]
fn empty_settings_count_as_unset() {
    let settings = read(&[
        "--hubspot-api-url=",
        "--hubspot-access-token=",
        "--hubspot-access-token-file=",
        "--hubspot-app-id=",
        "--hubspot-budget=",
        "--slack-api-url=",
        "--slack-bot-token=",
        "--slack-channel=",
        "--erp-url=",
        "--erp-api-key=",
        "--onboarding-url=",
        "--won-stages=",
        "--api-timeout=",
        "--handle-own-writes=",
    ])
    .unwrap();
    assert!(settings.hubspot().unwrap().is_none());
    assert!(settings.slack().unwrap().is_none());
    assert!(settings.erp().unwrap().is_none());
    assert!(settings.onboarding().unwrap().is_none());
    assert_eq!(settings.channel(), "#sales-wins");
    assert_eq!(settings.won_stages(), ["closedwon"]);
    assert_eq!((settings.hubspot_app_id, settings.hubspot_budget), (None, 100));
    assert_eq!((settings.api_timeout, settings.handle_own_writes), (API_TIMEOUT, false));
}

#[test]
fn the_defaults_of_the_flags_are_the_defaults_in_code() {
    let (read, code) = (read(&[]).unwrap(), IntegrationSettings::default());
    assert_eq!(format!("{read:?}"), format!("{code:?}"));
}

#[test]
fn stages_are_a_list_and_switches_need_no_value() {
    let settings = read(&["--won-stages=closedwon, 12345", "--handle-own-writes"]).unwrap();
    assert_eq!(settings.won_stages(), ["closedwon", "12345"]);
    assert!(settings.handle_own_writes);
}

#[test]
fn half_an_erp_is_an_error_that_names_both_settings() {
    for half in ["--erp-url=https://erp.example.com", "--erp-api-key=k"] {
        let error = read(&[half]).unwrap().check().unwrap_err().to_string();
        assert!(error.contains("ERP_URL") && error.contains("ERP_API_KEY"), "{error}");
    }
    let both = ["--erp-url=https://erp.example.com/api", "--erp-api-key=k"];
    assert!(read(&both).unwrap().erp().unwrap().is_some());
}

#[test]
fn an_address_that_cannot_be_called_is_an_error_that_does_not_quote_it() {
    for bad in
        ["ftp://u:hunter2@host", "hunter2", "https://u:hunter2@host", "https://host/?hunter2"]
    {
        let settings = IntegrationSettings {
            slack: SlackSettings { slack_api_url: bad.to_owned(), ..SlackSettings::default() },
            ..IntegrationSettings::default()
        };
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("SLACK_API_URL") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    for bad in
        ["--hubspot-budget=0", "--api-timeout=0s", "--api-timeout=10", "--hubspot-app-id=app"]
    {
        assert!(read(&[bad]).is_err(), "{bad}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let settings = read(&["--slack-bot-token=xoxb-hunter2"]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
}
