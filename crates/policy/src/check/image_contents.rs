//! Checks of what is in images, and how it came there.

use model::{NotableFile, NotableSort};
use serde_json::json;

use super::{count, image::instruction, list};
use crate::{ImageFacts, Step, Verdict, verdict::Fault};

/// Files named in evidence.
const NAMED: usize = 20;
/// Bytes of leftovers that are worth a word.
const LEFTOVERS: u64 = 1 << 20;

/// Files of a sort that no package of the distribution brought.
fn foreign(image: &ImageFacts, sort: NotableSort) -> Option<Vec<&NotableFile>> {
    let files = image.files.as_ref()?.iter();
    let foreign = files.filter(|file| file.sort == sort && file.owned_by.is_none());
    Some(foreign.collect())
}

fn paths(files: &[&NotableFile]) -> Vec<String> {
    files.iter().map(|file| format!("/{}", file.path)).collect()
}

fn evidence(files: &[&NotableFile]) -> serde_json::Value {
    let files = files.iter().take(NAMED).map(|file| {
        json!({
            "path": format!("/{}", file.path),
            "mode": format!("{:04o}", file.mode),
            "layer": file.layer,
        })
    });
    json!({ "files": files.collect::<Vec<_>>() })
}

pub(super) fn few_setuid(image: &ImageFacts) -> Verdict {
    without(
        image,
        NotableSort::SetId,
        "Take the bits off where nobody needs them.",
        "a-s",
        |many| {
            let many = count(
                many,
                "setuid or setgid program",
                "setuid or setgid programs",
            );
            format!("{many} that no package brought")
        },
    )
}

pub(super) fn no_open_programs(image: &ImageFacts) -> Verdict {
    without(
        image,
        NotableSort::WorldWritable,
        "Let their owner alone write to them.",
        "go-w",
        |many| {
            let many = count(many, "program", "programs");
            format!("everybody may write to {many}")
        },
    )
}

/// No programs of a sort but those of packages, whose mode `chmod` mends.
fn without(
    image: &ImageFacts,
    sort: NotableSort,
    mend: &str,
    mode: &str,
    words: impl Fn(u64) -> String,
) -> Verdict {
    let Some(files) = foreign(image, sort) else {
        return Verdict::NotApplicable;
    };
    if files.is_empty() {
        return Verdict::Healthy;
    }
    let paths = paths(&files);
    let some = paths.iter().take(5).cloned().collect::<Vec<_>>().join(" ");
    Fault::verdict(
        format!("{}: {}", words(files.len() as u64), list(&paths)),
        evidence(&files),
        vec![Step::copy(
            mend,
            "dockerfile",
            format!("RUN chmod {mode} {some}"),
        )],
    )
}

pub(super) fn no_leftovers(image: &ImageFacts) -> Verdict {
    let Some(files) = foreign(image, NotableSort::PackageCache) else {
        return Verdict::NotApplicable;
    };
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    if bytes < LEFTOVERS {
        return Verdict::Healthy;
    }
    let paths = paths(&files);
    let folders: Vec<_> = files
        .iter()
        .map(|file| json!({ "path": format!("/{}", file.path), "bytes": file.bytes }))
        .collect();
    Fault::verdict(
        format!(
            "{} MiB of downloads are left in {}",
            bytes >> 20,
            list(&paths)
        ),
        json!({ "bytes": bytes, "folders": folders }),
        vec![Step::copy(
            "Remove them in the step that made them: a later one makes no layer smaller.",
            "dockerfile",
            "RUN apt-get update && apt-get install --yes PACKAGE && rm -rf /var/lib/apt/lists/*",
        )],
    )
}

fn installed(image: &ImageFacts, names: &[&str], summary: &str, mend: Step) -> Verdict {
    let Some(packages) = &image.packages else {
        return Verdict::NotApplicable;
    };
    let found: Vec<String> = packages
        .iter()
        .filter(|name| names.contains(&name.as_str()))
        .cloned()
        .collect();
    if found.is_empty() {
        return Verdict::Healthy;
    }
    Fault::verdict(
        format!("{} {summary}", list(&found)),
        json!({ "packages": found }),
        vec![mend],
    )
}

pub(super) fn no_privilege_tools(image: &ImageFacts) -> Verdict {
    installed(
        image,
        &["sudo", "doas", "opendoas"],
        "is installed",
        Step::say("Do what needs root while building, and switch the user once, with USER."),
    )
}

pub(super) fn no_ssh(image: &ImageFacts) -> Verdict {
    let ports = image
        .config
        .as_ref()
        .and_then(|config| config.ports.as_ref());
    let is_ssh = |port: &String| matches!(port.as_str(), "22" | "22/tcp");
    let is_exposed = ports.is_some_and(|ports| ports.iter().any(is_ssh));
    if is_exposed {
        return Fault::verdict(
            "says it listens on port 22".to_owned(),
            json!({ "port": "22/tcp" }),
            vec![Step::say(
                "Leave the server out; the engine opens a shell where one is needed.",
            )],
        );
    }
    match installed(
        image,
        &["openssh-server", "dropbear", "dropbear-bin"],
        "is installed",
        Step::say("Leave the server out; the engine opens a shell where one is needed."),
    ) {
        Verdict::NotApplicable if ports.is_some() => Verdict::Healthy,
        verdict => verdict,
    }
}

/// Programs that run what they read.
const SHELLS: [&str; 10] = [
    "sh", "bash", "ash", "dash", "zsh", "python", "python3", "perl", "ruby", "node",
];

