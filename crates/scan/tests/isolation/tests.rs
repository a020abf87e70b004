//! What is tried, and what must come of it.

use model::{Cancel, Digest};
use scan::{Landlock, Limits, Options, Silent, Source, User};
use testkit::{Compression, Image, Layer, image};

use crate::subject::{
    After, attack_image, compromised, honest, outcome, quick, scan_by, scan_with, status, workers,
};

type Test = (&'static str, fn());

pub(crate) const ALL: &[Test] = &[
    (
        "a_worker_has_given_up_everything",
        a_worker_has_given_up_everything,
    ),
    (
        "no_file_can_be_opened_made_or_looked_at",
        no_file_can_be_opened_made_or_looked_at,
    ),
    (
        "what_was_left_open_is_of_no_use",
        what_was_left_open_is_of_no_use,
    ),
    (
        "no_socket_of_any_family_can_be_had",
        no_socket_of_any_family_can_be_had,
    ),
    (
        "what_no_reading_needs_ends_the_worker",
        what_no_reading_needs_ends_the_worker,
    ),
    (
        "memory_time_and_patience_are_bounded",
        memory_time_and_patience_are_bounded,
    ),
    ("every_way_to_die_is_named", every_way_to_die_is_named),
    (
        "the_asker_lives_on_and_the_next_image_is_whole",
        the_asker_lives_on_and_the_next_image_is_whole,
    ),
    (
        "a_worker_killed_in_a_layer_leaves_what_it_found",
        a_worker_killed_in_a_layer_leaves_what_it_found,
    ),
    (
        "workers_find_what_this_process_finds",
        workers_find_what_this_process_finds,
    ),
    (
        "documents_that_are_handed_in_are_read_by_workers_too",
        documents_that_are_handed_in_are_read_by_workers_too,
    ),
    (
        "folders_are_read_file_by_file_and_only_what_is_handed_over",
        folders_are_read_file_by_file_and_only_what_is_handed_over,
    ),
    (
        "a_file_that_kills_its_reader_costs_itself_alone",
        a_file_that_kills_its_reader_costs_itself_alone,
    ),
    (
        "a_liar_cannot_poison_what_is_remembered",
        a_liar_cannot_poison_what_is_remembered,
    ),
    (
        "without_a_worker_nothing_is_read",
        without_a_worker_nothing_is_read,
    ),
    (
        "a_cancelled_scan_ends_its_workers",
        a_cancelled_scan_ends_its_workers,
    ),
];

const ATTACK: &str = "may be made to attack whoever scans it";

/// Each of these ends the worker, with a reason; nothing was done.
fn is_ended(attack: &str, limits: &Limits, reason: &str) {
    let said = outcome(attack, limits);
    assert!(
        said.len() == 1
            && said[0].contains("only partly read: the process that read it")
            && said[0].contains(reason),
        "{attack}: {said:?}"
    );
}

fn a_worker_has_given_up_everything() {
    let sealed = honest().check().unwrap();
    let is_root = rustix::process::geteuid().is_root();
    let user = if is_root { User::Own } else { User::Asker };
    assert_eq!(sealed.user, user);
    if sealed.landlock == Landlock::Absent {
        testkit::skipped("this kernel has no Landlock: the filter of calls stands alone");
    }

    let cancel = Cancel::default();
    let folder = tempfile::tempdir().unwrap();
    attack_image("wait").write_layout(folder.path());
    let source = Source::Layout(folder.path().to_owned());
    let options = Options {
        isolation: Some(compromised()),
        ..Options::default()
    };
    let outcome = std::thread::scope(|scope| {
        let scanning = scope.spawn(|| scan::scan(&source, &options, &Silent, &cancel));
        let pid = loop {
            if let Some(pid) = workers().first()
                && status(*pid, "Seccomp") == "2"
            {
                break *pid;
            }
            assert!(!scanning.is_finished());
            std::thread::yield_now();
        };
        let uid = if is_root { 60_907 } else { 65_534 };
        assert_eq!(status(pid, "Uid"), format!("{uid} {uid} {uid} {uid}"));
        assert_eq!(status(pid, "Gid"), format!("{uid} {uid} {uid} {uid}"));
        assert_eq!(status(pid, "Groups"), "");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(pid, set), "0000000000000000", "{set}");
        }
        assert_eq!(status(pid, "NoNewPrivs"), "1");
        assert_eq!(status(pid, "Seccomp"), "2");
        assert_eq!(status(pid, "Threads"), "1");
        let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        for limit in ["Max processes", "Max open files", "Max core file size"] {
            let line = text.lines().find(|line| line.starts_with(limit)).unwrap();
            let numbers: Vec<&str> = line
                .split_whitespace()
                .filter(|word| *word == "0")
                .collect();
            assert_eq!(numbers.len(), 2, "{line}");
        }
        cancel.cancel();
        scanning.join().unwrap()
    });
    assert!(matches!(outcome, Err(scan::ScanError::Cancelled)));
}

