//! The interpreter of the table of checks.

use serde_json::{Value, json};

use super::{Check, Encryption, Mode, Owner, Setting, Test};
use crate::{
    NodeFacts, Step, Verdict,
    facts::{FileRole, NodeFile, Process},
    verdict::Fault,
};

/// Files named in one finding.
const NAMED: usize = 20;

impl Check {
    /// Judges one node.
    pub fn judge(&self, node: &NodeFacts) -> Verdict {
        match &self.test {
            Test::Setting(setting) => self.setting(setting, node),
            Test::Mode(mode) => files_beyond(mode, node),
            Test::Owner(owner) => files_of_others(owner, node),
            Test::Encryption(wanted) => self.encryption(wanted, node),
        }
    }

    fn setting(&self, setting: &Setting, node: &NodeFacts) -> Verdict {
        let mut processes = node
            .processes
            .iter()
            .filter(|process| process.component == setting.of)
            .peekable();
        if processes.peek().is_none() {
            return Verdict::NotApplicable;
        }
        let config = match setting.of.as_str() {
            "kubelet" => &node.kubelet,
            "kube-proxy" => &node.proxy,
            _ => &Value::Null,
        };
        for process in processes {
            let is_elsewhere = |name: &String| flag(process, name).is_some();
            if setting.unless.iter().any(is_elsewhere) {
                return Verdict::NotApplicable;
            }
            // It is read from a file that could not be read: what the
            // flags leave open is not known.
            let is_unread = config.is_null() && flag(process, "config").is_some();
            for (place, name) in setting.flags.iter().enumerate() {
                let key = setting.keys.get(place);
                let (value, from) = value(process, name, key, setting, config);
                if from == From::Default && is_unread && key.is_some() {
                    return Verdict::NotApplicable;
                }
                if !setting.want.holds(value.as_deref()) {
                    return self.wrong(setting, name, value.as_deref(), from);
                }
            }
        }
        Verdict::Healthy
    }

    fn wrong(&self, setting: &Setting, flag: &str, value: Option<&str>, from: From) -> Verdict {
        let said = match (value, from) {
            (None | Some(""), _) => format!("--{flag} of {} is not set", setting.of),
            (Some(value), From::Default) => {
                format!("--{flag} of {} is not set, which means {value}", setting.of)
            }
            (Some(value), _) => format!("--{flag} of {} is {value}", setting.of),
        };
        Fault::verdict(
            format!("{said}; it must {}", plain(&setting.want.to_string())),
            json!({
                "component": setting.of,
                "flag": flag,
                "value": value,
                "from": from.word(),
                "wanted": plain(&setting.want.to_string()),
            }),
            vec![Step::say(self.fix.trim())],
        )
    }

