//! What a file without faults says.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use shared::origin::Origin;

use super::sample::{SAMPLE, faults, tenants};
use crate::tenants::rate::Rate;
use crate::tenants::{HeaderText, SecretRef, Sign, State, Tenants, Timeouts};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn everything_that_is_written_is_read() {
    let read = tenants(SAMPLE);
    let acme = &read.tenants["acme"];
    assert_eq!((acme.name.as_str(), acme.display_name.as_deref()), ("acme", Some("ACME Corp")));
    assert_eq!(acme.origin, Origin::hubspot(62515));
    assert_eq!(acme.rate, Rate { count: 500, per: seconds(3600) });
    assert_eq!((acme.concurrency, acme.state), (7, State::Active));

    let crm = &read.destinations["acme-crm"];
    assert_eq!((crm.name.as_str(), crm.tenant.as_deref()), ("acme-crm", Some("acme")));
    let endpoint = crm.sink.endpoint().unwrap();
    assert_eq!(endpoint.url.url().as_str(), "https://hooks.acme.example/hubspot?key=hunter2");
    assert_eq!(endpoint.method, Method::PUT);
    let secret = SecretRef::Env("ACME_SECRET".to_owned());
    let previous_secret = Some(SecretRef::File(PathBuf::from("/run/secrets/acme")));
    assert_eq!(endpoint.sign, Sign::Standard { secret, previous_secret });
    let headers: Vec<_> =
        endpoint.headers.iter().map(|(name, text)| (name.as_str(), text)).collect();
    let plain = HeaderText::Plain("hunter2".to_owned());
    let secret = HeaderText::Secret(SecretRef::Env("ACME_PLAIN".to_owned()));
    assert_eq!(headers, [("x-environment", &plain), ("x-webhook-secret", &secret)]);
    let timeouts = Timeouts {
        connect: Duration::from_millis(500),
        first_byte: seconds(5),
        whole: seconds(60),
    };
    assert_eq!(crm.timeouts, timeouts);
    assert_eq!(crm.rate, Some(Rate { count: 50, per: seconds(1) }));
    assert_eq!((crm.concurrency, crm.state), (Some(10), State::Paused));
    let batch = crm.batch.map(|batch| (batch.events, batch.wait));
    assert_eq!(batch, Some((100, Duration::from_millis(200))));
    assert_eq!(crm.transient_statuses, BTreeSet::from([404, 409]));
    assert_eq!(crm.permanent_statuses, BTreeSet::from([429]));

    let route = &read.routes["acme-deals"];
    assert_eq!((route.name.as_str(), route.tenant.as_deref()), ("acme-deals", Some("acme")));
    assert_eq!((route.destination.as_str(), route.state), ("acme-crm", State::Paused));
    let filter = route.filter.as_ref().unwrap();
    let condition =
        json!({ "field": "subscriptionType", "operator": "equals", "value": "deal.creation" });
    assert_eq!(filter.json, json!({ "logic": "and", "conditions": [condition] }));
}

#[test]
fn what_is_left_out_has_its_default() {
    let read = tenants(SAMPLE);
    let beta = &read.tenants["beta"];
    assert_eq!(beta.rate, Rate { count: 1000, per: seconds(60) });
    assert_eq!((beta.concurrency, beta.state, &beta.display_name), (20, State::Active, &None));
    let log = &read.destinations["log"];
    let endpoint = log.sink.endpoint().unwrap();
    let expected = (&None, &Method::POST, &Sign::Nothing);
    assert_eq!((&log.tenant, &endpoint.method, &endpoint.sign), expected);
    let timeouts = Timeouts { connect: seconds(5), first_byte: seconds(10), whole: seconds(10) };
    assert_eq!((log.timeouts, log.rate, log.concurrency), (timeouts, None, None));
    assert!(endpoint.headers.is_empty() && log.transient_statuses.is_empty());
    let all = &read.routes["all"];
    assert_eq!((&all.tenant, &all.filter, all.state), (&None, &None, State::Active));
}

