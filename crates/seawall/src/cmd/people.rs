//! `seawall tokens` and `seawall users`

use api::{
    ApiToken, User,
    token::NewApiToken,
    user::{NewUser, UserChange, UserMade},
};
use jiff::Timestamp;
use model::Clock as _;
use report::Heading;

use super::{
    Context,
    remote::{
        self, Server, failure,
        output::{Listing, age, moment, word},
    },
    write_stdout,
};
use crate::{
    args::people::{CreateToken, CreateUser, ListTokens, ListUsers, OneUser, Tokens, Users},
    exit::{Exit, Failure},
};

pub(super) fn tokens(context: &Context, tokens: &Tokens) -> Result<Exit, Failure> {
    match tokens {
        Tokens::Create(arguments) => create_token(context, arguments)?,
        Tokens::List(arguments) => list_tokens(context, arguments)?,
        Tokens::Revoke(arguments) => {
            remote::connect(context, &arguments.remote)?
                .revoke_token(&arguments.id)
                .map_err(failure(None))?;
            context.note(&"It no longer works.");
        }
    }
    Ok(Exit::Clean)
}

fn create_token(context: &Context, arguments: &CreateToken) -> Result<(), Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let made = server
        .create_token(&NewApiToken {
            name: arguments.name.clone(),
            permissions: arguments
                .permissions
                .iter()
                .map(|&permission| permission.into())
                .collect(),
            environments: arguments.environments.clone(),
            expires: moment(&arguments.expires, context.clock.now())?,
            addresses: arguments.addresses.clone(),
        })
        .map_err(failure(None))?;
    write_stdout(format!("{}\n", report::plain(&made.secret)).as_bytes())?;
    context.note(&format_args!(
        "It works until {} and is not shown again.",
        made.token.expires
    ));
    Ok(())
}

fn list_tokens(context: &Context, arguments: &ListTokens) -> Result<(), Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let tokens = server
        .tokens(&[
            ("all", arguments.all.then(|| "true".to_owned())),
            ("ended", arguments.ended.then(|| "true".to_owned())),
        ])
        .map_err(failure(None))?;
    let listing = Listing {
        items: &tokens,
        headings: &[
            Heading::whole("ID"),
            Heading::whole("NAME").cut(8, 0),
            Heading::whole("STATE"),
            Heading::whole("PERMISSIONS").cut(8, 3),
            Heading::whole("MAKER").cut(5, 2),
            Heading::whole("EXPIRES"),
            Heading::whole("USED").cut(4, 1),
        ],
        row: token_row,
        csv_headings: &[
            "id",
            "name",
            "state",
            "permissions",
            "environments",
            "addresses",
            "maker",
            "created",
            "expires",
            "last_used",
        ],
        csv_row: token_csv,
        now: context.clock.now(),
    };
    listing.print(context, arguments.format)
}

fn permissions(token: &ApiToken) -> String {
    let words: Vec<String> = token.permissions.iter().map(word).collect();
    words.join(" ")
}

fn token_row(token: &ApiToken, now: Timestamp) -> Vec<String> {
    vec![
        token.id.clone(),
        token.name.clone(),
        word(&token.state),
        permissions(token),
        token.maker.clone(),
        token.expires.to_string(),
        token
            .last_used
            .map_or_else(|| "never".to_owned(), |used| age(used, now)),
    ]
}

fn token_csv(token: &ApiToken) -> Vec<String> {
    vec![
        token.id.clone(),
        token.name.clone(),
        word(&token.state),
        permissions(token),
        token.environments.join(" "),
        token.addresses.join(" "),
        token.maker.clone(),
        token.created.to_string(),
        token.expires.to_string(),
        token
            .last_used
            .map(|used| used.to_string())
            .unwrap_or_default(),
    ]
}

