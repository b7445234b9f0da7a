//! What the console is for: from what is wrong to what is done about it.

use shared::testing::on_every_engine;
use thirtyfour::By;

use super::chromium::Scripts;
use super::site::{CODE, Mended, Site, failing};
use super::visitor::Visitor;
use crate::harness::{Engine, deal};

/// Three letters of one problem, and somebody who is about to look at them.
async fn with_three_letters(engine: Engine, scripts: Scripts) -> (Site, Visitor) {
    with_three_letters_of(&Mended::default(), engine, scripts).await
}

async fn with_three_letters_of(
    mended: &Mended,
    engine: Engine,
    scripts: Scripts,
) -> (Site, Visitor) {
    let registry = failing(mended, |id| format!("order {id} has no amount"));
    let site = Site::on(engine, registry).await;
    site.send(&[deal(1), deal(2), deal(3)]).await;
    let visitor = Visitor::of(&site, scripts).await;
    visitor.open_until("/", "3 dead letters in 1 problem").await;
    (site, visitor)
}

/// Opens the problem and its latest letter; tells the letter's number.
async fn open_a_letter(visitor: &Visitor) -> i64 {
    visitor.arrives_at("Problems").await;
    visitor.follow(CODE).await;
    visitor.arrives_at("Letters").await;
    visitor.reads("3 dead letters").await;
    let letter: i64 = visitor.text_of(By::Css(".letters tbody th a")).await.parse().unwrap();
    visitor.follow(&letter.to_string()).await;
    visitor.arrives_at(&format!("Letter {letter}")).await;
    letter
}

async fn from_a_problem_to_a_letter_and_its_bytes(engine: Engine) {
    let (site, visitor) = with_three_letters(engine, Scripts::Run).await;
    open_a_letter(&visitor).await;
    // The payload as it came, and what happened.
    visitor.reads("\"subscriptionType\": \"deal.creation\"").await;
    visitor.click(By::Css(".payload summary")).await;
    visitor.reads("\"subscriptionType\":\"deal.creation\"").await;
    visitor.open_until(&visitor.path().await, "attempt 1: permanent").await;
    visitor.reads("given up as permanent: this letter").await;
    visitor.follow("The event's whole way, through every handler").await;
    visitor.arrives_at("Event").await;
    visitor.reads("attempt 1: permanent").await;
    visitor.follow("Health").await;
    visitor.arrives_at("Health").await;
    visitor.reads("permanent").await;
    visitor.leave().await;
    site.finish().await;
}

async fn what_is_discarded_can_be_restored(engine: Engine) {
    let (site, visitor) = with_three_letters(engine, Scripts::Run).await;
    discard_and_restore(&visitor).await;
    visitor.leave().await;
    site.finish().await;
}

async fn what_was_mended_is_retried_and_resolved(engine: Engine) {
    let mended = Mended::default();
    let (site, visitor) = with_three_letters_of(&mended, engine, Scripts::Run).await;
    visitor.hurry().await;
    mended.now();
    visitor.open("/").await;
    visitor.follow("Retry…").await;
    visitor.arrives_at("Retry").await;
    visitor.reads("Retry 3 letters?").await;
    visitor.press("Retry 3 letters").await;
    visitor.arrives_at("Job 1").await;
    visitor.reads("The job is made.").await;
    // The page keeps up with the job by itself.
    visitor.reads("all succeeded").await;
    assert!(!visitor.text().await.contains("Signed out"));
    visitor.click(By::XPath("//dt[.='Succeeded']/following-sibling::dd[1]/a[.='3']")).await;
    visitor.arrives_at("Letters").await;
    visitor.reads("3 letters, resolved").await;
    visitor.click(By::Css(".letters tbody th a")).await;
    visitor.reads("the retry succeeded: this letter").await;
    visitor.reads("attempt 2: succeeded").await;
    visitor.follow("Problems").await;
    visitor.reads("No dead letters").await;
    visitor.follow("Also those that are over").await;
    visitor.reads("3 succeeded, 0 died again").await;
    visitor.leave().await;
    site.finish().await;
}

