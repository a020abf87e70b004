//! Containers that run in a real Docker Engine and a real containerd.

use std::{
    path::Path,
    process::{Command, Output},
};

use model::{ContainerEngine, Digest};
use scan::{Engines, running_containers};
use testkit::{service, sleeper};

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn docker(socket: &Path) -> Command {
    let mut command = Command::new("docker");
    command
        .arg("--host")
        .arg(format!("unix://{}", socket.display()));
    command
}

#[test]
fn containers_of_docker_engine_are_listed_while_they_run() {
    let Some(image) = sleeper::image("example.org/wait:1") else {
        return;
    };
    let Some(engine) = service::Engine::start().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    image.write_docker_archive(&archive);
    let docker = || docker(&engine.socket);
    run(docker().args(["load", "--input"]).arg(&archive));
    let start = |name: &str, image: &str| {
        let mut command = docker();
        command.args(["run", "--detach", "--network=none", "--label=team=shop"]);
        command.args(["--name", name, image, sleeper::PATH]);
        command.output().unwrap()
    };
    let started = start("first", "example.org/wait:1");
    if !started.status.success() {
        testkit::skipped(&format!("containers do not run here: {started:?}"));
        return;
    }
    assert!(start("second", "example.org/wait:1").status.success());
    run(docker().args([
        "create",
        "--name",
        "idle",
        "example.org/wait:1",
        sleeper::PATH,
    ]));

    let engines = Engines {
        docker: engine.socket.clone(),
        containerd: folder.path().join("none"),
        remote: None,
    };
    let (mut running, complaints) = running_containers(&engines);
    assert!(complaints.is_empty(), "{complaints:?}");
    assert!(running.unknown.is_empty());
    running.containers.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<_> = running.containers.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["first", "second"]);
    let first = &running.containers[0];
    assert_eq!(first.engine, ContainerEngine::Docker);
    assert_eq!(first.image, "example.org/wait:1");
    assert_eq!(first.image_digests, [Digest::of(&image.config())]);
    assert_eq!(first.privileged, Some(false));
    assert_eq!(first.labels["team"], "shop");
    assert!(first.started.is_some() && first.pid.is_some(), "{first:?}");
    assert_eq!(first.id.len(), 64);

    run(docker().args(["rm", "--force", "first"]));
    let (running, _) = running_containers(&engines);
    let names: Vec<_> = running.containers.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["second"]);
    run(docker().args(["rm", "--force", "second", "idle"]));
    let (running, _) = running_containers(&engines);
    assert!(running.containers.is_empty(), "{running:?}");
}

#[test]
fn containers_of_containerd_are_listed_while_they_run() {
    let Some(image) = sleeper::image("example.org/wait:1") else {
        return;
    };
    let Some(containerd) = service::Containerd::start().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    image.write_layout_tar(&archive);
    let ctr = || {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(&containerd.socket);
        command.args(["--namespace", "k8s.io"]);
        command
    };
    run(ctr()
        .args(["images", "import", "--snapshotter=native"])
        .arg(&archive));
    // The runtime keeps its containers in one place for every containerd.
    let id = format!("seawall-test-{}", std::process::id());
    let started = ctr()
        .args(["run", "--detach", "--null-io", "--snapshotter=native"])
        .args(["--label", "io.kubernetes.container.name=shop"])
        .args(["example.org/wait:1", &id, sleeper::PATH])
        .output()
        .unwrap();
    if !started.status.success() {
        testkit::skipped(&format!("containers do not run here: {started:?}"));
        return;
    }
    // Made, but without a task.
    run(ctr()
        .args(["containers", "create", "--snapshotter=native"])
        .args(["example.org/wait:1", "idle", sleeper::PATH]));

    let engines = Engines {
        docker: folder.path().join("none"),
        containerd: containerd.socket.clone(),
        remote: None,
    };
    let (running, complaints) = running_containers(&engines);
    run(ctr().args(["tasks", "kill", "--signal=SIGKILL", &id]));
    // A task that has ended no longer counts, whether or not it is gone.
    let deleted = || ctr().args(["tasks", "delete", &id]).output().unwrap();
    let is_gone = (0..100).any(|_| deleted().status.success());
    assert!(is_gone, "the task ends");
    assert!(complaints.is_empty(), "{complaints:?}");
    assert_eq!(running.containers.len(), 1, "{running:?}");
    let one = &running.containers[0];
    assert_eq!(one.engine, ContainerEngine::Containerd);
    assert_eq!(one.namespace.as_deref(), Some("k8s.io"));
    assert_eq!((one.id.as_str(), one.name.as_str()), (id.as_str(), "shop"));
    assert_eq!(one.image, "example.org/wait:1");
    let config = Digest::of(&image.config());
    assert!(one.image_digests.contains(&config), "{one:?}");
    assert_eq!(one.privileged, Some(false));
    assert!(one.started.is_some() && one.pid.is_some(), "{one:?}");

    let (running, _) = running_containers(&engines);
    assert!(running.containers.is_empty(), "{running:?}");
}

#[test]
fn an_engine_that_does_not_answer_is_unknown_and_one_that_is_not_there_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let engines = Engines {
        docker: folder.path().join("docker.sock"),
        containerd: folder.path().join("containerd.sock"),
        remote: None,
    };
    let (running, complaints) = running_containers(&engines);
    assert!(running.unknown.is_empty() && complaints.is_empty());
    // Of another kind, so that nothing can connect: a listener that is closed
    // may live on for a moment in a program another test starts.
    drop(std::os::unix::net::UnixDatagram::bind(&engines.docker).unwrap());
    let (running, complaints) = running_containers(&engines);
    assert_eq!(running.unknown, [ContainerEngine::Docker]);
    assert!(
        complaints[0].message.contains("docker.sock"),
        "{complaints:?}"
    );
}
