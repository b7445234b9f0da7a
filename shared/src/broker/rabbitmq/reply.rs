//! Which of AMQP's replies an error is, and the error that stands for no reply.

use lapin::ErrorKind;

/// A name that nothing has.
pub(super) fn is_not_found(error: &lapin::Error) -> bool {
    is(error, 404)
}

/// Something that the user has no right to.
pub(super) fn is_access_refused(error: &lapin::Error) -> bool {
    is(error, 403)
}

fn is(error: &lapin::Error, code: u16) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == code)
}

/// The broker is there but does not answer.
pub(super) fn timed_out() -> lapin::Error {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
