//! The columns of a finding that whoever looked decides, and writing
//! them.

use std::collections::HashMap;

use crate::{
    StoreError,
    db::{self, Connection, Dialect, ROWS, Row, Sql, Value, Values, insert, lines, sql},
    rollup::{Weight, kev_of},
};

/// What is said of one finding, by each look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub fingerprint: String,
    pub asset: i64,
    pub image: Option<i64>,
    pub kind: i64,
    pub rule: i64,
    pub package: Option<i64>,
    pub severity: i64,
    pub rank: i64,
    /// Of vulnerabilities; of all else 0.
    pub priority: i64,
    pub suppression: Option<String>,
    pub fix_state: Option<String>,
    pub fix_versions: Option<String>,
    pub fixable: i64,
    pub advisories: Option<String>,
    pub path: Option<String>,
    pub layer: Option<i64>,
    pub summary: Option<String>,
    /// Of an object's containers, the one it is about.
    pub container: Option<String>,
}

/// What names a finding: its asset, its rule, and its fingerprint.
pub(crate) type Key<'a> = (i64, i64, &'a str);

/// One finding seen.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    pub said: Said,
    /// When, and how often, for what happens; absent for what is.
    pub seen: Option<Seen>,
    pub evidence: Option<String>,
    /// Names it where it is a package's, when an image's digest is left
    /// out: kind and name.
    pub package: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub first: i64,
    pub last: i64,
    pub occurrences: i64,
}

/// A finding the record has.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub id: i64,
    pub state: i64,
    /// Dismissed, or exempted; kept while it is resolved.
    pub is_decided: bool,
    pub exemption: Option<i64>,
    /// Package kind and name: what stays when an image is rebuilt.
    pub package: Option<(String, String)>,
    pub said: Said,
}

impl Said {
    /// What names it.
    pub(crate) fn key(&self) -> Key<'_> {
        (self.asset, self.rule, &self.fingerprint)
    }

    pub(crate) fn weight(&self, environment: i64, state: i64, exemption: Option<i64>) -> Weight {
        Weight {
            environment,
            asset: self.asset,
            kind: self.kind,
            rule: self.rule,
            package: self.package,
            severity: self.severity,
            state,
            suppressed: i64::from(self.suppression.is_some()),
            fixable: self.fixable,
            kev: kev_of(self.rank),
            exemption,
        }
    }

    fn values(&self) -> [Value; 18] {
        [
            self.image.into(),
            self.rule.into(),
            self.package.into(),
            (&self.fingerprint).into(),
            self.severity.into(),
            self.rank.into(),
            i64::from(self.suppression.is_some()).into(),
            (&self.suppression).into(),
            (&self.fix_state).into(),
            (&self.fix_versions).into(),
            self.fixable.into(),
            (&self.advisories).into(),
            (&self.path).into(),
            self.layer.into(),
            (&self.summary).into(),
            (&self.container).into(),
            self.kind.into(),
            self.priority.into(),
        ]
    }
}

/// Columns [`Said::values`] fills, in its order.
const SAID: [&str; 18] = [
    "image_id",
    "rule_id",
    "package_id",
    "fingerprint",
    "severity",
    "rank",
    "suppressed",
    "suppression",
    "fix_state",
    "fix_versions",
    "fixable",
    "advisories",
    "path",
    "layer",
    "summary",
    "container",
    "kind",
    "priority",
];

impl Known {
    /// A row of [`select`], whose columns stand in that order.
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let package = match (row.take_text(23)?, row.take_text(24)?) {
            (Some(kind), Some(name)) => Some((kind, name)),
            _ => None,
        };
        Ok(Self {
            id: row.at(0)?,
            state: row.at(2)?,
            is_decided: row.take_text(3)?.is_some(),
            exemption: row.at(4)?,
            package,
            said: Said {
                asset: row.at(1)?,
                image: row.at(5)?,
                rule: row.at(6)?,
                package: row.at(7)?,
                fingerprint: row.take_text(8)?.unwrap_or_default(),
                severity: row.at(9)?,
                rank: row.at(10)?,
                // The twelfth only says whether there is one.
                suppression: row.take_text(12)?,
                fix_state: row.take_text(13)?,
                fix_versions: row.take_text(14)?,
                fixable: row.at(15)?,
                advisories: row.take_text(16)?,
                path: row.take_text(17)?,
                layer: row.at(18)?,
                summary: row.take_text(19)?,
                container: row.take_text(20)?,
                kind: row.at(21)?,
                priority: row.at(22)?,
            },
        })
    }

    pub(crate) fn weight(&self, environment: i64) -> Weight {
        self.said.weight(environment, self.state, self.exemption)
    }
}

