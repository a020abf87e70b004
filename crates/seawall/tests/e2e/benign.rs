//! What ordinary containers do all day raises nothing anybody would get up
//! for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use testkit::skipped;

use crate::attacks::{NODE, SILENCE, Stage, is_loud, text};

/// How long a benign workload runs; longer by hand.
fn benign_for() -> Duration {
    let seconds = std::env::var_os("SEAWALL_BENIGN_SECONDS");
    let seconds = seconds.and_then(|text| text.to_str()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(60))
}

/// A web server and its visitors, a shell that looks after health, a build
/// that writes, packs, unpacks and runs what came with the image, log files
/// turned over.
const WORK: [(&str, &str); 6] = [
    (
        "web",
        "wget -q -O /dev/null http://127.0.0.1:8080/index.html",
    ),
    ("shop", "test -f /etc/shop.conf && worker --check"),
    (
        "shop",
        "mkdir -p /srv/build && cd /srv/build && for i in 1 2 3 4 5 6; do echo $i > part$i; done \
         && tar -cf all.tar part* && mkdir -p out && tar -xf all.tar -C out && sha256sum out/* \
         > sums && gzip -f all.tar && rm -r /srv/build",
    ),
    (
        "shop",
        "echo ready >> /var/log/shop.log; mv /var/log/shop.log /var/log/shop.log.1; gzip -f \
         /var/log/shop.log.1; rm /var/log/shop.log.1.gz",
    ),
    (
        "shop",
        "cat /etc/passwd /etc/os-release | sort | wc -l; date; df -P /; ps | head -3",
    ),
    (
        "admin",
        "ls /sys/class/net; cat /proc/loadavg /proc/meminfo | head -3",
    ),
];

/// The same with what the host's distribution has, and nginx and redis of a
/// folder that `SEAWALL_BENIGN_ROOT` names, where Debian's packages were
/// unpacked.
const REAL_WORK: [(&str, &str); 6] = [
    (
        "site",
        "for i in 1 2 3 4 5 6 7 8; do wget -q -O /dev/null http://127.0.0.1:8081/index.html; \
         done; kill -USR1 1",
    ),
    (
        "cache",
        "for i in 1 2 3 4 5 6 7 8; do redis-cli set key$i value$i; redis-cli get key$i; done; \
         redis-cli bgsave; redis-cli info memory | head -5",
    ),
    (
        "application",
        "for i in 1 2 3 4; do wget -q -O /dev/null http://127.0.0.1:8082/?order=$i; done",
    ),
    (
        "builder",
        "rm -rf /srv/package && cp -r /input/package /srv/package && cd /srv/package && make \
         && make install DESTDIR=/srv/package/root && dpkg-deb --build --root-owner-group root \
         /srv/hello.deb && dpkg-deb --info /srv/hello.deb",
    ),
    (
        "builder",
        "cd /srv && python3 -m compileall -q /input/package && python3 -c 'import json; \
         print(json.dumps({}))' && git --version; openssl version; perl -e 'print 1'",
    ),
    (
        "builder",
        "tar -czf /srv/source.tar.gz /srv/package && tar -tzf /srv/source.tar.gz | wc -l; find \
         /srv -name '*.o' | xargs ls -l; grep -rn main /srv/package/hello.c",
    ),
];

const NGINX: &str = "\
user root;
daemon off;
pid /tmp/nginx.pid;
error_log /tmp/error.log;
events { }
http {
  access_log /var/log/access.log;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server { listen 127.0.0.1:8081; root /www; }
}
";

const APPLICATION: &str = "\
import http.server, sqlite3
store = sqlite3.connect('/srv/orders.db', check_same_thread=False)
store.execute('create table if not exists orders (what text)')
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        store.execute('insert into orders values (?)', (self.path,))
        store.commit()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'ordered')
http.server.HTTPServer(('127.0.0.1', 8082), Page).serve_forever()
";

const PACKAGE: [(&str, &str); 3] = [
    (
        "Makefile",
        "hello: hello.o\n\tgcc -o hello hello.o\ninstall: hello\n\tinstall -D hello \
         $(DESTDIR)/usr/bin/hello\n\tinstall -D -m 644 control $(DESTDIR)/DEBIAN/control\n",
    ),
    (
        "hello.c",
        "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n",
    ),
    (
        "control",
        "Package: hello\nVersion: 1\nArchitecture: amd64\nMaintainer: Shop <a@example.org>\n\
         Description: says hello\n",
    ),
];

