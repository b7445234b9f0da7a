//! What is wrong anywhere in the file, and with a tenant.

use super::sample::{self, SAMPLE, check, faults};
use crate::tenants::{Standing, read};

/// Of a tenant, with one more key in line 3.
fn tenant(key: &str) -> Vec<String> {
    faults(&format!("[tenants.a]\norigin = 'hubspot/1'\n{key}"))
}

#[test]
fn a_wrong_name_is_told_with_the_near_one() {
    let text = SAMPLE.replace("destination = \"acme-crm\"", "destination = \"acme-crn\"");
    let expected = "36:15: routes.acme-deals.destination: there is no destination \"acme-crn\": did you \
                    mean \"acme-crm\"?";
    assert_eq!(faults(&text), [expected]);
    let whole = read(("tenants.toml", &text), Standing::File, &check, &|_| Ok(())).unwrap_err();
    assert_eq!(whole.to_string(), format!("tenants.toml:{expected}"));
    assert_eq!((whole.first[0].place.line, whole.first[0].place.column), (36, 15));
}

#[test]
fn all_faults_are_told_at_once_in_their_order() {
    let text = r#"
[routes.R]
filter.bad = 7
tenant = "acne"

[tenants.acme]
orgin = "hubspot/62515"
rate = "1000"

[tenant.other]
"#;
    assert_eq!(
        faults(text),
        [
            "2:9: routes.R: this is no name: a name has 1 to 40 lower-case letters, digits and `-`, the \
             first of which is no `-`",
            "2:9: routes.R.destination: is missing: add destination = \"NAME\"",
            "3:1: routes.R.filter: there is no condition 7",
            "4:10: routes.R.tenant: there is no tenant \"acne\": did you mean \"acme\"?",
            "6:10: tenants.acme.origin: is missing: add origin = \"hubspot/62515\"",
            "7:1: tenants.acme.orgin: there is no such key: did you mean \"origin\"?",
            "8:8: tenants.acme.rate: must be a number from 1 to 1000000 and a unit: \"50/s\", \"1000/m\" or \
             \"5000/h\"",
            "10:2: tenant: there is no such key: did you mean \"tenants\"?",
        ]
    );
}

#[test]
fn what_is_no_toml_is_told_at_every_place() {
    let text = "[tenants.a]\norigin = \"hubspot/1\n[tenants.b]\norigin = 1979-99-99\nname = 'b'\nname = ''\n";
    let faults = faults(text);
    let places: Vec<_> = faults.iter().map(|fault| fault.split(" this").next().unwrap()).collect();
    assert_eq!(places, ["2:20:", "4:10:", "6:1:"]);
    assert!(faults.iter().all(|fault| fault.contains(": this is no TOML: ")), "{faults:?}");
}

#[test]
fn tables_are_tables() {
    let line =
        |path: &str, kind: &str| format!("{path}: must be a table, not {kind}: begin it with ");
    for (text, place, path, kind) in [
        ("[[tenants]]\norigin = ''", "1:1", "tenants", "a list"),
        ("tenants = 1", "1:11", "tenants", "a number"),
        ("[routes]\nr = 'd'", "2:5", "routes.r", "a text"),
        ("[destinations]\n'd' = 1979-05-27", "2:7", "destinations.d", "a date"),
    ] {
        let expected = format!("{place}: {}[{path}]", line(path, kind));
        assert_eq!(faults(text), [expected]);
    }
}

#[test]
fn keys_that_are_strange_are_quoted_and_harmless() {
    let key =
        |key: &str| tenant(&format!("{key} = 1"))[0].split(": there").next().unwrap().to_owned();
    assert_eq!(key("'a b'"), "3:1: tenants.a.\"a b\"");
    assert_eq!(key("\"\\u001b[2J\""), "3:1: tenants.a.\"\\u{1b}[2J\"");
    assert_eq!(key(&"k".repeat(100)), format!("3:1: tenants.a.\"{}…\"", "k".repeat(63)));
    let names = faults("[tenants.'']\norigin = 'hubspot/1'");
    assert!(names[0].starts_with("1:10: tenants.\"\": this is no name"), "{names:?}");
    let hostile = "[tenants]\n\"\\u001b\".origin = 'hubspot/1'\nb.origin = 'hubspot/1'";
    let hostile = faults(hostile).concat();
    assert!(hostile.contains("the tenant \\u{1b} already"), "{hostile:?}");
    assert!(!hostile.contains('\u{1b}'), "{hostile:?}");
}

