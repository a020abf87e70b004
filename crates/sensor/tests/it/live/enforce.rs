//! What is forbidden in a container does not happen there, and nowhere
//! else.

use sensor::{
    drift::{Mark, Order},
    record::{Cgroup, Matter, Outcome, Record, What},
};
use testkit::container::{Container, Options};

use super::{Watched, until, watched};

/// A container that is watched, and the group its processes are in.
fn contained() -> Option<(Watched, Container, Cgroup)> {
    contained_in(&Options::default())
}

pub(super) fn contained_in(options: &Options) -> Option<(Watched, Container, Cgroup)> {
    let mut kernel = watched()?;
    let container = Container::start(options).unwrap()?;
    container.exec(&["echo", &container.id]).unwrap();
    let mut made = Vec::new();
    let mut cgroup = Cgroup::default();
    let is_known = until(&mut kernel, |record| match &record.what {
        What::CgroupMade(group) if ends_with(group.path, &container.id) => {
            made.push((group.hierarchy, group.id));
            false
        }
        What::Exec(exec) if holds(exec.arguments, &container.id) && exec.path == b"/bin/echo" => {
            cgroup = record.task.cgroup;
            true
        }
        _ => false,
    });
    assert!(is_known, "no process of the container was seen");
    let is_its_own = made.iter().any(|&(hierarchy, id)| match hierarchy {
        0 => id == cgroup.unified,
        _ => id == cgroup.legacy,
    });
    assert!(is_its_own, "{cgroup:?} is none of {made:?}");
    Some((kernel, container, cgroup))
}

fn ends_with(path: &[u8], id: &str) -> bool {
    path.ends_with(id.as_bytes())
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes
        .windows(word.len())
        .any(|part| part == word.as_bytes())
}

fn order(cgroup: Cgroup) -> Order {
    Order {
        cgroup,
        drift: Mark::Report,
        metadata: Mark::Report,
        sysctl: Mark::Report,
        is_gone: false,
    }
}

fn in_it(record: &Record<'_>, cgroup: Cgroup) -> bool {
    record.task.cgroup == cgroup
}

#[test]
fn a_program_not_in_the_image_never_runs() {
    let Some((mut kernel, container, cgroup)) = contained() else {
        return;
    };
    kernel
        .order(&Order {
            drift: Mark::Stop,
            ..order(cgroup)
        })
        .unwrap();
    let script = "cp /bin/busybox /tmp/echo; i=0; \
                  while [ $i -lt 100 ]; do /tmp/echo escaped; i=$((i+1)); done; \
                  /bin/busybox echo clean; echo $i";
    let output = std::thread::scope(|scope| {
        let running = scope.spawn(|| container.exec(&["sh", "-c", script]).unwrap());
        let mut stopped = 0;
        let all = until(&mut kernel, |record| {
            if let What::Verdict(verdict) = &record.what
                && in_it(record, cgroup)
            {
                assert_eq!(verdict.matter, Matter::Drift);
                assert_ne!(verdict.outcome, Outcome::WouldStop);
                assert!(verdict.file.is_upper);
                assert_eq!(verdict.path, b"/tmp/echo");
                stopped += 1;
            }
            stopped == 100
        });
        let output = running.join().unwrap();
        assert!(all, "{stopped} of 100 were told to be stopped: {output:?}");
        output
    });
    assert_eq!(output.stdout, b"clean\n100\n", "{output:?}");
    // Once it is allowed it runs, and what was said is forgotten with it.
    kernel
        .order(&Order {
            is_gone: true,
            ..order(cgroup)
        })
        .unwrap();
    let output = container.exec(&["/tmp/echo", "runs"]).unwrap();
    assert_eq!(output.stdout, b"runs\n");
}

#[test]
fn what_would_be_stopped_is_told_and_runs() {
    let Some((mut kernel, container, cgroup)) = contained() else {
        return;
    };
    kernel
        .order(&Order {
            drift: Mark::Try,
            ..order(cgroup)
        })
        .unwrap();
    let output = container
        .exec(&["sh", "-c", "cp /bin/busybox /tmp/echo; /tmp/echo ran"])
        .unwrap();
    assert_eq!(output.stdout, b"ran\n");
    assert!(until(&mut kernel, |record| {
        matches!(&record.what, What::Verdict(verdict)
            if in_it(record, cgroup) && verdict.outcome == Outcome::WouldStop)
    }));
}

#[test]
fn the_metadata_service_is_refused_to_a_container() {
    let Some((mut kernel, container, cgroup)) = contained() else {
        return;
    };
    kernel
        .order(&Order {
            metadata: Mark::Stop,
            ..order(cgroup)
        })
        .unwrap();
    let output = container
        .exec(&["nc", "-w", "1", "169.254.169.254", "80"])
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("Operation not permitted"), "{said}");
    let other = container
        .exec(&["nc", "-w", "1", "127.0.0.1", "1"])
        .unwrap();
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(!said.contains("Operation not permitted"), "{said}");
    assert!(until(&mut kernel, |record| {
        matches!(&record.what, What::Verdict(verdict)
            if in_it(record, cgroup)
                && verdict.matter == Matter::Connect
                && verdict.outcome == Outcome::Refused
                && verdict.address == Some(([169, 254, 169, 254].into(), 80)))
    }));
}
