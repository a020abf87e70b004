//! From what a container does to what is said of it: kernel, context and
//! detector together, on this machine.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use api::sensor::{SensorAlert, SensorNews};
use model::{Clock as _, SystemClock};
use sensor::{
    context::{self, Context, Nothing},
    detect::{self, Detector},
    run::moment,
};
use testkit::container::Container;

use super::{Watched, watched};

struct Node {
    kernel: Watched,
    context: Context,
    detector: Detector,
    container: Container,
    alerts: Vec<SensorAlert>,
}

impl Node {
    fn start() -> Option<Self> {
        let kernel = watched()?;
        let settings = context::Settings {
            // Nobody knows this container.
            patience: Duration::ZERO,
            ..context::Settings::default()
        };
        let mut context = Context::new(settings, Box::new(Nothing), moment(&SystemClock));
        let mut detector = Detector::new(
            Arc::clone(&detect::load(&[], &[], &[]).engine),
            detect::Settings {
                host: "here".to_owned(),
                ..detect::Settings::default()
            },
        );
        let snapshot = context.snapshot();
        let now = SystemClock.now();
        context.start(&snapshot, &mut |told| {
            detector.take(&told, now, &mut |_| {});
        });
        let container = super::container()?;
        Some(Self {
            kernel,
            context,
            detector,
            container,
            alerts: Vec::new(),
        })
    }

    /// Runs a script in the container and takes what the kernel tells
    /// until `done`, for some seconds.
    fn run(&mut self, script: &str, done: impl Fn(&SensorAlert) -> bool) -> bool {
        let mut child = self
            .container
            .command(&["sh", "-c", script])
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let id = self.container.id.get(..12).unwrap().to_owned();
        while begun.elapsed() < Duration::from_secs(40) {
            let Self {
                kernel,
                context,
                detector,
                alerts,
                ..
            } = self;
            let now = SystemClock.now();
            let raise = &mut |raised: detect::Raised| {
                if let SensorNews::Alert(alert) = raised.news
                    && alert.place.iter().any(|step| step.identity == id)
                {
                    alerts.push(*alert);
                }
            };
            kernel
                .poll(Duration::from_millis(50), &mut |record| {
                    context.take(record, &mut |told| detector.take(&told, now, raise));
                })
                .unwrap();
            detector.tick(now, raise);
            if alerts.iter().any(&done) {
                child.wait().unwrap();
                return true;
            }
        }
        child.wait().unwrap();
        false
    }

    /// Records there was no room for.
    fn lost(&self) -> u64 {
        let counters = self.kernel.counters();
        counters.iter().map(|it| it.dropped + it.suppressed).sum()
    }

    fn ids(&self) -> Vec<String> {
        self.alerts
            .iter()
            .map(|alert| format!("{}: {}", alert.rule.id, alert.summary))
            .collect()
    }
}

fn is(alert: &SensorAlert, id: &str, path: &str) -> bool {
    alert.rule.id == id && alert.summary.starts_with(path)
}

#[test]
fn a_dropped_program_is_told_with_what_came_before_and_a_touched_one_is_not() {
    let Some(mut node) = Node::start() else {
        return;
    };
    // A machine that does too much else loses what would be told.
    let mut is_told = false;
    for turn in 0..3 {
        let lost = node.lost();
        let path = format!("/tmp/{turn}/echo");
        let script = format!(
            "touch /bin/busybox; chmod 755 /bin/busybox; /bin/busybox true; mkdir /tmp/{turn}; \
             cp /bin/busybox {path}; {path} ran; sleep 1"
        );
        node.alerts.clear();
        if node.run(&script, |alert| is(alert, "K8S.NODE_DriftBinary", &path)) {
            is_told = true;
            break;
        }
        assert!(node.lost() > lost, "{:#?}", node.ids());
    }
    if !is_told {
        return testkit::skipped("the kernel loses events again and again");
    }
    let drifts: Vec<_> = node
        .alerts
        .iter()
        .filter(|alert| alert.rule.id == "K8S.NODE_DriftBinary")
        .collect();
    // Copied up as it was, it is the image's still.
    assert_eq!(drifts.len(), 1, "{:#?}", node.ids());
    let alert = drifts[0];
    assert_eq!(alert.evidence["fields"]["drift.outcome"], "detected");
    assert_eq!(
        alert.evidence["fields"]["drift.origin"],
        "written since the container began"
    );
    let trace = alert.trace.as_ref().unwrap();
    assert!(
        trace
            .processes
            .iter()
            .any(|it| it.is_subject && it.in_container)
    );
    assert!(
        trace
            .processes
            .iter()
            .any(|it| it.command.contains("touch /bin/busybox")),
        "{trace:#?}"
    );
}
