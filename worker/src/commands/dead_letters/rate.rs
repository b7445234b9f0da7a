//! How fast a job publishes, as a flag, and how long that takes.

use crate::count::count;
use crate::records::dead_letters::Plan;
use crate::records::jobs::MAX_RATE;

/// Messages a second.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) struct Rate(pub(in crate::commands) u32);

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix("/s").unwrap_or(text);
        match number.parse() {
            Ok(rate) if rate <= MAX_RATE => Ok(Self(rate)),
            _ => Err(format!("write a number a second as 10/s, at most {MAX_RATE}/s, or 0")),
        }
    }
}

impl Rate {
    /// How long the planned messages take, in words.
    pub(in crate::commands) fn takes(self, plan: &Plan) -> String {
        // Of what is not a message each.
        let messages = match plan.messages {
            messages if messages == plan.count => String::new(),
            messages => format!(", with {}", count(messages, "message", "messages")),
        };
        if self.0 == 0 {
            return format!("as fast as it goes{messages}");
        }
        let seconds = u64::try_from(plan.messages).unwrap_or_default().div_ceil(u64::from(self.0));
        let time = humantime::format_duration(std::time::Duration::from_secs(seconds));
        let about = if plan.more { "more than" } else { "about" };
        format!("{about} {time} at {self}{messages}")
    }
}
