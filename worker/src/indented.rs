//! JSON laid out to be read.

/// JSON with each value on a line of its own, nothing in it written anew.
pub(crate) fn indented(json: &str) -> String {
    let (mut out, mut depth, mut in_string, mut escaped) = (String::new(), 0, false, false);
    let mut rest = json.trim().chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = rest.next() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            out.push(c);
            continue;
        }
        match c {
            _ if c.is_whitespace() => {}
            '{' | '[' => {
                out.push(c);
                while rest.peek().is_some_and(|c| c.is_whitespace()) {
                    rest.next();
                }
                if rest.peek().is_some_and(|c| "}]".contains(*c)) {
                    out.extend(rest.next());
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                in_string = c == '"';
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indenting_changes_no_value() {
        let json = r#" {"a":1e400,"b":[ ],"c":["x, {y}\"[",{"d":-0.10}], "e" : {} } "#;
        let expected = "{\n  \"a\": 1e400,\n  \"b\": [],\n  \"c\": [\n    \"x, {y}\\\"[\",\n    \
            {\n      \"d\": -0.10\n    }\n  ],\n  \"e\": {}\n}";
        assert_eq!(indented(json), expected);
    }
}
