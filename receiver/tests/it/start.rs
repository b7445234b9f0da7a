//! What the program says before it does anything: help, and why it does not start.

use clap::CommandFactory as _;
use receiver::settings::ReceiverSettings;

use crate::process::output;

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_stops_the_start_with_one_clear_line_and_no_secret() {
    let address = "127.0.0.1:1";
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("HUBSPOT_CLIENT_SECRET", "")], "HUBSPOT_CLIENT_SECRET is not set"),
        (&[("HUBSPOT_CLIENT_SECRET", "  ")], "HUBSPOT_CLIENT_SECRET is not set"),
        (
            &[("HUBSPOT_CLIENT_SECRET", "pat-na1-hunter2")],
            "HUBSPOT_CLIENT_SECRET: this is a private app's access token",
        ),
        (
            &[("HUBSPOT_CLIENT_SECRET_PREVIOUS", "pat-na1-hunter2")],
            "HUBSPOT_CLIENT_SECRET_PREVIOUS: ",
        ),
        (&[("HUBSPOT_CLIENT_SECRET_FILE", "/nowhere")], "not both"),
        (&[("HUBSPOT_CLIENT_SECRET", ""), ("HUBSPOT_CLIENT_SECRET_FILE", "/nowhere")], "/nowhere"),
        (&[("AMQP_URL", "user:hunter2@broker")], "AMQP_URL is not an AMQP address"),
        (&[("AMQP_URL", "https://user:hunter2@broker/")], "AMQP_URL is not an AMQP address"),
        (&[("AMQP_URL", "amqp://user:hunter2@broker/")], "AMQP_URL ends in `/`"),
        (&[("LISTEN", address), ("ADMIN_LISTEN", address)], "LISTEN"),
        (&[("PUBLISH_TIMEOUT", "5s")], "PUBLISH_TIMEOUT"),
        (&[("BODY_TIMEOUT", "5s")], "BODY_TIMEOUT"),
        (&[("BODY_TIMEOUT", "0s")], "BODY_TIMEOUT"),
        (&[("MAX_BODY_BYTES", "10")], "MAX_BODY_BYTES"),
        (&[("LOG_LEVEL", "=loud=")], "LOG_LEVEL"),
    ];
    for (environment, expected) in cases {
        let output = output(&[], environment).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{environment:?}: {said}");
        assert!(output.stdout.is_empty());
        assert!(
            said.starts_with("receiver: ") && said.contains(expected),
            "{environment:?}: {said}"
        );
        assert_eq!((said.matches('\n').count(), said.ends_with('\n')), (1, true), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_cannot_be_read_is_named() {
    for (name, value) in [
        ("LISTEN", "everywhere"),
        ("WEBHOOK_PATH", "webhooks"),
        ("PUBLIC_URL", "hooks.example.com"),
        ("ACCEPT_SIGNATURES", "v4"),
        ("MAX_BODY_BYTES", "16MB"),
        ("PUBLISH_TIMEOUT", "3"),
        ("PREFIX", "a b"),
        ("WORK_SHARDS", "0"),
    ] {
        let output = output(&[], &[(name, value)]).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        let flag = format!("--{}", name.to_lowercase().replace('_', "-"));
        let first = said.lines().next().unwrap();
        assert!(first.contains(&flag) && first.contains(value), "{name}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for name in ["LISTEN", "ADMIN_LISTEN"] {
        let output = output(&[], &[(name, &address), ("LOG_LEVEL", "off")]).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("cannot listen on {name} {address}")), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn help_lists_every_setting_with_its_default_and_no_secret() {
    let secrets = [
        ("HUBSPOT_CLIENT_SECRET", "current-hunter2"),
        ("HUBSPOT_CLIENT_SECRET_PREVIOUS", "previous-hunter2"),
        ("AMQP_URL", "amqp://user:hunter2@broker/%2f"),
    ];
    for flag in ["--help", "-h"] {
        let output = output(&[flag], &secrets).await;
        let help = String::from_utf8(output.stdout).unwrap();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(0));
        assert!(!help.contains("hunter2"), "{help}");
        for argument in ReceiverSettings::command().get_arguments() {
            let Some(name) = argument.get_env().map(|name| name.to_str().unwrap()) else {
                continue;
            };
            let flag = argument.get_long().unwrap();
            assert_eq!(flag, name.to_lowercase().replace('_', "-"));
            assert!(help.contains(&format!("--{flag} ")), "{flag} in {help}");
            assert!(help.contains(&format!("[env: {name}")), "{name} in {help}");
            for default in argument.get_default_values() {
                let default = default.to_str().unwrap();
                // What has spaces in it is shown in quotes.
                let shown = [format!("[default: {default}]"), format!("[default: \"{default}\"]")];
                let shown = default.is_empty() || shown.iter().any(|text| help.contains(text));
                assert!(shown, "{name}'s {default} in {help}");
            }
        }
    }
}