/// Whether a step runs what it fetches, unseen: `curl … | sh`,
/// `bash <(curl …)`, `sh -c "$(curl …)"`.
fn pipes_script(step: &str) -> bool {
    let is_fetch = |text: &str| {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .any(|word| matches!(word, "curl" | "wget"))
    };
    let is_shell = |text: &str| {
        let mut words = text.split_whitespace().skip_while(|word| {
            matches!(*word, "sudo" | "env") || word.starts_with('-') || word.contains('=')
        });
        let program = words.next().unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or(program);
        SHELLS.contains(&program.trim_matches([';', '"', '\'']))
    };
    step.split("&&")
        .flat_map(|part| part.split(';'))
        .any(|part| {
            let piped = part.split('|').collect::<Vec<_>>();
            let is_piped = piped
                .windows(2)
                .any(|pair| is_fetch(pair[0]) && is_shell(pair[1].trim()));
            let is_inner = ["<(curl", "<(wget", "$(curl", "$(wget", "`curl", "`wget"]
                .iter()
                .any(|begin| part.contains(begin))
                && part
                    .split_whitespace()
                    .any(|word| SHELLS.contains(&word) || matches!(word, "eval" | "source"))
                && (part.contains("-c ") || part.contains("<(") || part.contains("eval "));
            // The shell that runs the step itself is no such thing.
            is_piped || is_inner && !part.contains("=$(")
        })
}

pub(super) fn no_piped_scripts(image: &ImageFacts) -> Verdict {
    let steps = image.config.as_ref().map(|config| config.steps.as_slice());
    let Some(steps) = steps.filter(|steps| !steps.is_empty()) else {
        return Verdict::NotApplicable;
    };
    let piped: Vec<&str> = steps
        .iter()
        .map(|step| instruction(step))
        .map(|step| step.strip_prefix("RUN ").unwrap_or(step))
        .map(|step| step.strip_prefix("/bin/sh -c ").unwrap_or(step))
        .filter(|step| pipes_script(step))
        .collect();
    let Some(first) = piped.first() else {
        return Verdict::Healthy;
    };
    let shown = first.get(..first.floor_char_boundary(100)).unwrap_or(first);
    Fault::verdict(
        format!("built by running a script as it was fetched: {shown}"),
        json!({ "steps": piped.iter().take(NAMED).collect::<Vec<_>>() }),
        vec![Step::copy(
            "Keep the script, or its digest, and check it before it runs.",
            "dockerfile",
            "ADD --checksum=sha256:DIGEST https://example.org/install.sh /tmp/install.sh\nRUN sh /tmp/install.sh && rm /tmp/install.sh",
        )],
    )
}

pub(super) fn fixed_base(image: &ImageFacts) -> Verdict {
    let Some(base) = image
        .config
        .as_ref()
        .and_then(|config| config.base.as_deref())
    else {
        return Verdict::NotApplicable;
    };
    let last = base.rsplit('/').next().unwrap_or(base);
    let is_moving = !base.contains('@')
        && match last.rsplit_once(':') {
            Some((_, tag)) => tag == "latest",
            None => true,
        };
    if !is_moving {
        return Verdict::Healthy;
    }
    let name = last.split(':').next().unwrap_or(last);
    Fault::verdict(
        format!("built on {base}, which is another image every day"),
        json!({ "base": base }),
        vec![Step::copy(
            "Name a version, better still its digest, and raise it on purpose.",
            "dockerfile",
            format!("FROM {name}:VERSION@sha256:DIGEST"),
        )],
    )
}

pub(super) fn licenses_allowed(image: &ImageFacts) -> Verdict {
    let Some(faults) = &image.unlicensed else {
        return Verdict::NotApplicable;
    };
    if faults.is_empty() {
        return Verdict::Healthy;
    }
    let names: Vec<String> = faults
        .iter()
        .map(|fault| format!("{} ({})", fault.package, fault.license))
        .collect();
    let forbidden = faults.iter().filter(|fault| !fault.is_unclear).count();
    let what = if forbidden > 0 {
        count(
            forbidden as u64,
            "package has a licence",
            "packages have licences",
        ) + " that may not be shipped"
    } else {
        count(
            faults.len() as u64,
            "package has a licence",
            "packages have licences",
        ) + " nobody knows"
    };
    Fault::verdict(
        format!("{what}: {}", list(&names)),
        json!({ "packages": faults.iter().take(100).collect::<Vec<_>>() }),
        vec![Step::say(
            "Replace the package, or have the licence looked at and make an exception for it.",
        )],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_run_as_they_come_are_told_from_downloads() {
        for step in [
            "curl -fsSL https://get.example.org | sh",
            "curl https://x | sudo -E bash -",
            "apt-get update && wget -qO- https://x | /bin/bash -s -- --yes",
            "bash <(curl -s https://x)",
            "sh -c \"$(curl -fsSL https://x)\"",
            "curl -sS https://x | python3 -",
        ] {
            assert!(pipes_script(step), "{step}");
        }
        for step in [
            "curl -o x.tgz https://x && tar xf x.tgz",
            "curl -s https://x | tar xz",
            "curl -s https://x | gpg --dearmor > k && bash run.sh",
            "VERSION=$(curl -s https://x) && make",
            "echo curl | cat",
        ] {
            assert!(!pipes_script(step), "{step}");
        }
    }
}
