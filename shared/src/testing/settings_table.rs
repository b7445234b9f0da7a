//! A program's settings as the table of docs/settings.md, made from what `--help` is made of.

use std::path::Path;

use clap::Command;

/// The settings of `command`, one row each, in the order of `--help`.
pub fn settings_table(command: &Command) -> String {
    let mut table = "| Setting | Default | Meaning |\n|---|---|---|\n".to_owned();
    for argument in command.get_arguments() {
        let Some(name) = argument.get_env().and_then(|name| name.to_str()) else { continue };
        let defaults = argument.get_default_values().iter().filter_map(|value| value.to_str());
        let default = match defaults.collect::<Vec<_>>().join(",") {
            none if none.is_empty() => String::new(),
            value => format!("`{value}`"),
        };
        let meaning = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let row = [&format!("`{name}`"), &default, &meaning].map(|cell| cell.replace('|', "\\|"));
        table += &["| ", &row.join(" | "), " |\n"].concat();
    }
    table
}

/// Fails, and shows what should stand there, unless docs/settings.md has the settings of `program`
/// between `<!-- settings: PROGRAM -->` and `<!-- /settings -->`.
#[track_caller]
pub fn assert_settings_are_documented(program: &str, command: &Command) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/settings.md");
    let page = std::fs::read_to_string(page).unwrap_or_default();
    let (documented, expected) = (documented(&page, program), settings_table(command));
    assert!(
        documented == Some(expected.trim()),
        "docs/settings.md should have between {} and {END}:\n\n{expected}\nIt has:\n\n{}\n",
        start(program),
        documented.unwrap_or("no such place"),
    );
}

const END: &str = "<!-- /settings -->";

fn start(program: &str) -> String {
    format!("<!-- settings: {program} -->")
}

fn documented<'a>(page: &'a str, program: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&start(program))?;
    rest.split_once(END).map(|(table, _)| table.trim())
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn a_table_is_found_on_a_page_as_it_was_made() {
        let listen = Arg::new("listen").env("LISTEN").default_value("[::]:80").help("Where");
        let file = Arg::new("file").env("KEY_FILE").help("A | B");
        let command = Command::new("x").arg(listen).arg(file).arg(Arg::new("unlisted"));
        let table = settings_table(&command);
        assert_eq!(
            table,
            "| Setting | Default | Meaning |\n|---|---|---|\n\
             | `LISTEN` | `[::]:80` | Where |\n| `KEY_FILE` |  | A \\| B |\n"
        );
        let page = format!("# X\n<!-- settings: x -->\n\n{table}\n<!-- /settings -->\nmore");
        assert_eq!(documented(&page, "x"), Some(table.trim()));
        assert_eq!(documented(&page, "y"), None);
    }
}