    fn encryption(&self, wanted: &Encryption, node: &NodeFacts) -> Verdict {
        let Some(providers) = &node.encryption else {
            return Verdict::NotApplicable;
        };
        let weak: Vec<&String> = providers
            .iter()
            .filter(|provider| !wanted.first_is_one_of.contains(provider))
            .collect();
        if weak.is_empty() && !providers.is_empty() {
            return Verdict::Healthy;
        }
        let said = match weak.first() {
            Some(provider) => format!("what is new is written by the provider '{provider}'"),
            None => "the encryption configuration names no provider".to_owned(),
        };
        Fault::verdict(
            format!(
                "{said}; it must be one of {}",
                wanted.first_is_one_of.join(", ")
            ),
            json!({ "providers": providers, "wanted": wanted.first_is_one_of }),
            vec![Step::say(self.fix.trim())],
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Flag,
    Config,
    Default,
}

impl From {
    fn word(self) -> &'static str {
        match self {
            Self::Flag => "command line",
            Self::Config => "configuration file",
            Self::Default => "default",
        }
    }
}

/// A setting as it holds, and where that was said.
fn value(
    process: &Process,
    name: &str,
    key: Option<&String>,
    setting: &Setting,
    config: &Value,
) -> (Option<String>, From) {
    if let Some(value) = flag(process, name) {
        return (Some(value), From::Flag);
    }
    if let Some(value) = key.and_then(|key| at(config, key)) {
        return (Some(value), From::Config);
    }
    let absent = match (&setting.absent_without_config, config) {
        (Some(absent), Value::Null) => Some(absent),
        _ => setting.absent.as_ref(),
    };
    (absent.cloned(), From::Default)
}

/// The value of a flag; the last one counts. A flag alone is `true`.
pub fn flag(process: &Process, name: &str) -> Option<String> {
    let mut found = None;
    let mut arguments = process.arguments.iter().peekable();
    while let Some(argument) = arguments.next() {
        let Some(rest) = argument.strip_prefix("--").or(argument.strip_prefix('-')) else {
            continue;
        };
        match rest.split_once('=') {
            Some((known, value)) if known == name => found = Some(value.to_owned()),
            None if rest == name => {
                // `--flag value` is two arguments; `--flag` is a switch.
                let next = arguments.peek().filter(|next| !next.starts_with('-'));
                found = Some(next.map_or_else(|| "true".to_owned(), |next| (*next).clone()));
            }
            _ => {}
        }
    }
    found
}

/// What stands in a configuration at `a.b.c`, as a command line would
/// have it. Keys with dots in them do not occur.
fn at(config: &Value, key: &str) -> Option<String> {
    let mut value = config;
    for step in key.split('.') {
        value = value.get(step)?;
    }
    match value {
        Value::Null => None,
        // How files write that the default holds.
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(
            items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect::<Vec<_>>()
                .join(","),
        ),
        // Feature gates: `A=true,B=false`.
        Value::Object(entries) => Some(
            entries
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(","),
        ),
        other => Some(other.to_string()),
    }
}

fn of_role(node: &NodeFacts, role: FileRole) -> impl Iterator<Item = &NodeFile> {
    node.files.iter().filter(move |file| file.role == role)
}

fn files_beyond(mode: &Mode, node: &NodeFacts) -> Verdict {
    let Ok(most) = u32::from_str_radix(&mode.at_most, 8) else {
        return Verdict::NotApplicable;
    };
    if of_role(node, mode.role).next().is_none() {
        return Verdict::NotApplicable;
    }
    let wrong: Vec<&NodeFile> = of_role(node, mode.role)
        .filter(|file| file.mode & !most != 0)
        .collect();
    wrong_files(
        &wrong,
        |file| {
            format!(
                "{} is {:03o}, beyond {}",
                file.path, file.mode, mode.at_most
            )
        },
        &format!("chmod {}", mode.at_most),
    )
}

fn files_of_others(owner: &Owner, node: &NodeFacts) -> Verdict {
    if of_role(node, owner.role).next().is_none() {
        return Verdict::NotApplicable;
    }
    let wrong: Vec<&NodeFile> = of_role(node, owner.role)
        .filter(|file| format!("{}:{}", file.owner, file.group) != owner.is)
        .collect();
    wrong_files(
        &wrong,
        |file| {
            format!(
                "{} belongs to {}:{}, not to {}",
                file.path, file.owner, file.group, owner.is
            )
        },
        &format!("chown {}", owner.is),
    )
}

fn wrong_files(wrong: &[&NodeFile], say: impl Fn(&NodeFile) -> String, command: &str) -> Verdict {
    let Some(first) = wrong.first() else {
        return Verdict::Healthy;
    };
    let more = match wrong.len() - 1 {
        0 => String::new(),
        1 => ", and 1 more".to_owned(),
        more => format!(", and {more} more"),
    };
    let named: Vec<Value> = wrong
        .iter()
        .take(NAMED)
        .map(|file| {
            json!({
                "path": file.path,
                "mode": format!("{:03o}", file.mode),
                "owner": format!("{}:{}", file.owner, file.group),
            })
        })
        .collect();
    let code: Vec<String> = wrong
        .iter()
        .take(NAMED)
        // A name that needs quoting is for people, not for a shell.
        .filter(|file| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@".contains(c);
            file.path.chars().all(plain) && file.path.starts_with('/')
        })
        .map(|file| format!("{command} {}", file.path))
        .collect();
    let step = if code.is_empty() {
        Step::say(format!("Run {command} on it."))
    } else {
        Step::copy("On the node:", "shell", code.join("\n"))
    };
    Fault::verdict(
        format!("{}{more}", say(first)),
        json!({ "files": named, "wrong": wrong.len() }),
        vec![step],
    )
}

/// Without the marks of Markdown.
fn plain(text: &str) -> String {
    text.replace('`', "")
}
