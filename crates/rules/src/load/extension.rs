//! Our own keys, under `seawall`. Other tools ignore them; here an unknown
//! one is an error, as a threshold misspelt would alert on everything.

use std::time::Duration;

use super::{
    item::{Map, RuleItem},
    resolve::{Resolver, Scope},
    text::{Draft, Text},
};
use crate::{
    field::Source,
    parse,
    rule::{Case, Extension, Maturity, Sequence, Step, Suppress, Term, Threshold},
    suggest,
    yaml::{self, Node, Value},
};

const KEYS: [&str; 16] = [
    "id",
    "on_host",
    "title",
    "severity",
    "maturity",
    "why",
    "fix",
    "false_positives",
    "references",
    "attack",
    "matrix",
    "threshold",
    "sequence",
    "suppress",
    "dedup",
    "cases",
];

/// What stands under `seawall`, with the ids that the rule itself has.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) extension: Extension,
    pub(super) id: Option<String>,
    pub(super) on_host: Option<String>,
}

/// The longest window: state is kept for as long.
const MAX_WITHIN: Duration = Duration::from_hours(7 * 24);

const MAX_STEPS: usize = 16;

const MAX_KEYS: usize = 8;

impl Resolver<'_> {
    /// What stands under `seawall`; `None` where an error was said.
    pub(super) fn extension(&mut self, rule: &RuleItem, scope: &mut Scope<'_>) -> Option<Read> {
        let Some((file, node)) = &rule.extension else {
            return Some(Read::default());
        };
        match self.read_extension(*file, node, scope) {
            Ok(extension) => extension,
            Err(draft) => {
                self.say(draft.item(scope.label));
                None
            }
        }
    }

    fn read_extension(
        &mut self,
        file: usize,
        node: &Node,
        scope: &mut Scope<'_>,
    ) -> Result<Option<Read>, Draft> {
        let map = strict(file, node, "`seawall`", &KEYS)?;
        let text = |key: &str| {
            map.optional_text(key)
                .map(|text| text.map(|text| text.text.trim().to_owned()))
        };
        let named = |key: &str| match text(key)? {
            Some(id) if !is_id(&id) => Err(Draft::error(
                "bad-id",
                format!("`{id}` is no id"),
                "letters, digits, `-`, `_` and `.`",
                map.place(map.get(key).unwrap_or(node)),
            )),
            id => Ok(id),
        };
        let mut is_whole = true;
        let mut faults = Vec::new();
        let mut say = |fault: Draft| faults.push(fault);
        let id = named("id").map_err(&mut say).ok().flatten();
        let on_host = named("on_host").map_err(&mut say).ok().flatten();
        if on_host.is_some() && scope.source != Source::Syscall {
            say(Draft::error(
                "bad-value",
                "`on_host` is for rules over a node's events",
                "nothing else happens on a host",
                map.place(map.get("on_host").unwrap_or(node)),
            ));
        }
        let severity = word(
            &map,
            "severity",
            |text| text.parse::<model::Severity>().ok(),
            &["critical", "high", "medium", "low", "info"],
        );
        let maturity = word(
            &map,
            "maturity",
            Maturity::parse,
            &Maturity::ALL.map(Maturity::as_str),
        );
        let attack = codes(
            &map,
            "attack",
            is_attack,
            "an ATT&CK technique such as `T1611`",
        );
        let matrix = codes(&map, "matrix", is_matrix, "a technique such as `MS-TA9003`");
        let mut words = |key: &str| text(key).map_err(&mut say).ok().flatten();
        let mut extension = Extension {
            title: words("title"),
            why: words("why"),
            fix: words("fix"),
            false_positives: words("false_positives"),
            severity: severity.map_err(&mut say).ok().flatten(),
            maturity: maturity.map_err(&mut say).ok().flatten(),
            references: texts(&map, "references")
                .map_err(&mut say)
                .unwrap_or_default(),
            attack: attack.map_err(&mut say).unwrap_or_default(),
            matrix: matrix.map_err(&mut say).unwrap_or_default(),
            cases: cases(&map).map_err(&mut say).unwrap_or_default(),
            ..Extension::default()
        };
        if let Some(node) = map.get("threshold") {
            let threshold = self.threshold(file, node, scope);
            extension.threshold = threshold.map_err(&mut say).ok().flatten();
            is_whole &= extension.threshold.is_some();
        }
        if let Some(node) = map.get("sequence") {
            let sequence = self.sequence(file, node, scope);
            extension.sequence = sequence.map_err(&mut say).ok().flatten();
            is_whole &= extension.sequence.is_some();
        }
        if let Some(node) = map.get("suppress") {
            let suppress = self.suppress(file, node, scope);
            extension.suppress = suppress.map_err(&mut say).ok().flatten();
            is_whole &= extension.suppress.is_some();
        }
        match self.terms(&map, "dedup", scope).map_err(&mut say) {
            Ok(Some(terms)) => extension.dedup = terms,
            _ => is_whole = false,
        }
        is_whole &= faults.is_empty();
        for fault in faults {
            self.say(fault.item(scope.label));
        }
        Ok(is_whole.then_some(Read {
            extension,
            id,
            on_host,
        }))
    }

    fn suppress(
        &mut self,
        file: usize,
        node: &Node,
        scope: &mut Scope<'_>,
    ) -> Result<Option<Suppress>, Draft> {
        let map = strict(file, node, "`suppress`", &["by", "for"])?;
        let by = self.terms(&map, "by", scope)?;
        let within = duration(&map, "for")?;
        Ok(by.map(|by| Suppress { by, within }))
    }

    fn threshold(
        &mut self,
        file: usize,
        node: &Node,
        scope: &mut Scope<'_>,
    ) -> Result<Option<Threshold>, Draft> {
        let map = strict(
            file,
            node,
            "`threshold`",
            &["count", "within", "by", "distinct"],
        )?;
        let text = map.text("count")?.text;
        let count = text.trim().parse::<u32>().ok().filter(|count| *count >= 2);
        let Some(count) = count else {
            return Err(Draft::error(
                "bad-value",
                format!("`count` is a whole number from 2 on, not `{text}`"),
                "not a count",
                map.place(map.get("count").unwrap_or(node)),
            ));
        };
        let within = duration(&map, "within")?;
        let by = self.terms(&map, "by", scope)?;
        let distinct = if map.get("distinct").is_some() {
            self.term(&map.text("distinct")?, scope).map(Some)
        } else {
            Some(None)
        };
        Ok(by.zip(distinct).map(|(by, distinct)| Threshold {
            count,
            within,
            by,
            distinct,
        }))
    }

    fn sequence(
        &mut self,
        file: usize,
        node: &Node,
        scope: &mut Scope<'_>,
    ) -> Result<Option<Sequence>, Draft> {
        let map = strict(file, node, "`sequence`", &["within", "by", "steps"])?;
        let within = duration(&map, "within")?;
        let by = self.terms(&map, "by", scope)?;
        let steps_node = map.get("steps").ok_or_else(|| map.missing("steps"))?;
        let Value::Sequence(parts) = &steps_node.value else {
            return Err(map.wrong(steps_node, "steps", "a list"));
        };
        if parts.len() < 2 || parts.len() > MAX_STEPS {
            return Err(Draft::error(
                "bad-value",
                format!("a sequence has 2 to {MAX_STEPS} steps, not {}", parts.len()),
                "the steps",
                map.place(map.pair("steps").map_or(node, |(key, _)| key)),
            ));
        }
        let mut steps = Some(Vec::new());
        for part in parts {
            let map = strict(file, part, "a step", &["name", "condition"])?;
            let name = map.text("name")?.text.trim().to_owned();
            let text = map.text("condition")?;
            match (self.condition(&text, scope), &mut steps) {
                (Some(condition), Some(steps)) => steps.push(Step { name, condition }),
                _ => steps = None,
            }
        }
        Ok(by
            .zip(steps)
            .map(|(by, steps)| Sequence { within, by, steps }))
    }

    /// One field or a list of them.
    fn terms(
        &mut self,
        map: &Map<'_>,
        key: &str,
        scope: &mut Scope<'_>,
    ) -> Result<Option<Vec<Term>>, Draft> {
        let Some(node) = map.get(key).filter(|node| !node.is_null()) else {
            return Ok(Some(Vec::new()));
        };
        let nodes = match &node.value {
            Value::Scalar(_) => std::slice::from_ref(node),
            Value::Sequence(parts) => parts.as_slice(),
            Value::Mapping(_) => return Err(map.wrong(node, key, "a field or a list of fields")),
        };
        if nodes.len() > MAX_KEYS {
            return Err(Draft::error(
                "bad-value",
                format!("`{key}` names more than {MAX_KEYS} fields"),
                "too many",
                map.place(node),
            ));
        }
        let mut terms = Some(Vec::new());
        for node in nodes {
            if node.scalar().is_none() {
                return Err(map.wrong(node, key, "a field or a list of fields"));
            }
            match (self.term(&Text::of(map.file, node), scope), &mut terms) {
                (Some(term), Some(terms)) => terms.push(term),
                _ => terms = None,
            }
        }
        Ok(terms)
    }

    fn term(&mut self, text: &Text, scope: &mut Scope<'_>) -> Option<Term> {
        match parse::operand(&text.text) {
            Ok(operand) => self.left(&operand, text, scope).map(|left| left.term),
            Err(error) => {
                self.syntax(error, text, scope.label);
                None
            }
        }
    }
}

