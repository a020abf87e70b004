//! The condition in SQL means what `Query::matches` means: random
//! queries over a small world of strange findings, on both databases.

mod ask;
mod world;

use std::{cell::RefCell, collections::BTreeSet};

use model::{
    Query,
    query::{Asking, Subject as _},
};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use world::{NOW, World};

use super::constrain;
use crate::db::{Connection, Database, migrate, sql};

const QUERIES: u32 = 600;

fn asking() -> Asking<'static> {
    Asking {
        now: NOW.parse().unwrap(),
        me: Some("Ada"),
    }
}

/// The places of the findings a query means, by SQL.
async fn meant(connection: &mut Connection, world: &World, query: &Query) -> BTreeSet<usize> {
    let mut select = sql("SELECT id FROM finding WHERE 1 = 1");
    constrain(&mut select, query, &asking(), connection.dialect());
    let ids: Vec<i64> = select
        .once()
        .scalar()
        .fetch_all(connection)
        .await
        .unwrap_or_else(|error| panic!("{query}: {}", model::error::chain(&error)));
    ids.into_iter().map(|id| world.place_of(id)).collect()
}

fn agree(database: &Database) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (world, connection) = runtime.block_on(async {
        migrate::run(database).await.unwrap();
        let mut connection = database.connect().await.unwrap();
        let world = World::make(&mut connection).await;
        (world, connection)
    });
    let connection = RefCell::new(connection);
    let matched = RefCell::new(0_usize);
    let mut runner = TestRunner::new_with_rng(
        Config {
            cases: QUERIES,
            failure_persistence: None,
            ..Config::default()
        },
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let outcome = runner.run(&ask::query(), |query| {
        let expected: BTreeSet<usize> = world
            .findings
            .iter()
            .enumerate()
            .filter(|(_, finding)| query.matches(*finding, &asking()))
            .map(|(place, _)| place)
            .collect();
        let got = runtime.block_on(meant(&mut connection.borrow_mut(), &world, &query));
        if !got.is_empty() && got.len() < world.findings.len() {
            *matched.borrow_mut() += 1;
        }
        if got == expected {
            return Ok(());
        }
        let differing = got.symmetric_difference(&expected).next().copied().unwrap();
        Err(TestCaseError::fail(format!(
            "{query}\nSQL {}: {:#?}\n{:?}",
            got.contains(&differing),
            world.findings[differing],
            world.findings[differing].searched(),
        )))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let told_apart = *matched.borrow();
    assert!(
        told_apart > QUERIES as usize / 4,
        "only {told_apart} queries told findings apart"
    );
    runtime.block_on(connection.into_inner().close());
}

#[test]
fn sql_means_what_the_predicate_means_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    agree(&Database::file(&folder.path().join("seawall.db")));
}

#[test]
fn sql_means_what_the_predicate_means_on_postgresql() {
    if let Some(postgres) = testkit::postgres::shared() {
        let url = postgres.create_database().unwrap();
        agree(&Database::server(&url).unwrap());
    }
}
