//! What templates say, and what comes of it.

use serde_json::{Value, json};

use super::attempt::{attempt, body, change, creation, json_of, refusal, text_of};
use crate::transform::{Gives, Transform, TransformError};

#[test]
fn one_transform_serves_all_threads() {
    fn is_shared<T: Send + Sync + 'static>(_: &T) {}
    is_shared(&Transform::parse("", Gives::Text).unwrap());
}

#[test]
fn each_kind_of_body_has_its_type() {
    for (gives, template, body, content_type) in [
        (
            Gives::Json,
            r#"{ "id" : {{ event.objectId }} }"#,
            r#"{"id":267448862446}"#,
            "application/json",
        ),
        (
            Gives::Form,
            r#"{"id": {{ event.objectId }}, "b": "ä & {{ portal.id }}", "no": {{ record }}, "yes": true}"#,
            "id=267448862446&b=%C3%A4+%26+62515&yes=true",
            "application/x-www-form-urlencoded",
        ),
        (
            Gives::Text,
            " {{ event.sourceId }}\n{# no #}",
            " userId:52530071\n",
            "text/plain; charset=utf-8",
        ),
    ] {
        let made = attempt(template, gives, &creation(), None).unwrap().unwrap();
        assert_eq!(String::from_utf8(made.body).unwrap(), body);
        assert_eq!(made.content_type, content_type);
    }
}

#[test]
fn json_keeps_the_order_and_the_digits_that_the_template_wrote() {
    let template =
        "{ \"z\": 1.10,\n \"a\": [ 12345678901234567890123, 1e999 ], \"t\": \" a\\\" b \" }";
    let expected = r#"{"z":1.10,"a":[12345678901234567890123,1e999],"t":" a\" b "}"#;
    assert_eq!(body(template, Gives::Json, &creation()), expected);
}

#[test]
fn nothing_but_space_or_null_drops_the_event() {
    let is_won = r#"{% if event.propertyValue == "closedwon" %}{"won": true}{% endif %}"#;
    let dropped = |template: &str, gives, event: &Value| {
        attempt(template, gives, event, None).unwrap().is_none()
    };
    assert!(dropped(is_won, Gives::Json, &change("dealstage", "closedlost")));
    assert!(!dropped(is_won, Gives::Json, &change("dealstage", "closedwon")));
    for (template, gives) in [
        (" \n{# nothing #}\n", Gives::Text),
        ("{{ record }}", Gives::Text),
        (" null ", Gives::Json),
        ("{{ event.none }}", Gives::Form),
    ] {
        assert!(dropped(template, gives, &creation()), "{template}");
    }
    assert_eq!(text_of("null", &creation()), "null");
}

