//! What workers see of limits, as the console shows it.

use actix_web::{App, HttpResponse, HttpServer, web};
use shared::testing::{DatabaseEngine, on_every_database};

use super::rig::Rig;

/// An address that nobody answers at.
const NOBODY: &str = "127.0.0.1:1";

const LIMITS: &str = r#"[
    {"limit":"erp","of":"calls","used":1,"size":200,"window_ms":null,"waiting_live":1234,"waiting_bulk":5,
     "oldest_ms":125000,"drained_ms":9000,"held_ms":4000,"breaker":"open"},
    {"limit":"slack/<b>","of":"requests","used":1,"size":1,"window_ms":1050,"waiting_live":0,"waiting_bulk":0,
     "oldest_ms":0,"drained_ms":0,"held_ms":0,"breaker":null},
    {"limit":"hubspot/7","of":"requests","used":0,"size":100,"window_ms":10200,"waiting_live":0,"waiting_bulk":0,
     "oldest_ms":0,"drained_ms":0,"held_ms":0,"breaker":null}
]"#;

async fn limits_are_shown_as_any_worker_sees_them(engine: DatabaseEngine) {
    let limits = || async { HttpResponse::Ok().content_type("application/json").body(LIMITS) };
    let server = HttpServer::new(move || App::new().route("/limits", web::get().to(limits)));
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0].to_string();
    let running = server.run();
    let (handle, serving) = (running.handle(), tokio::spawn(running));

    let sources = format!("{NOBODY},{address}");
    let rig = Rig::with(engine, &["--alert-sources", &sources]).await;
    let page = rig.browser.get("/limits").await;
    page.shows(&["erp", "calls at once", "1 of 200", "1,234", "2m 5s", "9s", "4s", ">open<"]);
    page.shows(&[
        "slack/&#60;b&#62;",
        "requests in 1 s",
        "1 of 1",
        "1 more at which nothing goes on",
    ]);
    page.hides(&["hubspot/7", "<b>"]);
    rig.finish().await;

    handle.stop(false).await;
    serving.await.unwrap().unwrap();
    let rig = Rig::with(engine, &["--alert-sources", NOBODY]).await;
    rig.browser.get("/limits").await.shows(&["They cannot be seen now", "no worker answers"]);
    rig.finish().await;
}

on_every_database! {
    limits_are_shown_as_any_worker_sees_them
}
