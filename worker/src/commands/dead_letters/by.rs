//! Who does something by hand, as the audit will call them.

use clap::Args;

use crate::records::dead_letters::{NOBODY, is_reserved};

/// Who does it.
#[derive(Args, Clone, Debug)]
pub(in crate::commands) struct By {
    /// Who does it, for the audit
    #[arg(
        long = "by",
        value_name = "NAME",
        env = "USER",
        default_value = NOBODY,
        hide_env_values = true,
        value_parser = parse
    )]
    pub(in crate::commands) who: String,
}

fn parse(name: &str) -> Result<String, String> {
    if is_reserved(name) && name != NOBODY {
        return Err("the program itself signs with it: say who you are with --by".to_owned());
    }
    Ok(name.to_owned())
}
