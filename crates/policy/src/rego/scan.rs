//! What is wrong by tokens alone: text that `regorus` reads otherwise
//! than OPA, found without understanding it.
//!
//! * `head { … } { … }` (version 0) is two rules of one head.
//! * A parenthesis on a new line begins a statement; it does not call
//!   what stands above it.
//! * `f("x")` on its own (version 1) is a function that holds for `"x"`.

use regorus::unstable::{Lexer, Source, TokenKind};

use super::engine::Dialect;

/// One token, with where it stands, quotes included.
#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    text: String,
    start: usize,
    end: usize,
    line: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Symbol,
    Literal,
    Ident,
}

/// The longest line that is read.
pub(super) const MAX_COLUMN: std::num::NonZeroU32 = std::num::NonZeroU32::new(65_536).unwrap();

/// Brackets within brackets.
const MAX_NESTING: usize = 64;

/// Operators and steps in one expression: the tree they make is as deep
/// as there are many.
const MAX_INFIX: usize = 400;

/// Tokens that are read again because `regorus` reads what may be a
/// comprehension once as that and once as something else: the first
/// item of a list within the first item of a list, four times.
const MAX_RETRIES: u64 = 250_000;

const INFIX: &[&str] = &[
    ".", "[", "+", "-", "*", "/", "%", "&", "|", "==", "!=", "<", ">", "<=", ">=", "=", ":=",
];

/// Words after which a parenthesis never calls.
const KEYWORDS: &[&str] = &[
    "as", "default", "else", "every", "if", "in", "not", "some", "with",
];

/// The text with all three put right, or why it cannot be read.
pub(super) fn prepare(name: &str, text: &str, dialect: Dialect) -> Result<String, String> {
    let tokens = tokens(name, text)?;
    let mut edits = separate_parentheses(&tokens);
    let is_v1 = dialect == Dialect::V1 || imports_v1(&tokens);
    edits.extend(if is_v1 {
        complete_functions(&tokens)
    } else {
        unchain_bodies(&tokens, text)
    });
    Ok(super::rewrite::apply(text, edits))
}

fn tokens(name: &str, text: &str) -> Result<Vec<Token>, String> {
    let source = Source::from_contents(name.to_owned(), text.to_owned())
        .map_err(|error| super::brief(&error))?;
    let mut lexer = Lexer::new(&source);
    lexer.set_max_col(MAX_COLUMN);
    let mut tokens = Vec::new();
    let mut open = 0_usize;
    let mut infix = 0_usize;
    let mut retries = Retries::default();
    loop {
        let token = lexer.next_token().map_err(|error| super::brief(&error))?;
        let (kind, quote) = match token.0 {
            TokenKind::Eof => return Ok(tokens),
            TokenKind::Symbol => (Kind::Symbol, 0),
            TokenKind::Ident => (Kind::Ident, 0),
            TokenKind::Number => (Kind::Literal, 0),
            TokenKind::String | TokenKind::RawString => (Kind::Literal, 1),
        };
        let span = &token.1;
        let token = Token {
            kind,
            text: if quote == 0 {
                span.text().to_owned()
            } else {
                String::new()
            },
            start: (span.start as usize).saturating_sub(quote),
            end: span.end as usize + quote,
            line: span.line,
        };
        match token.text.as_str() {
            "{" | "[" | "(" | "set(" => open += 1,
            "}" | "]" | ")" => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MAX_NESTING {
            return Err(format!(
                "{name}:{}: more than {MAX_NESTING} brackets within each other",
                token.line
            ));
        }
        if retries.after(&token) > MAX_RETRIES {
            return Err(format!(
                "{name}:{}: lists, sets and objects within each other's first items too deeply",
                token.line
            ));
        }
        let is_infix = INFIX.contains(&token.text.as_str());
        let goes_on = tokens.last().is_some_and(|before: &Token| {
            before.line == token.line || INFIX.contains(&before.text.as_str())
        });
        if is_infix {
            infix += 1;
        } else if !goes_on || matches!(token.text.as_str(), "," | ";" | "{" | "}") {
            infix = 0;
        }
        if infix > MAX_INFIX {
            return Err(format!(
                "{name}:{}: more than {MAX_INFIX} operators in one expression",
                token.line
            ));
        }
        tokens.push(token);
    }
}

/// How much is read how often.
#[derive(Default)]
struct Retries {
    /// For each open bracket, how often what stands there is tried in
    /// two ways.
    open: Vec<u32>,
    /// Tokens read again so far.
    cost: u64,
}

impl Retries {
    /// All that are read again, with this one.
    fn after(&mut self, token: &Token) -> u64 {
        match token.text.as_str() {
            // The outermost is the body of a rule.
            "{" | "[" => self.open.push(u32::from(!self.open.is_empty())),
            "(" | "set(" => self.open.push(0),
            "}" | "]" | ")" => drop(self.open.pop()),
            separator @ ("," | "|" | ";") => {
                if let Some(tried) = self.open.last_mut() {
                    // The first statement of a query, and the query.
                    *tried = match separator {
                        "," => 0,
                        "|" => 2,
                        _ => 1,
                    };
                }
            }
            _ => {}
        }
        let twice: u32 = self.open.iter().sum();
        self.cost = self
            .cost
            .saturating_add((1_u64 << twice.min(32)).saturating_sub(1));
        self.cost
    }
}

fn imports_v1(tokens: &[Token]) -> bool {
    tokens
        .windows(4)
        .any(|four| four[0].text == "import" && four[1].text == "rego" && four[3].text == "v1")
}

/// An insertion or a replacement: where from, where to, what.
pub(super) type Edit = (usize, usize, String);

fn separate_parentheses(tokens: &[Token]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| &tokens[before]);
        if token.text == "("
            && token.kind == Kind::Symbol
            && open.last() == Some(&"{")
            && let Some(before) = before
            && before.line < token.line
            && may_be_called(before)
        {
            edits.push((token.start, token.start, "; ".to_owned()));
        }
        track(&mut open, token);
    }
    edits
}

