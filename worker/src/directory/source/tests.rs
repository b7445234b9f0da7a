#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;
use crate::directory::marked;
use crate::records::{Given, PortalFacts};
use crate::tenants::State;
use crate::trial::Directory;

const TENANTS: &str =
    "tenants.acme = { origin = \"hubspot/1\" }\ntenants.umbrella = { origin = \"hubspot/2\" }\n";

#[test]
fn a_file_is_read_to_its_end_or_not_at_all() {
    let file = std::env::temp_dir().join(format!("hubline-{:032x}", rand::random::<u128>()));
    let mut text = "#".repeat(MAX_BYTES - 2) + "ä";
    std::fs::write(&file, &text).unwrap();
    assert_eq!(view_of(&file).unwrap().text.len(), MAX_BYTES);
    // The end is in the middle of a letter.
    text.insert(0, '#');
    std::fs::write(&file, &text).unwrap();
    let error = format!("{:#}", view_of(&file).unwrap_err());
    assert!(error.ends_with("longer than 16777216 bytes: shorten it"), "{error}");
    std::fs::remove_file(&file).unwrap();
}

/// Of both tenants.
async fn states(source: &mut Source) -> [State; 2] {
    let view = source.view().await.unwrap();
    let (tenants, _) = marked(&view).unwrap();
    ["acme", "umbrella"].map(|name| tenants.tenants[name].state)
}

async fn install(records: &Records, origin: &Origin) {
    let given = Given { refresh_token: b"sealed", due_ms: 1_000, expires_ms: 2_000 };
    records.install(origin, "client-1", given, &PortalFacts::default(), 500).await.unwrap();
}

async fn a_files_tenant_is_without_the_app_as_long_as_its_portal_is(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let records = Records::new(&SecretString::from(test.url())).unwrap();
    let directory = Directory::new("source").unwrap();
    let file = directory.0.join("tenants.toml");
    std::fs::write(&file, TENANTS).unwrap();
    let mut source = Source::of_file(file.clone(), Some(records.clone()));
    let portal = Origin::hubspot(1);
    install(&records, &portal).await;
    assert_eq!(states(&mut source).await, [State::Active, State::Active]);
    let before = source.view().await.unwrap().digest();

    records.uninstall(&portal, "TOLD", "ann", 7_000).await.unwrap();
    let gone = [State::Uninstalled { since_ms: 7_000 }, State::Active];
    assert_eq!(states(&mut source).await, gone);
    assert_ne!(source.view().await.unwrap().digest(), before, "it is another version");
    // Whoever is not told where portals install the app knows nothing of it.
    assert_eq!(states(&mut Source::of_file(file.clone(), None)).await, [State::Active; 2]);

    install(&records, &portal).await;
    assert_eq!(states(&mut source).await, [State::Active, State::Active]);
    records.uninstall(&portal, "TOLD", "ann", 8_000).await.unwrap();
    let gone = [State::Uninstalled { since_ms: 8_000 }, State::Active];
    assert_eq!(states(&mut source).await, gone);
    // Tried once more, it is not yet taken.
    assert!(!records.try_token_again(&portal, "ann").await.unwrap(), "its token is erased");
    test.run("UPDATE installation SET state = 'installed'").await;
    assert_eq!(states(&mut source).await, gone);
    // While the records are away it goes on being so.
    records.close().await;
    assert_eq!(states(&mut source).await, gone);
    // Who begins then does not know.
    let mut begun = Source::of_file(file, Some(records));
    let error = format!("{:#}", begun.view().await.unwrap_err());
    assert!(error.starts_with("who has uninstalled the app cannot be read"), "{error}");
    test.end().await;
}

on_every_database! {
    a_files_tenant_is_without_the_app_as_long_as_its_portal_is
}