/// Findings the record has, and which of them are spoken for.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// In the order of their keys.
    known: Vec<Known>,
    is_taken: Vec<bool>,
}

impl Before {
    pub(crate) fn new(mut known: Vec<Known>) -> Self {
        known.sort_unstable_by(|one, other| one.said.key().cmp(&other.said.key()));
        known.dedup_by(|one, other| one.said.key() == other.said.key());
        Self {
            is_taken: vec![false; known.len()],
            known,
        }
    }

    /// Speaks for a finding; its place, unless it is taken or unknown.
    pub(crate) fn take(&mut self, key: Key<'_>) -> Option<usize> {
        let place = self
            .known
            .binary_search_by(|known| known.said.key().cmp(&key));
        place.ok().filter(|place| self.take_at(*place))
    }

    /// Whether it was free.
    pub(crate) fn take_at(&mut self, place: usize) -> bool {
        !std::mem::replace(&mut self.is_taken[place], true)
    }

    pub(crate) fn at(&self, place: usize) -> &Known {
        &self.known[place]
    }

    /// Those nobody spoke for, and where they are.
    pub(crate) fn left(&self) -> impl Iterator<Item = (usize, &Known)> {
        let all = self.known.iter().enumerate();
        all.filter(|(place, _)| !self.is_taken[*place])
    }
}

fn known(rows: Vec<Row>, into: &mut Vec<Known>) -> Result<(), StoreError> {
    for mut row in rows {
        into.push(Known::read(&mut row)?);
    }
    Ok(())
}

fn select(package: &str) -> Sql {
    let mut query = sql(
        "SELECT finding.id, finding.asset_id, finding.state, finding.reason,
         finding.exemption_id",
    );
    for column in SAID {
        query.push(format_args!(", finding.{column}"));
    }
    query.push(package);
    query
}

/// Everything known of these kinds of findings of whole assets.
pub(crate) async fn load_whole(
    connection: &mut Connection,
    assets: &[i64],
    kind: i64,
    rules: Option<&[i64]>,
    into: &mut Vec<Known>,
) -> Result<(), StoreError> {
    for chunk in assets.chunks(500) {
        let mut query = select(
            ", package.kind AS package_kind, package.name AS package_name
             FROM finding LEFT JOIN package ON package.id = finding.package_id
             WHERE finding.asset_id",
        );
        query
            .push_in(chunk, connection.dialect())
            .push(" AND finding.kind = ")
            .push_bind(kind);
        if let Some(rules) = rules {
            query
                .push(" AND +finding.rule_id")
                .push_in(rules, connection.dialect());
        }
        known(query.fetch_all(&mut *connection).await?, into)?;
    }
    Ok(())
}

/// What is known of what these rules say in these assets.
pub(crate) async fn load_pairs(
    connection: &mut Connection,
    pairs: &[(i64, i64)],
    kind: i64,
    into: &mut Vec<Known>,
) -> Result<(), StoreError> {
    let package = ", package.kind AS package_kind, package.name AS package_name FROM ";
    let rows = |pairs: &[(i64, i64)]| -> Vec<Vec<Value>> {
        let rows = pairs.iter();
        rows.map(|(asset, rule)| vec![(*asset).into(), (*rule).into()])
            .collect()
    };
    if connection.dialect() == Dialect::Sqlite {
        let mut text = select(package);
        text.push(
            "finding JOIN package ON package.id = finding.package_id
             WHERE finding.asset_id = ?1 AND finding.rule_id = ?2 AND finding.kind = ",
        )
        .push(kind);
        return known(connection.each(text, rows(pairs)).await?, into);
    }
    for chunk in pairs.chunks(ROWS) {
        let mut query = select(package);
        query.push_rows(rows(chunk), connection.dialect()).push(
            " CROSS JOIN LATERAL (SELECT * FROM finding AS one
                  WHERE one.asset_id = delta.column1 AND one.rule_id = delta.column2
                  OFFSET 0) AS finding
              JOIN package ON package.id = finding.package_id WHERE finding.kind = ",
        );
        query.push_bind(kind);
        known(query.fetch_all(&mut *connection).await?, into)?;
    }
    Ok(())
}

