//! What it costs to make an event of a record.
//!
//! `cargo bench -p sensor --bench context`

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should stop")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rules::syscall::Kind;
use sensor::{
    context::{Context, Found, MetadataAnswer, Moment, Nothing, Settings},
    record::{Call, Cgroup, Fork, Group, Record, Socket, Task, What},
};

const PROCESSES: u32 = 500;
const SECOND: u64 = 1_000_000_000;

fn task(pid: u32) -> Task {
    let is_inside = pid.is_multiple_of(2);
    let mut name = [0; 16];
    name[..5].copy_from_slice(b"nginx");
    Task {
        time: 5_000 * SECOND,
        pid,
        tid: pid,
        parent: 1,
        started: u64::from(pid) * SECOND,
        cgroup: Cgroup {
            unified: if is_inside { 50 } else { 2 },
            legacy: 0,
        },
        name,
        ..Task::default()
    }
}

fn call(kind: Kind) -> Call<'static> {
    Call {
        result: 7,
        arguments: [u64::MAX - 99, 0, 0o2_000_000, 0, 0, 0],
        ..Call::new(kind)
    }
}

/// Processes in a container and outside, all known.
fn context() -> Context {
    let settings = Settings {
        proc: "/nonexistent".into(),
        ..Settings::default()
    };
    let mut context = Context::new(settings, Box::new(Nothing), Moment::default());
    let id = "a".repeat(64);
    let path = format!("/docker/{id}");
    for (id, path) in [(50, path.as_str()), (2, "/system.slice")] {
        let group = Group {
            id,
            hierarchy: 0,
            path: path.as_bytes(),
        };
        context.take(
            &Record {
                task: task(1),
                what: What::CgroupMade(group),
            },
            &mut |_| {},
        );
    }
    let mut found = Found {
        is_complete: true,
        ..Found::default()
    };
    found.container.full_id = id.into_bytes().into();
    context.answered(MetadataAnswer::Found(Box::new(found)), &mut |_| {});
    for pid in 2..PROCESSES {
        let what = What::Fork(Fork {
            pid,
            started: u64::from(pid) * SECOND,
            virtual_pid: pid,
        });
        context.take(
            &Record {
                task: task(1),
                what,
            },
            &mut |_| {},
        );
    }
    context
}

fn kinds() -> Vec<(&'static str, Call<'static>)> {
    let end = |last: u8, port| Some(([10, 0, 0, last].into(), port));
    let socket = Socket {
        protocol: "tcp",
        local: end(1, 43_210),
        remote: end(2, 443),
        path: b"",
        is_server: false,
    };
    vec![
        (
            "open to read",
            Call {
                path: b"/etc/ssl/certs/ca-certificates.crt",
                ..call(Kind::Openat)
            },
        ),
        (
            "open to write, relative",
            Call {
                path: b"../log/app.log",
                folder: b"/var/lib",
                arguments: [u64::MAX - 99, 0, 0o2_002_101, 0o644, 0, 0],
                ..call(Kind::Openat)
            },
        ),
        (
            "connect",
            Call {
                socket: Some(socket),
                arguments: [5, 0, 0, 0, 0, 0],
                result: 0,
                ..call(Kind::Connect)
            },
        ),
        (
            "unlinkat",
            Call {
                path: b"/tmp/x",
                result: 0,
                ..call(Kind::Unlinkat)
            },
        ),
    ]
}

fn takes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("take");
    group.throughput(Throughput::Elements(1));
    for (name, call) in kinds() {
        let mut context = context();
        let records: Vec<_> = (2..PROCESSES)
            .map(|pid| Record {
                task: task(pid),
                what: What::Call(call),
            })
            .collect();
        let mut records = records.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                context.take(records.next().unwrap(), &mut |told| {
                    black_box(&told);
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, takes);
criterion_main!(benches);