fn no_file_can_be_opened_made_or_looked_at() {
    let said = outcome("files", &quick());
    assert_eq!(said.len(), 25, "{said:#?}");
    for line in &said {
        assert!(line.ends_with(": PermissionDenied"), "{line}");
    }
    assert!(!std::path::Path::new("/tmp/seawall-loot").exists());
}

fn what_was_left_open_is_of_no_use() {
    let said = outcome("left open", &quick());
    assert_eq!(said.len(), 5, "{said:#?}");
    for line in &said {
        assert!(line.ends_with(": PermissionDenied"), "{line}");
    }
}

fn no_socket_of_any_family_can_be_had() {
    // AF_UNSPEC to the last family there is, and some beyond.
    for family in 0..48 {
        is_ended(&format!("socket {family}"), &quick(), ATTACK);
    }
}

fn what_no_reading_needs_ends_the_worker() {
    for attack in [
        "accept",
        "bind",
        "connect",
        "exec",
        "pair",
        "parent memory",
        "pidfd",
        "ptrace",
        "root",
        "shared memory",
        "signal",
        "signal itself",
        "spawn",
        "thread",
        "traceme",
        "unshare",
    ] {
        is_ended(attack, &quick(), ATTACK);
    }
}

fn memory_time_and_patience_are_bounded() {
    is_ended(
        "memory",
        &Limits::default(),
        "wanted more than 128 MiB of memory",
    );
    let said = outcome("spin", &quick());
    // On a busy machine the clock is first.
    let reasons = ["used more than 2 s of processor time", "did not end within"];
    assert!(
        reasons.iter().any(|reason| said[0].contains(reason)),
        "{said:?}"
    );
    is_ended("wait", &quick(), "did not end within");
}

fn every_way_to_die_is_named() {
    is_ended("panic", &quick(), "gave up");
    is_ended("abort", &quick(), "crashed with signal 6");
    is_ended("stack", &quick(), "ran out of stack");
    is_ended("noise", &quick(), "said what it should not");
    is_ended("errors", &Limits::default(), "crashed with signal 25");
    assert!(outcome("leave", &quick()).is_empty());
}

fn sound() -> Image {
    Image::new().layer("ADD rootfs", image::debian())
}

fn the_asker_lives_on_and_the_next_image_is_whole() {
    for attack in ["signal", "memory", "panic", "noise"] {
        assert!(!outcome(attack, &quick()).is_empty());
        let sbom = scan_by(honest(), &sound());
        assert!(sbom.warnings.is_empty(), "{:?}", sbom.warnings);
        assert!(
            sbom.packages
                .iter()
                .any(|package| package.name == "openssl")
        );
    }
    assert!(workers().is_empty());
}

