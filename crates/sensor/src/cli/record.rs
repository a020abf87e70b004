//! `seawall-sensor record`: keep what the kernel tells in a file.

use std::{
    fs::File,
    io::{self, Write},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use model::SystemClock;
use sensor::{
    capture::Recorder,
    context::{self, Context, Worker},
    kernel::Kernel,
    run::moment,
};

use super::{End, Failure, args::Record, signal, watch};

const WAIT: Duration = Duration::from_millis(100);
const SECOND: u64 = 1_000_000_000;

/// How much was written, beside writing it.
struct Counted<W>(W, std::sync::Arc<AtomicU64>);

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes)?;
        self.1.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

pub(crate) fn run(args: &Record) -> Result<End, Failure> {
    let to: Box<dyn Write + Send> = if args.file.as_os_str() == "-" {
        Box::new(io::stdout())
    } else {
        let made = File::create_new(&args.file);
        Box::new(made.with_context(|| format!("make the file {}", args.file.display()))?)
    };
    let stop = signal::stop().context("listen for signals")?;
    let (mut kernel, _) = Kernel::start(&watch::kernel(&args.watch))?;
    let worker = Worker::start(watch::sources(&args.watch)).context("start a thread")?;
    let began = moment(&SystemClock);
    let size = std::sync::Arc::new(AtomicU64::new(0));
    let mut context = Context::new(context::Settings::default(), Box::new(worker), began);
    let recorder = Recorder::new(Box::new(Counted(to, std::sync::Arc::clone(&size))), began);
    context.record_to(recorder.context("write the recording")?);
    let snapshot = context.snapshot();
    context.start(&snapshot, &mut |_| {});
    let end = args.duration.map(|duration| {
        began
            .boot
            .saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    });
    let (mut now, mut ticked) = (began, began.boot);
    let mut is_full = false;
    while !stop.load(Ordering::Relaxed) && end.is_none_or(|end| now.boot < end) {
        kernel.poll(WAIT, &mut |record| context.take(record, &mut |_| {}))?;
        now = moment(&SystemClock);
        if now.boot - ticked >= SECOND {
            ticked = now.boot;
            context.tick(now, &mut |_| {});
        }
        if size.load(Ordering::Relaxed) >= args.most {
            is_full = true;
            break;
        }
    }
    let frames = match context.stop_recording() {
        Some(outcome) => outcome.context("write the recording")?,
        None => 0,
    };
    let bytes = size.load(Ordering::Relaxed);
    say(&format!(
        "{frames} frames, {bytes} bytes, {:.1} s",
        Duration::from_nanos(now.boot - began.boot).as_secs_f64()
    ));
    if is_full {
        say("stopped early: the recording is as long as --most allows");
        return Ok(End::Partly);
    }
    Ok(End::Done)
}

#[expect(clippy::print_stderr, reason = "standard output may be the recording")]
fn say(text: &str) {
    eprintln!("{text}");
}
