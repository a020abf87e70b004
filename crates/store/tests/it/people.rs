//! Accounts, sessions, tokens and the trail of what they changed.

use jiff::{SignedDuration, Timestamp};
use model::permission::{ActorKind, Binding, Permission, Reach, Role};
use store::{
    AuditFilter, Author, NewSession, NewToken, NewUser, Note, OidcAttempt, PageRequest,
    SignInMethod, UserChange, UserRefusal,
};

use crate::sample::{TestStore, on_each_database};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn author(seconds: i64) -> Author {
    Author {
        kind: ActorKind::Owner,
        address: Some("192.0.2.7".to_owned()),
        request: Some("r-1".to_owned()),
        ..Author::system(at(seconds))
    }
}

fn everywhere(role: Role) -> Binding {
    Binding {
        role,
        reach: Reach::Everywhere,
    }
}

fn new_user(name: &str, role: Role) -> NewUser {
    NewUser {
        name: name.to_owned(),
        display_name: name.to_uppercase(),
        email: None,
        password: Some("hash".to_owned()),
        roles: vec![everywhere(role)],
    }
}

fn new_session(hash: &str, account: Option<&str>) -> NewSession {
    NewSession {
        hash: hash.to_owned(),
        account: account.map(str::to_owned),
        method: SignInMethod::Password,
        browser: Some("Firefox".to_owned()),
        idle: SignedDuration::from_secs(100),
        lifetime: SignedDuration::from_secs(250),
        provider_session: None,
        id_token: None,
    }
}

async fn somebody_can_always_administer(test: &TestStore) {
    let store = &test.store;
    assert!(!store.has_accounts().await.unwrap());
    let ada = store
        .create_first_user(author(0), new_user("ada", Role::PlatformAdmin))
        .await
        .unwrap()
        .unwrap();
    assert!(store.has_accounts().await.unwrap());
    let again = store
        .create_first_user(author(0), new_user("eve", Role::PlatformAdmin))
        .await
        .unwrap();
    assert_eq!(again, Err(UserRefusal::NotFirst));
    let taken = store
        .create_user(author(0), new_user("ada", Role::SecurityReader))
        .await
        .unwrap();
    assert_eq!(taken, Err(UserRefusal::NameTaken));

    let disable = UserChange {
        disabled: Some(true),
        ..UserChange::default()
    };
    let demote = UserChange {
        roles: Some(vec![everywhere(Role::SecurityAdmin)]),
        ..UserChange::default()
    };
    let last = Err(UserRefusal::LastAdministrator);
    for change in [&disable, &demote] {
        let changed = store.change_user(author(1), &ada.id, change.clone());
        assert_eq!(changed.await.unwrap(), last);
    }
    let deleted = store.delete_user(author(1), &ada.id).await.unwrap();
    assert_eq!(deleted, Err(UserRefusal::LastAdministrator));
    assert_eq!(store.user(&ada.id, at(1)).await.unwrap(), Some(ada.clone()));

    let bob = store
        .create_user(author(1), new_user("bob", Role::PlatformAdmin))
        .await
        .unwrap()
        .unwrap();
    let changed = store
        .change_user(author(2), &ada.id, disable)
        .await
        .unwrap();
    assert!(changed.unwrap().disabled);
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), None);
    assert!(store.delete_user(author(3), &ada.id).await.unwrap().is_ok());
    let names: Vec<_> = store.users(Some("B"), at(3)).await.unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0].id, bob.id);
}

async fn a_session_ends_when_idle_old_or_ended(test: &TestStore) {
    let store = &test.store;
    let ada = store
        .create_user(author(0), new_user("ada", Role::SecurityReader))
        .await
        .unwrap()
        .unwrap();
    let session = store
        .open_session(author(0), new_session("h1", Some(&ada.id)))
        .await
        .unwrap();
    let found = store.session("h1", at(99)).await.unwrap().unwrap();
    let user = found.user.unwrap();
    assert_eq!((user.name.as_str(), user.roles), ("ada", ada.roles.clone()));
    assert!(store.session("h1", at(100)).await.unwrap().is_none());
    assert!(store.session("other", at(1)).await.unwrap().is_none());

    // Used, it lasts longer, but not for ever.
    let idle = SignedDuration::from_secs(100);
    store
        .touch_session(&session.id, at(90), idle)
        .await
        .unwrap();
    assert!(store.session("h1", at(150)).await.unwrap().is_some());
    store
        .touch_session(&session.id, at(180), idle)
        .await
        .unwrap();
    assert!(store.session("h1", at(249)).await.unwrap().is_some());
    assert!(store.session("h1", at(250)).await.unwrap().is_none());

    store
        .open_session(author(10), new_session("h2", Some(&ada.id)))
        .await
        .unwrap();
    assert_eq!(
        store.sessions(Some(&ada.id), at(20)).await.unwrap().len(),
        2
    );
    // Nobody ends another's.
    let foreign = store.end_session(author(20), None, &session.id).await;
    assert!(foreign.unwrap().is_none());
    let others = store
        .end_sessions(author(20), Some(&ada.id), Some(&session.id))
        .await
        .unwrap();
    assert_eq!(others, 1);
    let own = store
        .end_session(author(20), Some(&ada.id), &session.id)
        .await;
    assert!(own.unwrap().is_some());
    assert!(store.session("h1", at(20)).await.unwrap().is_none());

    store
        .open_session(author(30), new_session("h3", Some(&ada.id)))
        .await
        .unwrap();
    let disable = UserChange {
        disabled: Some(true),
        ..UserChange::default()
    };
    store
        .change_user(author(30), &ada.id, disable)
        .await
        .unwrap()
        .unwrap();
    assert!(store.session("h3", at(31)).await.unwrap().is_none());
}

