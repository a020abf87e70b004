//! The thread that reads, and asks again while something is missing.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{Answer, Found, Metadata, Question, Sources, finder::Finder, rooted::Rooted};
use crate::context::process::files::path_of;

/// Questions and answers on their way.
const MAX_WAITING: usize = 4096;
/// When a container is looked for again: runtimes write some files before
/// the first process starts and some after.
const AGAIN: [Duration; 8] = [
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(15),
    Duration::from_millis(40),
    Duration::from_millis(120),
    Duration::from_millis(800),
    Duration::from_secs(5),
    Duration::from_secs(30),
];
/// Engines are asked from this attempt on.
const ENGINE_FROM: usize = 3;
/// How often the host's users are looked at.
const USERS: Duration = Duration::from_secs(30);

/// Reads on a thread of its own.
#[derive(Debug)]
pub struct Worker {
    questions: Option<SyncSender<Question>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    host: Option<Rooted>,
    states: Vec<PathBuf>,
}

impl Worker {
    pub fn start(sources: Sources) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel(MAX_WAITING);
        let (sender, answers) = sync_channel(MAX_WAITING);
        let host = Rooted::host(&sources.root);
        let states = sources.states.clone();
        let finder = Finder::new(sources);
        let thread = std::thread::Builder::new()
            .name("metadata".to_owned())
            .spawn(move || {
                Run {
                    finder,
                    asked,
                    sender,
                    waiting: BinaryHeap::new(),
                    users: None,
                }
                .run();
            })?;
        Ok(Self {
            questions: Some(questions),
            answers,
            thread: Some(thread),
            host,
            states,
        })
    }
}

impl Metadata for Worker {
    fn ask(&mut self, question: Question) -> bool {
        self.questions
            .as_ref()
            .is_some_and(|it| it.try_send(question).is_ok())
    }

    fn answer(&mut self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    fn is_kept(&self, id: &[u8]) -> bool {
        self.host.as_ref().is_some_and(|host| {
            self.states
                .iter()
                .any(|state| host.is_folder(&state.join(path_of(id))))
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Without anybody asking, the thread ends by itself.
        self.questions = None;
        while self.answers.try_recv().is_ok() {}
        if let Some(thread) = self.thread.take()
            && thread.is_finished()
            && thread.join().is_err()
        {
            tracing::error!("the thread that reads metadata of containers panicked");
        }
    }
}

/// A question to be asked again.
#[derive(Debug)]
struct Later {
    due: Instant,
    attempt: usize,
    known: u32,
    question: Question,
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Later {}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Later {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

struct Run {
    finder: Finder,
    asked: Receiver<Question>,
    sender: SyncSender<Answer>,
    waiting: BinaryHeap<Reverse<Later>>,
    /// When the host's users changed last.
    users: Option<i64>,
}

impl Run {
    fn run(mut self) {
        let mut users_due = Instant::now();
        loop {
            let now = Instant::now();
            if now >= users_due {
                users_due = now + USERS;
                self.finder.forgive();
                if !self.host_users() {
                    return;
                }
            }
            let until = self
                .waiting
                .peek()
                .map_or(users_due, |Reverse(later)| later.due.min(users_due));
            match self
                .asked
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(question) => {
                    if !self.look(question, 0, 0) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = Instant::now();
            while self
                .waiting
                .peek()
                .is_some_and(|Reverse(later)| later.due <= now)
            {
                let Some(Reverse(later)) = self.waiting.pop() else {
                    break;
                };
                if !self.look(later.question, later.attempt, later.known) {
                    return;
                }
            }
        }
    }

    /// False where nobody listens any more.
    fn host_users(&mut self) -> bool {
        let changed = self.finder.users_changed();
        if changed.is_some() && changed == self.users {
            return true;
        }
        self.users = changed;
        match self.finder.host_users() {
            Some(users) => self.sender.send(Answer::Users(users)).is_ok(),
            None => true,
        }
    }

    fn look(&mut self, question: Question, attempt: usize, known: u32) -> bool {
        // An engine may know more than files that say all they can.
        let may_ask = attempt >= ENGINE_FROM || question.may_ask;
        let found = self.finder.find(&question, may_ask);
        let is_complete = found.is_complete && !found.wants_engine;
        let mut question = question;
        question.may_ask = found.wants_engine && found.is_complete;
        let now_known = worth(&found);
        if now_known > known {
            let answer = Answer::Found(Box::new(found));
            if self.sender.send(answer).is_err() {
                return false;
            }
        }
        if !is_complete
            && let Some(wait) = AGAIN.get(attempt)
            && self.waiting.len() < MAX_WAITING
        {
            self.waiting.push(Reverse(Later {
                due: Instant::now() + *wait,
                attempt: attempt + 1,
                known: now_known.max(known),
                question,
            }));
        }
        true
    }
}

/// More is better; nothing is worth nothing.
fn worth(found: &Found) -> u32 {
    let container = &found.container;
    let pod = container.pod.as_ref();
    [
        found.is_complete,
        found.users.is_some(),
        !container.name.is_empty(),
        !container.image.is_empty(),
        container.is_privileged.is_some(),
        container
            .pod
            .as_ref()
            .is_some_and(|pod| !pod.labels.is_empty()),
        pod.is_some(),
        pod.is_some_and(|pod| !pod.name.is_empty()),
    ]
    .into_iter()
    .map(u32::from)
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_later_is_found_later() {
        let root = tempfile::tempdir().unwrap();
        let sources = Sources {
            root: root.path().to_owned(),
            ..Sources::default()
        };
        let mut worker = Worker::start(sources).unwrap();
        assert!(!worker.is_kept(b"web"));
        std::fs::create_dir_all(root.path().join("run/runc/web")).unwrap();
        assert!(worker.is_kept(b"web"));
        assert!(worker.ask(Question {
            id: b"web".as_slice().into(),
            ..Question::default()
        }));
        std::fs::create_dir_all(root.path().join("b")).unwrap();
        std::fs::write(root.path().join("b/config.json"), "{}").unwrap();
        std::fs::write(
            root.path().join("run/runc/web/state.json"),
            r#"{"config":{"labels":["bundle=/b"]}}"#,
        )
        .unwrap();
        // Users of the (empty) host may come first.
        let found = loop {
            match worker
                .answers
                .recv_timeout(Duration::from_secs(10))
                .unwrap()
            {
                Answer::Found(found) if found.is_complete => break found,
                _ => {}
            }
        };
        assert_eq!(&*found.container.full_id, b"web");
    }
}
