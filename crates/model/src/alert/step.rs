//! What to do, step by step, with what can be copied apart from what is
//! said.

use serde::{Deserialize, Serialize};

use super::AlertContext;

/// One step of a fix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleStep {
    pub text: String,
    /// Something to copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `shell`, `yaml`, `dockerfile`, `diff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A line that begins so is something to copy.
const COMMANDS: [&str; 8] = [
    "kubectl ", "helm ", "docker ", "crictl ", "aws ", "az ", "gcloud ", "seawall ",
];

impl RuleStep {
    /// A step that is said only.
    pub fn said(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: None,
            language: None,
        }
    }

    /// The steps of a text as rule files write it: paragraphs or the
    /// items of a list, with code between fences, indented by four, or
    /// on a line that begins with a known command.
    /// Code belongs to the step before it.
    pub fn of_text(text: &str) -> Vec<Self> {
        let mut steps: Vec<Self> = Vec::new();
        let mut said = String::new();
        let mut code: Option<(String, String)> = None;
        // How far the fence stands in, as code below an item of a list does.
        let mut indent = 0;
        for line in text.lines() {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                match code.take() {
                    None => {
                        say(&mut steps, &mut said);
                        indent = line.len() - line.trim_start().len();
                        code = Some((language.trim().to_owned(), String::new()));
                    }
                    Some((language, text)) => copy(&mut steps, &language, &text),
                }
                continue;
            }
            if let Some((_, text)) = &mut code {
                let inside = line.len() - line.trim_start().len();
                text.push_str(line.get(indent.min(inside)..).unwrap_or(line));
                text.push('\n');
                continue;
            }
            if let Some(indented) = line.strip_prefix("    ").filter(|_| said.is_empty()) {
                copy(&mut steps, "", indented);
                continue;
            }
            let line = line.trim();
            if COMMANDS.iter().any(|command| line.starts_with(command)) {
                say(&mut steps, &mut said);
                copy(&mut steps, "", line);
                continue;
            }
            let item = item(line);
            if line.is_empty() || item.is_some() {
                say(&mut steps, &mut said);
            }
            let line = item.unwrap_or(line);
            if !said.is_empty() && !line.is_empty() {
                said.push(' ');
            }
            said.push_str(line);
        }
        say(&mut steps, &mut said);
        if let Some((language, text)) = code {
            copy(&mut steps, &language, &text);
        }
        steps
    }
}

impl RuleStep {
    /// With what is known of one alert in the place of the words
    /// `NAMESPACE`, `RESOURCE`, `NAME`, `USER` and `SOURCE` of what is copied.
    ///
    /// Whoever caused the alert chose some of these. What a shell could
    /// read as anything but a word is left out, and its word stays.
    #[must_use]
    pub fn filled(&self, context: &AlertContext) -> Self {
        let action = context.action.as_ref();
        let namespace = action.and_then(|action| action.namespace.as_deref());
        let value = |word: &str| match word {
            "NAMESPACE" => namespace,
            "NAME" => action.and_then(|action| action.name.as_deref()),
            "RESOURCE" => action.map(|action| action.resource.as_str()),
            "USER" => context.principal.as_ref().map(|who| who.name.as_str()),
            "SOURCE" => context.whence.addresses.first().map(String::as_str),
            _ => None,
        };
        let is_without = namespace.is_none() && action.is_some_and(|it| !it.resource.is_empty());
        let code = self.code.as_deref().map(|code| {
            let code = if is_without {
                code.replace("-n NAMESPACE ", "")
            } else {
                code.to_owned()
            };
            words(&code, |word| value(word).filter(|value| is_plain(value)))
        });
        Self {
            code,
            ..self.clone()
        }
    }
}

/// `text` with some of its words replaced.
fn words<'a>(text: &'a str, replace: impl Fn(&'a str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        out.push_str(replace(word).unwrap_or(word));
        let end = after.find(is_word).unwrap_or(after.len());
        let (between, after) = after.split_at(end);
        out.push_str(between);
        rest = after;
    }
    out
}

/// One word to any shell, and no option.
fn is_plain(value: &str) -> bool {
    (1..=253).contains(&value.len())
        && !value.starts_with('-')
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:/@-".contains(&b))
}

/// What follows `- `, `* ` or `1. `.
fn item(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
        return Some(rest.trim_start());
    }
    let (number, rest) = line.split_once(". ")?;
    let is_number = (1..=2).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| rest.trim_start())
}

