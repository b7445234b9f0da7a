//! The commands of ours that a page shows, in all the forms in which they are written. Knows nothing of
//! what the programs take.

use regex_lite::Regex;

/// What is said of letters without `worker dead-letters` in front of it.
const ACTIONS: [&str; 5] = ["discard", "export", "jobs", "restore", "retry"];
/// What the worker logs at its end.
const LOGGED: &str = "worker stopped";

/// Text of a page that may be a command, or several.
pub(super) struct Written {
    pub(super) line: usize,
    pub(super) text: String,
    /// To be copied as it stands; else it is named within a sentence.
    pub(super) is_in_fence: bool,
}

/// What a page shows as code. A fence without a language shows what is printed.
pub(super) fn written(page: &str) -> Vec<Written> {
    let mut all = Vec::new();
    // The page without its fences, line by line as it was.
    let mut prose = String::new();
    let mut language: Option<&str> = None;
    let mut begun: Option<Written> = None;
    for (index, line) in page.lines().enumerate() {
        if let Some(after) = line.trim_start().strip_prefix("```")
            && !after.contains('`')
        {
            language = if language.is_some() { None } else { Some(after) };
            all.extend(begun.take());
        } else if language.is_none() {
            prose += line;
        } else if matches!(language, Some("sh" | "ini")) {
            let mut whole = begun.take().unwrap_or_else(|| Written {
                line: index + 1,
                text: String::new(),
                is_in_fence: true,
            });
            // A line that ends in a pipe goes on as well.
            let is_cut = line.ends_with('\\') || line.ends_with('|');
            whole.text += line.strip_suffix('\\').unwrap_or(line);
            whole.text.push(' ');
            if is_cut {
                begun = Some(whole);
            } else {
                all.push(whole);
            }
        }
        prose.push('\n');
    }
    // What is quoted with two signs may hold one of them.
    let code = Regex::new("(?s)``.+?``|`([^`]+)`").unwrap();
    for found in code.captures_iter(&prose).filter_map(|captures| captures.get(1)) {
        let line = prose[..found.start()].matches('\n').count() + 1;
        let text = found.as_str().replace('\n', " ");
        if text != LOGGED {
            all.push(Written { line, text, is_in_fence: false });
        }
    }
    all
}

/// A command of ours.
pub(super) struct Ours {
    pub(super) program: &'static str,
    /// Names of the variables that are set in front of it, and what they are set to.
    pub(super) variables: Vec<(String, String)>,
    /// What it is given.
    pub(super) words: Vec<String>,
}

impl Ours {
    pub(super) fn line(&self) -> String {
        let names = self.variables.iter().map(|(name, _)| name.as_str());
        let words = self.words.iter().map(String::as_str);
        names.chain([self.program]).chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// The commands of ours among those of a line.
pub(super) fn ours(text: &str) -> Vec<Ours> {
    commands(text).into_iter().filter_map(|words| one_of_ours(&words, Vec::new())).collect()
}

/// By itself, or run by another program that is known here.
fn one_of_ours(words: &[String], mut variables: Vec<(String, String)>) -> Option<Ours> {
    let (first, rest) = words.split_first()?;
    if let Some(program) = program(first) {
        return Some(Ours { program, variables, words: rest.to_vec() });
    }
    if let Some((name, value)) = first.split_once('=') {
        variables.push((name.to_owned(), value.to_owned()));
        return one_of_ours(rest, variables);
    }
    match first.as_str() {
        "sudo" => match rest {
            [flag, _, rest @ ..] if flag == "-u" => one_of_ours(rest, variables),
            _ => one_of_ours(rest, variables),
        },
        "cargo" => {
            let is_ours = rest.windows(2).any(|pair| pair[0] == "-p" && pair[1] == "worker");
            let is_run = rest.first().is_some_and(|word| word == "run");
            let words = after(rest, "--").filter(|_| is_ours && is_run)?.to_vec();
            Some(Ours { program: "worker", variables, words })
        }
        "kubectl" => one_of_ours(after(rest, "--")?, variables),
        action if ACTIONS.contains(&action) && !rest.is_empty() => {
            let words = ["dead-letters".to_owned()].into_iter().chain(words.iter().cloned());
            Some(Ours { program: "worker", variables, words: words.collect() })
        }
        // What is left out there is said before.
        "…" => of_a_service(rest, variables),
        "docker" | "exec" => match after(words, "exec") {
            // Behind the flags stands the service's name.
            Some(rest) => one_of_ours(without_flags(rest).get(1..)?, variables),
            None => of_a_service(after(rest, "run")?, variables),
        },
        _ => None,
    }
}

/// `docker compose run` with the service `send`, whose entrypoint is `worker send`, or with one that
/// is said.
fn of_a_service(words: &[String], variables: Vec<(String, String)>) -> Option<Ours> {
    let entrypoint = after(words, "--entrypoint");
    let service = without_flags(entrypoint.and_then(|rest| rest.get(1..)).unwrap_or(words));
    let (name, rest) = service.split_first()?;
    if let Some(entrypoint) = entrypoint {
        return Some(Ours {
            program: program(entrypoint.first()?)?,
            variables,
            words: rest.to_vec(),
        });
    }
    if name != "send" {
        return None;
    }
    let mut words = vec![name.clone()];
    words.extend_from_slice(rest);
    if rest.is_empty() {
        words.push("-".to_owned());
    }
    Some(Ours { program: "worker", variables, words })
}

/// Which of ours a word calls, by its name or its path.
fn program(word: &str) -> Option<&'static str> {
    let name = word.rsplit('/').next()?;
    ["worker", "receiver"].into_iter().find(|program| *program == name)
}

fn after<'a>(words: &'a [String], word: &str) -> Option<&'a [String]> {
    let place = words.iter().position(|it| it == word)?;
    words.get(place + 1..)
}

fn without_flags(words: &[String]) -> &[String] {
    let flags = words.iter().take_while(|word| word.starts_with('-')).count();
    &words[flags..]
}

/// The words of each command of a line, as a shell has them, without comments. What is redirected ends
/// a command.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for letter in text.chars().chain([' ']) {
        match quote {
            Some(open) if letter == open => quote = None,
            None if letter == '\'' || letter == '"' => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            None if letter == '#' && word.is_none() => break,
            None if letter.is_whitespace() || "|&;<>()".contains(letter) => {
                if let (Some(word), Some(words)) = (word.take(), all.last_mut()) {
                    words.push(word);
                }
                if !letter.is_whitespace() {
                    all.push(Vec::new());
                }
            }
            Some(_) | None => word.get_or_insert_default().push(letter),
        }
    }
    all
}
