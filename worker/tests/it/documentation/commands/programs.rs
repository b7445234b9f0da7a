//! The programs, as their command lines are defined, and what they say to a command.

use clap::error::ErrorKind;
use clap::{Command, CommandFactory};

use super::found::Ours;

/// What the programs take.
pub(super) struct Programs {
    worker: Command,
    receiver: Command,
}

impl Programs {
    pub(super) fn new() -> Self {
        let mut worker = worker::parts::commands::Cli::command();
        let mut receiver = receiver::commands::Cli::command();
        // Only then they have `--help` and `--version` as well.
        worker.build();
        receiver.build();
        Self { worker, receiver }
    }

    /// The worker's subcommands that its help shows.
    pub(super) fn visible(&self) -> impl Iterator<Item = &str> {
        let shown = self.worker.get_subcommands().filter(|command| !command.is_hide_set());
        shown.map(Command::get_name).filter(|name| *name != "help")
    }

    /// What is wrong with a command, if anything is.
    pub(super) fn complaint(&self, ours: &Ours, is_whole: bool) -> Option<String> {
        let program = if ours.program == "worker" { &self.worker } else { &self.receiver };
        let why = names(program, ours).err().or_else(|| {
            // One that is only named, or has a word that stands for many, is not complete.
            is_whole.then(|| taken(program, ours).err()).flatten()
        })?;
        Some(format!("{}: {why}", ours.line()))
    }
}

/// Subcommands, flags and variables are the program's.
fn names(program: &Command, ours: &Ours) -> Result<(), String> {
    let mut command = program;
    let mut words = ours.words.iter().filter(|word| !word.contains('…'));
    while let Some(word) = words.next() {
        if word.starts_with('-') && word != "-" {
            let flag = word.split('=').next().unwrap_or(word);
            let argument = command
                .get_arguments()
                .find(|argument| is_called(argument, flag))
                .ok_or_else(|| format!("no flag `{flag}`"))?;
            if argument.get_action().takes_values() && flag == word {
                words.next();
            }
        } else if let Some(found) = command.find_subcommand(word) {
            command = found;
        } else if command.has_subcommands() {
            return Err(format!("no command `{word}`"));
        }
    }
    for (name, _) in &ours.variables {
        setting(command, name).ok_or_else(|| format!("no setting `{name}`"))?;
    }
    Ok(())
}

fn is_called(argument: &clap::Arg, flag: &str) -> bool {
    match flag.strip_prefix("--") {
        Some(name) => {
            argument.get_long() == Some(name)
                || argument.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
        }
        None => argument.get_short().is_some_and(|short| flag == format!("-{short}")),
    }
}

fn setting<'a>(command: &'a Command, name: &str) -> Option<&'a clap::Arg> {
    let is_named = |argument: &&clap::Arg| argument.get_env().is_some_and(|env| env == name);
    command.get_arguments().find(is_named)
}

/// The program takes the command as it stands, with what is set in front of it given as flags.
fn taken(program: &Command, ours: &Ours) -> Result<(), String> {
    let mut words = vec![ours.program.to_owned()];
    words.extend(ours.words.iter().cloned());
    let mut command = program;
    for word in &ours.words {
        command = command.find_subcommand(word).unwrap_or(command);
    }
    for (name, value) in &ours.variables {
        let flag = setting(command, name).and_then(clap::Arg::get_long);
        words.extend(flag.map(|flag| format!("--{flag}={value}")));
    }
    match program.clone().try_get_matches_from(words) {
        Ok(_) => Ok(()),
        Err(help) if matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(())
        }
        Err(error) => Err(error.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}
