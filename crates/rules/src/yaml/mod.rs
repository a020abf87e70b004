//! YAML with places: a bounded tree in which every key and value knows
//! where it stands.
//!
//! Aliases are copied within the same bound on nodes, so a file cannot
//! blow itself up. A file that breaks off keeps what was whole before, and
//! reading goes on at the next line that begins an item.

mod mend;

use std::{collections::HashMap, ops::Range};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use self::mend::{join_line, next_item, this_item, unclosed_before};

/// Largest rule file.
pub(crate) const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Deepest nesting of a rule file.
const MAX_DEPTH: usize = 48;

/// Most nodes of a rule file, copies by alias included.
const MAX_NODES: usize = 400_000;

/// How often reading goes on behind a mistake.
const MAX_RESUMES: usize = 20;

/// How many bytes are read again on account of brackets out of place.
const MAX_REREAD: usize = 64 * 1024 * 1024;

/// Bytes of the file.
pub(crate) type Region = Range<usize>;

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) region: Region,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) style: Style,
}

/// How a scalar is written, as far as it matters for places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Single,
    Double,
    /// `|` and `>`.
    Block,
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) at: usize,
    /// Something inside brackets stands too far left.
    is_flow_indentation: bool,
}

impl Fault {
    fn new(message: impl Into<String>, at: usize) -> Self {
        Self {
            message: message.into(),
            at,
            is_flow_indentation: false,
        }
    }

    fn of_scan(error: &ScanError, at: usize, text: &str) -> Self {
        let is_item = text.get(at..).is_some_and(|rest| rest.starts_with("- "));
        let is_flow = matches!(
            error.info(),
            "invalid indentation" | "invalid indentation in flow construct"
        );
        if is_flow && is_item {
            return Self::new("a `[` or `{` is not closed before this item", at);
        }
        Self {
            is_flow_indentation: is_flow,
            ..Self::new(error.info(), at)
        }
    }
}

impl Node {
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| {
            scalar.style == Style::Plain
                && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
        })
    }

    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(_) if self.is_null() => "nothing",
            Value::Scalar(_) => "a text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a map",
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Scalar(_) => 0,
            Value::Sequence(parts) => parts.iter().map(Self::count).sum(),
            Value::Mapping(pairs) => pairs.iter().map(|(a, b)| a.count() + b.count()).sum(),
        }
    }
}

/// The items of all documents in `text`, each a member of a top-level
/// sequence, and whatever was not understood.
pub(crate) fn items(text: &str) -> (Vec<Node>, Vec<Fault>) {
    let mut found = Vec::new();
    let mut faults = Vec::new();
    if text.len() > MAX_BYTES {
        faults.push(Fault::new(
            format!(
                "the file has {} bytes, more than {} MiB",
                text.len(),
                MAX_BYTES / 1024 / 1024
            ),
            0,
        ));
        return (found, faults);
    }
    let mut patched = None;
    let mut reread = 0;
    let mut nodes = 0;
    let mut from = 0;
    while faults.len() <= MAX_RESUMES {
        let current: &str = patched.as_deref().unwrap_or(text);
        let Some(rest) = current.get(from..) else {
            break;
        };
        let Err(fault) = read(rest, from, &mut nodes, &mut found) else {
            break;
        };
        if nodes > MAX_NODES {
            faults.push(fault);
            break;
        }
        // Behind the line of the mistake, and behind all that was read.
        let done = found.last().map_or(from, |node: &Node| node.region.end);
        reread += fault.at.saturating_sub(from);
        if reread <= MAX_REREAD
            && fault.is_flow_indentation
            && let Some(joined) = join_line(current, fault.at)
        {
            from = this_item(&joined, done.max(from), fault.at);
            patched = Some(joined);
            continue;
        }
        let at = fault.at;
        if let Some(item) = unclosed_before(current, done, &fault) {
            faults.push(Fault::new(
                "the item before this one is not closed: a bracket or a quote is missing",
                item,
            ));
            from = item;
            continue;
        }
        faults.push(fault);
        let Some(next) = next_item(text, at.max(done).max(from + 1)) else {
            break;
        };
        from = next;
    }
    (found, faults)
}

/// A collection that is being read.
struct Open {
    node: Node,
    anchor: usize,
    /// Of a mapping: the key whose value comes next.
    key: Option<Node>,
}

