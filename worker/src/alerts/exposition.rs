//! The text in which metrics are read: OpenMetrics, and Prometheus' own format, which differ in
//! nothing that matters here. Exemplars, timestamps and comments are passed over.

use std::collections::BTreeMap;

/// A series' labels, in order.
pub(super) type Labels = BTreeMap<String, String>;

/// One value of one series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) value: f64,
}

/// The samples of `text` whose name is wanted; lines that are none are passed over.
pub(super) fn samples(text: &str, is_wanted: fn(&str) -> bool) -> impl Iterator<Item = Sample> {
    let wanted = move |line: &&str| {
        let end = line.find(['{', ' ']).unwrap_or(line.len());
        !line.starts_with('#') && is_wanted(&line[..end])
    };
    text.lines().filter(wanted).filter_map(sample)
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (labels, rest) = match line[end..].strip_prefix('{') {
        Some(after) => labels(after)?,
        None => (Labels::new(), &line[end..]),
    };
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Sample { name: line[..end].to_owned(), labels, value })
}

#[cfg(test)]
/// A series as it stands in queries: `name{label="value"}`.
pub(super) fn series(text: &str) -> Option<(String, Labels)> {
    let sample = sample(&format!("{} 0", text.trim()))?;
    Some((sample.name, sample.labels))
}

/// The labels up to the closing brace, and what follows it.
fn labels(text: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.strip_prefix('"')?)?;
        labels.insert(name.trim().to_owned(), value);
        rest = after;
    }
}

/// The text up to the closing quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[place + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn only(line: &str) -> Sample {
        let mut found = samples(line, |_| true);
        let sample = found.next().unwrap();
        assert_eq!(found.next(), None);
        sample
    }

    #[test]
    fn both_formats_are_read() {
        let plain = only("hubline_receipts_total 17");
        assert_eq!(
            (&*plain.name, plain.labels.len(), plain.value),
            ("hubline_receipts_total", 0, 17.0)
        );
        let labelled = only(
            r#"a_bucket{le="1.0",job="x"} 2.5e3 1700000000 # {trace_id="{,"} 1.0 1700000000.1"#,
        );
        assert_eq!(labelled.value.to_bits(), 2500.0_f64.to_bits());
        assert_eq!((&*labelled.labels["le"], &*labelled.labels["job"]), ("1.0", "x"));
        let exemplar = only("a_total 5 # {trace_id=\"x\"} 1");
        assert_eq!((exemplar.labels.len(), exemplar.value.to_bits()), (0, 5.0_f64.to_bits()));
        let escaped = only(r#"a{b="say \"no\", \\ \n}",c="d",} +Inf"#);
        assert_eq!(escaped.labels["b"], "say \"no\", \\ \n}");
        assert!(escaped.value.is_infinite());
        assert!(only("a NaN").value.is_nan());
    }

    #[test]
    fn what_is_not_wanted_is_not_read() {
        let text = "a{b=\"c\"} 1\nab 2\na 3\n";
        assert_eq!(samples(text, |name| name == "a").count(), 2);
    }

    #[test]
    fn what_is_no_sample_is_passed_over() {
        let text = "# HELP a b\n# TYPE a gauge\n\na\na{b=\"c\na{b} 1\na{b=c} 1\na x\n# EOF\n";
        assert_eq!(samples(text, |_| true).count(), 0);
    }

    #[test]
    fn a_series_of_a_query_is_read() {
        let (name, labels) = series(r#"up{job="hubline-worker", instance="w1"}"#).unwrap();
        assert_eq!((&*name, &*labels["instance"]), ("up", "w1"));
    }
}
