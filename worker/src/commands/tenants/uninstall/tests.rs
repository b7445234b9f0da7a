#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::Arc;

use clap::Parser;
use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;
use crate::commands::tenants::turn::resume;
use crate::records::{InstallationState, PortalFacts, SectionState};
use crate::stand_ins::{Fault, StandIns};

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const PORTAL: u64 = 62_515;

#[derive(Parser)]
struct Parsed {
    #[command(flatten)]
    uninstall: Uninstalling,
}

/// A portal that has installed the app, and is a tenant of the records.
struct Bench {
    stand_ins: StandIns,
    test: TestDatabase,
    records: Records,
    origin: Origin,
    hubspot: String,
}

impl Bench {
    async fn new(engine: DatabaseEngine) -> Self {
        let stand_ins = StandIns::start().await.unwrap();
        stand_ins.register_app("client-1", "hunter2-client");
        let test = TestDatabase::new(engine).await;
        let records = Records::new(&SecretString::from(test.url())).unwrap();
        let hubspot = stand_ins.url("hubspot");
        let bench = Self { stand_ins, test, records, origin: Origin::hubspot(PORTAL), hubspot };
        bench.install().await;
        bench
    }

    async fn install(&self) {
        let acting = self.parse(&["x"]).acting;
        let secret = acting.client_secret.secret().unwrap();
        let at = (acting.url().unwrap(), API_TIMEOUT);
        let (records, mut registry) = (Some(&self.records), Registry::default());
        let app = App::open(&acting.app, secret, at, records, &mut registry).unwrap().unwrap();
        let app: Arc<App> = app;
        let code = SecretString::from(self.stand_ins.consent(PORTAL, &["oauth"]));
        let granted = app.endpoint.exchange(&code, "https://x.example/callback").await.unwrap();
        let facts = PortalFacts::default();
        let (_, tenant) = app.install_tenant(&self.origin, &granted, &facts).await.unwrap();
        assert_eq!(tenant.unwrap(), "hubspot-62515");
    }

    fn parse(&self, flags: &[&str]) -> Uninstalling {
        let app = [
            "--hubspot-client-id",
            "client-1",
            "--hubspot-client-secret",
            "hunter2-client",
            "--secrets-key",
            KEY,
            "--hubspot-api-url",
            &self.hubspot,
            "--by",
            "ann",
        ];
        let flags = [&["uninstall"], flags, &app].concat();
        Parsed::try_parse_from(flags).unwrap().uninstall
    }

    async fn run(&self, flags: &[&str]) -> Result<(), String> {
        let done = self.parse(flags).run(&self.records).await;
        done.map_err(|error| format!("{error:#}"))
    }

    async fn state(&self) -> (InstallationState, SectionState) {
        let known = self.records.installation(&self.origin).await.unwrap().unwrap();
        let sections = self.records.tenant_sections().await.unwrap();
        let state = sections.there().next().unwrap().state;
        (known.state, state)
    }

    /// Refresh tokens that are there.
    async fn tokens(&self) -> i64 {
        let there = "SELECT count(*) FROM installation WHERE refresh_token IS NOT NULL";
        self.test.number(there).await
    }

    fn told(&self) -> usize {
        self.stand_ins.calls().iter().filter(|call| call.method == "DELETE").count()
    }

    async fn end(self) {
        self.records.close().await;
        self.test.end().await;
    }
}

async fn an_uninstall_erases_tokens_and_holds_the_tenant(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    let error = bench.run(&["nobody", "--yes"]).await.unwrap_err();
    assert!(error.contains("there is no tenant nobody"), "{error}");
    let error = bench.run(&["route/x", "--yes"]).await.unwrap_err();
    assert!(error.contains("no account"), "{error}");
    bench.run(&["hubspot-62515", "--yes", "--json"]).await.unwrap();
    let gone = (InstallationState::Uninstalled, SectionState::Uninstalled);
    assert_eq!((bench.state().await, bench.tokens().await, bench.told()), (gone, 0, 0));
    let audit = "SELECT count(*) FROM audit WHERE who = 'ann' AND action = 'uninstall' \
        AND filter IN ('account=hubspot/62515', 'tenant=hubspot/62515')";
    assert_eq!(bench.test.number(audit).await, 2);
    // A second time, and by the account, it is no news; and there is nothing to be tried.
    bench.run(&["hubspot/62515", "--yes"]).await.unwrap();
    assert_eq!(bench.test.number(audit).await, 2);
    for whom in ["hubspot-62515", "hubspot/62515"] {
        let error = resume(&bench.records, &whom.parse().unwrap(), "ann").await.unwrap_err();
        assert!(format!("{error:#}").contains("token"), "{error:#}");
    }
    assert_eq!(bench.state().await, gone);
    bench.end().await;
}

async fn with_revoke_hubspot_is_told_first(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    let there = (InstallationState::Installed, SectionState::Active);
    bench.stand_ins.rotate_refresh_tokens();
    bench.stand_ins.fail(Fault::new("hubspot", 503).on("DELETE", "/appinstalls"));
    let error = bench.run(&["hubspot/62515", "--revoke", "--yes"]).await.unwrap_err();
    assert!(error.contains("503") && error.contains("nothing was erased"), "{error}");
    assert!(!error.contains("hunter2") && !error.contains("-stand-in"), "{error}");
    assert_eq!((bench.state().await, bench.tokens().await), (there, 1));
    bench.stand_ins.heal();
    bench.run(&["hubspot-62515", "--revoke", "--yes"]).await.unwrap();
    let gone = (InstallationState::Uninstalled, SectionState::Uninstalled);
    assert_eq!((bench.state().await, bench.tokens().await, bench.told()), (gone, 0, 2));
    assert!(bench.stand_ins.refresh_tokens().is_empty(), "with the portal's own token");
    // HubSpot says that it is gone already, or there is nobody to ask for: it is erased all the same.
    bench.install().await;
    bench.stand_ins.revoke(PORTAL);
    bench.run(&["hubspot-62515", "--revoke", "--yes"]).await.unwrap();
    bench.run(&["hubspot-62515", "--revoke", "--yes"]).await.unwrap();
    assert_eq!((bench.state().await, bench.tokens().await, bench.told()), (gone, 0, 2));
    bench.end().await;
}

async fn a_token_that_was_refused_is_tried_again_by_its_tenants_name(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    let now_ms = now_ms();
    let taking = bench.records.take_installation(&bench.origin, "client-1", false, now_ms, now_ms);
    let taken = taking.await.unwrap().unwrap();
    let (refused, code) = ((taken.fence, taken.token_fence), "BAD_HUB");
    bench.records.revoke_installation(&bench.origin, refused, code, now_ms).await.unwrap();
    // It may be good: it is not erased without having been tried.
    let error = bench.run(&["hubspot/62515", "--revoke", "--yes"]).await.unwrap_err();
    assert!(error.contains("tenants resume hubspot/62515"), "{error}");
    assert_eq!(bench.tokens().await, 1);
    resume(&bench.records, &"hubspot-62515".parse().unwrap(), "ann").await.unwrap();
    let tried = (InstallationState::Installed, SectionState::Uninstalled);
    assert_eq!(bench.state().await, tried, "until HubSpot takes it");
    bench.end().await;
}

on_every_database! {
    an_uninstall_erases_tokens_and_holds_the_tenant
    with_revoke_hubspot_is_told_first
    a_token_that_was_refused_is_tried_again_by_its_tenants_name
}
