//! A file of tenants in a directory of its own, and the secrets that it names.

use std::path::{Path, PathBuf};

use shared::testing::prefix;

/// Each destination's.
pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Removed with its directory when dropped.
pub(super) struct File {
    directory: PathBuf,
}

impl File {
    /// A file with this text, in which each `@secret` stands for the reference to a secret in a file of its own,
    /// the first one's called `secret`: no two tenants may name the same.
    pub(super) fn of(text: &str) -> Self {
        let directory = std::env::temp_dir().join(prefix());
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("secret"), format!("{SECRET}\n")).unwrap();
        let file = Self { directory };
        file.write(text);
        file
    }

    /// Another text takes the place of the one before, at once.
    pub(super) fn write(&self, text: &str) {
        let mut parts = text.split("@secret");
        let mut written = parts.next().unwrap().to_owned();
        for (place, part) in (1..).zip(parts) {
            let name = if place == 1 { "secret".to_owned() } else { format!("secret-{place}") };
            let secret = self.directory.join(name);
            std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
            written.extend(["{ file = \"", secret.to_str().unwrap(), "\" }", part]);
        }
        std::fs::write(self.directory.join("new"), written).unwrap();
        std::fs::rename(self.directory.join("new"), self.path()).unwrap();
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.join("tenants.toml")
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
