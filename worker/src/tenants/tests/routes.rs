//! What is wrong with a route.

use super::sample::faults;

/// Of a route among two tenants' destinations, with its keys from line 6 on.
fn route(key: &str) -> Vec<String> {
    faults(&format!(
        "tenants = {{ a.origin = 'hubspot/1', b.origin = 'hubspot/2' }}\n\
         [destinations]\n\
         ours = {{ url = 'http://d', sign = 'none' }}\n\
         as = {{ tenant = 'a', url = 'http://d', sign = 'none' }}\n\
         [routes.r]\n{key}"
    ))
}

#[test]
fn a_route_leads_to_its_tenants_destination_or_a_shared_one() {
    for (keys, expected) in [
        (
            "tenant = 'b'\ndestination = 'as'",
            "7:15: routes.r.destination: \"as\" is a's, and the route b's: choose one of b's or a shared one, \
             which has no tenant",
        ),
        (
            "destination = 'as'",
            "6:15: routes.r.destination: \"as\" is a's, and the route everybody's: give the route this tenant, \
             or choose a shared destination, which has none",
        ),
        (
            "destination = 'nowhere'",
            "6:15: routes.r.destination: there is no destination \"nowhere\": add it as [destinations.NAME]",
        ),
        // A fault is told once.
        (
            "tenant = 'zz'\ndestination = 'as'",
            "6:10: routes.r.tenant: there is no tenant \"zz\": add it as [tenants.NAME]",
        ),
        (
            "tenant = 1\ndestination = 'as'",
            "6:10: routes.r.tenant: must be a text in quotes, not a number",
        ),
    ] {
        assert_eq!(route(keys), [expected]);
    }
    let unsure = "[destinations.d]\ntenant = 'x'\nurl = 'http://d'\nsign = 'none'\n[routes.r]\ndestination = 'd'";
    assert_eq!(
        faults(unsure),
        ["2:10: destinations.d.tenant: there is no tenant \"x\": add it as [tenants.NAME]"]
    );
}

#[test]
fn a_filter_is_checked_where_it_stands() {
    for (filter, expected) in [
        ("{ bad = 1 }", "7:10: routes.r.filter: there is no condition 1"),
        ("'{ \"bad\": \"\\u001b\" }'", "7:10: routes.r.filter: there is no condition \"\\u001b\""),
        ("[1]", "7:10: routes.r.filter: must be a table, or JSON in quotes"),
        (
            "'{'",
            "7:10: routes.r.filter: must be a table, or JSON in quotes: EOF while parsing an object at line 1 \
             column 1",
        ),
        (
            "{ a = [ 1979-05-27 ] }",
            "7:18: routes.r.filter: is a date, which JSON has not: write it in quotes",
        ),
        ("{ a = nan }", "7:16: routes.r.filter: must be a finite number"),
        (
            "{ a = 18446744073709551616 }",
            "7:16: routes.r.filter: is too large for a whole number: write it in quotes",
        ),
    ] {
        assert_eq!(route(&format!("destination = 'ours'\nfilter = {filter}")), [expected]);
    }
}

#[test]
fn what_is_no_json_goes_into_no_batch() {
    let of = |gives: &str, sign: &str| {
        format!(
            "[destinations.d]\nurl = 'http://d'\n{sign}\n[routes.r]\n\
             destination = 'd'\ntransform = {{ template = 'x', gives = '{gives}' }}"
        )
    };
    let (batch, alone) = ("sign = 'none'\nbatch = { events = 2, wait = '1s' }", "sign = 'none'\n");
    let hubspots = "sign = 'hubspot'\nsecret = { env = 'TENANT_KEY' }";
    for gives in ["form", "text"] {
        for (sign, why) in [
            (batch, "gets batches, which are JSON"),
            (hubspots, "is signed as HubSpot signs batches, which are JSON"),
        ] {
            let expected = format!(
                "7:13: routes.r.transform: gives no JSON, and \"d\" {why}: let it give \"json\", or choose \
                 another destination"
            );
            assert_eq!(faults(&of(gives, sign)), [expected]);
        }
        super::sample::tenants(&of(gives, alone));
    }
    for sign in [batch, hubspots] {
        super::sample::tenants(&of("json", sign));
    }
}
