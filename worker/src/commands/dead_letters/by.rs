//! Who does something by hand, as the audit will call them.

use clap::Args;

use crate::records::dead_letters::{NOBODY, is_reserved};

/// Who does it.
#[derive(Args, Clone, Debug)]
pub(in crate::commands) struct By {
    /// Who does it, for the audit; unless given $SUDO_USER, else $USER
    #[arg(
        long = "by",
        value_name = "NAME",
        default_value_t = myself(|name| std::env::var(name).ok()),
        hide_default_value = true,
        value_parser = parse
    )]
    pub(in crate::commands) who: String,
}

/// Whoever is at the keyboard: not the user that a service runs as and that they have become, whose name
/// may be one that the program itself signs with.
fn myself(variable: impl Fn(&str) -> Option<String>) -> String {
    let mut names = ["SUDO_USER", "USER"].into_iter().filter_map(variable);
    let name = names.find(|name| !name.trim().is_empty() && !is_reserved(name));
    name.unwrap_or_else(|| NOBODY.to_owned())
}

fn parse(name: &str) -> Result<String, String> {
    if is_reserved(name) && name != NOBODY {
        return Err("the program itself signs with it: say who you are with --by".to_owned());
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_s_user_is_not_who_does_it() {
        let of = |sudo: &'static str, user: &'static str| {
            myself(move |name| Some(if name == "USER" { user } else { sudo }.to_owned()))
        };
        assert_eq!(of("ann", "hubline"), "ann");
        assert_eq!(of("", "bob"), "bob");
        assert_eq!(of("", "hubline"), NOBODY);
        assert_eq!(myself(|_| None), NOBODY);
    }
}
