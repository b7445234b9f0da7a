//! What goes out, as people see it: without its secrets.

use std::fmt;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use shared::harmless::harmless;

use crate::forward::Ready;

/// A header whose name has one of these in it is not shown.
const SECRET: [&str; 4] = ["secret", "token", "authorization", "key"];

/// It: a request or a row.
#[derive(Default, Serialize)]
pub(super) struct Shown {
    request: Option<Request>,
    row: Option<Row>,
}

/// A request.
#[derive(Serialize)]
struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// What is written into a table.
#[derive(Serialize)]
struct Row {
    statement: String,
    values: String,
}

impl Shown {
    /// Whether there is anything to be seen.
    pub(super) fn is_any(&self) -> bool {
        self.request.is_some() || self.row.is_some()
    }

    pub(super) fn of(ready: &Ready<'_>) -> Self {
        let body = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let request = |method: &str, url: String, headers, bytes: &[u8]| Self {
            request: Some(Request { method: method.to_owned(), url, headers, body: body(bytes) }),
            row: None,
        };
        match ready {
            Ready::Endpoint { outgoing, .. } => {
                let url = outgoing.url.to_string();
                request(outgoing.method.as_str(), url, headers(&outgoing.headers), &outgoing.body)
            }
            // Its whole address is a secret.
            Ready::Channel { webhook, body } => {
                let url = webhook.map(ToString::to_string).unwrap_or_default();
                let headers = vec![("content-type".to_owned(), body.content_type.to_owned())];
                request("POST", url, headers, &body.bytes)
            }
            Ready::Row { row, .. } => {
                let (statement, values) = (row.statement.clone(), row.values.clone());
                Self { request: None, row: Some(Row { statement, values }) }
            }
        }
    }
}

/// For people, with two spaces before each line.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Request { method, url, headers, body }) = &self.request {
            writeln!(f, "  {method} {}", harmless(url))?;
            for (name, value) in headers {
                writeln!(f, "  {name}: {}", harmless(value))?;
            }
            write!(f, "\n  {}", harmless(body))?;
        }
        if let Some(Row { statement, values }) = &self.row {
            write!(f, "  {}\n\n  {}", harmless(statement), harmless(values))?;
        }
        Ok(())
    }
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(header).collect()
}

fn header((name, value): (&HeaderName, &HeaderValue)) -> (String, String) {
    let is_secret = value.is_sensitive() || SECRET.iter().any(|word| name.as_str().contains(word));
    let is_ours = name.as_str() == "idempotency-key";
    let value = if is_secret && !is_ours {
        "[secret]".to_owned()
    } else {
        value.to_str().unwrap_or_default().to_owned()
    };
    (name.as_str().to_owned(), value)
}
