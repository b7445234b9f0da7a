//! What people and HubSpot say of a portal's tenant, in whichever order.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::time::Duration;

use secrecy::SecretString;
use shared::clock::now_ms;
use shared::origin::Origin;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};
use sqlx::{Connection as _, PgConnection};

use super::{Edit, SectionState};
use crate::records::{Before, Given, NoTenant, PortalFacts, Records, Taken};
use crate::tenants::SectionKind;

const APP: &str = "client-1";

struct Bench {
    test: TestDatabase,
    records: Records,
    origin: Origin,
    tenant: String,
}

fn given(token: &[u8]) -> Given<'_> {
    Given { refresh_token: token, due_ms: 1_000, expires_ms: 2_000 }
}

impl Bench {
    /// A portal that has installed the app, and is a tenant.
    async fn new(engine: DatabaseEngine) -> Self {
        let test = TestDatabase::new(engine).await;
        let records = Records::new(&SecretString::from(test.url())).unwrap();
        let (origin, facts) = (Origin::hubspot(62_515), PortalFacts::default());
        let installing = records.install_tenant(&origin, APP, given(b"one"), &facts, 500);
        let tenant = installing.await.unwrap().1.unwrap();
        Self { test, records, origin, tenant }
    }

    /// Begins a refresh.
    async fn take(&self, now_ms: i64) -> Taken {
        let (app, until_ms) = (APP, now_ms + 1);
        let taking = self.records.take_installation(&self.origin, app, true, now_ms, until_ms);
        taking.await.unwrap().unwrap()
    }

    async fn refuse(&self, taken: &Taken, now_ms: i64) {
        let (refused, code) = ((taken.fence, taken.token_fence), "BAD_REFRESH_TOKEN");
        let refusing = self.records.revoke_installation(&self.origin, refused, code, now_ms);
        assert!(refusing.await.unwrap().is_some());
    }

    async fn turn(&self, state: SectionState) {
        let version = self.records.tenants_version().await.unwrap();
        let edit = Edit::Turn { kind: SectionKind::Tenant, name: self.tenant.clone(), state };
        self.records.edit_tenants(version, &[edit], "ann").await.unwrap();
    }

    /// Its state, and since when it has it.
    async fn state(&self) -> (SectionState, i64) {
        let sections = self.records.tenant_sections().await.unwrap();
        let found = sections.there().find(|section| section.name == self.tenant).unwrap();
        (found.state, found.state_ms)
    }

    async fn end(self) {
        self.records.close().await;
        self.test.end().await;
    }
}

async fn a_resume_brings_back_nobody_whose_token_is_not_taken(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    let taken = bench.take(1_000).await;
    bench.refuse(&taken, 7_000).await;
    let uninstalled = bench.state().await;
    assert_eq!(uninstalled.0, SectionState::Uninstalled);
    for _ in 0..2 {
        bench.turn(SectionState::Active).await;
        let gone = (SectionState::Uninstalled, 7_000);
        assert_eq!(bench.state().await, gone, "what is held then is not held for longer");
    }
    // The token is tried, and refused again.
    let taken = bench.take(8_000).await;
    bench.refuse(&taken, 8_000).await;
    assert_eq!(bench.state().await.0, SectionState::Uninstalled);
    // A pause that ends meanwhile brings nobody back either.
    bench.turn(SectionState::Paused).await;
    bench.turn(SectionState::Active).await;
    assert_eq!(bench.state().await.0, SectionState::Uninstalled);

    let taken = bench.take(9_000).await;
    assert!(
        bench
            .records
            .keep_refreshed(&bench.origin, taken.fence, given(b"two"), None)
            .await
            .unwrap()
    );
    assert_eq!(bench.state().await.0, SectionState::Active, "its token works");
    bench.end().await;
}

async fn a_resume_of_one_whose_tokens_are_erased_waits_for_an_install(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    assert!(bench.records.uninstall(&bench.origin, "TOLD", "ann", 7_000).await.unwrap());
    bench.turn(SectionState::Active).await;
    assert_eq!(bench.state().await, (SectionState::Uninstalled, 7_000));
    let due = bench.records.due_installations(APP, 9_000, 10).await.unwrap();
    assert!(due.is_empty(), "there is nothing to be tried");
    let facts = PortalFacts::default();
    bench.records.install(&bench.origin, APP, given(b"two"), &facts, 9_000).await.unwrap();
    assert_eq!(bench.state().await.0, SectionState::Active);
    bench.end().await;
}

