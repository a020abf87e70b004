//! What was acknowledged survives the process's sudden end.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use store::Store;

/// Set in the child: where its database is.
const DATABASE: &str = "SEAWALL_TEST_CRASH_DATABASE";

#[tokio::test]
async fn a_killed_server_loses_nothing_it_acknowledged() {
    if let Some(path) = std::env::var_os(DATABASE) {
        write_for_ever(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seawall.db");
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("crash::a_killed_server_loses_nothing_it_acknowledged")
            .env(DATABASE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let names = output
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("acknowledged ").map(str::to_owned))
            .take(200);
        acknowledged.extend(names);
        // SIGKILL: no destructor runs.
        child.kill().unwrap();
        child.wait().unwrap();

        let store = Store::open(&path).await.unwrap();
        for name in &acknowledged {
            let value = store.setting(name).await.unwrap();
            assert_eq!(value.as_deref(), Some("written"), "{name}");
        }
        store.close().await;
    }
    assert_eq!(acknowledged.len(), 600);
}

async fn write_for_ever(path: &Path) -> ! {
    let store = Store::open(path).await.unwrap();
    for step in 0_u64.. {
        let name = format!("{}-{step}", std::process::id());
        store.put_setting(&name, "written").await.unwrap();
        let mut output = std::io::stdout().lock();
        writeln!(output, "acknowledged {name}").unwrap();
    }
    unreachable!("invariant: the loop has no end")
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seawall.db");
    let first = Store::open(&path).await.unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(
        error.to_string().ends_with("another server is using it"),
        "{error}"
    );
    first.close().await;
    drop(first);
    Store::open(&path).await.unwrap();
}
