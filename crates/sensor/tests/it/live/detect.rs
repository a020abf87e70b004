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
    malware::{self, Malware},
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
            Arc::clone(&detect::load(&[], &[]).engine),
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
        while begun.elapsed() < Duration::from_mins(1) {
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
    let script = "touch /bin/busybox; chmod 755 /bin/busybox; /bin/busybox true; \
                  cp /bin/busybox /tmp/echo; /tmp/echo ran; sleep 1";
    let is_told = node.run(script, |alert| {
        is(alert, "K8S.NODE_DriftBinary", "/tmp/echo")
    });
    assert!(is_told, "{:#?}", node.ids());
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

#[test]
fn a_file_that_is_known_to_be_bad_is_told() {
    let own = std::env::current_exe().unwrap();
    // `target/debug/deps/it-…`: the worker is built beside `deps`.
    let settings = malware::Settings::beside(own.parent().unwrap());
    let program = settings.program.clone();
    let malware = match Malware::start(malware::Settings {
        share: 1.0,
        ..settings
    }) {
        Ok(malware) => malware,
        Err(error) => {
            testkit::skipped(&format!("{error} ({})", program.display()));
            return;
        }
    };
    let Some(mut node) = Node::start() else {
        return;
    };
    node.detector.set_malware(Some(malware));
    // In two parts, so that this file is none.
    let script = "printf '%s%s' 'X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR' \
                  '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*' > /tmp/eicar; chmod 755 /tmp/eicar; sleep 1";
    let is_told = node.run(script, |alert| {
        is(alert, "K8S.NODE_Antimalware", "/tmp/eicar")
    });
    assert!(is_told, "{:#?}", node.ids());
}