fn say(steps: &mut Vec<RuleStep>, said: &mut String) {
    if !said.is_empty() {
        steps.push(RuleStep::said(std::mem::take(said)));
    }
}

fn copy(steps: &mut Vec<RuleStep>, language: &str, text: &str) {
    let text = text.trim_end();
    if text.is_empty() {
        return;
    }
    let language = match language {
        "" | "sh" | "bash" | "console" => "shell",
        other => other,
    };
    match steps.last_mut() {
        Some(last) => {
            let code = last.code.get_or_insert_default();
            if !code.is_empty() {
                code.push('\n');
            }
            code.push_str(text);
            last.language.get_or_insert_with(|| language.to_owned());
        }
        None => steps.push(RuleStep {
            text: String::new(),
            code: Some(text.to_owned()),
            language: Some(language.to_owned()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AlertAction;

    #[test]
    fn items_and_paragraphs_are_steps_and_code_belongs_to_the_one_before() {
        let text = "1. Look at who\n   it was.\n2. Take the binding away:\n\n```sh\nkubectl delete \
                    clusterrolebinding x\n```\n\nThen rest.\n\n    kubectl get pods\n    kubectl \
                    get nodes\n";
        let steps = RuleStep::of_text(text);
        let told: Vec<_> = steps
            .iter()
            .map(|step| (step.text.as_str(), step.code.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("Look at who it was.", None),
                (
                    "Take the binding away:",
                    Some("kubectl delete clusterrolebinding x")
                ),
                ("Then rest.", Some("kubectl get pods\nkubectl get nodes")),
            ]
        );
        assert_eq!(steps[2].language.as_deref(), Some("shell"));
    }

    #[test]
    fn code_below_an_item_stands_in_no_further_than_its_fence() {
        let text = "1. Look:\n   ```sh\n   for pod in a b; do\n     kubectl get $pod\n done\n   ```\n\
                    2. Rest.";
        let steps = RuleStep::of_text(text);
        assert_eq!(
            steps[0].code.as_deref(),
            Some("for pod in a b; do\n  kubectl get $pod\ndone")
        );
        assert_eq!(steps[1].text, "Rest.");
    }

    fn context(name: &str, namespace: Option<&str>) -> AlertContext {
        AlertContext {
            action: Some(AlertAction {
                verb: "create".to_owned(),
                resource: "pods".to_owned(),
                namespace: namespace.map(str::to_owned),
                name: Some(name.to_owned()),
                ..AlertAction::default()
            }),
            ..AlertContext::default()
        }
    }

    fn code(code: &str) -> RuleStep {
        RuleStep {
            code: Some(code.to_owned()),
            ..RuleStep::said("Look.")
        }
    }

    #[test]
    fn what_is_copied_names_the_object_of_the_alert() {
        let step = code("kubectl -n NAMESPACE delete RESOURCE NAME # POD_NAMESPACE USER");
        let filled = |context| step.filled(&context).code.unwrap();
        assert_eq!(
            filled(context("web", Some("shop"))),
            "kubectl -n shop delete pods web # POD_NAMESPACE USER"
        );
        assert_eq!(
            filled(context("web", None)),
            "kubectl delete pods web # POD_NAMESPACE USER"
        );
    }

    #[test]
    fn what_a_shell_would_read_is_not_copied() {
        let step = code("kubectl delete pod NAME");
        for hostile in [
            "x; id", "$(id)", "`id`", "--all", "a b", "a\nb", "", "x'y", "x|y",
        ] {
            let filled = step.filled(&context(hostile, None));
            assert_eq!(
                filled.code.unwrap(),
                "kubectl delete pod NAME",
                "{hostile:?}"
            );
        }
    }

    #[test]
    fn a_command_on_a_line_of_its_own_is_copied() {
        let text = "1. See from which pod:\n   kubectl get pods -A\n2. Stop it.";
        let steps = RuleStep::of_text(text);
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[0].text, "See from which pod:");
        assert_eq!(steps[0].code.as_deref(), Some("kubectl get pods -A"));
    }

    #[test]
    fn nothing_and_an_open_fence_are_no_trouble() {
        assert!(RuleStep::of_text("  \n\n").is_empty());
        let steps = RuleStep::of_text("```yaml\na: b");
        assert_eq!(steps[0].code.as_deref(), Some("a: b"));
        assert_eq!(steps[0].language.as_deref(), Some("yaml"));
    }
}
