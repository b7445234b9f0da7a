//! A message about a record: a headline, the record's name with a link, and facts.
//!
//! Owns escaping and bounds, so that no text from HubSpot can mention a channel, fake a link or
//! be too long for Slack. It refuses mark-up from outside.

use serde_json::{Value, json};

use crate::clients::http::plain;

/// Longest name or value that is shown, in characters.
const MAX_TEXT: usize = 200;

/// Facts that are shown; Slack takes ten.
const MAX_FACTS: usize = 10;

/// What is posted. Every text is shown as it is: nothing in it is mark-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    headline: String,
    name: String,
    link: Option<String>,
    facts: Vec<(&'static str, String)>,
}

impl Message {
    /// `New deal: Big one`.
    pub fn new(headline: &str, name: &str) -> Self {
        let [headline, name] = [headline, name].map(|text| plain(text, MAX_TEXT));
        Self { headline, name, link: None, facts: Vec::new() }
    }

    /// Makes the name a link; `address` must be the program's own.
    #[must_use]
    pub fn link(self, address: String) -> Self {
        Self { link: Some(address), ..self }
    }

    /// Adds a fact, if there is one.
    #[must_use]
    pub fn fact(mut self, label: &'static str, value: Option<&str>) -> Self {
        let value = value.map(|value| plain(value, MAX_TEXT)).filter(|value| !value.is_empty());
        if let (Some(value), true) = (value, self.facts.len() < MAX_FACTS) {
            self.facts.push((label, value));
        }
        self
    }

    /// The arguments of `chat.postMessage`: blocks for the channel, `text` for notifications and
    /// screen readers.
    pub(super) fn to_json(&self, channel: &str) -> Value {
        let (headline, name) = (escape(&self.headline), escape(&self.name));
        let facts: Vec<_> =
            self.facts.iter().map(|(label, value)| (*label, escape(value))).collect();
        let mut text = format!("{headline}: {name}");
        for (label, value) in &facts {
            text.extend([" · ", label, ": ", value]);
        }
        let title = match &self.link {
            Some(address) => format!("*{headline}:* <{address}|{name}>"),
            None => format!("*{headline}:* {name}"),
        };
        let mut section = json!({ "type": "section", "text": mrkdwn(&title) });
        if !facts.is_empty() {
            let fields = facts.iter().map(|(label, value)| mrkdwn(&format!("*{label}*\n{value}")));
            section["fields"] = fields.collect();
        }
        json!({ "channel": channel, "text": text, "blocks": [section] })
    }
}

fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text })
}

/// The three characters with which Slack's mark-up reaches out: `<!channel>`, `<@U1>`, `<url|…>`.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_text_and_a_block() {
        let message = Message::new("Deal won", "Big one")
            .link("https://app.hubspot.com/x".to_owned())
            .fact("Amount", Some("5000"))
            .fact("Owner", None);
        let json = message.to_json("#sales");
        assert_eq!(json["channel"], "#sales");
        assert_eq!(json["text"], "Deal won: Big one · Amount: 5000");
        assert_eq!(
            json["blocks"][0]["text"]["text"],
            "*Deal won:* <https://app.hubspot.com/x|Big one>"
        );
        assert_eq!(json["blocks"][0]["fields"][0]["text"], "*Amount*\n5000");
        assert_eq!(json["blocks"][0]["fields"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn a_name_cannot_call_the_whole_channel() {
        let json =
            Message::new("Deal won", "<!channel> & <https://evil.example|here>\n*").to_json("#c");
        assert_eq!(
            json["text"],
            "Deal won: &lt;!channel&gt; &amp; &lt;https://evil.example|here&gt; *"
        );
    }

    #[test]
    fn no_text_outgrows_slacks_limits() {
        let long = "<".repeat(100_000);
        let mut message = Message::new(&long, &long);
        for _ in 0..100 {
            message = message.fact("Fact", Some(&long));
        }
        let json = message.to_json("#c");
        // A section's text may have 3000 characters, a field 2000, and there may be 10 fields.
        assert!(json["blocks"][0]["text"]["text"].as_str().is_some_and(|text| text.len() < 3000));
        let fields = json["blocks"][0]["fields"].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(fields.len(), MAX_FACTS);
        assert!(
            fields.iter().all(|field| field["text"].as_str().is_some_and(|text| text.len() < 2000))
        );
    }
}
