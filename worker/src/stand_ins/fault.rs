//! A failure on request: which calls it meets, how often, and what they get instead.

use std::time::Duration;

use serde_json::Value;

use super::account;
use super::exchange::Answer;

/// A scripted failure of one stand-in.
///
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// use worker::stand_ins::{Fault, StandIns};
///
/// let stand_ins = StandIns::start().await?;
/// // Slack is down for three messages, and the ERP refuses every order.
/// stand_ins.fail(Fault::new("slack", 503).times(3));
/// stand_ins.fail(Fault::new("erp", 422).on("POST", "/orders"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    api: String,
    method: Option<String>,
    path: String,
    left: Option<u32>,
    delay: Duration,
    answer: Option<Answer>,
}

impl Fault {
    /// Every call to `api` is answered with `status`, until the stand-ins are healed; but for the
    /// question which portal the token is for, which a fault has to name.
    pub fn new(api: &str, status: u16) -> Self {
        Self { answer: Some(Answer::new(status, Value::Null)), ..Self::slow(api, Duration::ZERO) }
    }

    /// Every call to `api` is done, and answered only after `delay`.
    pub fn slow(api: &str, delay: Duration) -> Self {
        Self {
            api: api.to_owned(),
            method: None,
            path: String::new(),
            left: None,
            delay,
            answer: None,
        }
    }

    /// Meets only calls of this method whose path contains `path`.
    #[must_use]
    pub fn on(self, method: &str, path: &str) -> Self {
        Self { method: Some(method.to_owned()), path: path.to_owned(), ..self }
    }

    /// Meets this many calls and no more.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { left: Some(times), ..self }
    }

    /// Comes only after `delay`: whoever waits less gets no answer, and nothing was done.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Adds a header, such as `Retry-After`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(answer) = &mut self.answer {
            answer.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Answers with this body.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        if let Some(answer) = &mut self.answer {
            answer.body = body;
        }
        self
    }

    /// Answers with this page of HTML.
    #[must_use]
    pub fn page(mut self, html: &str) -> Self {
        if let Some(answer) = &mut self.answer {
            answer.page = Some(html.to_owned());
        }
        self
    }

    /// Whether it is one of this stand-in.
    pub(super) fn is_of(&self, api: &str) -> bool {
        self.api == api
    }

    /// Uses the fault up once if it meets the call: how long to wait, and what to answer if not
    /// what the system would.
    pub(super) fn meet(
        &mut self,
        api: &str,
        method: &str,
        path: &str,
    ) -> Option<(Duration, Option<Answer>)> {
        let fits = self.api == api
            && self.method.as_ref().is_none_or(|expected| expected == method)
            && path.contains(&self.path)
            && !(self.path.is_empty() && account::is_asked(path))
            && self.left != Some(0);
        if !fits {
            return None;
        }
        self.left = self.left.map(|left| left - 1);
        Some((self.delay, self.answer.clone()))
    }
}
