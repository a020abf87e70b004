//! `seawall login`, `seawall logout`, `seawall whoami`

use std::{
    fs,
    io::{IsTerminal as _, Read as _},
    path::Path,
    time::Duration,
};

use api::{Me, Permission};
use fetch::Url;

use super::{
    Context,
    remote::{
        self, DEFAULT_SERVER, Token,
        credentials::{Credentials, Known, keep_certificate},
        failure,
        output::{Sheet, json, word},
    },
    write_stdout,
};
use crate::{
    args::{
        login::{Login, Logout, Whoami},
        remote::ShowFormat,
    },
    exit::{Exit, Failure},
};

const MAX_TOKEN: u64 = 4096;
/// How long a server may take to show its certificate.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn login(context: &Context, arguments: &Login) -> Result<Exit, Failure> {
    let named = arguments
        .server
        .clone()
        .or_else(|| context.env.text("SEAWALL_SERVER"));
    let server = remote::address(named.as_deref().unwrap_or(DEFAULT_SERVER))?;
    let mut credentials = Credentials::read(&context.env)?;
    let ca_file = match (&arguments.fingerprint, &arguments.ca_file) {
        (Some(fingerprint), _) => Some(pin(context, &server, fingerprint)?),
        (None, Some(path)) => Some(std::path::absolute(path).map_err(Failure::bad_file)?),
        (None, None) => credentials
            .of(&server)
            .and_then(|known| known.ca_file.clone()),
    };
    let token = match &arguments.token_file {
        Some(path) => token_of_file(path)?,
        None => asked_token(&server)?,
    };
    let known = Known {
        token: token.0.clone(),
        ca_file,
    };
    let me = remote::open(context, server.clone(), token, Some(&known))?
        .me()
        .map_err(failure(None))?;
    credentials.add(&server, known);
    let path = credentials.write(&context.env)?;
    context.note(&format_args!(
        "Signed in to {server} as {} (kept in {}).",
        report::plain(&me.display_name),
        path.display()
    ));
    Ok(Exit::Clean)
}

fn pin(context: &Context, server: &Url, text: &str) -> Result<std::path::PathBuf, Failure> {
    let fingerprint = fetch::parse_fingerprint(text).ok_or_else(|| {
        Failure::usage(anyhow::anyhow!("'{text}' is no SHA-256 fingerprint"))
            .help("64 hexadecimal digits, as the server prints them when it starts")
    })?;
    if server.scheme() != "https" {
        return Err(Failure::usage(anyhow::anyhow!(
            "{server} has no certificate: only https:// has"
        )));
    }
    let pem = fetch::pinned_certificate(server, fingerprint, PATIENCE).map_err(Failure::failed)?;
    keep_certificate(&context.env, server, &pem)
}

fn token_of_file(path: &Path) -> Result<Token, Failure> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_TOKEN).read_to_string(&mut text))
        .map_err(|error| {
            Failure::bad_file(error).context(format!("read the token in {}", path.display()))
        })?;
    token(&text)
}

/// From the terminal, unseen; else from standard input.
fn asked_token(server: &Url) -> Result<Token, Failure> {
    let failed = |error| Failure::failed(error).context("read the token");
    let text = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("API token for {server}: ")).map_err(failed)?
    } else {
        let mut text = String::new();
        std::io::stdin()
            .take(MAX_TOKEN)
            .read_to_string(&mut text)
            .map_err(failed)?;
        text
    };
    token(&text)
}

fn token(text: &str) -> Result<Token, Failure> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::usage(anyhow::anyhow!("that is no API token"))
            .help("a token looks like sw_…_…; make one in the dashboard's settings"));
    }
    Ok(Token(text.to_owned()))
}

pub(super) fn logout(context: &Context, arguments: &Logout) -> Result<Exit, Failure> {
    let mut credentials = Credentials::read(&context.env)?;
    let named = arguments
        .remote
        .server
        .clone()
        .or_else(|| credentials.current.clone());
    let Some(named) = named else {
        context.note(&"Signed in nowhere.");
        return Ok(Exit::Clean);
    };
    let server = remote::address(&named)?;
    if credentials.forget(&server) {
        credentials.write(&context.env)?;
        context.note(&format_args!("Forgot the token of {server}."));
    } else {
        context.note(&format_args!("Not signed in to {server}."));
    }
    Ok(Exit::Clean)
}

pub(super) fn whoami(context: &Context, arguments: &Whoami) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let me = server.me().map_err(failure(None))?;
    match arguments.format {
        ShowFormat::Json => write_stdout(&json(&me)?)?,
        ShowFormat::Text => print(&me)?,
    }
    Ok(Exit::Clean)
}

fn print(me: &Me) -> Result<(), Failure> {
    let words = |permissions: &[Permission]| {
        let words: Vec<String> = permissions.iter().map(word).collect();
        words.join(", ")
    };
    let mut sheet = Sheet::title(&me.display_name);
    sheet
        .line("Known as", &format!("{} ({})", me.name, word(&me.kind)))
        .line("E-mail", me.email.as_deref().unwrap_or_default())
        .line("Everywhere", &words(&me.everywhere));
    for environment in &me.environments {
        sheet.line(
            "In",
            &format!(
                "{}: {}",
                environment.environment,
                words(&environment.permissions)
            ),
        );
    }
    sheet.print()
}