fn read(text: &str, offset: usize, nodes: &mut usize, found: &mut Vec<Node>) -> Result<(), Fault> {
    let places = Places::new(text);
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Node> = HashMap::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = places.byte(error.marker().line(), error.marker().col());
            let fault = Fault::of_scan(&error, at, text);
            Fault {
                at: offset + fault.at,
                ..fault
            }
        })?;
        let region = places.region(&span, offset);
        let fault = |message: &str| Fault::new(message, region.start);
        *nodes += 1;
        if *nodes > MAX_NODES {
            return Err(fault(&format!(
                "the file holds more than {MAX_NODES} values"
            )));
        }
        let (node, anchor) = match event {
            Event::Scalar(value, style, anchor, _) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::Single,
                    ScalarStyle::DoubleQuoted => Style::Double,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                let value = Value::Scalar(Scalar {
                    text: value.into_owned(),
                    style,
                });
                (Node { value, region }, anchor)
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                if open.len() >= MAX_DEPTH {
                    return Err(fault(&format!("nested more than {MAX_DEPTH} deep")));
                }
                let value = match event {
                    Event::SequenceStart(..) => Value::Sequence(Vec::new()),
                    _ => Value::Mapping(Vec::new()),
                };
                open.push(Open {
                    node: Node { value, region },
                    anchor,
                    key: None,
                });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(mut closed) = open.pop() else {
                    continue;
                };
                closed.node.region.end = region.end.max(closed.node.region.start);
                (closed.node, closed.anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = anchors.get(&anchor) else {
                    return Err(fault("an alias names nothing that is complete"));
                };
                *nodes += node.count();
                if *nodes > MAX_NODES {
                    return Err(fault(&format!(
                        "the file holds more than {MAX_NODES} values"
                    )));
                }
                (node.clone(), 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => continue,
        };
        if anchor > 0 {
            *nodes += node.count();
            anchors.insert(anchor, node.clone());
        }
        match open.as_mut_slice() {
            [] if node.is_null() || matches!(node.value, Value::Sequence(_)) => {}
            [] => {
                return Err(Fault::new(
                    format!(
                        "a rule file is a list of items, each beginning with `- `; this is {}",
                        node.kind()
                    ),
                    node.region.start,
                ));
            }
            [top] if matches!(top.node.value, Value::Sequence(_)) => found.push(node),
            [.., top] => match &mut top.node.value {
                Value::Sequence(parts) => parts.push(node),
                Value::Mapping(pairs) => match top.key.take() {
                    None => top.key = Some(node),
                    Some(key) => pairs.push((key, node)),
                },
                Value::Scalar(_) => {}
            },
        }
    }
    Ok(())
}

/// Lines and columns into bytes.
pub(crate) struct Places<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Places<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { text, starts }
    }

    /// `line` counts from 1, `column` from 0, in characters.
    fn byte(&self, line: usize, column: usize) -> usize {
        let start = self
            .starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or("");
        start
            + rest
                .char_indices()
                .nth(column)
                .map_or(rest.len(), |(at, _)| at)
    }

    fn region(&self, span: &Span, offset: usize) -> Region {
        let start = self.byte(span.start.line(), span.start.col());
        let end = self.byte(span.end.line(), span.end.col());
        offset + start..offset + end.max(start)
    }
}

/// Where in `file` the byte `offset` of a scalar's value stands.
///
/// Folding, indentation and escapes make the value differ from its source;
/// walking both side by side finds the place of every visible character.
pub(crate) fn locate(
    file: &str,
    region: &Region,
    style: Style,
    value: &str,
    offset: usize,
) -> usize {
    let limit = region.end.min(file.len());
    let mut at = region.start;
    // Of a block the region begins behind its indicator.
    if matches!(style, Style::Single | Style::Double) {
        at += 1;
    }
    let skip_blank = |mut at: usize| {
        loop {
            let rest = file.get(at..limit).unwrap_or("");
            let trimmed = rest.trim_start();
            at += rest.len() - trimmed.len();
            if style == Style::Double && trimmed.starts_with("\\\n") {
                at += 1;
                continue;
            }
            return at;
        }
    };
    for (index, c) in value.char_indices() {
        if index >= offset {
            return if c.is_whitespace() {
                at
            } else {
                skip_blank(at)
            };
        }
        let rest_at = if c.is_whitespace() {
            at
        } else {
            skip_blank(at)
        };
        let rest = file.get(rest_at..limit).unwrap_or("");
        let taken = match style {
            Style::Double if rest.starts_with('\\') => {
                let digits = match rest.as_bytes().get(1) {
                    Some(b'x') => 2,
                    Some(b'u') => 4,
                    Some(b'U') => 8,
                    _ => 0,
                };
                2 + digits
            }
            Style::Single if c == '\'' && rest.starts_with("''") => 2,
            _ if c.is_whitespace() => 0,
            _ if rest.starts_with(c) => c.len_utf8(),
            // Not what was expected: better near than wrong.
            _ => return rest_at.min(limit),
        };
        at = rest_at + taken;
    }
    at.min(limit)
}

