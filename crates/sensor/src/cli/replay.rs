//! `seawall-sensor replay`: run the rules over a recording.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
};

use anyhow::Context as _;
use api::sensor::SensorNews;
use jiff::Timestamp;
use sensor::{
    capture,
    context::{self, Told},
    detect::{self, Detector, Raised},
};

use super::{
    End, Failure,
    args::{Format, Replay},
};

pub(crate) fn run(args: &Replay) -> Result<End, Failure> {
    let from: Box<dyn Read> = if args.file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        let opened = File::open(&args.file);
        let opened = opened
            .with_context(|| format!("open the recording {}", args.file.display()))
            .map_err(Failure::Usage)?;
        Box::new(BufReader::new(opened))
    };
    let loaded = detect::load(&args.watch.rules, &[], &[]);
    for complaint in &loaded.complaints {
        tracing::warn!(complaint, "a rule is not as its author meant");
    }
    let settings = detect::Settings {
        host: "recording".to_owned(),
        ..detect::Settings::default()
    };
    let mut detector = Detector::new(loaded.engine, settings);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut broken: io::Result<()> = Ok(());
    let mut alerts = 0_u64;
    let mut events = 0_u64;
    let mut last = Timestamp::UNIX_EPOCH;
    let (played, _) = {
        let mut print = |raised: Raised| {
            if let SensorNews::Alert(_) = raised.news {
                alerts += 1;
            }
            if broken.is_ok() {
                broken = write(&mut out, &raised, args.format);
            }
        };
        let told = capture::replay(from, context::Settings::default(), &mut |told| {
            if let Told::Event { event, .. } = &told {
                events += 1;
                last = Timestamp::from_nanosecond(event.time.into()).unwrap_or(last);
            }
            detector.take(&told, last, &mut print);
        });
        let told = told.map_err(|error| Failure::Usage(error.into()))?;
        detector.tick(last, &mut print);
        told
    };
    broken.context("write to standard output")?;
    if args.format == Format::Table {
        writeln!(
            out,
            "\n{alerts} alerts of {events} events, {} records",
            played.records
        )?;
    }
    out.flush()?;
    if played.is_cut {
        tracing::warn!("the recording ends in the middle: whoever wrote it was ended");
        return Ok(End::Partly);
    }
    Ok(End::Done)
}

fn write(to: &mut impl Write, raised: &Raised, format: Format) -> io::Result<()> {
    match (format, &raised.news) {
        (Format::Json, news) => {
            let line = serde_json::json!({ "time": raised.time, "what": news });
            writeln!(to, "{line}")
        }
        (Format::Table, SensorNews::Alert(alert)) => {
            let place: Vec<&str> = alert.place.iter().map(|step| step.name.as_str()).collect();
            writeln!(
                to,
                "{}  {:<8}  {:<36}  {}  {}",
                raised.time,
                format!("{:?}", alert.rule.severity).to_lowercase(),
                alert.rule.id,
                place.join("/"),
                alert.summary
            )
        }
        (Format::Table, SensorNews::Gap(gap)) => writeln!(
            to,
            "{}  gap: {} events of {} ({})",
            raised.time, gap.count, gap.class, gap.reason
        ),
    }
}
