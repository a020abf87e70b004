//! Calls, each made in a container by a program of busybox.

use rules::syscall::Kind;
use sensor::{
    kernel::Opens,
    record::{Call, What},
};
use testkit::container::{Container, Options};

use super::{until, watched};

/// Runs a script in a privileged container, and what is told of it until
/// a file called `done` is made: kind, result, first path, resolved path.
fn told_of(opens: Opens, script: &str) -> Option<Vec<Told>> {
    let mut kernel = watched()?;
    kernel.set_opens(opens).unwrap();
    let options = Options {
        is_privileged: true,
        files: vec![("/etc/shadow".to_owned(), b"root:*::\n".to_vec())],
        ..Options::default()
    };
    let container = Container::start(&options).unwrap()?;
    // Its mount namespace is one that it may leave.
    let namespace = container.pid_namespace().unwrap();
    let output = container
        .exec(&["sh", "-c", &format!("{script}\n:> /tmp/done")])
        .unwrap();
    let mut told = Vec::new();
    let is_done = until(&mut kernel, |record| {
        if let What::Call(call) = record.what
            && record.task.pid_namespace == namespace
        {
            told.push(Told::new(&call));
            return call.path == b"/tmp/done";
        }
        false
    });
    assert!(is_done, "{told:#?}\n{output:?}");
    Some(told)
}

#[derive(Debug)]
struct Told {
    kind: Kind,
    result: i64,
    arguments: [u64; 6],
    path: String,
    resolved: String,
    second: String,
    remote: Option<(std::net::IpAddr, u16)>,
    local: Option<(std::net::IpAddr, u16)>,
}

impl Told {
    fn new(call: &Call<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            kind: call.kind,
            result: call.result,
            arguments: call.arguments,
            path: text(call.path),
            resolved: text(call.resolved),
            second: text(call.second),
            remote: call.socket.and_then(|socket| socket.remote),
            local: call.socket.and_then(|socket| socket.local),
        }
    }
}

#[track_caller]
fn assert_told(told: &[Told], what: &str, is_it: impl Fn(&Told) -> bool) {
    assert!(told.iter().any(is_it), "not told: {what}\n{told:#?}");
}

#[test]
fn files_are_told() {
    let script = "echo x > /tmp/new; mv /tmp/new /tmp/old; ln -s /tmp/old /tmp/link; \
                  chmod 4755 /tmp/old; cat /etc/shadow; rm /tmp/old; \
                  mkdir /tmp/m; mount -t tmpfs tmpfs /tmp/m; umount /tmp/m";
    let Some(told) = told_of(Opens::Sensitive, script) else {
        return;
    };
    let opens = [Kind::Open, Kind::Openat, Kind::Openat2];
    assert_told(&told, "a file written", |it| {
        opens.contains(&it.kind) && it.resolved == "/tmp/new" && it.result >= 0
    });
    assert_told(&told, "a secret read", |it| {
        opens.contains(&it.kind) && it.resolved == "/etc/shadow"
    });
    assert_told(&told, "a file renamed", |it| {
        it.kind.as_str().starts_with("rename") && it.path == "/tmp/new" && it.second == "/tmp/old"
    });
    assert_told(&told, "a link made", |it| {
        it.kind.as_str().starts_with("symlink") && it.path == "/tmp/old"
    });
    assert_told(&told, "a mode changed", |it| {
        matches!(it.kind, Kind::Chmod | Kind::Fchmodat) && it.path == "/tmp/old"
    });
    assert_told(&told, "a file removed", |it| {
        it.kind.as_str().starts_with("unlink") && it.path == "/tmp/old"
    });
    assert_told(&told, "a file system mounted", |it| {
        it.kind == Kind::Mount && it.second == "/tmp/m" && it.result == 0
    });
    assert_told(&told, "a file system taken away", |it| {
        it.kind == Kind::Umount2 && it.path == "/tmp/m"
    });
}

#[test]
fn reads_of_nothing_special_are_not_told() {
    let Some(told) = told_of(Opens::Sensitive, "cat /etc/group /proc/uptime") else {
        return;
    };
    assert!(
        told.iter().all(|it| it.resolved != "/proc/uptime"),
        "{told:#?}"
    );
    let Some(told) = told_of(Opens::All, "cat /proc/uptime") else {
        return;
    };
    assert_told(&told, "every open", |it| it.resolved == "/proc/uptime");
}

#[test]
fn reads_beyond_ones_own_mounts_are_told() {
    let script = "unshare -m sleep 60 & other=$!; \
                  for i in 1 2 3 4 5 6 7 8 9; do \
                    [ \"$(readlink /proc/$other/ns/mnt)\" = \"$(readlink /proc/self/ns/mnt)\" ] \
                    || break; usleep 100000; \
                  done; \
                  cat /proc/$other/root/bin/busybox > /dev/null; kill $other";
    let Some(told) = told_of(Opens::Sensitive, script) else {
        return;
    };
    assert_told(&told, "a file of another's", |it| {
        it.path.starts_with("/proc/") && it.path.ends_with("/root/bin/busybox") && it.result >= 0
    });
}

#[test]
fn connections_are_told() {
    let script = "ip link set lo up; nc -l -p 4567 < /dev/null > /dev/null & \
                  for i in 1 2 3 4 5 6 7 8 9; do \
                    nc 127.0.0.1 4567 < /dev/null && break; usleep 100000; \
                  done; wait";
    let Some(told) = told_of(Opens::Sensitive, script) else {
        return;
    };
    let loopback = Some(("127.0.0.1".parse().unwrap(), 4567));
    assert_told(&told, "a connection made", |it| {
        it.kind == Kind::Connect && it.remote == loopback
    });
    assert_told(&told, "a port taken", |it| {
        it.kind == Kind::Bind && it.local.is_some_and(|(_, port)| port == 4567)
    });
    assert_told(&told, "a listener", |it| it.kind == Kind::Listen);
    assert_told(&told, "a connection accepted", |it| {
        matches!(it.kind, Kind::Accept | Kind::Accept4)
            && it.local.is_some_and(|(_, port)| port == 4567)
    });
}

#[test]
fn privileges_are_told() {
    let script = "unshare -m true; nsenter -t 1 -m true; \
                  insmod /etc/shadow; setpriv --clear-groups true; \
                  sleep 100 & kill -9 $!; chroot / true";
    let Some(told) = told_of(Opens::Sensitive, script) else {
        return;
    };
    assert_told(&told, "a namespace made", |it| {
        it.kind == Kind::Unshare && it.arguments[0] == 0x0002_0000
    });
    assert_told(&told, "a namespace entered", |it| it.kind == Kind::Setns);
    assert_told(&told, "a module loaded", |it| {
        matches!(it.kind, Kind::InitModule | Kind::FinitModule)
    });
    assert_told(&told, "a signal sent", |it| {
        it.kind == Kind::Kill && it.arguments[1] == 9
    });
    assert_told(&told, "a root changed", |it| {
        it.kind == Kind::Chroot && it.path == "/"
    });
}