#[test]
fn a_tenant_has_rules() {
    for (key, expected) in [
        (
            "state = 'activ'",
            "3:9: tenants.a.state: must be \"active\" or \"paused\": did you mean \"active\"?",
        ),
        ("state = true", "3:9: tenants.a.state: must be a text in quotes, not true or false"),
        ("concurrency = 0", "3:15: tenants.a.concurrency: must be a whole number from 1 to 1000"),
        (
            "concurrency = 1001",
            "3:15: tenants.a.concurrency: must be a whole number from 1 to 1000",
        ),
        ("concurrency = 1.5", "3:15: tenants.a.concurrency: must be a whole number from 1 to 1000"),
        (
            "concurrency = 99999999999999999999",
            "3:15: tenants.a.concurrency: must be a whole number from 1 to 1000",
        ),
        (
            "concurrency = '5'",
            "3:15: tenants.a.concurrency: must be a whole number from 1 to 1000, not a text",
        ),
        ("name = ''", "3:8: tenants.a.name: must have 1 to 200 bytes"),
    ] {
        assert_eq!(tenant(key), [expected]);
    }
    for rate in ["", "1000", "0/s", "+5/s", "5/d", "5/", "/s", "1000001/s", "5 /s", "99999999999/s"]
    {
        let faults = tenant(&format!("rate = '{rate}'"));
        assert!(faults[0].starts_with("3:8: tenants.a.rate: must be a number"), "{faults:?}");
    }
    for origin in ["62515", "hubspot/", "nobody/1"] {
        let faults = faults(&format!("[tenants.a]\norigin = '{origin}'"));
        assert!(faults[0].starts_with("2:10: tenants.a.origin: an origin is"), "{faults:?}");
    }
}

#[test]
fn an_origin_has_one_tenant() {
    let text = "[tenants.b]\norigin = 'hubspot/1'\n[tenants.a]\norigin = 'hubspot/1'";
    let line = "2:10: tenants.b.origin: \"hubspot/1\" is the origin of the tenant a already: give each its own";
    assert_eq!(faults(text), [line]);
}

#[test]
fn a_secret_has_one_owner() {
    let destination = |name: &str, more: &str| {
        format!("[destinations.{name}]\nurl = 'https://{name}.example'\n{more}\n")
    };
    let tenants = "[tenants.a]\norigin = 'hubspot/1'\n[tenants.b]\norigin = 'hubspot/2'\n";
    let first = destination("first", "tenant = 'a'\nsecret.file = '/run/one'");
    let second = |more: &str| {
        let text = [tenants, &first, &destination("second", more)].concat();
        faults(&format!("{text}[routes]\n"))
    };
    let told = "is named for a too: a secret belongs to one tenant, or to destinations of all. Keep another in a \
                place of its own";
    for (more, key) in [
        ("tenant = 'b'\nsecret.file = '/run/./one'", "destinations.second.secret"),
        ("sign = 'none'\nheaders.X-A.file = '/run//one'", "destinations.second.headers"),
        (
            "secret.env = 'B'\nprevious_secret.file = '/run/one'",
            "destinations.second.previous_secret",
        ),
    ] {
        let [fault] = &second(more)[..] else { panic!("{:?}", second(more)) };
        assert!(fault.ends_with(&format!(": {told}")), "{fault}");
        assert!(fault.contains(&format!(": {key}: ")), "{fault}");
    }
    let dots = second("tenant = 'b'\nsecret.file = '/run/x/../one'");
    assert!(dots[0].contains("must be the absolute path"), "{dots:?}");
}

#[test]
fn no_fault_repeats_what_may_be_a_secret() {
    let text = "[destinations.d]\nurl = 'hunter2'\nsecret = 'hunter2'\nsign = 'hunter2'\nmethod = 'hunter2'\n\
        timeout = 'hunter2'\nrate = 'hunter2'\nstate = 'hunter2'\nprevious_secret.file = 'hunter2'\n\
        concurrency = 'hunter2'\ntransient_statuses = ['hunter2']\nheaders.Host = 'hunter2'\n\
        headers.X-A = ['hunter2']\nheaders.X-B = ' hunter2'\nheaders.X-C.env = 'hunter 2'";
    let faults = faults(text);
    assert!(faults.len() >= 14 && !faults.concat().contains("hunter"), "{faults:#?}");
    for line in [
        "hunter2",
        "secret = hunter2",
        "= hunter2",
        "[hunter2",
        "secret = 'hunter2",
        "secret = 1979-99-99hunter2",
        "secret = 12hunter2",
        "secret = \"\\hunter2\"",
        "secret = 'a' hunter2",
        "secret = 'hunter2'\nsecret = 'hunter2'",
        "secret = 'hunter2'\nsecret.env = 'hunter2'",
        "secret = ['hunter2'",
    ] {
        let faults = sample::faults(line);
        assert!(!faults.concat().contains("hunter") && faults[0].contains("TOML"), "{faults:?}");
    }
}