/// A node as JSON: plain words are numbers and the like where YAML's core
/// schema says so.
pub(crate) fn json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::Sequence(parts) => Json::Array(parts.iter().map(json).collect()),
        Value::Mapping(pairs) => Json::Object(
            pairs
                .iter()
                .filter_map(|(key, value)| Some((key.scalar()?.text.clone(), json(value))))
                .collect(),
        ),
        Value::Scalar(_) if node.is_null() => Json::Null,
        Value::Scalar(scalar) if scalar.style == Style::Plain => match scalar.text.as_str() {
            "true" | "True" | "TRUE" => Json::Bool(true),
            "false" | "False" | "FALSE" => Json::Bool(false),
            text => {
                let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
                serde_json::from_str::<serde_json::Number>(text)
                    .ok()
                    .filter(|_| is_number)
                    .map_or_else(|| Json::String(text.to_owned()), Json::Number)
            }
        },
        Value::Scalar(scalar) => Json::String(scalar.text.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Node {
        let (mut nodes, faults) = items(text);
        assert!(faults.is_empty(), "{faults:?}");
        nodes.remove(0)
    }

    fn place_of(text: &str, word: &str) -> (usize, usize) {
        let Value::Mapping(pairs) = first(text).value else {
            panic!("no map")
        };
        let node = &pairs[0].1;
        let scalar = node.scalar().unwrap();
        let offset = scalar.text.find(word).unwrap();
        let at = locate(text, &node.region, scalar.style, &scalar.text, offset);
        let (before, rest) = text.split_at(at);
        assert!(rest.starts_with(word), "{rest:?}");
        let line = before.matches('\n').count() + 1;
        let column = at - before.rfind('\n').map_or(0, |newline| newline + 1) + 1;
        (line, column)
    }

    #[test]
    fn a_word_of_any_scalar_is_found_in_the_file() {
        assert_eq!(place_of("- c: a.b = x and y\n", "y"), (1, 18));
        assert_eq!(place_of("- c: >\n    a.b = x\n    and y\n", "y"), (3, 9));
        assert_eq!(
            place_of("- c: |-  # why\n    a.b = x\n\n      and y\n", "y"),
            (4, 11)
        );
        assert_eq!(place_of("- c: 'it''s\n     and y'\n", "y"), (2, 10));
        assert_eq!(
            place_of("- c: \"a \\\"b\\\" \\u00e9 \\\n    and y\"\n", "y"),
            (2, 9)
        );
        assert_eq!(place_of("- c: ä and\n    y\n", "y"), (2, 5));
        assert_eq!(place_of("- k\u{e9}: é and y\n", "y"), (1, 15));
    }

    #[test]
    fn what_is_whole_before_and_behind_a_mistake_is_kept() {
        let (nodes, faults) = items("- a: 1\n- b: [\n- c: }\n- d: 2\n- e: 3\n");
        let places: Vec<usize> = faults.iter().map(|fault| fault.at).collect();
        assert_eq!(places, [14, 19], "{faults:?}");
        assert_eq!(nodes.len(), 3, "{nodes:?}");
        let (nodes, faults) = items("a: 1\n");
        assert!(nodes.is_empty());
        assert!(faults[0].message.contains("list of items"));
    }

    #[test]
    fn a_closing_bracket_may_stand_under_its_key() {
        let text = "- a: [\n  x, # with ] a remark\n    y\n  # and one\n\n  ]\n  b: 1\n- c: [\n]\n- d: {\n  }\n";
        let (nodes, faults) = items(text);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(nodes.len(), 3);
        let Value::Mapping(pairs) = &nodes[0].value else {
            panic!("no map")
        };
        assert!(matches!(&pairs[0].1.value, Value::Sequence(parts) if parts.len() == 2));
        assert_eq!(text.get(pairs[1].0.region.clone()), Some("b"));
    }

    #[test]
    fn aliases_are_copied_and_a_bomb_is_refused() {
        let node = first("- a: &x [1, 2]\n  b: *x\n");
        let Value::Mapping(pairs) = node.value else {
            panic!("no map")
        };
        assert!(matches!(&pairs[1].1.value, Value::Sequence(parts) if parts.len() == 2));

        let mut bomb = String::from("- - &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..9 {
            let before = format!("*a{},", level - 1).repeat(10);
            bomb.extend([format!(
                "  - &a{level} [{}]\n",
                before.trim_end_matches(',')
            )]);
        }
        let (_, faults) = items(&bomb);
        assert!(faults[0].message.contains("more than"), "{faults:?}");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let (_, faults) = items(&format!("- {}x{}\n", "[".repeat(100), "]".repeat(100)));
        assert_eq!(faults.len(), 1, "{faults:?}");
        let (_, faults) = items(&format!("- {}", "x".repeat(MAX_BYTES)));
        assert!(faults[0].message.contains("8 MiB"), "{faults:?}");
    }
}
