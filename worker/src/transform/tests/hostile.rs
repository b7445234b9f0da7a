//! Values that want out of their place, and templates that want more than an event may cost.

use serde_json::{Value, json};

use super::attempt::{attempt, body, creation, json_of, refusal, text_of};
use crate::transform::{Gives, Transform};

#[test]
fn no_value_leaves_its_place_in_json() {
    for value in [
        r#"" , "admin": true, "b": ""#,
        "\\",
        r#"\" , "x": 1"#,
        ",",
        "],[",
        "line\nline\r\t\u{8}\u{c}",
        "\u{0}\u{1}\u{2}\u{1f}\u{7f}\u{2028}\u{feff}",
        "\u{1}\"a\"\u{2}",
        "</script><!--",
        "{{ event }}{% raw %}",
        "\u{1f600}é",
        "null",
        "",
    ] {
        let event = json!({"v": value, "list": [value], "object": {(value): value}});
        let template = r#"{"a": {{ event.v }}, "b": "<{{ event.v }}|{{ event.v }}>", "c": {{ event.object }},
            "d": ["{{ event.v }}"], "e": "{{ event.list }}", {{ event.v ~ "-" }}: 1}"#;
        let expected = json!({
            "a": value, "b": format!("<{value}|{value}>"), "c": {(value): value}, "d": [value],
            "e": json!([value]).to_string(), (format!("{value}-")): 1,
        });
        assert_eq!(json_of(template, &event), expected, "{value:?}");
        let form = body(r#"{"a": "{{ event.v }}", "b": 1}"#, Gives::Form, &event);
        let fields: Vec<_> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        assert_eq!(fields, [("a".to_owned(), value.to_owned()), ("b".to_owned(), "1".to_owned())]);
        assert_eq!(text_of("<{{ event.v }}>", &event), format!("<{value}>"));
    }
}