#[test]
fn what_is_missing_is_null_in_json_and_nothing_in_texts() {
    let template = r#"[{{ event.no }}, {{ record.a.b }}, "<{{ event.no.no }}>", "{{ record }}"]"#;
    assert_eq!(json_of(template, &creation()), json!([null, null, "<>", ""]));
    assert_eq!(text_of("<{{ event.no }}{{ record.a.b }}{{ record }}>", &creation()), "<>");
    assert_eq!(text_of(r#"{{ record.name|default("-") }}{{ record.a|upper }}"#, &creation()), "-");
}

#[test]
fn values_are_as_in_json_wherever_they_stand() {
    let event = json!({"n": 5, "f": 0.5, "b": true, "l": [1, "x"], "o": {"k": "v\"\\"}, "s": "a"});
    let template = r#"[{{ event.n }}, "{{ event.n }}", "{{ event.f }} {{ event.b }}", {{ event.b }},
        {{ event.l }}, "{{ event.o }}", {{ event.s|tojson }}, {{ event.o|tojson }}, {{ event.s ~ 1 }}]"#;
    let object = json!({"k": "v\"\\"});
    let expected =
        json!([5, "5", "0.5 true", true, [1, "x"], object.to_string(), "a", object, "a1"]);
    assert_eq!(json_of(template, &event), expected);
    let shown = text_of("{{ event.b }} {{ event.l }} {{ event.o|tojson }} {{ event.s }}", &event);
    assert_eq!(shown, r#"true [1,"x"] {"k":"v\"\\"} a"#);
}

#[test]
fn jinja_itself_is_there() {
    let event = json!({"mergedObjectIds": [3, 1, 2], "text": " a,b ", "n": "7"});
    for (template, printed) in [
        (
            "{% for id in event.mergedObjectIds %}{{ loop.index }}:{{ id }} {% endfor %}",
            "1:3 2:1 3:2 ",
        ),
        ("{% set a, b = event.text|trim|split(',') %}{{ b }}{{ a }}", "ba"),
        ("{{ 'yes' if event.n in ['7', '8'] and event.no is undefined else 'no' }}", "yes"),
        (
            "{{ {'7': 'seven'}[event.n] }} {{ event.n|int * 2 + 1 }} {{ (event.n|string)[:1] }}",
            "seven 15 7",
        ),
        ("{% with x = event.mergedObjectIds|length %}{{ x }}{% endwith %}", "3"),
        ("{% for i in range(3) if i is odd %}{{ i }}{% else %}-{% endfor %}", "1"),
        ("{% for key, value in {'a': 1}|items %}{{ key }}{{ value }}{% endfor %}", "a1"),
    ] {
        assert_eq!(text_of(template, &event), printed, "{template}");
    }
}

#[test]
fn amounts_and_times_are_written_for_people() {
    let record =
        json!({"amount": "12500.5", "deal_currency_code": "EUR", "closedate": "1752559200000"});
    let template = r#"{"a": {{ record.amount|money(record.deal_currency_code) }},
        "b": "{{ record.amount|number(2) }} {{ record.amount|number }}", "c": {{ record.no|money("EUR") }},
        "d": {{ record.closedate|time }}, "e": "{{ event.occurredAt|time("%d.%m.%Y %H:%M") }}",
        "f": {{ record.amount|time("%Y")|default("?") }}}"#;
    let made = attempt(template, Gives::Json, &creation(), Some(&record)).unwrap().unwrap();
    let expected = json!({
        "a": "€12,500.50", "b": "12,500.50 12,500.5", "c": null, "d": "2025-07-15T06:00:00.000Z",
        "e": "22.01.2026 11:39", "f": "?",
    });
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&made.body).unwrap(), expected);
}

#[test]
fn stages_have_the_portals_labels_then_the_default_ones_then_their_ids() {
    let template = "[{{ event.propertyValue|stage }}, {{ event.propertyValue|stage_colour }}]";
    for (id, label, colour) in [
        ("1f4f1ec1-8174-49f3-a112-4eaa4748e38e", "Pilot <1>", json!(null)),
        ("closedwon", "Won!", json!("#2eb67d")),
        ("decisionmakerboughtin", "Decision Maker Bought-In", json!("#f5c26b")),
        ("999748", "999748", json!(null)),
        ("label", "label", json!(null)),
    ] {
        assert_eq!(json_of(template, &change("dealstage", id)), json!([label, colour]));
    }
    assert_eq!(json_of(template, &creation()), json!([null, null]));
}

#[test]
fn links_lead_to_the_record_in_its_portal() {
    let template = "{{ link(object_type(event), event.objectId) }}";
    let page = |id: &str| format!("https://app-eu1.hubspot.com/contacts/62515/record/{id}");
    assert_eq!(text_of(template, &creation()), page("0-3/267448862446"));
    let custom = json!({"subscriptionType": "object.deletion", "objectTypeId": "2-143964783", "objectId": "7"});
    assert_eq!(text_of(template, &custom), page("2-143964783/7"));
    for (kind, id) in [
        ("contact.creation", "0-1"),
        ("company.merge", "0-2"),
        ("ticket.restore", "0-5"),
        ("line_item.x", "0-8"),
    ] {
        assert_eq!(
            text_of(template, &json!({"eventType": kind, "objectId": 1})),
            page(&format!("{id}/1"))
        );
    }
    for odd in [
        json!({"subscriptionType": "deal.creation"}),
        json!({"subscriptionType": "deal.creation", "objectId": "7/../8?a=#"}),
        json!({"subscriptionType": "conversation.newMessage", "objectId": 7}),
        json!({"objectId": 7}),
        json!("deal.creation"),
    ] {
        assert_eq!(
            json_of("[{{ link(object_type(event), event.objectId) }}]", &odd),
            json!([null])
        );
    }
}

