//! What is too much of something.

use std::fmt::Write as _;

use super::sample::{faults, tenants};

#[test]
fn the_text_has_an_end() {
    let mut text = "#".repeat(16 * 1024 * 1024);
    tenants(&text);
    text.push('#');
    assert_eq!(faults(&text), ["1:1: the file is longer than 16777216 bytes: shorten it"]);
}

#[test]
fn so_many_tenants_there_are_and_no_more() {
    let mut text = String::from("[tenants]\n");
    for number in 0..10_000 {
        writeln!(text, "t{number}.origin = 'hubspot/{number}'").unwrap();
    }
    assert_eq!(tenants(&text).tenants.len(), 10_000);
    text.push_str("more.origin = 'hubspot/99999'\n");
    text.push_str("[destinations.d]\nurl = 'http://d'\nsign = 'none'\ntenant = 'more'");
    assert_eq!(
        faults(&text),
        ["1:2: tenants: there are 10001, and may be 10000: remove the others"]
    );
}

#[test]
fn routes_and_destinations_have_bounds_too() {
    let many = |table: &str, most: usize| {
        let mut text = format!("[{table}]\n");
        for number in 0..=most {
            writeln!(text, "a{number}={{}}").unwrap();
        }
        faults(&text)[0].clone()
    };
    for (table, most) in [("destinations", 10_000), ("routes", 20_000)] {
        let more = most + 1;
        let line = format!("1:2: {table}: there are {more}, and may be {most}: remove the others");
        assert_eq!(many(table, most), line);
    }
}

#[test]
fn a_tenant_has_so_many_routes_and_no_more_and_so_has_everybody() {
    let routes = |count: usize, owner: &str| {
        let mut text = String::from(
            "[tenants]\nacme.origin = 'hubspot/1'\nother.origin = 'hubspot/2'\n\
             [destinations]\nd = { url = 'http://d', sign = 'none' }\n[routes]\n",
        );
        for number in 0..count {
            writeln!(text, "a{number:03} = {{ destination = 'd'{owner} }}").unwrap();
        }
        // Another's are counted by themselves.
        text + "b = { destination = 'd', tenant = 'other' }\n"
    };
    let acmes = ", tenant = 'acme'";
    for owner in [acmes, ""] {
        assert_eq!(tenants(&routes(100, owner)).routes.len(), 101);
    }
    let advice = "remove some, or join them in one whose filter has several conditions";
    assert_eq!(
        faults(&routes(102, acmes)),
        [format!("107:38: routes.a100.tenant: \"acme\" has more than 100 routes: {advice}")]
    );
    assert_eq!(
        faults(&routes(101, "")),
        [format!("107:1: routes.a100.tenant: everybody has more than 100 routes: {advice}")]
    );
}

#[test]
fn a_section_has_so_many_bytes_and_no_more() {
    // The keys of tenant, filter, its field and its values count too.
    let section = |bytes: usize| {
        let mut left =
            bytes - "destination d filter field f operator in value".replace(' ', "").len();
        let mut values = Vec::new();
        while left > 0 {
            let next = left.min(4096);
            values.push(format!("'{}'", "x".repeat(next)));
            left -= next;
        }
        format!(
            "[destinations.d]\nurl = 'http://d'\nsign = 'none'\n[routes.r]\ndestination = 'd'\n\
             filter = {{ field = 'f', operator = 'in', value = [{}] }}",
            values.join(", ")
        )
    };
    assert_eq!(tenants(&section(1024 * 1024)).routes.len(), 1);
    assert_eq!(
        faults(&section(1024 * 1024 + 1)),
        ["4:9: routes.r: has 1048577 bytes of keys and texts, and may have 1048576: shorten it"]
    );
}

#[test]
fn of_very_many_faults_the_first_are_told() {
    let mut text = String::from("[destinations.near]\nurl = 'http://d'\nsign = 'none'\n[routes]\n");
    for number in 0..9_000 {
        writeln!(text, "r{number:04}.destination = 'neer{number:036}'").unwrap();
    }
    let faults = faults(&text);
    assert_eq!(faults.len(), 101);
    assert!(faults[0].starts_with("5:21: routes.r0000.destination: there is no"), "{}", faults[0]);
    assert!(faults[99].starts_with("104:21: routes.r0099.destination: "), "{}", faults[99]);
    assert_eq!(faults[100], " and 8900 more");
}

#[test]
fn no_depth_of_tables_is_too_deep_to_be_refused() {
    let dots = vec!["a"; 80].join(".");
    let inline = format!("{}1{}", format!("{{ {dots} = ").repeat(80), " }".repeat(80));
    let filter = format!("[routes.r]\ndestination = 'd'\nfilter = {inline}");
    let faults_of_filter = faults(&filter);
    assert!(faults_of_filter[1].ends_with("levels deep: make it flatter"), "{faults_of_filter:?}");
    for text in [
        format!("[{dots}]\n{dots} = {inline}"),
        format!("{dots} = {}", "[".repeat(100_000)),
        format!("tenants = {}", "{ a = ".repeat(100_000)),
        format!("{}a", "a.".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
        "[[a]]\n".repeat(100_000),
    ] {
        assert!(!faults(&text).is_empty());
    }
}