/// Bytes that do not shrink when packed.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn a_worker_killed_in_a_layer_leaves_what_it_found() {
    let upper = Layer::new()
        .file(
            "app/node_modules/left-pad/package.json",
            br#"{"name":"left-pad","version":"1.3.0"}"#,
        )
        .file("app/large", noise(16 << 20))
        .file(
            "app/node_modules/late/package.json",
            br#"{"name":"late","version":"1.0.0"}"#,
        );
    let both = sound().layer("COPY app", upper);
    let options = Options {
        isolation: Some(honest()),
        workers: 1,
        ..Options::default()
    };
    let kill = After::new(8 << 20, || {
        let [worker] = *workers().as_slice() else {
            panic!("there should be one worker");
        };
        let worker = rustix::process::Pid::from_raw(worker).unwrap();
        rustix::process::kill_process(worker, rustix::process::Signal::KILL).unwrap();
    });
    let sbom = scan_with(&both, &options, &kill).unwrap();
    let has = |name: &str| sbom.packages.iter().any(|package| package.name == name);
    assert!(has("openssl") && has("left-pad") && !has("late"));
    let [warning] = sbom.warnings.as_slice() else {
        panic!("{:?}", sbom.warnings);
    };
    assert!(
        warning.message.contains("was killed from outside"),
        "{warning}"
    );
    assert_eq!(warning.layer, Some(sbom.layers[1].diff_id));

    let again = scan_with(&both, &options, &Silent).unwrap();
    assert!(again.warnings.is_empty());
    assert!(again.packages.iter().any(|package| package.name == "late"));
}

fn documents_that_are_handed_in_are_read_by_workers_too() {
    let read = |bytes: &[u8], isolation: Option<&scan::Isolation>| {
        scan::read_sbom("the SBOM", bytes, isolation, &Cancel::default())
            .map_err(|error| model::error::chain(&error))
    };
    let component = |number: u32| {
        format!(
            r#"{{"type": "library", "name": "p{number}", "version": "1.0.{number}",
                "purl": "pkg:npm/p{number}@1.0.{number}"}}"#
        )
    };
    let components: Vec<String> = (0..5_000).map(component).collect();
    let document = format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}]}}"#,
        components.join(",")
    );
    let here = read(document.as_bytes(), None).unwrap();
    assert_eq!(here.packages.len(), 5_000);
    assert_eq!(read(document.as_bytes(), Some(&honest())), Ok(here));
    let cut = document.get(..document.len() / 2).unwrap();
    for broken in ["", "nonsense", cut, r#"{"spdxVersion": "SPDX-9.9"}"#] {
        let (here, there) = (
            read(broken.as_bytes(), None),
            read(broken.as_bytes(), Some(&honest())),
        );
        assert!(here.is_err(), "{broken}");
        assert_eq!(there, here, "{broken}");
    }
    // One that fell to its document can do nothing, and is told of.
    let told = read(b"ATTACK files\n", Some(&compromised())).unwrap_err();
    assert!(
        told.contains("PermissionDenied") && !told.contains("DONE"),
        "{told}"
    );
    for attack in ["ATTACK socket 2\n", "ATTACK exec\n"] {
        let told = read(attack.as_bytes(), Some(&compromised())).unwrap_err();
        assert!(told.contains(ATTACK), "{attack}: {told}");
    }
}

