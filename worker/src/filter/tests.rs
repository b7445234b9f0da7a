#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use serde_json::json;
use shared::testing::Dice;

use super::*;

fn filter(json: &Value) -> Filter {
    Filter::parse(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn decides(json: &Value, event: &Value) -> bool {
    filter(json).decide(&Facts { event, record: None })
}

fn refusal(json: &Value) -> String {
    Filter::parse(json).unwrap_err().to_string()
}

#[test]
fn each_operator_holds_of_what_it_says_and_of_no_other_type() {
    let big = json!(9_007_199_254_740_993_u64);
    let cases = json!([
        // operator, value, fields it holds of, fields it does not hold of
        ["equals", "100", ["100", 100, 100.0], ["100.0", "0100", 101, true, [100], ["100"], {}]],
        ["equals", 100, ["100", "100.0", "1e2", 100.0], ["0100", " 100", "", "1OO", [100]]],
        ["equals", 0.1, ["0.1", "0.10", 0.1], ["0.1000000000000000055", 0]],
        ["equals", big, ["9007199254740993"], ["9007199254740992", 9_007_199_254_740_992_u64]],
        ["equals", true, [true, "true"], [false, "True", "1", 1, [true]]],
        ["equals", "false", [false, "false"], [true, 0, ""]],
        ["equals", "", [""], [" ", 0, false, [], {}]],
        ["not_equals", 100, ["101", "a", true, [100], {}], ["100", 100, "100.00"]],
        ["in", ["a", 1, true], ["a", "1", 1, 1.0, "1.0", "true", true], ["A", 2, ["a"], "a;1", {}]],
        ["not_in", ["a", 1], ["b", 2, ["a"], {}, ""], ["a", "1", 1]],
        ["starts_with", "deal.", ["deal.creation", "deal."], ["Deal.creation", "a deal.", ["deal."]]],
        ["starts_with", 62, ["62515", 62515], [26, "", {}, [62]]],
        ["ends_with", "é", ["café", "é"], ["cafe", "éa", {"é": "é"}, ["é"]]],
        ["contains", "b", ["abc", "b", ["a", "b"]], ["ABC", "", ["abc"], [["b"]], {"b": "b"}, []]],
        ["contains", 1, [["a", "1"], [1.0], "a1", 21], [["11"], 2, [null], {"1": 1}]],
        ["exists", null, ["", 0, false, [], {}], []],
        ["not_exists", null, [], ["", 0, false, [], {}]],
        ["greater_than", 99, ["100", 100, 99.5, "1e2"], ["99", 99, "abc", "", true, [100], {}]],
        ["greater_than", "9.99", ["10", 10], ["9.99", "9", "10 EUR"]],
        ["less_than", 0, [-1, "-0.5"], [0, "-0", "1", false, null, [-1]]],
        [
            "greater_than", "2026-11-21T09:30:00+01:00",
            ["2026-11-21T08:30:00.001Z", "2026-11-22", 1_795_249_800_001_u64, "1795249800001"],
            ["2026-11-21T08:30:00Z", "2026-11-21", 1_795_249_800_000_u64, "2026", "2026-13-01", "later"],
        ],
        ["less_than", "2026-11-21", ["2026-11-20T23:59:59Z", 1_795_219_199_999_u64], ["2026-11-21"]],
        ["less_than", 1_795_219_200_000_u64, ["2026-11-20"], ["2026-11-21", "tomorrow"]],
        ["matches", "^deal\\.", ["deal.creation"], ["a deal.", "Deal.", ["deal."], {}]],
        ["matches", "^62\\d+$", [62515, "62515"], [0, "62 515"]],
    ]);
    for case in cases.as_array().unwrap() {
        for (fields, holds) in [(&case[2], true), (&case[3], false)] {
            let json = json!({ "field": "x", "operator": case[0], "value": case[1] });
            for x in fields.as_array().unwrap() {
                assert_eq!(decides(&json, &json!({ "x": x })), holds, "{json} of {x}");
            }
        }
    }
}

#[test]
fn of_a_missing_field_and_of_null_only_negations_hold() {
    for (operator, value, holds) in [
        ("equals", json!("null"), false),
        ("not_equals", json!("a"), true),
        ("in", json!(["", "null"]), false),
        ("not_in", json!(["a"]), true),
        ("starts_with", json!(""), false),
        ("ends_with", json!(""), false),
        ("contains", json!(""), false),
        ("exists", json!(null), false),
        ("not_exists", json!(null), true),
        ("greater_than", json!(-1), false),
        ("less_than", json!(1), false),
        ("matches", json!(""), false),
    ] {
        for field in ["x", "x.y", "object.x"] {
            let json = json!({ "field": field, "operator": operator, "value": value });
            for event in [json!({}), json!({ "x": null }), json!([]), json!(null)] {
                assert_eq!(decides(&json, &event), holds, "{json} of {event}");
            }
        }
    }
}

/// HubSpot's `changeSource` tells a person from a program.
#[test]
fn only_what_people_did_in_the_crm_gets_through() {
    let by_people = json!({ "conditions": [
        { "field": "changeSource", "operator": "not_in", "value": ["INTEGRATION", "IMPORT"] },
    ]});
    let no_imports =
        json!({ "field": "changeSource", "operator": "not_equals", "value": "IMPORT" });
    for (source, is_of_people, is_no_import) in [
        ("CRM_UI", true, true),
        ("MOBILE", true, true),
        ("INTEGRATION", false, true),
        ("IMPORT", false, false),
    ] {
        let event = json!({ "changeSource": source });
        assert_eq!(decides(&by_people, &event), is_of_people, "{source}");
        assert_eq!(decides(&no_imports, &event), is_no_import, "{source}");
    }
}

#[test]
fn groups_are_in_groups_and_a_filter_for_a_batch_means_its_event() {
    let nested = json!({ "logic": "and", "conditions": [
        { "field": "[0].subscriptionType", "operator": "starts_with", "value": "deal." },
        { "logic": "or", "conditions": [
            { "field": "portalId", "operator": "equals", "value": "62515" },
            { "field": "object.amount", "operator": "greater_than", "value": 1000 },
        ]},
    ]});
    let nested = filter(&nested);
    assert!(!nested.properties().is_empty());
    let rich = json!({ "amount": "1000.01" });
    for (kind, portal, record, passes) in [
        ("deal.creation", 62515, None, true),
        ("deal.creation", 1, Some(&rich), true),
        ("deal.creation", 1, None, false),
        ("contact.creation", 62515, Some(&rich), false),
    ] {
        let event = json!({ "subscriptionType": kind, "portalId": portal });
        assert_eq!(nested.decide(&Facts { event: &event, record }), passes, "{event}");
    }
    assert!(
        filter(&json!({ "field": "event.object.a", "operator": "exists" })).properties().is_empty()
    );
    for all in [json!({ "conditions": [] }), json!({ "logic": "or", "conditions": [] })] {
        assert!(decides(&all, &json!({})));
    }
}

#[test]
fn an_error_names_its_place_and_what_is_allowed() {
    let within = |json: Value| {
        json!({ "conditions": [
            { "field": "a", "operator": "exists" }, { "logic": "or", "conditions": [json] },
        ]})
    };
    let condition = |operator: &str, value: Value| json!({ "field": "a", "operator": operator, "value": value });
    for (json, problem) in [
        (
            condition("equal", json!(1)),
            ".operator: \"equal\" is not known, did you mean equals? Allowed:",
        ),
        (json!({ "field": "a" }), ".operator: missing: equals, not_equals, in"),
        (json!({ "field": "a", "operator": 1 }), ".operator: must be text"),
        (json!({ "operator": "exists" }), ".field: missing"),
        (json!({ "field": "a..b", "operator": "exists" }), ".field: a name is missing"),
        (json!({ "feild": "a" }), ": \"feild\" is not known, did you mean field?"),
        (json!({ "condition": [] }), ": \"condition\" is not known, did you mean conditions?"),
        (json!({ "field": "a", "conditions": [] }), ": \"field\" is not known. Allowed: logic,"),
        (
            json!({ "logic": "AND", "conditions": [] }),
            ".logic: \"AND\" is not known, did you mean and?",
        ),
        (json!({ "logic": null, "conditions": [] }), ".logic: must be and, or or"),
        (json!({ "logic": "and" }), ".conditions: must be a list"),
        (json!({}), ": has neither"),
        (json!("a"), ": must be an object"),
        (json!({ "field": "a", "operator": "equals" }), ".value: missing"),
        (condition("equals", json!(null)), ".value: null is a missing field"),
        (condition("equals", json!(["a"])), ".value: must be text, a number"),
        (condition("equals", json!("a".repeat(4097))), ".value: longer than 4096 bytes"),
        (condition("in", json!("a,b")), ".value: must be a list"),
        (condition("in", json!([])), ".value: must have 1 to 1000 values"),
        (condition("in", json!(vec![1; 1001])), ".value: must have 1 to 1000 values"),
        (condition("in", json!(["a", ["b"]])), ".value[1]: must be text"),
        (condition("exists", json!(true)), ".value: must not be there"),
        (condition("less_than", json!("soon")), ".value: must be a number, a day"),
        (condition("matches", json!(1)), ".value: must be text, a regular expression"),
        (
            condition("matches", json!("a{9}{9}{9}{9}{9}")),
            ".value: compiled regex exceeded size limit",
        ),
    ] {
        let problem = format!("conditions[1].conditions[0]{problem}");
        let refusal = refusal(&within(json));
        assert!(refusal.starts_with(&problem), "{refusal}\n{problem}");
    }
    assert!(refusal(&json!([])).starts_with("filter: must be an object"));
    assert!(refusal(&json!({ "field": "a", "operator": "x" })).starts_with("operator: \"x\""));
    let secret = refusal(&condition("less_than", json!("secret")));
    assert!(!secret.contains("secret"), "{secret}");
}

#[test]
fn a_filter_that_is_deep_or_large_is_refused() {
    let list = |json: &Value, count: usize| json!({ "conditions": vec![json.clone(); count] });
    let nested = |depth| {
        (0..depth).fold(json!({ "field": "a", "operator": "exists" }), |json, _| list(&json, 1))
    };
    assert!(Filter::parse(&nested(8)).is_ok());
    assert_eq!(
        refusal(&nested(9)),
        format!("{}: deeper than 8 groups", ["conditions[0]"; 8].join("."))
    );
    let large = "(?:a?){60}(?:a|aa|aaa){60}!N$";
    let large = json!({ "field": "a", "operator": "matches", "value": large });
    assert!(Filter::parse(&list(&large, 1)).is_ok());
    let refused = refusal(&list(&large, 9));
    assert!(refused.contains("]: the patterns of a filter have 64 KiB compiled"), "{refused}");
    let matches = json!({ "field": "a", "operator": "matches", "value": "a" });
    for (json, limit, what) in [
        (nested(0), 100, "conditions"),
        (list(&nested(0), 0), 99, "groups"),
        (matches, 10, "conditions with matches"),
    ] {
        assert!(Filter::parse(&list(&json, limit)).is_ok(), "{what}");
        let refusal = refusal(&list(&json, limit + 1));
        let expected = format!("conditions[{limit}]: a filter has at most ");
        assert!(refusal.starts_with(&expected) && refusal.ends_with(what), "{refusal}");
    }
}

#[test]
fn an_explanation_has_a_line_for_each_condition_in_order() {
    let filter = filter(&json!({ "logic": "or", "conditions": [
        { "field": "changeSource", "operator": "not_in", "value": ["INTEGRATION", "IMPORT"] },
        { "conditions": [
            { "field": "text", "operator": "exists" },
            { "field": "object.amount", "operator": "greater_than", "value": "1000" },
        ]},
    ]}));
    let event = json!({ "changeSource": "IMPORT", "text": format!("\u{202e}{}", "ä".repeat(100)) });
    let lines = filter.explain(&Facts { event: &event, record: None });
    let shown: Vec<_> =
        lines.iter().map(|line| (line.depth, line.text.as_str(), line.held)).collect();
    assert_eq!(
        shown,
        [
            (0, "one of these", false),
            (1, r#"changeSource not_in ["INTEGRATION","IMPORT"]"#, false),
            (1, "all of these", false),
            (2, "text exists", true),
            (2, r#"object.amount greater_than "1000""#, false),
        ]
    );
    assert_eq!(lines[1].found.as_deref(), Some(r#""IMPORT""#));
    let text = lines[3].found.as_deref().unwrap();
    assert!(text.chars().count() == 80 && text.starts_with(r#""\u{202e}ää"#), "{text}");
    assert_eq!((&lines[2].found, &lines[4].found), (&None, &None));
}

#[test]
fn an_explanation_ends_as_the_decision_does() {
    let (mut held, mut dice) = ([0, 0], Dice(7));
    for _ in 0..5000 {
        let json = any_filter(&mut dice, 0);
        let (event, record) = (any_event(&mut dice), any_event(&mut dice));
        let record = (dice.below(4) > 0).then_some(&record);
        let (facts, filter) = (Facts { event: &event, record }, filter(&json));
        let (lines, decided) = (filter.explain(&facts), filter.decide(&facts));
        assert_eq!(lines[0].held, decided, "{json} of {event} and {record:?}");
        assert_eq!(lines.len(), nodes(&json), "{json}");
        assert_eq!(!filter.properties().is_empty(), json.to_string().contains("object."), "{json}");
        held[usize::from(decided)] += 1;
    }
    assert!(held.iter().all(|times| *times > 500), "both happen: {held:?}");
}

fn nodes(json: &Value) -> usize {
    1 + json["conditions"].as_array().map_or(0, |nodes| nodes.iter().map(self::nodes).sum())
}

fn any_value(dice: &mut Dice) -> Value {
    dice.one_of(&[json!("1"), json!(1), json!(2.5), json!("2026-11-21"), json!("100")])
}

fn any_event(dice: &mut Dice) -> Value {
    let odd = dice.one_of(&[json!(null), json!(true), json!({}), json!("a"), json!(["1"])]);
    match dice.below(4) {
        0 => json!({ "a": odd }),
        1 => json!({ "a": any_value(dice) }),
        2 => json!({ "a": any_value(dice), "b": [any_value(dice), odd] }),
        _ => json!({ "b": any_value(dice) }),
    }
}

fn any_filter(dice: &mut Dice, depth: usize) -> Value {
    if depth < 4 && dice.below(3) > 0 {
        let count = dice.below(4);
        let nodes: Vec<_> = (0..count).map(|_| any_filter(dice, depth + 1)).collect();
        return match dice.below(3) {
            0 => json!({ "conditions": nodes }),
            1 => json!({ "logic": "and", "conditions": nodes }),
            _ => json!({ "logic": "or", "conditions": nodes }),
        };
    }
    let field = dice.one_of(&["a", "b[1]", "event.b", "object.a", "[0].b.0"].map(Value::from));
    let operator = check::OPERATORS[dice.below(check::OPERATORS.len())];
    let value = match operator {
        "exists" | "not_exists" => json!(null),
        "in" | "not_in" => json!([any_value(dice), any_value(dice)]),
        "matches" => dice.one_of(&[json!("1"), json!("^2"), json!("a?")]),
        _ => any_value(dice),
    };
    json!({ "field": field, "operator": operator, "value": value })
}
