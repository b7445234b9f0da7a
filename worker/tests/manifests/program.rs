//! Which of Hubline's programs a pod runs, and what that program says of its settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args as _, Command, CommandFactory as _, FromArgMatches as _};
use receiver::Receiver;
use receiver::settings::ReceiverSettings;
use worker::parts::Worker;
use worker::parts::commands::console::ConsoleCommand;
use worker::settings::{ConsoleProgramSettings, WorkerSettings};

use super::manifest::{Manifest, texts};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Receiver,
    Worker,
    Console,
}

/// Settings as the program has read them.
pub(crate) enum Settings {
    Receiver(Box<ReceiverSettings>),
    Worker(Box<WorkerSettings>),
    Console(Box<ConsoleProgramSettings>),
}

impl Program {
    pub(crate) fn of(pod: &Manifest) -> Option<Self> {
        let container = pod.list("/spec/containers").first()?;
        let image = container["image"].as_str()?.split(':').next()?;
        match (image.rsplit_once("hubline/")?.1, texts(&container["args"]).as_slice()) {
            ("receiver", []) => Some(Self::Receiver),
            ("worker", ["run"]) => Some(Self::Worker),
            ("worker", ["console"]) => Some(Self::Console),
            (image, arguments) => panic!("what is {image} {arguments:?}?"),
        }
    }

    pub(crate) fn command(self) -> Command {
        match self {
            Self::Receiver => ReceiverSettings::command(),
            Self::Worker => WorkerSettings::augment_args(Command::new("worker")),
            Self::Console => ConsoleProgramSettings::augment_args(Command::new("console")),
        }
    }

    /// The names of all its settings.
    pub(crate) fn names(self) -> Vec<String> {
        let command = self.command();
        let names = command.get_arguments().filter_map(|argument| argument.get_env());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    /// Reads the settings as the program does, from `environment` and nowhere else.
    pub(crate) fn read(self, environment: &BTreeMap<String, String>) -> Result<Settings, String> {
        let mut command = self.command().no_binary_name(true);
        let mut flags = Vec::new();
        for argument in self.command().get_arguments() {
            let name = argument.get_env().map(|name| name.to_string_lossy().into_owned());
            let Some(value) = name.and_then(|name| environment.get(&name)) else { continue };
            flags.push(format!("--{}={value}", argument.get_long().expect("a flag")));
        }
        // What stands in the environment of this test is not meant.
        command = command.mut_args(|argument| argument.env(None::<&str>));
        let matches = command.try_get_matches_from(flags).map_err(|error| error.to_string())?;
        let read = match self {
            Self::Receiver => ReceiverSettings::from_arg_matches(&matches)
                .map(|settings| Settings::Receiver(Box::new(settings))),
            Self::Worker => WorkerSettings::from_arg_matches(&matches)
                .map(|settings| Settings::Worker(Box::new(settings))),
            Self::Console => ConsoleProgramSettings::from_arg_matches(&matches)
                .map(|settings| Settings::Console(Box::new(settings))),
        };
        read.map_err(|error| error.to_string())
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), String> {
        let checked = match self {
            Self::Receiver(settings) => settings.check(),
            Self::Worker(settings) => settings.check(),
            Self::Console(settings) => settings.check(),
        };
        checked.map_err(|error| format!("{error:#}"))
    }

    /// The ports that it listens on, by the names that they have in the manifests.
    pub(crate) fn listeners(&self) -> BTreeMap<&'static str, SocketAddr> {
        match self {
            Self::Receiver(settings) => {
                [("http", settings.listen), ("admin", settings.admin_listen)].into()
            }
            Self::Worker(settings) => [("admin", settings.admin_listen)].into(),
            Self::Console(settings) => {
                [("http", settings.console.console_listen), ("admin", settings.admin_listen)].into()
            }
        }
    }

    /// The longest that it takes from SIGTERM to its end.
    pub(crate) fn drain(&self) -> Duration {
        match self {
            Self::Receiver(settings) => settings.shutdown_grace + Receiver::AFTER_GRACE,
            Self::Worker(settings) => settings.shutdown_grace + Worker::AFTER_GRACE,
            Self::Console(_) => ConsoleCommand::STOP,
        }
    }
}
