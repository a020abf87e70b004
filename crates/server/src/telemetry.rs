//! Traces of what the server does, for an OpenTelemetry collector.
//!
//! The layer hears every span from the program's start; until a
//! collector is named it costs a look at one word. Spans wait in a
//! bounded queue: where the collector is slow they are dropped and
//! counted, and never does a request wait for its own trace.

use std::{
    fmt::Debug,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use export::otlp::{Collector, Span};
use model::{Clock, SystemClock};
use tokio::sync::mpsc;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{layer::Context, registry::LookupSpan};

use crate::app::App;

/// Spans that may wait to be sent, and that are sent at once.
const QUEUE: usize = 4096;
const BATCH: usize = 512;
const EVERY: Duration = Duration::from_secs(5);
/// The longest value of an attribute that is kept.
const LONGEST: usize = 256;

static QUEUED: OnceLock<mpsc::Sender<Span>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Hears spans; to be put into the program's subscriber.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceLayer;

struct Attributes<'a>(&'a mut Vec<(&'static str, String)>);

impl Visit for Attributes<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let value = value.chars().take(LONGEST).collect();
        self.0.push((field.name(), value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes).max(1),
        Err(_none) => 1,
    }
}

impl<S> tracing_subscriber::Layer<S> for TraceLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, given: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        if QUEUED.get().is_none() {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let parent = span.parent().and_then(|parent| {
            let extensions = parent.extensions();
            extensions.get::<Span>().map(|span| (span.trace, span.id))
        });
        let now = SystemClock.now();
        let mut attributes = Vec::new();
        given.record(&mut Attributes(&mut attributes));
        span.extensions_mut().insert(Span {
            trace: parent.map_or_else(
                || u128::from(random()) << 64 | u128::from(random()),
                |(trace, _)| trace,
            ),
            id: random(),
            parent: parent.map(|(_, id)| id),
            name: span.name(),
            start: now,
            end: now,
            attributes,
        });
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(span) = span.extensions_mut().get_mut::<Span>()
        {
            values.record(&mut Attributes(&mut span.attributes));
        }
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let Some(queue) = QUEUED.get() else { return };
        let ended = context
            .span(&id)
            .and_then(|span| span.extensions_mut().remove::<Span>());
        if let Some(mut span) = ended {
            span.end = SystemClock.now();
            if queue.try_send(span).is_err() {
                DROPPED.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Sends traces until the server stops, where a collector is named.
pub(crate) async fn run(app: Arc<App>) {
    let url = &app.config.telemetry.otlp_url;
    if url.is_empty() {
        return;
    }
    let collector = match Collector::open(url) {
        Ok(collector) => collector,
        Err(error) => {
            tracing::error!(error = %error, "traces cannot be sent");
            return;
        }
    };
    let (sender, mut queue) = mpsc::channel(QUEUE);
    if QUEUED.set(sender).is_err() {
        // Another server of this process sends them.
        return;
    }
    let mut is_failing = false;
    let mut spans = Vec::with_capacity(BATCH);
    loop {
        let is_over = tokio::select! {
            () = app.shutdown.cancelled() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        while let Ok(span) = queue.try_recv() {
            spans.push(span);
            if spans.len() == BATCH {
                send(&app, &collector, &mut spans, &mut is_failing).await;
            }
        }
        send(&app, &collector, &mut spans, &mut is_failing).await;
        if is_over {
            return;
        }
    }
}

async fn send(app: &App, collector: &Collector, spans: &mut Vec<Span>, is_failing: &mut bool) {
    let dropped = DROPPED.swap(0, Ordering::Relaxed);
    if dropped > 0 {
        tracing::warn!(dropped, "traces were dropped: the collector is too slow");
    }
    if spans.is_empty() {
        return;
    }
    let answer = collector.send(spans, app.clock.now()).await;
    spans.clear();
    // Said once for each time it fails, not for each batch.
    if !answer.is_delivered() && !*is_failing {
        tracing::warn!(
            status = answer.status,
            answer = %answer.text,
            "the collector does not take traces"
        );
    }
    *is_failing = !answer.is_delivered();
}