#[test]
fn a_value_after_a_backslash_is_refused() {
    let error =
        refusal(r#"{"path": "C:\{{ event.v }}"}"#, Gives::Json, &json!({"v": "\" , \"x\": 1"}));
    assert_eq!(error, "a value cannot follow a backslash");
    assert_eq!(json_of(r#"["C:\\{{ event.v }}"]"#, &json!({"v": "\""})), json!(["C:\\\""]));
}

#[test]
fn large_numbers_stay_as_they_are() {
    let event = json!({"u": u64::MAX, "i": i64::MIN, "f": 1.5e300});
    assert_eq!(
        json_of("[{{ event.u }}, {{ event.i }}, {{ event.f }}]", &event),
        json!([u64::MAX, i64::MIN, 1.5e300])
    );
    assert_eq!(
        text_of("{{ event.u }} {{ event.u|number }}", &event),
        "18446744073709551615 18,446,744,073,709,551,615"
    );
    assert!(refusal("{{ 2 ** 100000 }}", Gives::Text, &event).contains("cannot be done"));
}

#[test]
fn deep_values_pass_and_deeper_bodies_do_not() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let event: Value = serde_json::from_str(&nested(126)).unwrap();
    assert_eq!(body("{{ event }}", Gives::Json, &event), nested(126));
    assert_eq!(refusal(&nested(129), Gives::Json, &event), "this is nested too deep, or too long");
}

#[test]
fn a_template_that_does_too_much_is_stopped() {
    for template in [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in range(100000) %}{% for b in range(9) %}{% set x = b|int * 2 %}{% endfor %}{% endfor %}",
        "{% set x = 'x' * 99999999 %}",
        "{% set x = ('x' * 999999)|replace('x', 'yyyyyyyyyyyyyyyyyyyy') %}",
        "{% set x = range(100000)|join('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') %}",
        "{% for a in range(99999) %}{% set x = range(99999)|last %}{% endfor %}",
        "{% for a in range(999) %}{% if range(99999)|string == 'x' %}{% endif %}{% endfor %}",
        "{% for a in range(99999) %}{% if '1' in range(99999) %}{% endif %}{% endfor %}",
    ] {
        let error = refusal(template, Gives::Text, &creation());
        assert!(error.contains("more than one event may cost"), "{template}: {error}");
    }
}

#[test]
fn what_is_printed_is_stopped_at_its_size() {
    let event = json!({"v": "\u{1}".repeat(300_000), "w": "x".repeat(700_000)});
    for (template, gives) in [
        ("{% for a in range(100000) %}{{ 'x' * 10000 }}{% endfor %}", Gives::Text),
        ("[{% for a in range(100000) %}{{ 'x' * 10000 }},{% endfor %}1]", Gives::Json),
        (
            "{% for a in range(99999) %}0123456789012345678901234567890123456789{% endfor %}",
            Gives::Text,
        ),
        ("[{{ event.v }}]", Gives::Json),
        ("{{ event.w }}{{ event.w }}", Gives::Text),
        ("{\"a\": {{ event.v }}}", Gives::Form),
        ("{\"a\": \"{{ '€' * 200000 }}\"}", Gives::Form),
    ] {
        let error = refusal(template, gives, &event);
        assert!(error.ends_with("it makes more than 1 MiB"), "{template}: {error}");
    }
    assert_eq!(text_of("{{ event.w }}", &event).len(), 700_000);
}

/// What the engine's fuel does not count.
#[test]
fn nothing_is_there_that_walks_far_in_one_step() {
    for template in [
        "{{ [0] * 100000000 ~ '' }}",
        "{{ range(100000) * 1000 }}",
        "{% set a = event.list + event.list %}",
        "{% set a = ['x'] %}{% set b = [a, a] %}",
        "{% set a = {'x': event} %}",
        "{% set a = event, event %}",
        "{% set a = event.list[1:] %}",
        "{% set a = event.list|zip(event.list) %}",
        "{% set a = event.list|map('default', event) %}",
        "{% set a = dict(a=event) %}",
        "{% set a = namespace() %}{% set a.a = a %}{{ a }}",
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{{ link(*event.list) }}",
        "{{ event == record }}",
        "{{ event < record }}",
        "{{ 1 < event < record }}",
        "{{ event.list in record.lists }}",
        "{{ event.a is startingwith(record.a) }}",
        "{{ 1|replace(record.a, '') }}",
        "{{ 1|replace(from=record.a) }}",
        "{{ 1|split(['a']) }}",
    ] {
        let error = Transform::parse(template, Gives::Json).unwrap_err();
        assert!(error.line.is_some(), "{template}: {error}");
    }
}

/// On the stack of a thread of a test, which is as large as that of a worker's.
#[test]
fn templates_as_deep_as_they_are_long_are_refused() {
    let repeated = |begin: &str, part: &str, end: &str| {
        let times = (60_000 - begin.len() - end.len()) / part.len();
        format!("{begin}{}{end}", part.repeat(times))
    };
    for template in [
        repeated("{{ ", "not ", "1 }}"),
        repeated("{{ ", "-", "1 }}"),
        repeated("{{ ", "(", ""),
        repeated("{{ ", "[", ""),
        repeated("{{ event", ".a", " }}"),
        repeated("{{ event", "|string", " }}"),
        repeated("{{ 1", "+1", " }}"),
        repeated("{{ 1", "~1", " }}"),
        repeated("{{ 1", " if 1 else 1", " }}"),
        repeated("{{ 1", " is odd", " }}"),
        repeated("{% set ", "(", ""),
        repeated("", "{% if 1 %}", ""),
        repeated("", "{% for a in event %}", ""),
        repeated("", "{% with %}", ""),
        repeated("{% if 1 %}", "{% elif 1 %}", "{% endif %}"),
    ] {
        let error = Transform::parse(&template, Gives::Json).unwrap_err().to_string();
        assert!(
            error.ends_with("this is nested too deep, or too long"),
            "{}: {error}",
            &template[..40]
        );
    }
    let long = format!("{}\n{{{{ x }}}}", "\n".repeat(65_000));
    let error = Transform::parse(&long, Gives::Json).unwrap_err();
    assert_eq!((error.line, error.column), (Some(65_002), Some(4)));
    let error = Transform::parse(&"x".repeat(65_537), Gives::Text).unwrap_err();
    assert_eq!(error.to_string(), "a template has at most 64 KiB");
}

/// The deepest that is not refused, on the same stack.
#[test]
fn templates_as_deep_as_they_may_be_are_followed() {
    let around = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    for template in [
        format!("{{{{ {} }}}}", around("(", "event", ")", 70)),
        format!("{{{{ {} }}}}", around("not ", "event", "", 190)),
        format!("{{{{ event{} }}}}", "|string".repeat(95)),
        format!("{{{{ event{} }}}}", ".a".repeat(95)),
        format!("{{{{ 1{} }}}}", "+1".repeat(95)),
        format!("{{{{ 1{} }}}}", " if 1 else 1".repeat(45)),
        format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(50)),
        around(
            "{% if 1 %}",
            &format!("{{{{ {} }}}}", around("(", "1", ")", 60)),
            "{% endif %}",
            20,
        ),
        around("{% for a in range(1) %}", "1", "{% endfor %}", 140),
        format!("{{{{ {} }}}}", around("-(", "1", ")", 60)),
        format!("{{{{ {} }}}}", around("1 if (", "1", ")", 45)),
        format!("{{{{ {} }}}}", around("event[", "1", "]", 60)),
        format!("{{{{ {} }}}}", around("object_type(", "1", ")", 45)),
        format!("{{{{ {} }}}}", around("1|default(", "1", ")", 35)),
        around("{% if (((0))) %}{% else %}", "1", "{% endif %}", 70),
    ] {
        let made = attempt(&template, Gives::Text, &json!("x"), None);
        assert!(made.is_ok(), "{}: {made:?}", &template[..40]);
    }
}
