//! A Hubline with a console, for one test: what HubSpot would send comes in through its endpoint.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args as _, Command, FromArgMatches as _};
use shared::senders::hubspot::signature::{ClientSecret, Version};
use worker::parts::poster::{Answer, Poster};
use worker::parts::standalone::Standalone;
use worker::settings::StandaloneSettings;
use worker::{HandlerError, Registry};

use super::room::Room;
use crate::harness::{Engine, probed, within};

mod cluster;

use cluster::Cluster;

const SECRET: &str = "browser-s3cret";

/// The code of all that the handler of [`failing`] fails with.
pub(super) const CODE: &str = "TEST_4XX";

/// A running Hubline.
pub(super) struct Site {
    /// Where the console is: `http://127.0.0.1:41234`.
    pub(super) console: String,
    endpoint: SocketAddr,
    poster: Poster,
    running: Running,
}

enum Running {
    Embedded(Box<Standalone>, Room),
    Cluster(Box<Cluster>),
}

impl Site {
    /// On `engine`, with the handlers of `registry`.
    pub(super) async fn on(engine: Engine, registry: Registry) -> Self {
        match engine {
            Engine::Embedded => Self::standalone(Room::new(), &[], registry).await,
            Engine::Cluster => {
                let cluster = Cluster::start(&settings(&[]).endpoint, registry).await;
                let (console, address) = (cluster.console.clone(), cluster.address());
                Self::new(console, address, Running::Cluster(Box::new(cluster)))
            }
        }
    }

    /// In one process on the data file in `room`, which may have something in it already; with
    /// more settings, as flags.
    pub(super) async fn standalone(room: Room, flags: &[&str], registry: Registry) -> Self {
        let data = room.0.to_str().unwrap();
        let settings = settings(&[&["--data", data], flags].concat());
        let standalone = Standalone::start(&settings, registry).await.unwrap();
        let console = format!("http://{}", standalone.console_address());
        let address = standalone.address();
        Self::new(console, address, Running::Embedded(Box::new(standalone), room))
    }

    fn new(console: String, endpoint: SocketAddr, running: Running) -> Self {
        Self { console, endpoint, poster: poster(endpoint, SECRET), running }
    }

    /// Posts a signed delivery of these events.
    pub(super) async fn send(&self, events: &[String]) {
        self.send_bytes(format!("[{}]", events.join(",")).into_bytes()).await;
    }

    /// Posts a signed delivery of these bytes, whatever they are; again if there was no room for
    /// it, as HubSpot does.
    pub(super) async fn send_bytes(&self, body: Vec<u8>) {
        let sending = async {
            loop {
                match self.poster.send(body.clone()).await.unwrap() {
                    Answer { status: 200, .. } => return,
                    answer => assert_eq!(answer.status, 503, "{answer:?}"),
                }
            }
        };
        within("an answer", sending).await;
    }

    /// Posts a delivery that somebody else has signed.
    pub(super) async fn send_forged(&self, body: Vec<u8>) {
        let poster = poster(self.endpoint, "not-the-s3cret");
        let answer = within("an answer", poster.send(body)).await.unwrap();
        assert_eq!(answer.status, 401, "{answer:?}");
    }

    /// Ends all of it; on servers nothing may be left.
    pub(super) async fn finish(self) {
        match self.running {
            Running::Embedded(standalone, _room) => within("its end", standalone.stop()).await,
            Running::Cluster(cluster) => cluster.finish().await,
        }
    }
}

fn poster(endpoint: SocketAddr, secret: &str) -> Poster {
    let url = format!("http://{endpoint}/webhooks/hubspot");
    let secret = ClientSecret::new(secret.to_owned()).unwrap();
    Poster::new(&url, None, secret, Version::V3).unwrap()
}

/// A handler for every event. It fails for good, in the words that `error` finds for the event's
/// object, until it is mended.
pub(super) fn failing(mended: &Mended, error: fn(u64) -> String) -> Registry {
    let (mut registry, mended) = (Registry::new(), mended.clone());
    probed(&mut registry, move |_, event| {
        let mended = mended.0.load(Ordering::SeqCst);
        async move {
            if mended {
                return Ok(());
            }
            Err(HandlerError::permanent(CODE, error(event.object_id.unwrap_or_default())))
        }
    });
    registry
}

/// Whether the handler succeeds.
#[derive(Clone, Default)]
pub(super) struct Mended(Arc<AtomicBool>);

impl Mended {
    pub(super) fn now(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The settings of standalone, as if the environment were empty; with more flags.
fn settings(flags: &[&str]) -> StandaloneSettings {
    let own = [
        "--listen=127.0.0.1:0",
        "--admin-listen=127.0.0.1:0",
        "--console-listen=127.0.0.1:0",
        "--retry-initial=50ms",
        "--retry-multiplier=2",
        "--retry-max=1s",
        "--retry-attempts=4",
    ];
    let secret = ["--hubspot-client-secret", SECRET];
    let command = StandaloneSettings::augment_args(Command::new("site").no_binary_name(true))
        .mut_args(|argument| argument.env(None::<&str>));
    let flags = own.iter().chain(&secret).chain(flags);
    StandaloneSettings::from_arg_matches(&command.get_matches_from(flags)).unwrap()
}