/// What is known of these findings.
pub(crate) async fn load(
    connection: &mut Connection,
    keys: &[Key<'_>],
    into: &mut Vec<Known>,
) -> Result<(), StoreError> {
    for chunk in keys.chunks(ROWS) {
        let mut query = select(
            ", CAST(NULL AS TEXT) AS package_kind, CAST(NULL AS TEXT) AS package_name FROM ",
        );
        push_keys(&mut query, chunk, connection.dialect());
        known(query.fetch_all(&mut *connection).await?, into)?;
    }
    Ok(())
}

/// Appends the findings these keys name, for a `FROM`.
/// Each is looked up: PostgreSQL would rather read a table whole that was
/// small a moment ago.
pub(crate) fn push_keys(query: &mut Sql, keys: &[Key<'_>], dialect: Dialect) {
    let rows = keys.iter().map(|(asset, rule, fingerprint)| {
        vec![(*asset).into(), (*rule).into(), (*fingerprint).into()]
    });
    let rows = rows.collect();
    query.push_rows(rows, dialect).push(dialect.pick(
        " JOIN finding ON finding.asset_id = delta.column1
              AND finding.rule_id = delta.column2 AND finding.fingerprint = delta.column3",
        " CROSS JOIN LATERAL (SELECT * FROM finding AS one WHERE one.asset_id = delta.column1
              AND one.rule_id = delta.column2
              AND one.fingerprint = delta.column3 OFFSET 0) AS finding",
    ));
}

/// Inserts new findings, open; their ids, in the order given. `now` is
/// when they were seen, unless they say so themselves.
pub(crate) async fn insert_new(
    connection: &mut Connection,
    environment: i64,
    now: i64,
    is_whole: bool,
    sightings: &[Sighting],
    causes: &HashMap<i64, i64>,
) -> Result<Vec<i64>, StoreError> {
    let fill = |row: &mut Values, sighting: &Sighting| {
        row.push_bind(environment).push_bind(sighting.said.asset);
        for value in sighting.said.values() {
            row.push_bind(value);
        }
        let first = sighting.seen.map_or(now, |seen| seen.first);
        let last = match sighting.seen {
            Some(seen) => Some(seen.last),
            // Seen whenever its asset is.
            None if is_whole => None,
            None => Some(now),
        };
        row.push_bind(0_i64)
            .push_bind(sighting.seen.map_or(1, |seen| seen.occurrences))
            .push_bind(first)
            .push_bind(last)
            .push_bind(0_i64)
            .push_bind(0_i64)
            .push_bind(causes.get(&sighting.said.asset).copied());
    };
    let insert = insert(
        "INSERT INTO finding (environment_id, asset_id, image_id, rule_id, package_id, fingerprint,
             severity, rank, suppressed, suppression, fix_state, fix_versions, fixable, advisories,
             path, layer, summary, container, kind, priority, state, occurrences, first_seen,
             last_seen, progress,
             comments, cause_id) ",
    );
    let ids = if let Connection::Direct(direct) = connection {
        insert.numbered(direct, sightings, fill)?
    } else {
        let returned = insert
            .ending(" RETURNING id, asset_id, rule_id, fingerprint")
            .returning(connection, sightings, fill)
            .await?;
        let mut ids = HashMap::with_capacity(returned.len());
        for row in &returned {
            let rule = row.int("rule_id")?;
            let key = (row.int("asset_id")?, rule, row.text("fingerprint")?);
            ids.insert(key, row.int("id")?);
        }
        let keys = sightings.iter().map(|sighting| &sighting.said);
        keys.filter_map(|said| ids.remove(&(said.asset, said.rule, said.fingerprint.clone())))
            .collect()
    };
    let lines = ids.iter().zip(sightings);
    let lines = lines.filter_map(|(id, one)| Some((*id, one.said.summary.as_deref()?)));
    lines::put(connection, lines).await?;
    Ok(ids)
}

