//! `cargo xtask cluster`: a real API server to try things on.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use testkit::cluster::{Audit, Options, Place, Webhook, build, script::Script};

const HELP: &str = "\
A real Kubernetes API server on loopback (testkit/cluster/README.md).

Usage: cargo xtask cluster <command> [option]...

Commands:
  build     build its program, if these sources' is not there
  up        build, start, wait until it is ready, print KUBECONFIG=…
  status    say whether it runs, and where
  down      end it
  kubectl   run the cluster's own kubectl; everything after is kubectl's
  attack    do every step of attack.yaml, near misses too

Options:
  --folder <path>             where it keeps everything [target/cluster]
  --fresh                     up: forget what the folder has
  --nodes <count>             up: stand-ins for nodes [2]
  --bare                      up: without CoreDNS, kube-proxy and the like
  --audit-log                 up: write audit events to <folder>/audit.log
  --audit-policy <file>       up: instead of one that shows every attack
  --audit-webhook <url>       up: send audit events there
  --audit-token-file <file>   up: with the bearer token in this file
  --audit-ca <file>           up: trusting this authority
  --audit-batch-buffer <n>    up: these five as the API server's own flags,
  --audit-batch-size <n>      whose defaults hold otherwise
  --audit-batch-wait <ms>
  --audit-batch-rate <n>
  --audit-batch-burst <n>
  --as <who>                  kubectl: admin, operator, developer, … [admin]
";

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's command speaks on the terminal"
)]
pub(crate) fn run(root: &Path, arguments: &[String]) -> ExitCode {
    match perform(root, arguments) {
        Ok(said) => {
            print!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "what takes minutes says what it does meanwhile"
)]
fn say(words: &str) {
    eprintln!("cluster: {words}");
}

/// What was asked for on the command line.
struct Asked {
    folder: PathBuf,
    is_fresh: bool,
    who: String,
    options: Options,
    rest: Vec<String>,
}

fn perform(root: &Path, arguments: &[String]) -> anyhow::Result<String> {
    let Some((command, rest)) = arguments.split_first() else {
        return Ok(HELP.to_owned());
    };
    let asked = read(root, rest, command == "kubectl")?;
    let place = Place::new(&asked.folder);
    match command.as_str() {
        "build" => Ok(format!("{}\n", build::build(say)?.display())),
        "up" => {
            let binary = build::build(say)?;
            if asked.is_fresh && place.keeper().is_none() && asked.folder.exists() {
                std::fs::remove_dir_all(&asked.folder)?;
            }
            say("starting");
            place.up(&binary, &asked.options)?;
            Ok(format!(
                "KUBECONFIG={}\n",
                place.kubeconfig("admin").display()
            ))
        }
        "status" => Ok(match (place.keeper(), place.is_ready()) {
            (None, _) => format!("no cluster runs in {}\n", asked.folder.display()),
            (Some(keeper), false) => format!("process {keeper} is starting one\n"),
            (Some(keeper), true) => format!(
                "runs (process {keeper})\nKUBECONFIG={}\n",
                place.kubeconfig("admin").display()
            ),
        }),
        "down" => Ok(if place.down()? {
            "ended\n".to_owned()
        } else {
            format!("no cluster runs in {}\n", asked.folder.display())
        }),
        "kubectl" => {
            let binary = build::build(say)?;
            let status = place
                .kubectl(&binary, &asked.who)
                .stdin(std::process::Stdio::inherit())
                .args(&asked.rest)
                .status()?;
            if !status.success() {
                bail!("kubectl ended with {status}");
            }
            Ok(String::new())
        }
        "attack" => attack(&place),
        "help" | "--help" | "-h" => Ok(HELP.to_owned()),
        other => bail!("no command '{other}'\n\n{HELP}"),
    }
}

/// Does every step, and says of each how it went.
fn attack(place: &Place) -> anyhow::Result<String> {
    if !place.is_ready() {
        bail!("no cluster runs in {}", place.folder().display());
    }
    let binary = build::build(say)?;
    let script = Script::read()?;
    say("setting up");
    script.prepare(place, &binary)?;
    let mut times = String::new();
    for step in &script.steps {
        let done = step.play(place, &binary, &model::SystemClock)?;
        writeln!(times, "{}\t{}\t{}", step.id, done.started, done.ended)?;
        let output = done.output;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let last = said.lines().last().unwrap_or_default();
        say(&format!("{} ({}): {last}", step.id, output.status));
    }
    let file = place.folder().join("steps.tsv");
    std::fs::write(&file, times)?;
    Ok(format!(
        "{} steps done; when each was: {}\n",
        script.steps.len(),
        file.display()
    ))
}

fn read(root: &Path, arguments: &[String], takes_rest: bool) -> anyhow::Result<Asked> {
    let mut asked = Asked {
        folder: root.join("target/cluster"),
        is_fresh: false,
        who: "admin".to_owned(),
        options: Options::default(),
        rest: Vec::new(),
    };
    let mut audit = Audit::default();
    let mut webhook = Webhook {
        url: String::new(),
        token: None,
        ca: None,
        batch: testkit::cluster::Batch::default(),
    };
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{name} needs a value"))
        };
        let number = |text: &String| {
            text.parse::<u32>()
                .with_context(|| format!("{name} '{text}' is not a number"))
        };
        match name.as_str() {
            "--folder" => asked.folder = std::path::absolute(value()?)?,
            "--fresh" => asked.is_fresh = true,
            "--as" => asked.who.clone_from(value()?),
            "--nodes" => asked.options.nodes = u16::try_from(number(value()?)?)?,
            "--bare" => asked.options.is_bare = true,
            "--audit-log" => audit.has_log = true,
            "--audit-policy" => audit.policy = Some(text(value()?)?),
            "--audit-webhook" => webhook.url.clone_from(value()?),
            "--audit-token-file" => webhook.token = Some(text(value()?)?.trim().to_owned()),
            "--audit-ca" => webhook.ca = Some(std::path::absolute(value()?)?),
            "--audit-batch-buffer" => webhook.batch.buffer = Some(number(value()?)?),
            "--audit-batch-size" => webhook.batch.size = Some(number(value()?)?),
            "--audit-batch-wait" => {
                let wait = Duration::from_millis(number(value()?)?.into());
                webhook.batch.wait = Some(wait);
            }
            "--audit-batch-rate" => webhook.batch.rate = Some(number(value()?)?),
            "--audit-batch-burst" => webhook.batch.burst = Some(number(value()?)?),
            _ if takes_rest => {
                asked.rest.push(name.clone());
                asked.rest.extend(arguments.cloned());
                break;
            }
            other => bail!("no option '{other}'\n\n{HELP}"),
        }
    }
    if !webhook.url.is_empty() {
        audit.webhook = Some(webhook);
    }
    asked.options.audit = audit;
    Ok(asked)
}

fn text(file: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("failed to read {file}"))
}
