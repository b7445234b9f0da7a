//! Whether a portal has the app.

/// As the records have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstallationState {
    Installed,
    /// It has removed the app, or has taken its consent back: it has to install it again.
    Uninstalled,
}

/// What is in the column is no state.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no state of an installation")]
pub(crate) struct NotAState(String);

impl TryFrom<String> for InstallationState {
    type Error = NotAState;

    fn try_from(text: String) -> Result<Self, NotAState> {
        match &*text {
            "installed" => Ok(Self::Installed),
            "uninstalled" => Ok(Self::Uninstalled),
            _ => Err(NotAState(text)),
        }
    }
}