/// A finding about which something else is said than before.
#[derive(Debug)]
pub(crate) struct Update<'a> {
    pub id: i64,
    pub state: i64,
    pub said: &'a Said,
    pub seen: Option<Seen>,
    /// Whether all that differs is how it can be mended and who says so.
    pub is_about_fix: bool,
}

impl Said {
    /// Whether all that tells it from another is in the columns
    /// [`update`] calls [`OF_FIX`].
    pub(crate) fn differs_in_fix_alone(&self, other: &Self) -> bool {
        let rest = Self {
            fix_state: other.fix_state.clone(),
            fix_versions: other.fix_versions.clone(),
            fixable: other.fixable,
            advisories: other.advisories.clone(),
            ..self.clone()
        };
        rest == *other
    }
}

/// Columns no index has: where they alone change, no index is written.
const OF_FIX: [&str; 4] = ["fix_state", "fix_versions", "fixable", "advisories"];

pub(crate) async fn update(
    connection: &mut Connection,
    now: i64,
    is_whole: bool,
    updates: &[Update<'_>],
) -> Result<(), StoreError> {
    let (of_fix, others): (Vec<&Update<'_>>, Vec<_>) =
        updates.iter().partition(|update| update.is_about_fix);
    let of_fix = of_fix.iter().map(|update| -> Vec<Value> {
        let said = update.said;
        vec![
            update.id.into(),
            (&said.fix_state).into(),
            (&said.fix_versions).into(),
            said.fixable.into(),
            (&said.advisories).into(),
        ]
    });
    let columns = OF_FIX.iter().zip(2..);
    let columns: Vec<String> = columns
        .map(|(column, place)| format!("{column} = delta.column{place}"))
        .collect();
    let of_fix: Vec<Vec<Value>> = of_fix.collect();
    db::update("finding", columns.join(", "))
        .rows(connection, of_fix)
        .await?;
    let others = others.iter().map(|update| {
        let last = match update.seen {
            Some(seen) => Some(seen.last),
            None if is_whole => None,
            None => Some(now),
        };
        let mut row: Vec<Value> = vec![
            update.id.into(),
            update.state.into(),
            update.seen.map_or(0, |seen| seen.occurrences).into(),
            last.into(),
        ];
        row.extend(update.said.values());
        row
    });
    let all = SAID.iter().zip(5..);
    let columns: Vec<String> = std::iter::once(
        "state = delta.column2, occurrences = occurrences + delta.column3,
         last_seen = delta.column4, resolved = NULL"
            .to_owned(),
    )
    .chain(all.map(|(column, place)| format!("{column} = delta.column{place}")))
    .collect();
    db::update("finding", columns.join(", "))
        .rows(connection, others.collect())
        .await?;
    Ok(())
}

/// Counts what happened again.
pub(crate) async fn bump(
    connection: &mut Connection,
    bumps: &[(i64, Seen)],
) -> Result<(), StoreError> {
    let rows = bumps
        .iter()
        .map(|(id, seen)| vec![(*id).into(), seen.occurrences.into(), seen.last.into()]);
    let columns = "occurrences = occurrences + delta.column2,
         last_seen = CASE WHEN last_seen > delta.column3 THEN last_seen
             ELSE delta.column3 END";
    db::update("finding", columns)
        .rows(connection, rows.collect())
        .await?;
    Ok(())
}

/// Resolves findings no longer seen; each was last seen when its asset
/// was, `before`, unless it says so itself.
pub(crate) async fn resolve(
    connection: &mut Connection,
    now: i64,
    rows: &[(i64, i64)],
) -> Result<(), StoreError> {
    let rows = rows
        .iter()
        .map(|(id, before)| vec![(*id).into(), (*before).into(), now.into()]);
    let columns = "state = 1, resolved = delta.column3,
         last_seen = COALESCE(last_seen, delta.column2)";
    db::update("finding", columns)
        .rows(connection, rows.collect())
        .await?;
    Ok(())
}

pub(crate) async fn put_evidence(
    connection: &mut Connection,
    evidence: &[(i64, &str)],
) -> Result<(), StoreError> {
    insert("INSERT INTO finding_evidence (finding_id, evidence) ")
        .ending(" ON CONFLICT (finding_id) DO UPDATE SET evidence = excluded.evidence")
        .rows(connection, evidence, |row, (finding, evidence)| {
            row.push_bind(*finding).push_bind(*evidence);
        })
        .await?;
    Ok(())
}
