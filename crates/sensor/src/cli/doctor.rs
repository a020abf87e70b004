//! `seawall-sensor doctor`: what this kernel allows, and what is lost.

use std::io::{self, Write as _};

use sensor::kernel::{Error, Kernel, Report, State};

use super::{
    End, Failure,
    args::{Doctor, Format},
    watch,
};

/// Everything is loaded, attached and let go again: what is printed was
/// tried, not guessed.
pub(crate) fn run(args: &Doctor) -> Result<End, Failure> {
    let report = match Kernel::start(&watch::kernel(&args.watch)) {
        Ok((_, report)) => report,
        Err(error @ Error::RingSize(_)) => return Err(Failure::Usage(error.into())),
        Err(error) => return Err(error.into()),
    };
    let mut out = io::stdout().lock();
    match args.format {
        Format::Table => write!(out, "{}{}", head(), text(&report))?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &report.to_wire())?;
            writeln!(out)?;
        }
    }
    let all = |state| report.features.iter().all(|each| each.state != state);
    Ok(if all(State::Absent) {
        End::Done
    } else {
        End::Partly
    })
}

fn head() -> String {
    let system = rustix::system::uname();
    format!(
        "kernel {} on {}\n\n",
        system.release().to_string_lossy(),
        system.machine().to_string_lossy()
    )
}

fn text(report: &Report) -> String {
    let count = |state| {
        report
            .features
            .iter()
            .filter(|each| each.state == state)
            .count()
    };
    format!(
        "{report}\n{} active, {} by a lesser means, {} absent, {} switched off\n",
        count(State::Active),
        count(State::Fallback),
        count(State::Absent),
        count(State::Off)
    )
}
