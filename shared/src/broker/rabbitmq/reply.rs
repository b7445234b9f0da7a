//! Which of AMQP's replies an error is.

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
