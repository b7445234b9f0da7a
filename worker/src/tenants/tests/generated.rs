//! Secrets that are made here, as sections ask for them.

use super::sample::{faults_in, tenants};
use crate::tenants::{Difference, SecretForm, Sign, Standing};

fn text(keys: &str) -> String {
    format!("[destinations.d]\nurl = 'https://d.example'\n{keys}")
}

fn sign(keys: &str) -> Sign {
    let tenants = tenants(&text(keys));
    tenants.destinations["d"].sink.endpoint().unwrap().sign.clone()
}

#[test]
fn a_secret_may_be_one_that_is_made_here() {
    let generated = |form| Sign::Generated { form, previous_secret: None };
    assert_eq!(sign("secret = { generated = true }"), generated(SecretForm::Standard));
    let hubspots = sign("sign = 'hubspot'\nsecret.generated = true");
    assert_eq!(hubspots, generated(SecretForm::HubSpot));
    assert!(hubspots.is_as_hubspots() && hubspots.secret().is_none());
    // One of the owner's own signs too until they verify with it no more.
    let both = sign("secret.generated = true\nprevious_secret.env = 'OLD'");
    assert!(both.secret().is_none() && both.previous_secret().is_some());
}

#[test]
fn what_else_it_says_is_told_with_its_place() {
    let own = "{ env = \"NAME\" } or { file = \"/path/to/it\" }";
    for (keys, expected) in [
        (
            "secret.generated = false",
            format!(
                "3:20: destinations.d.secret.generated: must be true: for a secret of your own write {own} instead"
            ),
        ),
        (
            "secret.generated = 'hunter2'",
            format!(
                "3:20: destinations.d.secret.generated: must be true: for a secret of your own write {own} instead"
            ),
        ),
        (
            "secret = { generated = true, env = 'A' }",
            format!(
                "3:10: destinations.d.secret: must be {{ generated = true }} and nothing else, or {own}"
            ),
        ),
        (
            "sign = 'none'\nsecret = { generated = true }",
            "4:10: destinations.d.secret: signs nothing with sign = \"none\": remove one of them".to_owned(),
        ),
        (
            "sign = 'hubspot'\nsecret = { generated = true }\nprevious_secret.env = 'B'",
            "5:1: destinations.d.previous_secret: is only for sign = \"standard\": remove it".to_owned(),
        ),
        (
            "secret.env = 'A'\nprevious_secret = { generated = true }",
            "4:21: destinations.d.previous_secret.generated: there is no such key: there are env, file".to_owned(),
        ),
        (
            "secret.env = 'A'\nheaders = { X-A = { generated = true } }",
            "4:21: destinations.d.headers.X-A.generated: there is no such key: there are env, file".to_owned(),
        ),
    ] {
        let faults = faults_in(&text(keys), Standing::Records);
        assert!(faults.contains(&expected), "{faults:?}");
    }
}

#[test]
fn a_file_has_no_place_for_it_and_says_what_has() {
    let faults = faults_in(&text("secret = { generated = true }"), Standing::File);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].starts_with("3:10: destinations.d.secret: is made and kept only"),
        "{faults:?}"
    );
    for part in ["TENANTS_IN_DATABASE", "worker tenants apply", "env = \"NAME\""] {
        assert!(faults[0].contains(part), "{part} in {faults:?}");
    }
}

#[test]
fn that_it_is_made_here_from_now_on_is_a_change_of_the_secret() {
    let [own, generated] =
        ["secret.env = 'A'", "secret.generated = true"].map(|keys| tenants(&text(keys)));
    let told = Difference::between(&own, &generated).to_string();
    assert_eq!(told, "~ destination d: secret");
    assert!(Difference::between(&generated, &generated.clone()).is_empty());
}
