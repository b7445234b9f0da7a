//! The one place where a token is looked at, whichever way it came: what is wrong is counted, logged
//! without the token, and slowed down.

use std::time::Instant;

use actix_web::HttpRequest;

use super::guesses::Judged;
use super::tokens::Pass;
use crate::client_address::client_of;
use crate::console::app::App;
use crate::console::fault::Fault;
use crate::console::metrics::TokenRefused;

/// How a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::console) enum Way {
    /// In the form to sign in with.
    Form,
    /// In a program's `Authorization`.
    Header,
}

impl Way {
    fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Header => "header",
        }
    }
}

/// What a token gives; nothing if it is wrong, which is told after a while. An error if there
/// were too many of these to look at it at all.
pub(in crate::console) async fn pass_of(
    app: &App,
    request: &HttpRequest,
    way: Way,
    given: &str,
) -> Result<Option<Pass>, Fault> {
    let client = client_of(&app.proxies, request);
    match app.guesses.judge(client, Instant::now(), || app.access.pass(given)) {
        Judged::Right(pass) => Ok(Some(pass)),
        Judged::Wrong { hold, unseen } => {
            app.metrics.refused(TokenRefused::Wrong);
            tracing::warn!(
                way = way.as_str(),
                client.address = %client,
                peer.address = request.peer_addr().map(|peer| tracing::field::display(peer.ip())),
                unseen,
                "wrong token for the console"
            );
            tokio::time::sleep(hold).await;
            Ok(None)
        }
        // Its line is that of the next one that is looked at.
        Judged::Unseen(wait) => {
            app.metrics.refused(TokenRefused::Unseen);
            Err(Fault::TooMany(wait))
        }
    }
}
