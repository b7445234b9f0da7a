//! In whose name something is written about a job.

/// A job, and who is at work on it: what is written in another's name is void.
#[derive(Clone, Copy, Debug)]
pub struct AtWork<'a> {
    /// The job.
    pub job_id: i64,
    /// Who has taken it up.
    pub owner: &'a str,
}
