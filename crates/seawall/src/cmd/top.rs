//! `seawall top`: what sensors see, live.
//!
//! A thread asks the server; this one draws and takes keys, so that a slow
//! answer never holds a key up. Where there is no terminal, or a format for
//! programs is wanted, what is seen is printed once.

mod draw;
mod look;
mod over;
mod plain;
mod screen;
#[cfg(test)]
mod tests;
mod words;

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use api::{FindingDetail, client::ClientError};
use draw::Palette;
use fetch::FetchError;
use look::Look;
use model::{Clock as _, SystemClock};
use ratatui::{DefaultTerminal, crossterm::event};
use screen::{Screen, Turn};

use super::{
    Context,
    remote::{self, Server, failure},
};
use crate::{
    args::top::{Top, TopFormat},
    cancel,
    exit::{Exit, Failure},
};

/// How long a key or news may go unnoticed.
const NOTICE: Duration = Duration::from_millis(80);

pub(super) fn run(context: &Context, arguments: &Top) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let environment = arguments.environment.as_deref();
    // The first look is made before the screen is taken: what is wrong
    // with the address or the token is said as any other command says it.
    let first = look::look(&server, environment, context.clock.now()).map_err(explained)?;
    let is_dumb = context.env.text("TERM").as_deref() == Some("dumb");
    let is_live = !arguments.once
        && arguments.format == TopFormat::Table
        && context.terminal.width.is_some()
        && !is_dumb;
    if is_live {
        live(context, arguments, server, first)?;
        return Ok(Exit::Clean);
    }
    let seen = first.narrowed(&arguments.filter, arguments.sort);
    match arguments.format {
        TopFormat::Json => plain::print_json(&seen)?,
        TopFormat::Table => {
            plain::print(context, &seen)?;
            if !arguments.once {
                context.note(&"Printed once: standard output is no terminal to draw on.");
            }
        }
    }
    if seen.sensors.is_empty() && arguments.filter.is_empty() {
        context.note(
            &"No sensor reports to this server. On a node: sudo seawall-sensor run --server URL",
        );
    }
    if seen.unasked > 0 {
        context.warn(&format_args!(
            "the containers of {} sensors are not listed",
            seen.unasked
        ));
    }
    Ok(Exit::Clean)
}

/// An older server knows no sensors: that is no mistake of whoever asks.
fn explained(error: ClientError<FetchError>) -> Failure {
    let is_older = matches!(&error, ClientError::Refused(problem) if problem.status == 404)
        || matches!(&error, ClientError::Foreign { status: 404, .. });
    if is_older {
        return Failure::refused(
            Exit::Failed,
            anyhow::anyhow!("this server knows no sensors"),
        )
        .help("it is older than this command: bring both to one version");
    }
    let is_away = matches!(
        error,
        ClientError::Transport(FetchError::Connect { .. } | FetchError::Timeout { .. })
    );
    let failure = failure(None)(error);
    if is_away {
        failure.help("is the server running there? --server URL names another")
    } else {
        failure
    }
}

/// What the asking thread is told.
enum Wish {
    Look,
    Alert(String),
    Pause(bool),
}

/// What it tells.
enum News {
    Look(Box<Look>),
    Alert(String, Result<Box<FindingDetail>, String>),
    Failed(String),
}

fn live(context: &Context, arguments: &Top, server: Server, first: Look) -> Result<(), Failure> {
    let cancel = cancel::on_signal()?;
    let name = arguments
        .remote
        .server
        .clone()
        .or_else(|| context.env.text("SEAWALL_SERVER"))
        .unwrap_or_default();
    let screen = Screen::new(name, first, arguments.sort, arguments.filter.clone());
    let (wish, wishes) = sync_channel(8);
    let (tell, news) = sync_channel(4);
    let environment = arguments.environment.clone();
    let every = arguments.every;
    thread::Builder::new()
        .name("top".to_owned())
        .spawn(move || ask(&server, environment.as_deref(), every, &wishes, &tell))
        .map_err(Failure::failed)?;
    let palette = Palette {
        is_colored: context.terminal.color_stdout,
    };
    // Restores the terminal when this thread panics, too.
    let mut terminal = ratatui::try_init()
        .map_err(|error| Failure::failed(error).context("take over the terminal"))?;
    let ended = watch(&mut terminal, screen, palette, &wish, &news, &|| {
        cancel.is_cancelled()
    });
    ratatui::try_restore()
        .map_err(|error| Failure::failed(error).context("give the terminal back"))?;
    ended
}

fn watch(
    terminal: &mut DefaultTerminal,
    mut screen: Screen,
    palette: Palette,
    wish: &SyncSender<Wish>,
    news: &Receiver<News>,
    is_over: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(error).context("use the terminal");
    let mut is_stale = true;
    let mut drawn = Instant::now();
    while !is_over() {
        loop {
            match news.try_recv() {
                Ok(News::Look(look)) => screen.take(*look),
                Ok(News::Alert(id, answer)) => screen.take_alert(&id, answer),
                Ok(News::Failed(why)) => screen.problem = Some(why),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
            is_stale = true;
        }
        // Ages go on while nothing is heard.
        if is_stale || drawn.elapsed() > Duration::from_secs(1) {
            let now = SystemClock.now();
            terminal
                .draw(|frame| draw::draw(frame, &screen, palette, now))
                .map_err(failed)?;
            is_stale = false;
            drawn = Instant::now();
        }
        if !event::poll(NOTICE).map_err(failed)? {
            continue;
        }
        is_stale = true;
        let event::Event::Key(key) = event::read().map_err(failed)? else {
            continue;
        };
        let was_paused = screen.is_paused;
        let asked = match screen.key(key) {
            Turn::Leave => return Ok(()),
            Turn::LookNow => Some(Wish::Look),
            Turn::Fetch(id) => Some(Wish::Alert(id)),
            Turn::Stay if was_paused != screen.is_paused => Some(Wish::Pause(screen.is_paused)),
            Turn::Stay => None,
        };
        // While so much waits to be asked, one thing more is not; without
        // its thread there is no news, which is shown as its age.
        if let Some(asked) = asked {
            wish.try_send(asked).ok();
        }
    }
    Ok(())
}

/// Looks every so often, and when it is wished for, until nobody listens.
fn ask(
    server: &Server,
    environment: Option<&str>,
    every: Duration,
    wishes: &Receiver<Wish>,
    tell: &SyncSender<News>,
) {
    let mut is_paused = false;
    loop {
        let said = match wishes.recv_timeout(every) {
            Ok(Wish::Pause(wanted)) => {
                is_paused = wanted;
                continue;
            }
            Ok(Wish::Alert(id)) => {
                let answer = server.finding(&id).map(Box::new);
                News::Alert(id, answer.map_err(|error| failure(None)(error).line()))
            }
            Err(RecvTimeoutError::Timeout) if is_paused => continue,
            Ok(Wish::Look) | Err(RecvTimeoutError::Timeout) => {
                match look::look(server, environment, SystemClock.now()) {
                    Ok(look) => News::Look(Box::new(look)),
                    Err(error) => News::Failed(explained(error).line()),
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if tell.send(said).is_err() {
            return;
        }
    }
}
