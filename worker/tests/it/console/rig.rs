//! A console for one test, and requests as a browser and as others would send them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use prometheus_client::registry::Registry;
use reqwest::header::{HeaderMap, SET_COOKIE};
use reqwest::{Method, RequestBuilder};
use secrecy::SecretString;
use shared::broker::Broker;
use shared::testing::DatabaseEngine;
use worker::parts::console::{Board, Console, ConsoleMetrics, Sources};
use worker::parts::records::Records;
use worker::parts::records::redaction::Redaction;
use worker::settings::{ConsoleSettings, SecretsKeySettings};

use crate::dead_letters::rig::{Letters, WEEK, run};

pub(crate) const OPERATOR: &str = "operator-token-0123456789";
pub(crate) const VIEWER: &str = "viewer-token-0123456789";
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Parsed {
    #[command(flatten)]
    settings: ConsoleSettings,
    #[arg(long)]
    tenants_file: Option<std::path::PathBuf>,
    #[command(flatten)]
    secrets_key: SecretsKeySettings,
}

/// What a console answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The page, which must be one and say all of `words`.
    #[track_caller]
    pub(crate) fn shows(&self, words: &[&str]) -> &Self {
        assert_eq!(self.status, 200, "{}", self.text);
        for word in words {
            assert!(self.text.contains(word), "`{word}` is not in:\n{}", self.text);
        }
        self
    }

    #[track_caller]
    pub(crate) fn hides(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(!self.text.contains(word), "`{word}` is in:\n{}", self.text);
        }
        self
    }

    /// The value of the form's hidden field.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&start).unwrap_or_else(|| panic!("no field {name}"));
        rest.split('"').next().unwrap().replace("&#38;", "&")
    }

    /// Where a link with these words leads.
    #[track_caller]
    pub(crate) fn link(&self, words: &str) -> Option<String> {
        let (before, _) = self.text.split_once(&format!(">{words}</a>"))?;
        let (_, href) = before.rsplit_once("href=\"").unwrap();
        Some(href.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"))
    }

    /// The numbers of the letters that the page lists.
    pub(crate) fn letters(&self) -> Vec<i64> {
        let links = self.text.split("<th scope=\"row\" data-label=\"Letter\"><a href=\"/letters/");
        links.skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
    }
}

/// A console's address, and how it is asked.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
    headers: Vec<(&'static str, String)>,
    /// What it was told to keep until it is where it is led.
    done: Arc<Mutex<Option<String>>>,
}

impl Browser {
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self::at_from(address, IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// On a machine of this address.
    pub(crate) fn at_from(address: SocketAddr, from: IpAddr) -> Self {
        // Nothing here is encrypted; the client wants to be told all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let none = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(none).no_proxy().timeout(PATIENCE);
        let client = client.local_address(from);
        Self { address, client: client.build().unwrap(), headers: Vec::new(), done: Arc::default() }
    }

    /// The same with one more header in every request.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut browser = self.clone();
        browser.headers.push((name, value.to_owned()));
        browser
    }

    /// The same, cookies and all, at another console.
    pub(crate) fn towards(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// A form of a page of the console's own.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.with("sec-fetch-site", "same-origin").post_bare(path, fields).await
    }

    /// A form of nobody knows whom.
    pub(crate) async fn post_bare(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.request(Method::POST, path);
        let form = "application/x-www-form-urlencoded";
        self.send(request.header("content-type", form).body(encode(fields))).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("http://{}{path}", self.address));
        let done = self.done.lock().unwrap().clone();
        let request = done.into_iter().fold(request, |request, it| request.header("cookie", it));
        self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        for kept in headers.get_all(SET_COOKIE).iter().filter_map(|it| it.to_str().ok()) {
            if kept.starts_with("hubline_done=") {
                let is_over = kept.contains("Max-Age=0");
                let pair = kept.split(';').next().map(str::to_owned);
                *self.done.lock().unwrap() = pair.filter(|_| !is_over);
            }
        }
        Answer { status, headers, text: answer.text().await.unwrap() }
    }

    /// Plans and then agrees, as a person does; the answer to that.
    pub(crate) async fn act(&self, plan: &str) -> Answer {
        let page = self.get(plan).await;
        let path = plan.split('?').next().unwrap();
        let fields = ["filter", "cutoff_ms"].map(|name| (name, page.field(name)));
        self.post(path, &fields.each_ref().map(|(name, value)| (*name, value.as_str()))).await
    }

    /// The same browser once it has signed in.
    pub(crate) async fn sign_in(&self, token: &str, name: &str) -> Self {
        let answer = self.post("/login", &[("token", token), ("name", name)]).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{}", answer.text);
        let cookie = answer.headers[SET_COOKIE].to_str().unwrap();
        self.with("cookie", cookie.split(';').next().unwrap())
    }
}