/// Starts a web server, a cache, an application and what builds packages.
fn start_services(stage: &mut Stage, root: &Path, work: &Path) {
    let package = work.join("package");
    fs::create_dir_all(&package).expect("a folder is made");
    fs::write(work.join("nginx.conf"), NGINX).expect("a file is written");
    fs::write(work.join("application.py"), APPLICATION).expect("a file is written");
    for (name, content) in PACKAGE {
        fs::write(package.join(name), content).expect("a file is written");
    }
    let mounts = [
        format!("{}:/opt/root:ro", root.display()),
        format!("{}:/input:ro", work.display()),
        "/usr:/usr:ro".to_owned(),
        "/lib:/lib:ro".to_owned(),
        "/lib64:/lib64:ro".to_owned(),
        "/etc/alternatives:/etc/alternatives:ro".to_owned(),
    ];
    let mut options = vec![
        "--env",
        "LD_LIBRARY_PATH=/opt/root/usr/lib/x86_64-linux-gnu",
        "--env",
        "PATH=/opt/root/usr/bin:/usr/bin:/bin",
    ];
    for mount in &mounts {
        options.extend(["--volume", mount]);
    }
    for (name, command) in [
        ("site", "/opt/root/usr/sbin/nginx -c /input/nginx.conf"),
        (
            "cache",
            "/opt/root/usr/bin/redis-server --dir /srv --save 5 1 --bind 127.0.0.1",
        ),
        ("application", "/usr/bin/python3 /input/application.py"),
        ("builder", "/bin/sleep 1000000"),
    ] {
        stage
            .node
            .run(name, &options, command)
            .expect("a service starts");
    }
}

#[test]
fn ordinary_work_is_quiet() {
    let Some(mut stage) = Stage::set() else {
        return;
    };
    let mut work = WORK.to_vec();
    let folder = tempfile::tempdir().expect("a folder is made");
    if let Some(root) = std::env::var_os("SEAWALL_BENIGN_ROOT") {
        start_services(&mut stage, Path::new(&root), folder.path());
        work.extend(REAL_WORK);
    } else {
        skipped("nginx, redis and a package build (set SEAWALL_BENIGN_ROOT)");
    }
    let begun = Instant::now();
    let mut rounds = 0;
    while begun.elapsed() < benign_for() {
        for (container, script) in &work {
            stage
                .node
                .docker(&["exec", container, "sh", "-c", script])
                .expect("ordinary work is done");
        }
        rounds += 1;
        thread::sleep(Duration::from_millis(200));
    }
    thread::sleep(SILENCE);
    let places: BTreeSet<&str> = work.iter().map(|(container, _)| *container).collect();
    let ours: Vec<String> = places
        .iter()
        .filter_map(|name| stage.node.container(name).map(str::to_owned))
        .collect();
    let mut loud = BTreeMap::new();
    let mut quiet = BTreeMap::new();
    for finding in stage.alerts(None) {
        let detail = stage.detail(&finding);
        let fields = &detail["evidence"]["fields"];
        let id = text(&fields["container.full_id"]);
        if !ours.iter().any(|known| known == id) {
            continue;
        }
        let rule = text(&finding["rule"]).to_owned();
        let command = text(&fields["proc.cmdline"]).to_owned();
        if is_loud(text(&finding["severity"])) {
            loud.insert((rule, command), finding["occurrences"].as_u64());
        } else {
            quiet.insert(rule, command);
        }
    }
    println!(
        "measured: {rounds} rounds of ordinary work in {places:?} in {} s, {} alerts of medium or \
         higher, lower: {quiet:?}",
        begun.elapsed().as_secs(),
        loud.len()
    );
    let sensor = stage.server.get(&format!("/api/v1/sensors/{NODE}"));
    println!(
        "measured: sensor at {} % of a core, {} bytes resident",
        sensor["sensor"]["cpu"]
            .as_f64()
            .or(sensor["cpu"].as_f64())
            .unwrap_or(-1.0),
        sensor["sensor"]["memory"]
            .as_u64()
            .or(sensor["memory"].as_u64())
            .unwrap_or(0)
    );
    assert!(loud.is_empty(), "{loud:#?}");
}