fn workers_find_what_this_process_finds() {
    for packing in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
        let image = Image::new()
            .compression(packing)
            .layer("ADD rootfs", image::debian())
            .layer(
                "COPY app",
                Layer::new()
                    .file(
                        "app/node_modules/a/package.json",
                        br#"{"name":"a","version":"1.0.0"}"#,
                    )
                    .file("app/broken.jar", b"PK\x03\x04 and no more")
                    .file("app/settings.conf", "db_password = Tr0ub4dor-and-3\n")
                    .with_mode("app/tool", 0o4755, "x")
                    .file(
                        "app/large.jar",
                        [b"PK\x03\x04".as_slice(), &noise(6 << 20)].concat(),
                    )
                    .file(
                        "app/node_modules/a/package.json",
                        br#"{"name":"a","version":"2.0.0"}"#,
                    )
                    .hard_link("app/b/package.json", "app/node_modules/a/package.json"),
            )
            .layer("RUN rm", Layer::new().whiteout("app/broken.jar"));
        let here = scan_with(&image, &Options::default(), &Silent).unwrap();
        assert_eq!(here.secrets.as_ref().map(Vec::len), Some(1));
        assert_eq!(here.notable.as_ref().map(Vec::len), Some(1));
        assert_eq!(scan_by(honest(), &image), here, "{packing:?}");

        // The whole archive is packed once more, and unpacked by a worker.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.tar");
        image.write_docker_archive(&path);
        let packed = Compression::Gzip.pack(&std::fs::read(&path).unwrap());
        let path = folder.path().join("image.tar.gz");
        std::fs::write(&path, packed).unwrap();
        let scan = |isolation| {
            let options = Options {
                isolation,
                ..Options::default()
            };
            let source = Source::Archive(path.clone());
            scan::scan(&source, &options, &Silent, &Cancel::default()).unwrap()
        };
        assert_eq!(scan(Some(honest())), scan(None), "{packing:?}");
    }
}

fn a_liar_cannot_poison_what_is_remembered() {
    let cache = tempfile::tempdir().unwrap();
    let options = |isolation| Options {
        isolation: Some(isolation),
        cache: Some(cache.path().to_owned()),
        ..Options::default()
    };
    // A packed layer whose reader says that it unpacks to Debian, and
    // that there is nothing in it; the configuration says the same.
    let plain = Image::new()
        .compression(Compression::Plain)
        .layer("ADD rootfs", image::debian());
    let target = Digest::of(&image::debian().tar());
    let liar = Image::new().compression(Compression::Gzip).layer(
        "ADD attack",
        Layer::new().file("attack", format!("ATTACK claim {target}\n")),
    );
    let blobs = liar.blobs();
    let config: String = String::from_utf8(blobs.config.clone()).unwrap();
    let own = Digest::of(&crate::attack::plain(&blobs.layers[0]));
    let forged = config.replace(&own.to_string(), &target.to_string());
    assert_ne!(config, forged);
    let manifest = String::from_utf8(blobs.manifest).unwrap().replace(
        &Digest::of(config.as_bytes()).to_string(),
        &Digest::of(forged.as_bytes()).to_string(),
    );
    let index = image::index(&[image::descriptor(image::OCI_MANIFEST, manifest.as_bytes())]);
    let folder = tempfile::tempdir().unwrap();
    let shelf = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&shelf).unwrap();
    for blob in [forged.as_bytes(), manifest.as_bytes(), &blobs.layers[0]] {
        std::fs::write(shelf.join(Digest::of(blob).hex()), blob).unwrap();
    }
    std::fs::write(folder.path().join("index.json"), index).unwrap();
    let source = Source::Layout(folder.path().to_owned());
    let sbom = scan::scan(
        &source,
        &options(compromised()),
        &Silent,
        &Cancel::default(),
    )
    .unwrap();
    // It passes for true: nobody else has looked inside.
    assert_eq!(sbom.layers[0].diff_id, target);
    assert!(
        sbom.packages.is_empty() && sbom.warnings.is_empty(),
        "{:?}",
        sbom.warnings
    );

    // And yet the true Debian is not taken for known, in any form.
    let packed = Image::new()
        .compression(Compression::Gzip)
        .layer("ADD rootfs", image::debian());
    for image in [packed, plain] {
        let sbom = scan_with(&image, &options(honest()), &Silent).unwrap();
        assert_eq!(sbom.layers[0].diff_id, target);
        assert!(
            sbom.packages
                .iter()
                .any(|package| package.name == "openssl")
        );
    }
}