fn may_be_called(token: &Token) -> bool {
    match token.kind {
        Kind::Ident => !KEYWORDS.contains(&token.text.as_str()),
        Kind::Symbol => token.text == "]",
        Kind::Literal => false,
    }
}

fn track<'a>(open: &mut Vec<&'a str>, token: &'a Token) {
    if token.kind != Kind::Symbol {
        return;
    }
    match token.text.as_str() {
        "set(" => open.push("("),
        bracket @ ("{" | "[" | "(") => open.push(bracket),
        "}" | "]" | ")" => {
            open.pop();
        }
        _ => {}
    }
}

/// Whether a brace after this token opens a set or an object.
fn expects_value(before: &Token) -> bool {
    match before.kind {
        Kind::Symbol => !matches!(before.text.as_str(), ")" | "]" | "}"),
        Kind::Ident => before.text == "in",
        Kind::Literal => false,
    }
}

fn unchain_bodies(tokens: &[Token], text: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    // Where the statement begins, where its head ends, and whether a body
    // of it just closed.
    let mut start = 0;
    let mut head_end = None;
    let mut closed_body = false;
    let mut in_body = false;
    let mut has_else = false;
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| &tokens[before]);
        if open.is_empty() {
            let continues = before.is_some_and(|before| {
                before.line == token.line
                    || (before.kind == Kind::Symbol
                        && !matches!(before.text.as_str(), ")" | "]" | "}"))
                    || KEYWORDS.contains(&before.text.as_str())
            });
            let opens_body = token.text == "{"
                && token.kind == Kind::Symbol
                && before.is_some_and(|before| !expects_value(before));
            if closed_body && opens_body {
                if let (Some(end), false) = (head_end, has_else) {
                    let head: &str = text.get(start..end).unwrap_or_default();
                    edits.push((token.start, token.start, format!("\n\n{head}")));
                }
            } else if token.text == "else" {
                has_else = true;
            } else if opens_body && (head_end.is_none() || has_else) {
                head_end = head_end.or(Some(token.start));
            } else if !continues || closed_body {
                start = token.start;
                head_end = None;
                has_else = false;
            }
            closed_body = false;
            in_body = opens_body;
        }
        track(&mut open, token);
        if open.is_empty() && token.text == "}" && token.kind == Kind::Symbol {
            closed_body = in_body;
            in_body = false;
        }
    }
    edits
}

fn complete_functions(tokens: &[Token]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut start = 0;
    let mut last_end = 0_u32;
    // Tokens of the statement that are in no bracket.
    let mut bare = 0;
    for (index, token) in tokens.iter().enumerate() {
        if open.is_empty() {
            if token.line != last_end {
                start = index;
                bare = 0;
            }
            bare += 1;
        }
        track(&mut open, token);
        if !open.is_empty() {
            continue;
        }
        last_end = token.line;
        let is_call = token.text == ")"
            && bare == 2
            && tokens[start].kind == Kind::Ident
            && tokens.get(start + 1).is_some_and(|next| next.text == "(")
            && !matches!(
                tokens[start].text.as_str(),
                "package" | "import" | "default"
            );
        let ends = tokens
            .get(index + 1)
            .is_none_or(|next| next.line > token.line && next.text != "{" && next.text != "if");
        if is_call && ends {
            edits.push((token.end, token.end, " := true".to_owned()));
        }
    }
    edits
}
