//! What a template may be, looked at before the engine has it.
//!
//! Owns its length, and how deep it goes: the engine goes into itself as deep as an expression is long. What
//! it may say is the grammar's.

use minijinja::machinery::{Span, Token, parse, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::error::{Reason, TransformError};
use super::grammar::{Grammar, Refused};
use super::needs::Needs;

/// The longest template.
const MAX_TEMPLATE_BYTES: usize = 64 * 1024;
/// Words and signs between `{{` and `}}`, which is as deep as the engine goes into itself.
const MAX_TOKENS: usize = 200;
/// Each goes a step deeper too.
const MAX_ELIFS: usize = 50;

/// Whether the engine may have it, and what it has to be told.
pub(super) fn check(template: &str) -> Result<Needs, TransformError> {
    if template.len() > MAX_TEMPLATE_BYTES {
        return Err(Reason::TemplateTooLong.into());
    }
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if let Some(place) = template.find(control) {
        let reason = Reason::Template("a control character".to_owned());
        return Err(TransformError::at(template, place, reason));
    }
    check_lengths(template)?;
    let tree = parse(template, "", SyntaxConfig::default())
        .map_err(|error| TransformError::of_parsing(template, &error))?;
    let mut grammar = Grammar::default();
    let refused = grammar.statement(&tree);
    refused.map_err(|Refused(span, words)| place(template, span, Reason::Template(words)))?;
    Ok(grammar.needs)
}

fn place(template: &str, span: Span, reason: Reason) -> TransformError {
    TransformError::at(template, usize::try_from(span.start_offset).unwrap_or(0), reason)
}

fn check_lengths(template: &str) -> Result<(), TransformError> {
    let (mut tokens, mut elifs) = (0, 0);
    // What is no token ends this; the parser tells of it.
    for (token, span) in tokenize(template, false, SyntaxConfig::default()).map_while(Result::ok) {
        match token {
            Token::VariableStart | Token::BlockStart => tokens = 0,
            Token::TemplateData(_) => {}
            Token::Ident("elif") => elifs += 1,
            _ => tokens += 1,
        }
        if tokens > MAX_TOKENS || elifs > MAX_ELIFS {
            return Err(place(template, span, Reason::TooDeep));
        }
    }
    Ok(())
}
