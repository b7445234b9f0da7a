//! Somebody who looks at a console in a browser: opens, reads, follows, ticks and presses, and
//! waits until it is so.

use serde_json::{Value, json};
use thirtyfour::By;
use thirtyfour::error::WebDriverResult;
use tokio::time::{Duration, Instant, sleep};

use super::chromium::{Chromium, Scripts};
use super::site::Site;
use crate::harness::PATIENCE;

/// A visitor, with a browser of their own.
pub(super) struct Visitor {
    pub(super) chromium: Chromium,
    console: String,
}

impl Visitor {
    /// Somebody who has not opened anything yet.
    pub(super) async fn of(site: &Site, scripts: Scripts) -> Self {
        Self::at(&site.console, scripts).await
    }

    /// The same, who knows the console under this address.
    pub(super) async fn at(console: &str, scripts: Scripts) -> Self {
        Self { chromium: Chromium::start(scripts).await, console: console.to_owned() }
    }

    /// Opens a page of the console.
    pub(super) async fn open(&self, path: &str) {
        let url = format!("{}{path}", self.console);
        self.chromium.session.goto(url).await.unwrap();
    }

    /// Opens it again and again until it says so: for what becomes known by and by.
    pub(super) async fn open_until(&self, path: &str, text: &str) {
        let mut shown = String::new();
        let deadline = Instant::now() + PATIENCE;
        while !shown.contains(text) {
            assert!(Instant::now() < deadline, "`{text}` is not on {path} but\n{shown}");
            self.open(path).await;
            shown = self.text().await;
        }
    }

    /// Waits until this page, by its title, is the one that is open.
    pub(super) async fn arrives_at(&self, title: &str) {
        let title = format!("{title} · Hubline");
        self.trying(&format!("the page `{title}`"), async || {
            Ok((self.chromium.session.title().await? == title).then_some(()))
        })
        .await;
    }

    /// All that can be read on the page.
    pub(super) async fn text(&self) -> String {
        self.text_of(By::Tag("body")).await
    }

    /// What can be read in the first that there is.
    pub(super) async fn text_of(&self, what: By) -> String {
        self.trying(&format!("the text of {what:?}"), async || {
            Ok(Some(self.chromium.session.find(what.clone()).await?.text().await?))
        })
        .await
    }

    /// Waits until it can be read on the page.
    pub(super) async fn reads(&self, text: &str) {
        self.trying(&format!("`{text}` on the page"), async || {
            let body = self.chromium.session.find(By::Tag("body")).await?;
            Ok(body.text().await?.contains(text).then_some(()))
        })
        .await;
    }

    /// Follows the first link of this text.
    pub(super) async fn follow(&self, link: &str) {
        self.click(By::LinkText(link)).await;
    }

    /// Presses the button of this text.
    pub(super) async fn press(&self, button: &str) {
        self.click(By::XPath(format!("//button[normalize-space()='{button}']"))).await;
    }

    /// Ticks a letter in a list, or takes the tick away.
    pub(super) async fn tick(&self, letter: i64) {
        self.click(By::Css(format!("input[name=id][value='{letter}']"))).await;
    }

    /// Writes into a field, over what is in it.
    pub(super) async fn write(&self, name: &str, text: &str) {
        let field = By::Css(format!("main [name='{name}']"));
        self.trying(&format!("a field `{name}`"), async || {
            let field = self.chromium.session.find(field.clone()).await?;
            field.clear().await?;
            field.send_keys(text).await?;
            Ok(Some(()))
        })
        .await;
    }

    /// Clicks on the first that there is.
    pub(super) async fn click(&self, what: By) {
        self.trying(&format!("a click on {what:?}"), async || {
            self.chromium.session.find(what.clone()).await?.click().await?;
            Ok(Some(()))
        })
        .await;
    }

    /// Waits until there is one.
    pub(super) async fn sees(&self, what: By) {
        self.trying(&format!("{what:?}"), async || {
            self.chromium.session.find(what.clone()).await?;
            Ok(Some(()))
        })
        .await;
    }

    /// How many there are now.
    pub(super) async fn count(&self, css: &str) -> usize {
        self.chromium.session.find_all(By::Css(css)).await.unwrap().len()
    }

    /// The path and query of the page.
    pub(super) async fn path(&self) -> String {
        let url = self.chromium.session.current_url().await.unwrap();
        url.as_str().strip_prefix(&self.console).unwrap_or(url.as_str()).to_owned()
    }

    /// What a script on the page gives back. It comes from the driver, not from the page, and
    /// runs even where the page's own do not.
    pub(super) async fn ask(&self, script: &str) -> Value {
        let answer = self.chromium.session.execute(script, vec![]).await;
        answer.unwrap_or_else(|error| panic!("{error}: {script}")).json().clone()
    }

    /// Waits until such a script gives back `true`.
    pub(super) async fn until(&self, what: &str, script: &str) {
        self.trying(what, async || {
            let answer = self.chromium.session.execute(script, vec![]).await?;
            Ok((answer.json() == &Value::Bool(true)).then_some(()))
        })
        .await;
    }

    /// Has this script run in every document from now on, before any of its own.
    pub(super) async fn prepare(&self, script: &str) {
        self.tell("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// Has pages ask for what is new after 200 ms instead of 5 s, and count in `rounds` how often
    /// they did.
    pub(super) async fn hurry(&self) {
        self.prepare(
            "window.rounds = 0; const wait = window.setTimeout; \
             window.setTimeout = (work, ms) => \
               wait(async () => { await work(); window.rounds += 1; }, ms === 5000 ? 200 : ms);",
        )
        .await;
    }

    /// Gives the page so much room, in pixels.
    pub(super) async fn resize(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Prefers dark pages, or light ones, without colours that change by and by.
    pub(super) async fn darken(&self, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Sends the browser a command of its developer tools.
    async fn tell(&self, command: &str, what: Value) {
        self.chromium.session.cdp().send_raw(command, what).await.unwrap();
    }

    /// Goes away, and expects the browser to end well.
    pub(super) async fn leave(self) {
        self.chromium.quit().await;
    }

    /// Tries until there is something. What is not there yet, or was just replaced by something
    /// newer, is an error to the driver.
    async fn trying<T>(
        &self,
        what: &str,
        mut attempt: impl AsyncFnMut() -> WebDriverResult<Option<T>>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let last = match attempt().await {
                Ok(Some(value)) => return value,
                Ok(None) => String::new(),
                Err(error) => error.to_string(),
            };
            if Instant::now() >= deadline {
                let session = &self.chromium.session;
                let (url, page) = (session.current_url().await, session.source().await);
                let url = url.map_or_else(|error| error.to_string(), |url| url.to_string());
                let page = page.unwrap_or_else(|error| error.to_string());
                panic!("{what}: not within {PATIENCE:?}. {last}\nOn {url}:\n{page}");
            }
            // A page has nothing to wait on; this is the poll of a test, not a delay.
            sleep(Duration::from_millis(20)).await;
        }
    }
}