/// A map whose every key is known.
fn strict<'n>(file: usize, node: &'n Node, what: &str, known: &[&str]) -> Result<Map<'n>, Draft> {
    let map = Map::of(file, node, what)?;
    for (key, node) in map.keys() {
        if !known.contains(&key) {
            return Err(Draft::error(
                "unknown-key",
                format!("unknown key `{key}` in {what}"),
                "not a key here",
                map.place(node),
            )
            .help(suggest::or_list(key, known.iter().copied())));
        }
    }
    Ok(map)
}

fn word<T>(
    map: &Map<'_>,
    key: &str,
    parse: impl Fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<Option<T>, Draft> {
    let Some(text) = map.optional_text(key)? else {
        return Ok(None);
    };
    let word = text.text.trim();
    parse(word).map(Some).ok_or_else(|| {
        Draft::error(
            "bad-value",
            format!("`{key}` cannot be `{word}`"),
            "not a word it knows",
            map.place(map.get(key).unwrap_or(map.node)),
        )
        .help(suggest::or_list(word, known.iter().copied()))
    })
}

fn texts(map: &Map<'_>, key: &str) -> Result<Vec<String>, Draft> {
    Ok(map.texts(key)?.into_iter().map(|(text, _)| text).collect())
}

fn codes(
    map: &Map<'_>,
    key: &str,
    is_code: fn(&str) -> bool,
    wanted: &str,
) -> Result<Vec<String>, Draft> {
    map.texts(key)?
        .into_iter()
        .map(|(text, place)| {
            if is_code(&text) {
                return Ok(text);
            }
            Err(Draft::error(
                "bad-value",
                format!("`{text}` is not {wanted}"),
                "not a technique",
                place,
            ))
        })
        .collect()
}

fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_attack(text: &str) -> bool {
    text.strip_prefix('T')
        .is_some_and(|rest| match rest.split_once('.') {
            Some((technique, sub)) => is_digits(technique, 4) && is_digits(sub, 3),
            None => is_digits(rest, 4),
        })
}

fn is_matrix(text: &str) -> bool {
    text.strip_prefix("MS-TA")
        .is_some_and(|rest| is_digits(rest, 4))
}

fn is_id(text: &str) -> bool {
    text.len() <= 120
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// `90s`, `10m`, `2h`, `1d`.
fn duration(map: &Map<'_>, key: &str) -> Result<Duration, Draft> {
    let text = map.text(key)?.text;
    let text = text.trim();
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 24 * 3600)];
    let read = units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        number.checked_mul(*seconds).map(Duration::from_secs)
    });
    match read {
        Some(duration) if duration.is_zero() || duration > MAX_WITHIN => Err(Draft::error(
            "bad-value",
            format!("`{key}` is longer than nothing and at most 7d, not `{text}`"),
            "out of bounds",
            map.place(map.get(key).unwrap_or(map.node)),
        )),
        Some(duration) => Ok(duration),
        None => Err(Draft::error(
            "bad-value",
            format!("`{text}` is no time"),
            "not a time",
            map.place(map.get(key).unwrap_or(map.node)),
        )
        .help(Some("write a number and s, m, h or d, as in `10m`"))),
    }
}