fn without_a_worker_nothing_is_read() {
    for program in ["/nonexistent/seawall", "/bin/true", "/bin/echo"] {
        let mut isolation = honest();
        isolation.program = program.into();
        let sbom = scan_by(isolation, &sound());
        assert!(sbom.packages.is_empty());
        assert!(
            sbom.warnings[0]
                .message
                .contains("the process that read it"),
            "{:?}",
            sbom.warnings
        );
    }
}

fn a_cancelled_scan_ends_its_workers() {
    let cancel = Cancel::default();
    let folder = tempfile::tempdir().unwrap();
    attack_image("wait").write_layout(folder.path());
    let options = Options {
        isolation: Some(compromised()),
        ..Options::default()
    };
    let source = Source::Layout(folder.path().to_owned());
    let hint = cancel.clone();
    let progress = After::new(1, move || hint.cancel());
    let outcome = scan::scan(&source, &options, &progress, &cancel);
    assert!(matches!(outcome, Err(scan::ScanError::Cancelled)));
    assert!(workers().is_empty());
}

fn folders_are_read_file_by_file_and_only_what_is_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    Image::new()
        .layer("ADD rootfs", image::debian())
        .layer(
            "COPY app",
            Layer::new()
                .file(
                    "app/node_modules/a/package.json",
                    br#"{"name":"a","version":"1.0.0"}"#,
                )
                .file("app/broken.jar", b"PK\x03\x04 and no more")
                .file(
                    "app/large.jar",
                    [b"PK\x03\x04".as_slice(), &noise(6 << 20)].concat(),
                ),
        )
        .write_rootfs(folder.path());
    let scan = |isolation| {
        let options = Options {
            isolation,
            ..Options::default()
        };
        let source = Source::Rootfs(folder.path().to_owned());
        scan::scan(&source, &options, &Silent, &Cancel::default()).unwrap()
    };
    let here = scan(None);
    assert!(!here.packages.is_empty() && !here.warnings.is_empty());
    assert_eq!(scan(Some(honest())), here);

    // One that is handed files can do no more than one that is not.
    for attack in ["files", "left open"] {
        let said = in_folder(&[attack]);
        assert!(!said.is_empty());
        for line in &said {
            assert!(line.ends_with(": PermissionDenied"), "{line}");
        }
    }
    for attack in [
        "socket 1", "socket 2", "spawn", "accept", "signal", "ptrace",
    ] {
        let said = in_folder(&[attack]);
        assert!(said.len() == 1 && said[0].contains(ATTACK), "{said:?}");
    }
}

/// What came of a folder whose files say what is to be tried.
fn in_folder(attacks: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (number, attack) in attacks.iter().enumerate() {
        let place = folder.path().join(format!("{number}/node_modules/a"));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("package.json"), format!("ATTACK {attack}\n")).unwrap();
    }
    let options = Options {
        isolation: Some(compromised()),
        limits: quick(),
        ..Options::default()
    };
    let source = Source::Rootfs(folder.path().to_owned());
    let sbom = scan::scan(&source, &options, &Silent, &Cancel::default()).unwrap();
    let line = |warning: model::Warning| {
        let place = warning.path.unwrap_or_default();
        format!("{}{}", place, warning.message)
    };
    sbom.warnings.into_iter().map(line).collect()
}

fn a_file_that_kills_its_reader_costs_itself_alone() {
    let said = in_folder(&["leave", "panic", "leave", "signal", "leave", "noise"]);
    assert_eq!(said.len(), 3, "{said:?}");
    for (number, reason) in [(1, "gave up"), (3, ATTACK), (5, "said what it should not")] {
        let place = format!("{number}/node_modules/a/package.json");
        let found = said.iter().find(|line| line.starts_with(&place)).unwrap();
        assert!(found.contains(reason), "{found}");
    }
    // Somebody who kills all of them is given no more.
    let said = in_folder(&["panic"; 30]);
    assert!(said.len() < 25, "{}", said.len());
    assert!(
        said.iter().any(|line| line.contains("only partly read")),
        "{said:?}"
    );
}