async fn what_dies_again_leads_to_the_letter_that_has_its_place(engine: Engine) {
    let (site, visitor) = with_three_letters(engine, Scripts::Run).await;
    visitor.hurry().await;
    visitor.open("/").await;
    let letter = open_a_letter(&visitor).await;
    visitor.follow("Restart…").await;
    visitor.arrives_at("Restart").await;
    visitor.reads("may be done twice").await;
    visitor.press("Restart 1 letter").await;
    visitor.arrives_at("Job 1").await;
    visitor.click(By::XPath("//dt[.='Died again']/following-sibling::dd[1]/a[.='1']")).await;
    visitor.follow(&letter.to_string()).await;
    visitor.arrives_at(&format!("Letter {letter}")).await;
    visitor.reads("the retry died again: this letter").await;
    visitor.click(By::XPath("//section[h2='Letters after it']//tbody//a")).await;
    visitor.reads(&format!("letter {letter}")).await;
    visitor.follow(&format!("letter {letter}")).await;
    visitor.arrives_at(&format!("Letter {letter}")).await;
    visitor.leave().await;
    site.finish().await;
}

/// All of it but what keeps itself up to date.
#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_it_is_the_same() {
    let (site, visitor) = with_three_letters(Engine::Embedded, Scripts::Off).await;
    // The driver's script runs, the page's do not.
    visitor.open("/health").await;
    let page = "const it = document.createElement('p'); it.id = 'probe'; document.body.append(it); \
                const script = document.createElement('script'); \
                script.src = document.querySelector('script').src; \
                script.onload = () => it.textContent = 'ran'; document.body.append(script); \
                return [document.scripts.length, it.textContent]";
    assert_eq!(visitor.ask(page).await, serde_json::json!([2, ""]));
    discard_and_restore(&visitor).await;
    visitor.open("/letters").await;
    visitor.click(By::Css(".filter summary")).await;
    visitor.write("object", "2").await;
    visitor.press("Filter").await;
    visitor.reads("1 dead letter").await;
    visitor.reads("order 2 has no amount").await;
    visitor.open("/").await;
    visitor.follow("Note…").await;
    visitor.arrives_at("Note").await;
    visitor.write("note", "Amounts come on Monday.").await;
    visitor.press("Write").await;
    visitor.reads("The note is written.").await;
    visitor.reads("Amounts come on Monday.").await;
    visitor.leave().await;
    site.finish().await;
}

async fn discard_and_restore(visitor: &Visitor) {
    visitor.open("/").await;
    let letter = open_a_letter(visitor).await;
    visitor.follow("Discard…").await;
    visitor.arrives_at("Discard").await;
    visitor.reads("Discard 1 letter?").await;
    visitor.press("Discard 1 letter").await;
    visitor.arrives_at("Job 1").await;
    visitor.reads("The job is made.").await;
    visitor.open_until("/jobs", "all discarded").await;
    visitor.follow("Letters").await;
    visitor.reads("2 dead letters").await;
    // Back, with a tick.
    visitor.follow("Discarded").await;
    visitor.arrives_at("Discarded").await;
    visitor.reads("1 discarded letter").await;
    visitor.tick(letter).await;
    visitor.press("Restore ticked…").await;
    visitor.arrives_at("Restore").await;
    visitor.reads("Restore 1 letter?").await;
    visitor.press("Restore 1 letter").await;
    visitor.arrives_at("Job 2").await;
    visitor.open_until("/jobs", "all restored").await;
    visitor.follow("Letters").await;
    visitor.reads("3 dead letters").await;
    // All of a problem at once, and not after all.
    visitor.follow("Problems").await;
    visitor.follow("Discard…").await;
    visitor.reads("Discard 3 letters?").await;
    visitor.follow("Cancel").await;
    visitor.reads("3 dead letters").await;
    visitor.follow("Audit").await;
    visitor.arrives_at("Audit").await;
    let acts = visitor.count("tbody tr").await;
    assert_eq!(acts, 2, "{}", visitor.text().await);
    visitor.reads(&format!("id={letter}")).await;
    visitor.open("/").await;
    visitor.reads(CODE).await;
}

on_every_engine! {
    what_was_mended_is_retried_and_resolved
    what_dies_again_leads_to_the_letter_that_has_its_place
    from_a_problem_to_a_letter_and_its_bytes
    what_is_discarded_can_be_restored
}