pub(super) fn users(context: &Context, users: &Users) -> Result<Exit, Failure> {
    match users {
        Users::List(arguments) => list_users(context, arguments)?,
        Users::Create(arguments) => create_user(context, arguments)?,
        Users::Disable(one) => change(context, one, true)?,
        Users::Enable(one) => change(context, one, false)?,
        Users::Reset(one) => {
            let server = remote::connect(context, &one.remote)?;
            let id = id_of(&server, &one.name)?;
            let made = server.reset_user(&id).map_err(failure(None))?;
            invite(context, &made)?;
        }
        Users::Recover(arguments) => return super::users::run(context, arguments),
        Users::Remove(one) => {
            let server = remote::connect(context, &one.remote)?;
            let id = id_of(&server, &one.name)?;
            server.remove_user(&id).map_err(failure(None))?;
            context.note(&format_args!("{} has no account any more.", one.name));
        }
    }
    Ok(Exit::Clean)
}

fn list_users(context: &Context, arguments: &ListUsers) -> Result<(), Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let users = server
        .users(&[("q", arguments.text.clone())])
        .map_err(failure(None))?;
    let listing = Listing {
        items: &users,
        headings: &[
            Heading::whole("NAME"),
            Heading::whole("STATE"),
            Heading::whole("ROLES").cut(10, 1),
            Heading::whole("SIGNED IN").cut(4, 2),
            Heading::whole("FROM").cut(4, 3),
        ],
        row: |user, now| {
            vec![
                user.name.clone(),
                word(&user.state),
                roles(user),
                user.last_sign_in
                    .map_or_else(|| "never".to_owned(), |time| age(time, now)),
                word(&user.source),
            ]
        },
        csv_headings: &["id", "name", "email", "state", "roles", "source", "created"],
        csv_row: |user| {
            vec![
                user.id.clone(),
                user.name.clone(),
                user.email.clone().unwrap_or_default(),
                word(&user.state),
                roles(user),
                word(&user.source),
                user.created.to_string(),
            ]
        },
        now: context.clock.now(),
    };
    listing.print(context, arguments.format)
}

fn roles(user: &User) -> String {
    let roles: Vec<String> = user
        .roles
        .iter()
        .map(|binding| match binding.environments.join(",").as_str() {
            "*" => word(&binding.role),
            environments => format!("{}:{environments}", word(&binding.role)),
        })
        .collect();
    roles.join(" ")
}

fn create_user(context: &Context, arguments: &CreateUser) -> Result<(), Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let made = server
        .create_user(&NewUser {
            name: arguments.name.clone(),
            display_name: arguments.display_name.clone(),
            email: arguments.email.clone(),
            password: None,
            roles: arguments.roles.clone(),
        })
        .map_err(failure(None))?;
    invite(context, &made)
}

/// Only the link goes to standard output.
fn invite(context: &Context, made: &UserMade) -> Result<(), Failure> {
    if let Some(invitation) = &made.invitation {
        write_stdout(format!("{}\n", report::plain(&invitation.link)).as_bytes())?;
        context.note(&format_args!(
            "{} chooses a password with it, once, until {}.",
            report::plain(&made.user.name),
            invitation.expires
        ));
    }
    Ok(())
}

fn change(context: &Context, one: &OneUser, disabled: bool) -> Result<(), Failure> {
    let server = remote::connect(context, &one.remote)?;
    let id = id_of(&server, &one.name)?;
    let change = UserChange {
        disabled: Some(disabled),
        ..UserChange::default()
    };
    server.change_user(&id, &change).map_err(failure(None))?;
    context.note(&format_args!(
        "{} {} sign in.",
        one.name,
        if disabled { "can no longer" } else { "can" }
    ));
    Ok(())
}

fn id_of(server: &Server, name: &str) -> Result<String, Failure> {
    let users = server
        .users(&[("q", Some(name.to_owned()))])
        .map_err(failure(None))?;
    users
        .into_iter()
        .find(|user| user.name == name)
        .map(|user| user.id)
        .ok_or_else(|| Failure::usage(anyhow::anyhow!("nobody is called '{name}'")))
}