async fn links_and_invitations_work_once(test: &TestStore) {
    let store = &test.store;
    store
        .put_sign_in_link("l1".to_owned(), at(0), at(60))
        .await
        .unwrap();
    let mut used = Vec::new();
    for seconds in [70, 10, 11] {
        let exchanged = store
            .exchange_link(author(seconds), "l1".to_owned(), new_session("o", None))
            .await
            .unwrap();
        used.push(exchanged.is_some());
    }
    assert_eq!(used, [false, true, false]);

    let invited = NewUser {
        password: None,
        ..new_user("ada", Role::SecurityReader)
    };
    let ada = store
        .create_user(author(0), invited)
        .await
        .unwrap()
        .unwrap();
    store
        .invite(author(0), &ada.id, "i0".to_owned(), at(60))
        .await
        .unwrap()
        .unwrap();
    store
        .invite(author(0), &ada.id, "i1".to_owned(), at(60))
        .await
        .unwrap()
        .unwrap();
    let mut used = Vec::new();
    for (link, seconds) in [("i0", 1), ("i1", 61), ("i1", 2), ("i1", 3)] {
        let accepted = store
            .accept_invitation(author(seconds), link.to_owned(), "hash".to_owned())
            .await
            .unwrap();
        used.push(accepted.is_some());
    }
    // The second took the first's place.
    assert_eq!(used, [false, false, true, false]);
    assert_eq!(
        store.password_hash(&ada.id).await.unwrap().as_deref(),
        Some("hash")
    );
    let attempt = OidcAttempt {
        state_hash: "s".to_owned(),
        browser_hash: "b".to_owned(),
        nonce: "n".to_owned(),
        verifier: "v".to_owned(),
        onward: "/".to_owned(),
        expires: at(60),
    };
    store.put_oidc_attempt(attempt, at(0)).await.unwrap();
    let taken = |state: &'static str| store.take_oidc_attempt(state.to_owned());
    assert!(taken("x").await.unwrap().is_none());
    assert_eq!(taken("s").await.unwrap().unwrap().nonce, "n");
    assert!(taken("s").await.unwrap().is_none());
}

async fn revoking_a_token_revokes_what_it_made(test: &TestStore) {
    let store = &test.store;
    let token = |id: &str, parent: Option<&str>| NewToken {
        id: id.to_owned(),
        hash: format!("hash of {id}"),
        name: id.to_owned(),
        account: None,
        parent: parent.map(str::to_owned),
        permissions: [Permission::View].into_iter().collect(),
        reach: Reach::from_names(["shop".to_owned()]),
        addresses: Vec::new(),
        expires: at(100),
    };
    for (id, parent) in [("a", None), ("b", Some("a")), ("c", Some("b")), ("d", None)] {
        store
            .create_token(author(0), token(id, parent))
            .await
            .unwrap();
    }
    assert!(store.revoke_token(author(5), "a").await.unwrap());
    assert!(!store.revoke_token(author(5), "x").await.unwrap());
    let mut active = Vec::new();
    for id in ["a", "b", "c", "d"] {
        active.push(store.token(id).await.unwrap().unwrap().is_active(at(6)));
    }
    assert_eq!(active, [false, false, false, true]);
    let found = store.token_use("d").await.unwrap().unwrap();
    assert_eq!(
        (found.hash.as_str(), found.maker_roles),
        ("hash of d", None)
    );
    assert!(found.token.rights().may(Permission::View, "shop"));
    assert!(!found.token.rights().may(Permission::View, "bank"));
    assert!(!found.token.is_active(at(100)));
    assert_eq!(store.tokens(Some(None)).await.unwrap().len(), 4);
    assert!(store.tokens(Some(Some("ada"))).await.unwrap().is_empty());
}

async fn the_trail_is_whole_until_somebody_edits_it(test: &TestStore) {
    let store = &test.store;
    for number in 0..5 {
        let note = Note::of("sink.test", "sink", &number.to_string())
            .within("shop")
            .made(&serde_json::json!({ "password": "p", "name": "é" }));
        store.note(author(number), note).await.unwrap();
    }
    let (verifier, fault) = store.verify_audit(|_| {}).await.unwrap();
    assert_eq!((verifier.entries(), fault), (5, None));

    let filter = AuditFilter {
        action: Some("sink".to_owned()),
        object: Some(("sink".to_owned(), Some("3".to_owned()))),
        from: Some(at(1)),
        ..AuditFilter::default()
    };
    let page = store.audit(&filter, &PageRequest::first(10)).await.unwrap();
    assert_eq!((page.items.len(), page.total), (1, 1));
    let entry = &page.items[0];
    assert_eq!(entry.number, 4);
    assert_eq!(
        entry.after,
        Some(serde_json::json!({ "name": "é", "password": "(not shown)" }))
    );
    let page = store
        .audit(&AuditFilter::default(), &PageRequest::first(2))
        .await
        .unwrap();
    let numbers: Vec<_> = page.items.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [5, 4]);
    assert!(page.next_cursor.is_some());

    for (edit, number) in [
        ("UPDATE audit SET actor_name = 'eve' WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 3", 4),
        ("DELETE FROM audit WHERE number >= 3", 3),
        ("DELETE FROM audit", 1),
    ] {
        test.run(edit).await;
        let (_, fault) = store.verify_audit(|_| {}).await.unwrap();
        assert_eq!(fault.map(|fault| fault.number), Some(number), "{edit}");
    }
}

on_each_database! {
    somebody_can_always_administer,
    a_session_ends_when_idle_old_or_ended,
    links_and_invitations_work_once,
    revoking_a_token_revokes_what_it_made,
    the_trail_is_whole_until_somebody_edits_it,
}
