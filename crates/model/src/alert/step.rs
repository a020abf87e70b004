//! What to do, step by step, with what can be copied apart from what is
//! said.

use serde::{Deserialize, Serialize};

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
    /// items of a list, with code between fences or indented by four.
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

    #[test]
    fn nothing_and_an_open_fence_are_no_trouble() {
        assert!(RuleStep::of_text("  \n\n").is_empty());
        let steps = RuleStep::of_text("```yaml\na: b");
        assert_eq!(steps[0].code.as_deref(), Some("a: b"));
        assert_eq!(steps[0].language.as_deref(), Some("yaml"));
    }
}
