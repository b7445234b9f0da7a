//! The event log, as far as somebody sees it.

use super::View;
use crate::records::dead_letters::Letter;
use crate::records::{Found, Line, Question, SEARCH_PATIENCE};

/// What is known of one event, as it came: who shows it leaves out what is not shown.
pub(in crate::console) struct SeenEvent {
    /// The latest line first.
    pub(in crate::console) log: Vec<Line>,
    /// Whatever their handlers, in order.
    pub(in crate::console) letters: Vec<Letter>,
    pub(in crate::console) body: Option<Vec<u8>>,
}

impl View {
    /// The lines that answer `question`, at most `limit`.
    pub(in crate::console) async fn search(
        &self,
        question: Question,
        limit: u32,
    ) -> anyhow::Result<Found> {
        let question = self.reach.question(self.meant(question).await?)?;
        let mut found = self.records.search(&question, limit, SEARCH_PATIENCE).await?;
        self.records.redact(&self.redaction, &mut found.lines).await?;
        Ok(found)
    }

    /// One event by what people call it, with at most `lines` of the log; `None` if nothing is known of it.
    pub(in crate::console) async fn event(
        &self,
        name: &str,
        lines: u32,
    ) -> anyhow::Result<Option<SeenEvent>> {
        let aliases = self.aliases().await?;
        let Some(identity) = self.records.identity_meant(&aliases, name).await? else {
            return Ok(None);
        };
        let question = Question { event: Some(identity.clone()), ..Question::default() };
        let log = self.records.history(&self.reach.question(question)?, lines).await?;
        let mut letters = self.letters.of_event(&identity).await?;
        letters.retain(|letter| self.covers(&letter.origin));
        if log.is_empty() && letters.is_empty() {
            return Ok(None);
        }
        let body = self.records.event_body(&identity, self.reach.origin()).await?;
        Ok(Some(SeenEvent { log, letters, body }))
    }

    /// An event's bytes to be kept, if the log or a dead letter still has them.
    pub(in crate::console) async fn hand_out_event(
        &self,
        name: &str,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        let aliases = self.aliases().await?;
        let Some(identity) = self.records.identity_meant(&aliases, name).await? else {
            return Ok(None);
        };
        self.records.hand_out_event(&identity, self.reach.origin(), &self.who).await
    }

    /// The question with the event that people mean by what they call it.
    pub(in crate::console) async fn meant(&self, question: Question) -> anyhow::Result<Question> {
        let Some(called) = question.event.clone() else { return Ok(question) };
        let aliases = self.aliases().await?;
        // What is no name of any event is found nowhere.
        let event = Some(aliases.meant(&called).unwrap_or(called));
        // What is kept of it for good is not even the beginning of an identity.
        let alias = event.as_deref().map(|event| aliases.alias_of(event));
        let called = alias.map(|alias| if alias.is_empty() { "…".to_owned() } else { alias });
        Ok(Question { event, called, ..question })
    }
}
