//! `cargo xtask audit-load`: what a server does with as many audit
//! events as an API server can send.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Context as _, bail};
use testkit::audit_load::Load;

const HELP: &str = "\
Audit events as an API server sends them at its limit: ten batches of 400 a
second. Says what was acknowledged and how fast, and whether each batch's one
alert is there, once. Kill and restart the server meanwhile, if you like.

Usage: cargo xtask audit-load --token-file <file> [option]...

  --address <host:port>  where Seawall listens, without TLS [127.0.0.1:8470]
  --token-file <file>    a token that may hand in audit events
  --view-token-file <f>  one that may view: then alerts are counted too
  --cluster <name>       what the cluster is called [load]
  --run <word>           tells this run's events from another's [load]
  --seconds <n>          for how long [300]
  --batch <n>            events in a batch [400]
  --rate <n>             batches a second [10]
";

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's command speaks on the terminal"
)]
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    match perform(arguments) {
        Ok(said) => {
            print!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("audit-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(arguments: &[String]) -> anyhow::Result<String> {
    if arguments.is_empty() {
        return Ok(HELP.to_owned());
    }
    let mut load = Load::full(
        "127.0.0.1:8470".to_owned(),
        "load".to_owned(),
        String::new(),
        0,
    );
    let mut view = None;
    let mut seconds = 300;
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} needs a value\n\n{HELP}"))?;
        let number = || {
            value
                .parse::<u32>()
                .with_context(|| format!("{name} '{value}' is not a number"))
        };
        match name.as_str() {
            "--address" => load.address.clone_from(value),
            "--token-file" => load.token = word(value)?,
            "--view-token-file" => view = Some(word(value)?),
            "--cluster" => load.cluster.clone_from(value),
            "--run" => load.run.clone_from(value),
            "--seconds" => seconds = number()?,
            "--batch" => load.batch = number()? as usize,
            "--rate" => load.rate = number()?.max(1),
            other => bail!("no option '{other}'\n\n{HELP}"),
        }
    }
    load.batches = seconds * load.rate;
    let sent = load.run(&model::SystemClock)?;
    let mut said = String::new();
    writeln!(
        said,
        "acknowledged {} events ({} MiB) in {} batches over {:.0?}: {} a second; {} sent again",
        sent.events,
        sent.bytes >> 20,
        sent.marks,
        sent.took,
        u128::from(sent.events) * 1_000 / sent.took.as_millis().max(1),
        sent.again,
    )?;
    writeln!(
        said,
        "acknowledgement p50 {:.1?}, p90 {:.1?}, p99 {:.1?}, slowest {:.1?}",
        sent.percentile(50),
        sent.percentile(90),
        sent.percentile(99),
        sent.percentile(100),
    )?;
    if let Some(token) = view {
        let bearer = format!("Bearer {token}");
        let marks = load.marks(("authorization", &bearer), &sent)?;
        writeln!(
            said,
            "alerts: {} of {} there, {} doubled",
            marks.there,
            sent.marks,
            marks.doubled.len()
        )?;
        if marks.there != sent.marks || !marks.doubled.is_empty() {
            bail!("{said}{}", marks.doubled.join("\n"));
        }
    }
    Ok(said)
}

fn word(file: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {file}"))?;
    Ok(text.trim().to_owned())
}
