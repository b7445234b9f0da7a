//! Another's destinations, secrets and surroundings, as the file could name them.

use std::process::Command;

use crate::tenants::file::File;

const FILE: &str = r#"
[tenants.acme]
origin = "hubspot/62515"
[tenants.umbrella]
origin = "hubspot/62516"
[destinations.acme-crm]
tenant = "acme"
url = "https://hooks.acme.example/"
secret = { env = "TENANT_ACME_SECRET" }
headers = { X-Token = { file = "/run/secrets/tenants/acme" } }
[destinations.umbrella-crm]
tenant = "umbrella"
url = "https://hooks.umbrella.example/"
sign = "none"
[destinations.log]
url = "https://log.example/"
sign = "none"
[routes.acme-all]
tenant = "acme"
destination = "acme-crm"
[routes.umbrella-all]
tenant = "umbrella"
destination = "umbrella-crm"
"#;

/// What `worker tenants check` says of this file, but for the secrets themselves.
fn check(text: &str) -> (bool, String) {
    let file = File::of(text);
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    let output =
        command.args(["tenants", "check", "--no-secrets"]).arg(file.path()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[track_caller]
fn is_refused(text: &str, because: &str) {
    let (is_good, said) = check(text);
    assert!(!is_good, "taken: {text}");
    assert!(said.contains(because), "`{because}` in {said} of {text}");
}

#[test]
fn the_file_itself_is_good() {
    let (is_good, said) = check(FILE);
    assert!(is_good, "{said}");
}

#[test]
fn a_route_leads_to_no_destination_of_anothers() {
    let umbrellas = "tenant = \"umbrella\"\ndestination = \"umbrella-crm\"";
    let of_another = umbrellas.replace("umbrella-crm", "acme-crm");
    is_refused(&FILE.replace(umbrellas, &of_another), "\"acme-crm\" is acme's");
    let of_all = "destination = \"acme-crm\"";
    is_refused(&FILE.replace(umbrellas, of_all), "\"acme-crm\" is acme's");
}

#[test]
fn an_account_has_one_tenant() {
    is_refused(&FILE.replace("hubspot/62516", "hubspot/62515"), "is the origin of the tenant");
}

/// A destination is shown what its headers name. And who gets what a secret has signed can send that on to where
/// it is believed.
#[test]
fn a_secret_of_one_tenant_is_named_by_no_destination_of_anothers() {
    let (env, file) = ("{ env = \"TENANT_ACME_SECRET\" }", "/run/secrets/tenants/acme");
    for named in [
        env.to_owned(),
        format!("{{ file = \"{file}\" }}"),
        "{ file = \"/run//secrets/./tenants/acme\" }".to_owned(),
    ] {
        for (destination, key) in [
            ("umbrella", format!("headers = {{ X-Key = {named} }}\nsign = \"none\"")),
            ("umbrella", format!("secret = {named}")),
            ("umbrella", format!("sign = \"hubspot\"\nsecret = {named}")),
            (
                "umbrella",
                format!("secret = {{ env = \"TENANT_OTHER\" }}\nprevious_secret = {named}"),
            ),
            // What all share is no place for it either.
            ("log", format!("secret = {named}")),
        ] {
            let url = match destination {
                "log" => "url = \"https://log.example/\"\n",
                _ => "url = \"https://hooks.umbrella.example/\"\n",
            };
            let with = FILE.replace(&format!("{url}sign = \"none\""), &format!("{url}{key}"));
            assert_ne!(with, FILE);
            is_refused(&with, "is named for acme too");
            let (_, said) = check(&with);
            assert!(!said.contains("TENANT_ACME") && !said.contains(file), "{said}");
        }
    }
    let dots = "secret = { file = \"/run/secrets/tenants/umbrella/../acme\" }";
    let url = "url = \"https://hooks.umbrella.example/\"\n";
    let with = FILE.replace(&format!("{url}sign = \"none\""), &format!("{url}{dots}"));
    is_refused(&with, "must be the absolute path");
    // A tenant's own destinations may share one.
    let more = "[destinations.acme-erp]\ntenant = \"acme\"\nurl = \"https://erp.acme.example/\"\n";
    let (is_good, said) = check(&format!("{FILE}{more}secret = {env}\n"));
    assert!(is_good, "{said}");
}

/// It has the event, its record and its portal, and no way to anything else.
#[test]
fn a_template_reaches_nothing_but_its_event_record_and_portal() {
    for (template, because) in [
        ("{{ tenants }}", "tenants is not known"),
        ("{{ tenant.secret }}", "tenant is not known"),
        ("{{ destination.url }}", "destination is not known"),
        ("{{ secret }}", "secret is not known"),
        ("{{ env.TENANT_ACME_SECRET }}", "env is not known"),
        ("{{ settings }}", "settings is not known"),
        ("{{ stages }}", "stages is not known"),
        ("{{ self }}", "self is not known"),
        ("{{ caller() }}", "there is no function"),
        ("{{ debug() }}", "there is no function"),
        ("{{ env(\"TENANT_ACME_SECRET\") }}", "there is no function"),
        ("{{ event.body() }}", "cannot be called"),
        ("{{ record|attr(\"x\") }}", "there is no filter"),
        ("{% set portal = 62515 %}", "cannot be set"),
        ("{% include \"/run/secrets/tenants/acme\" %}", ""),
        ("{% import \"acme\" as acme %}", ""),
        ("{% extends \"acme\" %}", ""),
    ] {
        let route = "destination = \"umbrella-crm\"";
        let with = format!("{route}\ntransform = {{ template = '''{template}''' }}");
        is_refused(&FILE.replace(route, &with), because);
    }
}
