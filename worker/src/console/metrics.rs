//! What the console measures of itself: tokens that let nobody in.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Why a token let nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenRefused {
    /// It was wrong.
    Wrong,
    /// It was not looked at, after too many wrong ones from the same address.
    Unseen,
}

impl TokenRefused {
    const ALL: [Self; 2] = [Self::Wrong, Self::Unseen];

    fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Unseen => "unseen",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    reason: &'static str,
}

/// The console's metrics.
#[derive(Clone, Debug)]
pub struct ConsoleMetrics {
    tokens_refused: Family<Labels, Counter>,
}

impl ConsoleMetrics {
    /// New metrics, registered.
    pub fn register(registry: &mut Registry) -> Self {
        let tokens_refused = Family::default();
        registry.register(
            "console_tokens_refused",
            "Tokens that let nobody into the console, whichever way they came: wrong, or unseen \
             after too many wrong ones",
            tokens_refused.clone(),
        );
        for reason in TokenRefused::ALL.map(TokenRefused::as_str) {
            let _ = tokens_refused.get_or_create(&Labels { reason });
        }
        Self { tokens_refused }
    }

    pub(super) fn refused(&self, refused: TokenRefused) {
        self.tokens_refused.get_or_create(&Labels { reason: refused.as_str() }).inc();
    }
}