/// As a form sends its fields.
pub(crate) fn encode(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat()
    };
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// A console over letters of the test's own.
pub(crate) struct Rig {
    pub(crate) letters: Letters,
    pub(crate) console: Console,
    pub(crate) browser: Browser,
}

impl Rig {
    /// Open to everybody on this machine.
    pub(crate) async fn new(engine: DatabaseEngine) -> Self {
        Self::with(engine, &[]).await
    }

    /// Asks for a token.
    pub(crate) async fn guarded(engine: DatabaseEngine) -> Self {
        Self::with(engine, &["--console-token", OPERATOR, "--console-viewer-token", VIEWER]).await
    }

    pub(crate) async fn with(engine: DatabaseEngine, flags: &[&str]) -> Self {
        let letters = Letters::new(engine).await;
        // The tables are there before anybody looks.
        letters.index(&[]).await;
        let console = console(&letters.database.url(), letters.queues.broker(), flags);
        let browser = Browser::at(console.address());
        Self { letters, console, browser }
    }

    /// Another console on the same records, whose questions may take so long, and its browser. It has
    /// looked at its tables.
    pub(super) async fn with_limit(&self, limit: Duration) -> (Console, Browser) {
        let url = SecretString::from(self.letters.database.url());
        let records = Records::with_limit(&url, limit).unwrap();
        let console = of_records(records, self.letters.queues.broker(), &[], &[]);
        let browser = Browser::at(console.address());
        browser.get("/events").await.shows(&["No events yet"]);
        (console, browser)
    }

    /// Agrees to a plan, and has its job done; tells how many letters that were.
    pub(crate) async fn carry_out(&self, plan: &str) -> i64 {
        let made = self.browser.act(plan).await;
        self.done(&made).await
    }

    /// Has the job done that this answer leads to; tells how many letters that were.
    pub(crate) async fn done(&self, made: &Answer) -> i64 {
        let location = made.header("location");
        let id =
            location.strip_prefix("/jobs/").and_then(|rest| rest.strip_suffix("?done=job-made"));
        let id = id.unwrap_or_else(|| panic!("no job was made: {made:?}"));
        run(&self.letters.records, id.parse().unwrap()).await.succeeded
    }

    pub(crate) async fn finish(self) {
        self.console.stop().await;
        self.letters.finish().await;
    }
}

/// A console on a free port over the records at `url`.
pub(crate) fn console(url: &str, broker: Broker, flags: &[&str]) -> Console {
    redacting(url, broker, flags, &[])
}

/// The same, which shows no values of these properties.
pub(crate) fn redacting(url: &str, broker: Broker, flags: &[&str], properties: &[&str]) -> Console {
    let records = Records::new(&SecretString::from(url.to_owned())).unwrap();
    of_records(records, broker, flags, properties)
}

/// The same over these records.
fn of_records(records: Records, broker: Broker, flags: &[&str], properties: &[&str]) -> Console {
    let flags = [&["console", "--console-listen", "127.0.0.1:0"], flags].concat();
    let Parsed { settings, secrets_key, tenants_file } =
        Parsed::try_parse_from(flags).unwrap_or_else(|error| panic!("{error}"));
    let sources = Sources {
        records,
        discarded_retention: WEEK,
        redaction: Redaction::new(&properties.iter().map(ToString::to_string).collect::<Vec<_>>()),
        broker,
        receivers: Vec::new(),
        parts: None,
        alerts: Board::default(),
        tenants_file,
        has_app: false,
        secrets_key,
        metrics: ConsoleMetrics::register(&mut Registry::default()),
    };
    Console::start(&settings, sources).unwrap()
}
