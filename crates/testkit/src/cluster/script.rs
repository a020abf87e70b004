//! What is played against a real API server: `testkit/cluster/attack.yaml`
//! read, and one step after the other done as whoever does it.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use model::Clock;
use serde::Deserialize;

use super::Place;

/// How often `repeated` is applied.
const REPEATED: u32 = 30;
const STEP: Duration = Duration::from_millis(20);

/// The whole script; its file says what each key means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub repeated: String,
    pub setup: String,
    pub steps: Vec<Step>,
}

/// One thing somebody does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub id: String,
    #[serde(default)]
    pub technique: Option<String>,
    #[serde(default)]
    pub near: Option<String>,
    #[serde(rename = "as")]
    pub who: String,
    #[serde(default)]
    pub kubectl: Option<String>,
    #[serde(default)]
    pub request: Option<String>,
    #[serde(default)]
    pub input: Option<String>,
    #[serde(default)]
    pub lasts: Option<u64>,
    #[serde(default = "once")]
    pub times: u32,
    #[serde(default)]
    pub alert: Option<String>,
    #[serde(default)]
    pub also: Vec<String>,
    #[serde(default)]
    pub tactics: Vec<String>,
    #[serde(default)]
    pub principal: Option<String>,
    #[serde(default)]
    pub object: Option<String>,
}

/// What became of a step.
#[derive(Debug)]
pub struct Played {
    pub started: Timestamp,
    pub ended: Timestamp,
    /// Of its last turn.
    pub output: Output,
}

const fn once() -> u32 {
    1
}

impl Script {
    pub fn read() -> anyhow::Result<Self> {
        let text = include_str!("../../../../testkit/cluster/attack.yaml");
        let script: Self = serde_norway::from_str(text).context("failed to read attack.yaml")?;
        for step in &script.steps {
            step.check(&script)
                .with_context(|| format!("attack.yaml: step '{}'", step.id))?;
        }
        Ok(script)
    }

    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Lays out the cluster the steps are done in.
    pub fn prepare(&self, place: &Place, binary: &Path) -> anyhow::Result<()> {
        let repeated: String = (1..=REPEATED)
            .map(|turn| self.repeated.replace("{n}", &turn.to_string()))
            .collect();
        let mut kubectl = place.kubectl(binary, "admin");
        kubectl.args(["apply", "-f", "-"]);
        let done = run(
            &mut kubectl,
            &format!("{}---\n{repeated}", self.setup),
            None,
        )?;
        if !done.status.success() {
            bail!(
                "failed to set the cluster up: {}",
                String::from_utf8_lossy(&done.stderr)
            );
        }
        let mut kubectl = place.kubectl(binary, "admin");
        kubectl.args(["wait", "-n", "shop", "pod/web-0", "--for=condition=Ready"]);
        let ready = run(&mut kubectl, "", None)?;
        if !ready.status.success() {
            bail!(
                "pod web-0 does not get ready: {}",
                String::from_utf8_lossy(&ready.stderr)
            );
        }
        // Made beforehand: getting a token is a step of its own.
        for account in self.accounts() {
            place.token(binary, account)?;
        }
        Ok(())
    }

    fn accounts(&self) -> Vec<&str> {
        let mut accounts: Vec<&str> = self
            .steps
            .iter()
            .filter_map(|step| step.who.strip_prefix("serviceaccount:"))
            .collect();
        accounts.sort_unstable();
        accounts.dedup();
        accounts
    }
}

impl Step {
    /// The user the API server knows whoever does this as.
    pub fn user(&self) -> String {
        if let Some(principal) = &self.principal {
            return principal.clone();
        }
        match self.who.as_str() {
            "admin" => "kubernetes-admin".to_owned(),
            "operator" => "olive".to_owned(),
            "developer" => "dana".to_owned(),
            "outsider" => "mallory".to_owned(),
            "anonymous" => "system:anonymous".to_owned(),
            who => who.strip_prefix("serviceaccount:").map_or_else(
                || who.to_owned(),
                |account| format!("system:serviceaccount:{}", account.replace('/', ":")),
            ),
        }
    }

    fn check(&self, script: &Script) -> anyhow::Result<()> {
        if self.kubectl.is_some() == self.request.is_some() {
            bail!("needs 'kubectl' or 'request'");
        }
        match (&self.near, &self.alert) {
            (None, Some(_)) => {}
            (Some(near), None) => {
                let near = script.step(near).context("'near' names no step")?;
                if near.alert.is_none() {
                    bail!("'near' names a step without an alert");
                }
            }
            _ => bail!("needs either 'alert' or 'near'"),
        }
        if script
            .steps
            .iter()
            .filter(|step| step.id == self.id)
            .count()
            > 1
        {
            bail!("is there twice");
        }
        words(
            self.kubectl
                .as_deref()
                .or(self.request.as_deref())
                .unwrap_or_default(),
        )?;
        Ok(())
    }

