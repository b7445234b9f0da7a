use super::*;

const JOB: i64 = 1;

fn key(target: &str) -> RunId {
    RunId { job_id: JOB, identity: "event".to_owned(), target: target.to_owned() }
}

/// What became of a message that was published as this attempt.
fn ended(target: &str, attempt: i64, end: End) -> Ended {
    let (identity, target) = ("event".to_owned(), target.to_owned());
    Ended {
        job_id: JOB,
        identity,
        target,
        published_as: (0, attempt),
        end: Some(end),
        targets: Vec::new(),
    }
}

fn to_all(target: &str, end: End) -> Ended {
    Ended { targets: vec!["one".into(), "two".into()], ..ended(target, 0, end) }
}

fn stages(book: &Book) -> Vec<(&str, Stage)> {
    book.runs.iter().map(|(key, run)| (&*key.target, run.stage)).collect()
}

/// Runs, and those of them that have ended.
fn counted(book: &mut Book) -> (i64, i64) {
    let (there, counts) = (book.runs.len(), book.counts(JOB));
    let ended = counts.ended();
    assert_eq!(counts.runs, i64::try_from(there).unwrap_or_default());
    (counts.runs, ended)
}

#[test]
fn a_message_to_all_is_a_run_for_each_who_wants_it() {
    let mut book = Book::default();
    book.expect(&key(""), (0, 0));
    assert_eq!(counted(&mut book), (1, 0));
    book.tell(&to_all("one", End::Succeeded));
    assert_eq!(stages(&book), [("one", Stage::Succeeded), ("two", Stage::Open)]);
    book.tell(&to_all("two", End::Failed));
    assert_eq!(counted(&mut book), (2, 1));
    book.tell(&ended("two", 0, End::Died));
    assert_eq!(counted(&mut book), (2, 2));
}

#[test]
fn a_message_to_all_says_nothing_of_who_has_a_message_of_its_own() {
    let mut book = Book::default();
    book.expect(&key("one"), (0, 3));
    book.expect(&key(""), (0, 0));
    book.tell(&to_all("one", End::Stale));
    assert_eq!(stages(&book), [("one", Stage::Open), ("two", Stage::Open)]);
    book.tell(&to_all("two", End::Skipped));
    book.tell(&ended("one", 3, End::Succeeded));
    assert_eq!(counted(&mut book), (2, 2));
}

#[test]
fn a_copy_is_counted_with_what_it_is_a_copy_of() {
    for ends in [[End::Succeeded, End::Skipped], [End::Skipped, End::Succeeded]] {
        let mut book = Book::default();
        book.expect(&key("one"), (0, 1));
        book.expect(&key("one"), (0, 1));
        for end in ends {
            book.tell(&ended("one", 1, end));
        }
        assert_eq!(stages(&book), [("one", Stage::Succeeded)]);
        assert_eq!(counted(&mut book), (1, 1));
    }
}

#[test]
fn a_copy_that_is_told_of_a_later_attempt_ends_nothing() {
    let mut book = Book::default();
    book.expect(&key("one"), (0, 1));
    book.expect(&key("one"), (0, 1));
    book.tell(&ended("one", 1, End::Stale));
    // The line that tells of the failure is late.
    assert_eq!(stages(&book), [("one", Stage::Open)]);
    book.tell(&ended("one", 1, End::Failed));
    book.tell(&ended("one", 1, End::Stale));
    assert_eq!(stages(&book), [("one", Stage::Failing)]);
    book.tell(&ended("one", 1, End::Died));
    assert_eq!(stages(&book), [("one", Stage::Died)]);
    assert_eq!(book.counts(JOB).recent, "fd");
}

#[test]
fn what_a_later_attempt_of_somebody_else_has_taken_over_is_over() {
    let mut book = Book::default();
    book.expect(&key("one"), (0, 1));
    book.tell(&ended("one", 1, End::Stale));
    assert_eq!(stages(&book), [("one", Stage::Skipped)]);
}

#[test]
fn the_order_of_lines_does_not_matter() {
    let mut book = Book::default();
    book.expect(&key("one"), (0, 0));
    book.tell(&ended("one", 0, End::Succeeded));
    book.tell(&ended("one", 0, End::Failed));
    assert_eq!(stages(&book), [("one", Stage::Succeeded)]);
    assert_eq!(book.counts(JOB).recent, "s");
}

#[test]
fn what_was_not_published_is_expected_no_more() {
    let mut book = Book::default();
    book.expect(&key("one"), (0, 0));
    book.expect(&key("one"), (0, 0));
    book.withdraw(&key("one"));
    assert_eq!(counted(&mut book), (1, 0));
    book.withdraw(&key("one"));
    assert_eq!(counted(&mut book), (0, 0));
}
