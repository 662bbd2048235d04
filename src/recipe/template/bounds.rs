//! Limits on templates, whatever they say: what they may consist of, and how large their texts may get.
//!
//! Fuel counts steps, but a single step can multiply a text. So nothing that a template has made can be named and used
//! again, and there are few filters and operators that make a text longer.

use std::io::{self, Write};

use minijinja::functions::range;
use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};

/// The size of the largest text that may be made.
const LARGEST: usize = 64 * 1024;
/// The length of the longest list of numbers.
const LONGEST: usize = 1000;
/// The number of steps that a template may take.
const FUEL: u64 = 5000;
/// How often a template may join texts or apply a filter.
const OPERATORS: usize = 64;
const STATEMENTS: [&str; 7] = ["if", "elif", "else", "endif", "for", "endfor", "raw"];
/// Functions that make large or nested values from small ones.
const FUNCTIONS: [&str; 3] = ["debug", "dict", "namespace"];
const FILTERS: [&str; 8] = ["batch", "chain", "format", "groupby", "indent", "pprint", "slice", "zip"];

/// Makes the engine stop a template that does too much.
pub(super) fn limit(engine: &mut Environment<'_>) {
    engine.set_fuel(Some(FUEL));
    for name in FUNCTIONS {
        engine.remove_global(name);
    }
    for name in FILTERS {
        engine.remove_filter(name);
    }
    engine.add_function("range", |lower: isize, upper: Option<isize>, step: Option<isize>| {
        let numbers = range(lower, upper, step)?;
        if numbers.try_iter()?.nth(LONGEST).is_some() { Err(too_much()) } else { Ok(numbers) }
    });
    engine.add_filter("replace", |text: String, from: String, to: String| {
        let more = to.len().saturating_mul(text.matches(&from).count());
        if text.len().saturating_add(more) > LARGEST { Err(too_much()) } else { Ok(text.replace(&from, &to)) }
    });
    engine.add_filter("join", |values: &Value, between: Option<String>| {
        let (mut text, between) = (Text::default(), between.unwrap_or_default());
        for (at, value) in values.try_iter()?.enumerate() {
            let begin = if at == 0 { "" } else { &between };
            write!(text, "{begin}{value}").map_err(|_| too_much())?;
        }
        Ok(text.into_string())
    });
}

fn too_much() -> Error {
    Error::new(ErrorKind::OutOfFuel, "")
}

/// Returns what a template has that is not allowed.
pub(super) fn fault(text: &str, syntax: SyntaxConfig) -> Option<String> {
    if text.len() > LARGEST {
        return Some(format!("it is longer than {} KB", LARGEST / 1024));
    }
    let mut operators = 0;
    let mut statement = None;
    let mut in_list = false;
    let mut last = None;
    // invalid tokens are reported when the template is parsed
    for (token, _) in tokenize(text, false, syntax).map_while(Result::ok) {
        match &token {
            Token::Ident(name) if matches!(last, Some(Token::BlockStart)) => {
                if !STATEMENTS.contains(name) {
                    return Some(format!("'{name}' is none of the statements: {}", STATEMENTS.join(", ")));
                }
                statement = Some(*name);
            }
            Token::BlockEnd => (statement, in_list) = (None, false),
            Token::Ident("in") if statement == Some("for") => in_list = true,
            Token::Mul | Token::Pow => return Some("it multiplies".into()),
            // a loop may only go through existing values, or numbers
            token if in_list && makes_a_value(token, last.as_ref()) => {
                return Some("'for' goes through words, what filters make of them, and range() alone".into());
            }
            Token::Tilde | Token::Plus | Token::Pipe => operators += 1,
            _ => {}
        }
        last = Some(token);
    }
    (operators > OPERATORS).then(|| "it does too much".into())
}

fn makes_a_value(token: &Token<'_>, before: Option<&Token<'_>>) -> bool {
    match token {
        Token::Tilde | Token::Plus | Token::BracketOpen | Token::BraceOpen | Token::Ident("recursive") => {
            true
        }
        // after a name this is a call; elsewhere it may be a tuple
        Token::ParenOpen => !matches!(before, Some(Token::Ident(name)) if *name != "in"),
        _ => false,
    }
}

/// A text of limited length.
#[derive(Debug, Default)]
pub(super) struct Text(Vec<u8>);

impl Text {
    pub(super) fn into_string(self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