/// A worker was frozen with the newest token while another one was refused.
async fn an_installation_that_a_refresh_revives_revives_its_tenant(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    let frozen = bench.take(1_000).await;
    let refused = bench.take(2_000).await;
    bench.refuse(&refused, 7_000).await;
    let version = bench.records.tenants_version().await.unwrap();
    assert!(
        bench
            .records
            .keep_refreshed(&bench.origin, frozen.fence, given(b"two"), None)
            .await
            .unwrap()
    );
    assert_eq!(bench.state().await.0, SectionState::Active);
    assert!(bench.records.tenants_version().await.unwrap() > version, "workers hear of it");
    // What people have paused a refresh does not resume.
    bench.turn(SectionState::Paused).await;
    let taken = bench.take(3_000).await;
    assert!(
        bench
            .records
            .keep_refreshed(&bench.origin, taken.fence, given(b"three"), None)
            .await
            .unwrap()
    );
    assert_eq!(bench.state().await.0, SectionState::Paused);
    bench.end().await;
}

/// Whatever ends an install in the middle: a portal that has the app is a tenant.
async fn an_install_and_its_tenant_are_written_together_or_not_at_all(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    let (other, facts) = (Origin::hubspot(8_841_107), PortalFacts::default());
    let install = || bench.records.install_tenant(&other, APP, given(b"one"), &facts, 500);
    // The last that is written of a tenant.
    bench.test.run("ALTER TABLE audit RENAME TO not_there").await;
    assert!(install().await.is_err());
    bench.test.run("ALTER TABLE not_there RENAME TO audit").await;
    assert!(bench.records.installation(&other).await.unwrap().is_none());
    let (before, tenant) = install().await.unwrap();
    assert_eq!((before, tenant.unwrap().as_str()), (Before::Unknown, "hubspot-8841107"));
    bench.end().await;
}

async fn a_name_that_is_anothers_is_not_written_over(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    let name = "hubspot-7".to_owned();
    let body = r#"{"origin":"hubspot/8"}"#.to_owned();
    let edit = Edit::Write { kind: SectionKind::Tenant, name: name.clone(), body };
    let version = bench.records.tenants_version().await.unwrap();
    bench.records.edit_tenants(version, &[edit], "ann").await.unwrap();
    let facts = PortalFacts::default();
    let install = async |portal: u64| {
        let origin = Origin::hubspot(portal);
        bench.records.install_tenant(&origin, APP, given(b"one"), &facts, 500).await.unwrap().1
    };
    assert_eq!(install(7).await, Err(NoTenant::Taken(name.clone())));
    assert_eq!(install(8).await, Ok(name));
    bench.end().await;
}