#[test]
fn mistakes_in_a_template_are_found_when_it_is_read_and_have_a_place() {
    for (template, words) in [
        ("{{ a", "line 1, column 4: unexpected end of input"),
        ("one\n  {% if event %}", "line 2, column 15: unexpected end of input"),
        ("ä\n{{ event.x|upcase }}", "line 2, column 12: there is no filter upcase"),
        (
            "{{ evnt.objectId }}",
            "line 1, column 4: evnt is not known: there are event, portal, record",
        ),
        ("{{ event is odd_one }}", "line 1, column 13: there is no test odd_one"),
        (
            "{{ now() }}",
            "line 1, column 4: there is no function now: there are link, object_type, range",
        ),
        ("{{ event.items() }}", "line 1, column 9: this cannot be called"),
        ("{% set event = 1 %}", "line 1, column 8: event is given, and cannot be set"),
        ("{% include 'a' %}", "line 1, column 4: unknown statement include"),
        ("{{ 'a'|safe }}", "line 1, column 8: there is no filter safe"),
        (
            "{% autoescape false %}{% endautoescape %}",
            "line 1, column 4: what is escaped cannot be chosen",
        ),
        ("{% set x %}{% endset %}", "line 1, column 4: set takes a value here"),
        ("{% filter upper %}{% endfilter %}", "line 1, column 4: filter blocks are not known here"),
        ("{% do range(1) %}", "line 1, column 4: there is nothing to do here"),
        ("\u{1}", "line 1, column 1: a control character"),
    ] {
        let error = Transform::parse(template, Gives::Text).unwrap_err().to_string();
        assert!(error.starts_with(words), "{template}: {error}");
    }
}

#[test]
fn mistakes_that_an_event_shows_have_a_place_and_tell_nothing_of_the_event() {
    let event = json!({"secret": "s3cr3t", "list": [1]});
    for (template, gives, words) in [
        (
            "\n {{ event.secret - 1 }}",
            Gives::Text,
            "line 2, column 5: this cannot be done with the values that it has",
        ),
        (
            "{{ 1|time('%q') }}",
            Gives::Text,
            "line 1, column 6: time() knows %Y, %m, %d, %H, %M, %S and %%",
        ),
        ("{{ 1|number(99) }}", Gives::Text, "line 1, column 6: number() takes at most 20 decimals"),
        ("{{ link('0-1') }}", Gives::Text, "line 1, column 4: an argument is missing"),
        ("{{ link(1, 2, 3) }}", Gives::Text, "line 1, column 4: this takes fewer arguments"),
        (
            "{% set a, b = event.list %}",
            Gives::Text,
            "line 1, column 8: this is no list of as many values",
        ),
        (
            "{\"a\":\n {{ event.secret }}",
            Gives::Json,
            "what it makes is no JSON: EOF while parsing an object at line 2 column 9",
        ),
        (
            "[{{ event.secret }}]",
            Gives::Form,
            "a form is made of a JSON object of texts and numbers, but this is none",
        ),
        (
            "{\"a\": {{ event.list }}}",
            Gives::Form,
            "a form is made of a JSON object of texts and numbers, but a value is",
        ),
    ] {
        let error = refusal(template, gives, &event);
        assert!(error.starts_with(words), "{template}: {error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}

#[test]
fn nothing_that_is_printed_for_people_shows_template_or_body() {
    let transform = Transform::parse("xoxb-token {{ event.objectId }}", Gives::Text).unwrap();
    assert!(!format!("{transform:?}").contains("xoxb"));
    let made = attempt("xoxb-token", Gives::Text, &creation(), None);
    assert_eq!(
        format!("{made:?}"),
        r#"Ok(Some(Made { bytes: 10, content_type: "text/plain; charset=utf-8" }))"#
    );
    let place = |error: TransformError| (error.line, error.column);
    assert_eq!(place(Transform::parse("\n{{ x }}", Gives::Text).unwrap_err()), (Some(2), Some(4)));
}