fn cases(map: &Map<'_>) -> Result<Vec<Case>, Draft> {
    let Some(node) = map.get("cases").filter(|node| !node.is_null()) else {
        return Ok(Vec::new());
    };
    let Value::Sequence(parts) = &node.value else {
        return Err(map.wrong(node, "cases", "a list"));
    };
    parts
        .iter()
        .map(|part| {
            let map = strict(map.file, part, "a case", &["name", "expect", "events"])?;
            let expects_match = word(
                &map,
                "expect",
                |text| match text {
                    "match" => Some(true),
                    "none" => Some(false),
                    _ => None,
                },
                &["match", "none"],
            )?
            .ok_or_else(|| map.missing("expect"))?;
            let node = map.get("events").ok_or_else(|| map.missing("events"))?;
            let Value::Sequence(events) = &node.value else {
                return Err(map.wrong(node, "events", "a list"));
            };
            let events = events
                .iter()
                .map(|event| match &event.value {
                    Value::Mapping(_) => Ok(yaml::json(event).to_string()),
                    Value::Scalar(scalar) => {
                        let json = serde_json::from_str::<serde_json::Value>(&scalar.text);
                        match json {
                            Ok(json @ serde_json::Value::Object(_)) => Ok(json.to_string()),
                            _ => Err(Draft::error(
                                "bad-value",
                                "an event is a map, or JSON text of one",
                                "not an event",
                                map.place(event),
                            )),
                        }
                    }
                    Value::Sequence(_) => Err(map.wrong(event, "events", "maps")),
                })
                .collect::<Result<_, _>>()?;
            Ok(Case {
                name: map.text("name")?.text.trim().to_owned(),
                expects_match,
                events,
            })
        })
        .collect()
}
