//! Live events: how late they arrive when many listen.
//!
//! `cargo bench -p server --bench live [-- LISTENERS EVENTS_PER_SECOND SECONDS]`
//! starts a server on loopback, opens that many event streams over TCP,
//! announces events at that rate, and prints the delays between the
//! announcement and the arrival of each at each listener. Listeners and
//! server share the machine and its cores.

#![expect(clippy::print_stdout, reason = "a measurement is for people to read")]

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use api::Event;
use server::{Config, Server};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::Barrier,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

struct Load {
    listeners: usize,
    per_second: u64,
    seconds: u64,
}

fn main() -> ExitCode {
    // Cargo hands `--bench` to the program; numbers are ours.
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok());
    let load = Load {
        listeners: numbers
            .next()
            .and_then(|n: u64| n.try_into().ok())
            .unwrap_or(200),
        per_second: numbers.next().unwrap_or(200),
        seconds: numbers.next().unwrap_or(10),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(measure(load))
}

async fn measure(load: Load) -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut config = Config::default();
    config.listen.set_port(0);
    config.data_dir = folder.path().join("data");
    config.cache_dir = folder.path().join("cache");
    config.scan.machine = false;
    config.scan.images = false;
    config.advisories.update = false;
    let shutdown = CancellationToken::new();
    let server = Server::start(config, Arc::new(model::SystemClock), shutdown.clone())
        .await
        .expect("the server starts");
    let address = server.address();
    let entry = server.sign_in_link().await.expect("a link can be made");
    let announcer = server.announcer();
    let mut running = JoinSet::new();
    running.spawn(server.run());

    let cookie = sign_in(address, &entry).await;
    let began = Instant::now();
    let ready = Arc::new(Barrier::new(load.listeners + 1));
    let expected = load.per_second * load.seconds;
    let mut listeners = JoinSet::new();
    for _ in 0..load.listeners {
        let (cookie, ready) = (cookie.clone(), Arc::clone(&ready));
        listeners.spawn(async move {
            let mut lines = subscribe(address, &cookie).await;
            ready.wait().await;
            let mut delays = Vec::new();
            while delays.len() < usize::try_from(expected).unwrap_or(usize::MAX) {
                let Some(line) = lines.next().await else {
                    break;
                };
                let Some(sent) = sent_at(&line) else { continue };
                delays.push(began.elapsed().saturating_sub(sent));
            }
            delays
        });
    }
    ready.wait().await;
    let mut tick = tokio::time::interval(Duration::from_nanos(1_000_000_000 / load.per_second));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    for _ in 0..expected {
        tick.tick().await;
        let now = began.elapsed().as_micros();
        announcer.announce(&Event::ImageRemoved {
            id: format!("at-{now}"),
        });
    }
    let patience = tokio::time::timeout(Duration::from_secs(30), listeners.join_all());
    let Ok(delays) = patience.await else {
        println!("some listeners did not hear everything within 30 s");
        return ExitCode::FAILURE;
    };
    let heard = delays.iter().map(Vec::len).sum::<usize>();
    let mut delays: Vec<Duration> = delays.into_iter().flatten().collect();
    delays.sort_unstable();
    let at = |percent: usize| delays[(delays.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!(
        "{} listeners, {} events/s for {} s: {heard} of {} arrived; \
         p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms",
        load.listeners,
        load.per_second,
        load.seconds,
        expected * load.listeners as u64,
        at(50),
        at(99),
        at(100),
    );
    shutdown.cancel();
    running.join_all().await;
    ExitCode::SUCCESS
}

fn sent_at(line: &str) -> Option<Duration> {
    let (_, rest) = line.split_once("at-")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(Duration::from_micros(digits.parse().ok()?))
}

async fn sign_in(address: std::net::SocketAddr, link: &str) -> String {
    let (_, token) = link
        .split_once("#token=")
        .expect("the link carries a token");
    let body = serde_json::json!({ "token": token }).to_string();
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!(
        "POST /api/v1/session HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .expect("it answers");
    answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .and_then(|cookie| cookie.split(';').next())
        .unwrap_or_else(|| panic!("no session: {answer}"))
        .to_owned()
}

struct Lines(BufReader<TcpStream>);

impl Lines {
    async fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line),
        }
    }
}

async fn subscribe(address: std::net::SocketAddr, cookie: &str) -> Lines {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request =
        format!("GET /api/v1/events HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let mut lines = Lines(BufReader::new(stream));
    let status = lines.next().await.expect("it answers");
    assert!(status.contains(" 200 "), "{status}");
    while lines.next().await.is_some_and(|line| line != "\r\n") {}
    lines
}