    /// Does it, once for each of its turns. A request that is refused is
    /// done too.
    pub fn play(&self, place: &Place, binary: &Path, clock: &dyn Clock) -> anyhow::Result<Played> {
        let started = clock.now();
        let mut last = None;
        for turn in 1..=self.times {
            let turn = turn.to_string();
            let mut command = self.command(place, binary, &turn)?;
            let input = self.input.as_deref().unwrap_or_default();
            let input = Self::filled(place, input)?.replace("{n}", &turn);
            let limit = self.lasts.map(Duration::from_secs);
            last = Some(run(&mut command, &input, limit)?);
        }
        Ok(Played {
            started,
            ended: clock.now(),
            output: last.context("a step is done at least once")?,
        })
    }

    fn command(&self, place: &Place, binary: &Path, turn: &str) -> anyhow::Result<Command> {
        let account = self.who.strip_prefix("serviceaccount:");
        let mut command = match (&self.kubectl, account) {
            (Some(_), None) => place.kubectl(binary, &self.who),
            (Some(_), Some(account)) => {
                let mut command = place.kubectl(binary, "anonymous");
                command.arg("--token").arg(place.token(binary, account)?);
                command
            }
            (None, None) => place.request(binary, &self.who),
            (None, Some(account)) => {
                let mut command = place.request(binary, "anonymous");
                command.arg("--token").arg(place.token(binary, account)?);
                command
            }
        };
        let line = self.kubectl.as_deref().or(self.request.as_deref());
        for word in words(line.unwrap_or_default())? {
            command.arg(word.replace("{n}", turn));
        }
        Ok(command)
    }

    /// `{csr:NAME/GROUP}` is a new signing request for that subject.
    fn filled(place: &Place, input: &str) -> anyhow::Result<String> {
        let Some((before, rest)) = input.split_once("{csr:") else {
            return Ok(input.to_owned());
        };
        let (subject, after) = rest.split_once('}').context("'{csr:' is not closed")?;
        let (name, group) = subject.split_once('/').unwrap_or((subject, ""));
        let request = place.folder().join("step.csr");
        let made = Command::new("openssl")
            .args([
                "req",
                "-new",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
            ])
            .args(["-nodes", "-keyout", "/dev/null", "-out"])
            .arg(&request)
            .args(["-subj", &format!("/O={group}/CN={name}")])
            .output()
            .context("failed to run openssl")?;
        if !made.status.success() {
            bail!("openssl: {}", String::from_utf8_lossy(&made.stderr));
        }
        let encoded = Command::new("base64").arg("-w0").arg(&request).output()?;
        Ok(format!(
            "{before}{}{after}",
            String::from_utf8_lossy(&encoded.stdout)
        ))
    }
}

impl Place {
    /// A token of service account `NAMESPACE/NAME`, asked for once.
    fn token(&self, binary: &Path, account: &str) -> anyhow::Result<String> {
        let file = self
            .folder()
            .join(format!("token-{}", account.replace('/', "-")));
        if let Ok(token) = std::fs::read_to_string(&file) {
            return Ok(token);
        }
        let (namespace, name) = account
            .split_once('/')
            .with_context(|| format!("'{account}' is not NAMESPACE/NAME"))?;
        let mut kubectl = self.kubectl(binary, "admin");
        kubectl.args(["create", "token", "--duration=24h", "-n", namespace, name]);
        let made = run(&mut kubectl, "", None)?;
        if !made.status.success() {
            bail!("{}", String::from_utf8_lossy(&made.stderr));
        }
        let token = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        std::fs::write(&file, &token)?;
        Ok(token)
    }
}

/// Splits a line as a shell would, as far as single quotes go.
fn words(line: &str) -> anyhow::Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            ' ' if !is_quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    if is_quoted {
        bail!("a quote is not closed: {line}");
    }
    words.extend(word);
    Ok(words)
}

/// Runs a command to its end, or for `limit` where it stays.
fn run(command: &mut Command, input: &str, limit: Option<Duration>) -> anyhow::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start a part of the cluster")?;
    if let Some(mut pipe) = child.stdin.take() {
        // Whoever does not read it has its reasons.
        drop(pipe.write_all(input.as_bytes()));
    }
    if let Some(limit) = limit {
        let mut waited = Duration::ZERO;
        while waited < limit && child.try_wait()?.is_none() {
            thread::sleep(STEP);
            waited += STEP;
        }
        drop(child.kill());
    }
    Ok(child.wait_with_output()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_is_whole() {
        let script = Script::read().unwrap();
        let attacks = script.steps.iter().filter(|step| step.alert.is_some());
        let near = script.steps.iter().filter(|step| step.near.is_some());
        assert!(attacks.count() >= 40);
        assert!(near.count() >= 15);
    }

    #[test]
    fn line_is_split_as_a_shell_splits_it() {
        assert_eq!(
            words("patch -p '{\"a\": 1}' --x='y z' ''").unwrap(),
            ["patch", "-p", "{\"a\": 1}", "--x=y z", ""]
        );
        assert!(words("it's").is_err());
    }

    #[test]
    fn account_is_known_by_its_long_name() {
        let script = Script::read().unwrap();
        let step = script
            .steps
            .iter()
            .find(|step| step.who == "serviceaccount:shop/deployer");
        assert_eq!(step.unwrap().user(), "system:serviceaccount:shop:deployer");
    }
}