#[test]
fn nothing_at_all_is_no_fault() {
    for text in ["", "\u{feff}", "# nobody yet\n", "[tenants]\n[routes]\n"] {
        assert_eq!(tenants(text), Tenants::default());
    }
}

#[test]
fn a_tenant_is_found_by_its_origin_and_has_its_own_routes_and_everybodys() {
    let read = tenants(SAMPLE);
    let name = |portal| read.tenant_of(&Origin::hubspot(portal)).map(|tenant| tenant.name.as_str());
    assert_eq!([name(62515), name(7), name(8)], [Some("acme"), Some("beta"), None]);
    let routes =
        |tenant| read.routes_of(tenant).map(|route| route.name.as_str()).collect::<Vec<_>>();
    assert_eq!(routes("acme"), ["acme-deals", "all"]);
    assert_eq!(routes("beta"), ["all"]);
}

#[test]
fn tables_may_be_written_in_any_way() {
    let tables = r#"
        [tenants.a]
        origin = "hubspot/1"
        [destinations.b]
        url = "https://b.example"
        secret = { env = "B" }
        headers = { "X-A" = "1" }
        [routes.c]
        destination = "b"
    "#;
    let dotted = r#"
        tenants.a.origin = 'hubspot/1'
        destinations.b.url = """https://b.example"""
        destinations.b.secret.env = "B"
        destinations.b.headers.X-A = "\u0031"
        routes."c"."destination" = "b"
    "#;
    let inline = r#"
        tenants = { "a" = { origin = "hubspot/1" } }
        destinations = { b = { url = "https://b.example", secret.env = "B", headers.X-A = "1" } }
        routes.'c' = { 'destination' = "b" }
    "#;
    let subtables = r#"
        [destinations."b".secret]
        env = "B"
        [destinations.b.headers]
        X-A = "1"
        [destinations.b]
        url = "https://b.example"
        [routes]
        c.destination = "b"
        [tenants]
        a = { origin = "hubspot/1" }
    "#;
    for text in [dotted, inline, subtables] {
        assert_eq!(tenants(text), tenants(tables), "{text}");
    }
}

#[test]
fn newlines_and_a_byte_order_mark_make_no_difference() {
    let crlf = SAMPLE.replace('\n', "\r\n");
    for text in [crlf.clone(), format!("\u{feff}{SAMPLE}"), format!("\u{feff}{crlf}")] {
        assert_eq!(tenants(&text), tenants(SAMPLE));
    }
    let fault = "\u{feff}[tenants.a]\r\norigin = \"hubspot/1\"\r\nstate = 1\r\n";
    assert_eq!(faults(fault), ["3:9: tenants.a.state: must be a text in quotes, not a number"]);
    let first = "\u{feff}tenants = 1";
    assert_eq!(
        faults(first),
        ["1:11: tenants: must be a table, not a number: begin it with [tenants]"]
    );
}

#[test]
fn a_filter_is_the_same_as_a_table_and_as_a_text() {
    let route = |filter: &str| {
        let text = format!(
            "[destinations.d]\nurl = \"http://d\"\nsign = \"none\"\n[routes.r]\ndestination = \"d\"\n\
             filter{filter}"
        );
        tenants(&text).routes["r"].clone()
    };
    let json =
        json!({ "a": [1, -2.5, true, "x"], "b": { "c": {}, "d": 18_446_744_073_709_551_615_u64 } });
    let text = route(&format!(" = '{json}'"));
    assert_eq!(text.filter.as_ref().unwrap().json, json);
    for table in [
        " = { a = [0x1, -2.5, true, 'x'], b = { c = {}, d = 18446744073709551615 } }",
        ".a = [0b1, -2_5.0e-1, true, 'x']\nfilter.b.c = {}\nfilter.b.d = 18_446_744_073_709_551_615",
    ] {
        assert_eq!(route(table), text);
    }
}

#[test]
fn debug_shows_no_secret() {
    let debug = format!("{:?}", tenants(SAMPLE));
    assert!(
        debug.contains("ACME_SECRET") && debug.contains("https://hooks.acme.example/…"),
        "{debug}"
    );
    assert!(!debug.contains("hunter2"), "{debug}");
}