/// The end of one portal says nothing of another, whatever its tenant is called.
async fn a_tenant_has_the_app_if_the_portal_has_that_it_is_of_now(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    let (kind, name) = (SectionKind::Tenant, bench.tenant.clone());
    let write = async |name: &str, body: &str| {
        let edit = Edit::Write { kind, name: name.to_owned(), body: body.to_owned() };
        let version = bench.records.tenants_version().await.unwrap();
        bench.records.edit_tenants(version, &[edit], "ann").await.unwrap();
    };
    let state = async |name: &str| {
        let sections = bench.records.tenant_sections().await.unwrap();
        let section = sections.sections.iter().find(|section| section.name == name).unwrap();
        (section.state, section.state_by.clone())
    };
    let gone = (SectionState::Uninstalled, "hubline".to_owned());
    let taken = bench.take(1_000).await;
    bench.refuse(&taken, 7_000).await;
    write(&name, r#"{"origin":"hubspot/62515","rate":"7/m"}"#).await;
    assert_eq!(bench.state().await, (SectionState::Uninstalled, 7_000), "it is the same portal");
    write(&name, r#"{"origin":"hubspot/62599"}"#).await;
    assert_eq!(state(&name).await, (SectionState::Active, "ann".to_owned()));
    write("other", r#"{"origin":"hubspot/62515"}"#).await;
    assert_eq!(state("other").await, gone, "that one is without the app");
    write("other", r#"{"origin":"hubspot/62598"}"#).await;
    assert_eq!(state("other").await.0, SectionState::Active);
    // From one that is without the app to another.
    write("other", r#"{"origin":"hubspot/62515"}"#).await;
    let (later, facts) = (Origin::hubspot(62_597), PortalFacts::default());
    bench.records.install(&later, APP, given(b"two"), &facts, 500).await.unwrap();
    assert!(bench.records.uninstall(&later, "TOLD", "ann", 9_000).await.unwrap());
    write("other", r#"{"origin":"hubspot/62597"}"#).await;
    let of_other = "SELECT state_ms FROM tenant_section WHERE name = 'other'";
    assert_eq!(bench.test.number(of_other).await, 9_000);
    write("other", r#"{"origin":"hubspot/62515"}"#).await;
    assert_eq!(bench.test.number(of_other).await, 7_000);
    // Deleted and written again.
    let delete = Edit::Turn { kind, name: "other".to_owned(), state: SectionState::Deleted };
    let version = bench.records.tenants_version().await.unwrap();
    bench.records.edit_tenants(version, &[delete], "ann").await.unwrap();
    write("other", r#"{"origin":"hubspot/62515"}"#).await;
    assert_eq!(state("other").await, gone);
    // What people have paused stays paused.
    bench.turn(SectionState::Paused).await;
    write(&name, r#"{"origin":"hubspot/62600"}"#).await;
    assert_eq!(state(&name).await, (SectionState::Paused, "ann".to_owned()));
    bench.end().await;
}

async fn an_answer_pauses_what_was_asked_and_nothing_that_was_said_since(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    let (kind, name) = (SectionKind::Destination, "crm".to_owned());
    let write = |body: &str| Edit::Write { kind, name: name.clone(), body: body.to_owned() };
    let edit = async |edit: Edit| {
        let version = bench.records.tenants_version().await.unwrap();
        // At another time than the one before.
        let before_ms = now_ms();
        while now_ms() == before_ms {
            tokio::task::yield_now().await;
        }
        bench.records.edit_tenants(version, &[edit], "ann").await.unwrap();
    };
    let stand = async || bench.records.tenant_sections().await.unwrap().stands()[&name];
    let refused = async |stood| bench.records.destination_refused(&name, stood).await.unwrap();
    edit(write("{}")).await;
    let first = stand().await;
    edit(write(r#"{"rate":1}"#)).await;
    let version = bench.records.tenants_version().await.unwrap();
    assert!(!refused(first).await, "that was another address");
    assert_eq!(bench.records.tenants_version().await.unwrap(), version, "there is nothing to tell");
    let second = stand().await;
    assert!(refused(second).await);
    assert!(!refused(second).await, "it is already");
    assert!(bench.records.tenants_version().await.unwrap() > version, "workers hear of it");
    let third = stand().await;
    edit(Edit::Turn { kind, name: name.clone(), state: SectionState::Active }).await;
    assert!(!refused(second).await && !refused(third).await, "somebody has resumed it since");
    let sections = bench.records.tenant_sections().await.unwrap();
    let section = sections.there().find(|section| section.kind == kind).unwrap();
    assert!(section.state == SectionState::Active && !section.has_refused());
    bench.end().await;
}

/// Until somebody waits for what the backend with this number has locked.
async fn until_waited_for(test: &TestDatabase, pid: i32) {
    let mut looker = PgConnection::connect(&test.url()).await.unwrap();
    let waits =
        "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid)))";
    while !sqlx::query_scalar::<_, bool>(waits).bind(pid).fetch_one(&mut looker).await.unwrap() {
        tokio::task::yield_now().await;
    }
    looker.close().await.unwrap();
}

/// Does `what` while somebody else writes a tenant of portal 5, in this state, and commits only once that waits; the
/// tenant's state then.
async fn beside_a_tenant_that_is_being_written<T>(
    bench: &Bench,
    state: &str,
    what: impl Future<Output = T>,
) -> (T, SectionState) {
    let mut other = PgConnection::connect(&bench.test.url()).await.unwrap();
    let mut writing = other.begin().await.unwrap();
    let raising = "UPDATE tenant_version SET version = version + 1 RETURNING pg_backend_pid()";
    let pid: i32 = sqlx::query_scalar(raising).fetch_one(&mut *writing).await.unwrap();
    let insert = "INSERT INTO tenant_section \
        (kind, name, body, state, state_ms, state_by, changed_ms, changed_by) \
        VALUES ('tenant', 'late', '{\"origin\":\"hubspot/5\"}', $1, 1, 'ann', 1, 'ann')";
    sqlx::query(insert).bind(state).execute(&mut *writing).await.unwrap();
    let ending = async {
        until_waited_for(&bench.test, pid).await;
        writing.commit().await.unwrap();
    };
    let both = async { tokio::join!(what, ending) };
    let (done, ()) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    other.close().await.unwrap();
    let sections = bench.records.tenant_sections().await.unwrap();
    let late = sections.there().find(|section| section.name == "late").unwrap();
    (done, late.state)
}

/// Written and not yet committed, it is nobody's yet.
#[tokio::test]
async fn the_end_of_a_portal_waits_for_a_tenant_that_is_being_written_for_it() {
    let bench = Bench::new(DatabaseEngine::Postgres).await;
    let origin = Origin::hubspot(5);
    let uninstalling = bench.records.uninstall(&origin, "TOLD", "ann", 7_000);
    let ended = beside_a_tenant_that_is_being_written(&bench, "active", uninstalling).await;
    assert!(ended.0.unwrap());
    assert_eq!(ended.1, SectionState::Uninstalled);
    bench.end().await;
}

/// Whoever writes it reads that the portal is without the app as long as the install is not committed.
#[tokio::test]
async fn an_install_waits_for_a_tenant_that_is_being_written_for_its_portal() {
    let bench = Bench::new(DatabaseEngine::Postgres).await;
    let (origin, facts) = (Origin::hubspot(5), PortalFacts::default());
    let installing = bench.records.install_tenant(&origin, APP, given(b"one"), &facts, 500);
    let ended = beside_a_tenant_that_is_being_written(&bench, "uninstalled", installing).await;
    assert_eq!(ended.0.unwrap().1, Ok("late".to_owned()));
    assert_eq!(ended.1, SectionState::Active);
    bench.end().await;
}

/// Each of the two has rows that the other wants.
#[tokio::test]
async fn a_resume_lets_an_install_of_its_portal_end_first() {
    let bench = Bench::new(DatabaseEngine::Postgres).await;
    let taken = bench.take(1_000).await;
    bench.refuse(&taken, 7_000).await;
    let mut other = PgConnection::connect(&bench.test.url()).await.unwrap();
    let mut installing = other.begin().await.unwrap();
    let taking = "UPDATE installation SET fence = fence + 1 RETURNING pg_backend_pid()";
    let pid: i32 = sqlx::query_scalar(taking).fetch_one(&mut *installing).await.unwrap();
    let ending = async {
        until_waited_for(&bench.test, pid).await;
        let telling = "UPDATE tenant_version SET version = version";
        sqlx::query(telling).execute(&mut *installing).await.unwrap();
        installing.commit().await.unwrap();
    };
    let both = async { tokio::join!(bench.turn(SectionState::Active), ending) };
    tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    let due = bench.records.due_installations(APP, 9_000, 10).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&bench.origin), "its token is tried again");
    other.close().await.unwrap();
    bench.end().await;
}

on_every_database! {
    a_resume_brings_back_nobody_whose_token_is_not_taken
    a_resume_of_one_whose_tokens_are_erased_waits_for_an_install
    an_installation_that_a_refresh_revives_revives_its_tenant
    an_install_and_its_tenant_are_written_together_or_not_at_all
    a_name_that_is_anothers_is_not_written_over
    a_tenant_has_the_app_if_the_portal_has_that_it_is_of_now
    an_answer_pauses_what_was_asked_and_nothing_that_was_said_since
}
