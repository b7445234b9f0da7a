//! A data file that has lost its writer, in this process: no process of an operator's can be made to.

use std::sync::Arc;

use clap::Parser as _;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use worker::Registry;
use worker::parts::standalone::Standalone;
use worker::settings::StandaloneSettings;

use super::data::Data;
use super::process::SECRET;
use crate::harness::{Admin, within};

#[derive(clap::Parser)]
struct Parsed {
    #[command(flatten)]
    settings: StandaloneSettings,
}

/// A result that the writer cannot even throw away.
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("as nothing should");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_writer_it_says_so_and_ends() {
    let data = Data::new();
    let settings = Parsed::parse_from([
        "standalone",
        "--listen=127.0.0.1:0",
        "--admin-listen=127.0.0.1:0",
        "--console-listen=127.0.0.1:0",
        &format!("--hubspot-client-secret={SECRET}"),
        &format!("--data={}", data.0.display()),
    ])
    .settings;
    let standalone = Standalone::start(&settings, Registry::new()).await.unwrap();
    let admin = Admin::at(standalone.admin_address());
    admin.wait_until_ready().await;
    assert_eq!(admin.get("livez").await, "ok\n");

    let store = Arc::clone(standalone.store());
    // Held until nobody waits for what comes behind it.
    let (hold, end) = oneshot::channel::<()>();
    let holding = store.write(|_| {
        let _ = end.blocking_recv();
        Ok(())
    });
    let last = async {
        let mut last = Box::pin(store.write(|_| Ok(Explosive)));
        assert!(futures_util::poll!(&mut last).is_pending());
        drop(last);
        drop(hold);
    };
    let _ = tokio::join!(holding, last);
    within("the writer's end", store.writer_ended()).await;

    assert_eq!(admin.get("livez").await, "start it again\n");
    let readiness = admin.get("readyz").await;
    assert!(readiness.contains("down: its writer has ended"), "{readiness}");
    drop(store);
    let was_told = within("its end", standalone.until(&CancellationToken::new())).await;
    assert!(!was_told, "nobody told it to end");
}
