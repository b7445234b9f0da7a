//! What was done just before, in words.

/// What was done just before, as an address tells it.
pub(super) fn notice(done: &str) -> Option<String> {
    let notice = match done {
        "note" => "The note is written.",
        "section-pause" => "What is for it waits from now on; nothing is lost.",
        "section-resume" => "What is for it goes on.",
        "section-tried" => {
            "It is without the app. If there is a token yet that HubSpot has refused, it is tried again, and what is for it goes on if HubSpot takes it."
        }
        "section-nothing" => "Nothing was done: its state is another one by now.",
        "section-slow" => "That takes a while: it is done by itself.",
        "job-made" => "The job is made.",
        "job-late" => "The job is being made, which takes a while: it will stand here.",
        "job-none" => "No job was made: there was nothing to do any more.",
        "job-pause" => "The job waits until it is resumed.",
        "job-resume" => "The job goes on.",
        "job-cancel" => "The job ends: what it has not come to stays as it was.",
        "job-slow" => {
            "That takes a while: it is done by itself, if the job's state still allows it."
        }
        "job-nothing" => "Nothing was done: the job's state is another one by now.",
        _ => return None,
    };
    Some(notice.to_owned())
}
