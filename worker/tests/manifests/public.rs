//! The policies that lead out of the cluster let through what the program takes for public, and nothing else. Only
//! IPv4 behind NAT64, which a policy cannot judge, they leave out.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::json;

use super::installation::Installation;
use super::manifest::texts;
use super::proof::{Complaints, holds, notices};

/// The program's own list.
const RANGES: &str = include_str!("../../src/destination/address/public.rs");
const POLICIES: [&str; 2] = ["internet", "databases"];

/// All ranges of a list in the program, as a policy writes them.
fn ranges(of: &str) -> BTreeSet<String> {
    let begin = RANGES.find(&format!("const {of}: ")).unwrap();
    let list = &RANGES[begin..];
    let list = &list[..list.find(";\n").unwrap()];
    let v4 = Regex::new(r"v4\(\[(\d+), (\d+), (\d+), (\d+)\], (\d+)\)").unwrap();
    let v6 = Regex::new(r"v6\(\[(\w+), (\w+), (\w+)\], (\d+)\)").unwrap();
    let of_v4 = v4.captures_iter(list).map(|range| {
        let [a, b, c, d, length] = [1, 2, 3, 4, 5].map(|part| &range[part]);
        format!("{a}.{b}.{c}.{d}/{length}")
    });
    let of_v6 = v6.captures_iter(list).map(|range| {
        let parts = [1, 2, 3].map(|part| range[part].trim_start_matches("0x").to_owned());
        let written = parts.join(":").trim_end_matches(":0").trim_end_matches(":0").to_owned();
        format!("{written}::/{}", &range[4])
    });
    of_v4.chain(of_v6).collect()
}

fn complaints(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for name in POLICIES {
        let policy = installation.find("NetworkPolicy", name).unwrap();
        for (number, whole, special) in
            [(0, "0.0.0.0/0", "SPECIAL_V4"), (1, "2000::/3", "SPECIAL_V6")]
        {
            let block = format!("/spec/egress/0/to/{number}/ipBlock");
            let opened = policy.text(&format!("{block}/cidr"));
            if opened != whole {
                complaints.push(format!("{name}: opens {opened} instead of {whole}"));
            }
            let shut = policy.at(&format!("{block}/except"));
            let shut: BTreeSet<String> = texts(shut).into_iter().map(str::to_owned).collect();
            let special = ranges(special);
            complaints
                .extend(special.difference(&shut).map(|open| format!("{name}: opens {open}")));
            complaints
                .extend(shut.difference(&special).map(|shut| format!("{name}: shuts {shut}")));
        }
        let more = policy.list("/spec/egress/0/to").len() + policy.list("/spec/egress").len();
        if more != 3 {
            complaints.push(format!("{name}: leads elsewhere too"));
        }
    }
    complaints
}

#[test]
fn policies_let_out_to_what_the_program_takes_for_public() {
    assert_eq!((ranges("SPECIAL_V4").len(), ranges("SPECIAL_V6").len()), (19, 5));
    assert!(ranges("UNICAST").contains("2000::/3"));
    holds(complaints);
    notices(
        complaints,
        "production",
        [
            (
                "NetworkPolicy/internet",
                "/spec/egress/0/to/0/ipBlock/except/5",
                json!("8.8.8.0/24"),
                "internet: opens 169.254.0.0/16",
            ),
            (
                "NetworkPolicy/internet",
                "/spec/egress/0/to/0/ipBlock/except/5",
                json!("8.8.8.0/24"),
                "internet: shuts 8.8.8.0/24",
            ),
            (
                "NetworkPolicy/databases",
                "/spec/egress/0/to/1/ipBlock/cidr",
                json!("::/0"),
                "databases: opens ::/0",
            ),
            (
                "NetworkPolicy/databases",
                "/spec/egress/0/to/-",
                json!({"podSelector": {}}),
                "databases: leads elsewhere too",
            ),
        ],
    );
}
