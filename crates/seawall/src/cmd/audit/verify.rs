//! `seawall audit verify`

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use anyhow::Context as _;
use model::audit::{Entry, Fault, START, Verifier};
use serde_json::json;

use super::super::{Context, store, write_stdout};
use crate::{
    args::{audit::Verify, db::TextOrJson},
    exit::{Exit, Failure},
};

/// The longest line that is read: no entry comes near it.
const MAX_LINE: u64 = 4 << 20;

pub(super) fn run(context: &Context, arguments: &Verify) -> Result<Exit, Failure> {
    let mut passed = arguments.head.as_deref().is_none_or(|head| head == START);
    let mut see = |hash: &str| {
        passed |= arguments
            .head
            .as_deref()
            .is_some_and(|head| head.eq_ignore_ascii_case(hash));
    };
    let (verifier, fault) = match &arguments.file {
        Some(path) => of_file(path, &mut see).map_err(Failure::bad_file)?,
        None => of_store(context, arguments, &mut see)?,
    };
    let missed = fault.is_none() && !passed;
    let fault = fault.or_else(|| {
        missed.then(|| Fault {
            number: verifier.number(),
            message: "the trail does not pass through the hash given: it is another one, or was \
                      written anew"
                .to_owned(),
        })
    });
    print(arguments.format, &verifier, fault.as_ref())?;
    Ok(if fault.is_none() {
        Exit::Clean
    } else {
        Exit::Failed
    })
}

fn of_file(path: &Path, see: &mut impl FnMut(&str)) -> anyhow::Result<(Verifier, Option<Fault>)> {
    let name = path.display();
    let source: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).with_context(|| format!("open {name}"))?;
        Box::new(BufReader::new(file))
    };
    walk(source, see).with_context(|| format!("read {name}"))
}

fn walk(
    mut source: impl BufRead,
    see: &mut impl FnMut(&str),
) -> anyhow::Result<(Verifier, Option<Fault>)> {
    let mut verifier = Verifier::default();
    let mut line = Vec::new();
    for place in 1.. {
        line.clear();
        let length = io::Read::take(&mut source, MAX_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let entry: Entry =
            serde_json::from_slice(&line).with_context(|| format!("line {place} is no entry"))?;
        if let Err(fault) = verifier.take(&entry) {
            return Ok((verifier, Some(fault)));
        }
        see(&entry.hash);
    }
    Ok((verifier, None))
}

fn of_store(
    context: &Context,
    arguments: &Verify,
    see: &mut impl FnMut(&str),
) -> Result<(Verifier, Option<Fault>), Failure> {
    let place = store::place(context, &arguments.place)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    runtime
        .block_on(async {
            let record = ::store::Store::beside(&place).await?;
            let verdict = record.verify_audit(|entry| see(&entry.hash)).await;
            record.close().await;
            verdict
        })
        .map_err(Failure::failed)
}

fn print(format: TextOrJson, verifier: &Verifier, fault: Option<&Fault>) -> Result<(), Failure> {
    let text = match format {
        TextOrJson::Text => {
            let mut text = format!(
                "{} entries are as they were written\nhead {}\n",
                verifier.entries(),
                verifier.head()
            );
            if let Some(fault) = fault {
                text.extend([format!("entry {}: {}\n", fault.number, fault.message)]);
            }
            text
        }
        TextOrJson::Json => {
            let fault =
                fault.map(|fault| json!({ "number": fault.number, "message": fault.message }));
            let verdict = json!({
                "intact": fault.is_none(),
                "entries": verifier.entries(),
                "head": verifier.head(),
                "fault": fault,
            });
            format!("{verdict:#}\n")
        }
    };
    write_stdout(text.as_bytes())
}
