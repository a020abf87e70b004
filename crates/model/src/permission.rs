//! Who may do what: permissions, the roles that bundle them, and the
//! environments they reach.
//!
//! Nothing here knows who is signed in or how; it only answers "may one
//! with these rights do that there". `docs/reference/permissions.md` is
//! held to these tables by a test.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// One thing somebody may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// See findings, images, recommendations and what else is recorded.
    View,
    /// Assign, comment, set the status of and dismiss findings.
    Triage,
    /// Accept a finding by an exemption.
    Exempt,
    /// Start and stop scans; forget an image.
    Scan,
    /// Notifications, advisories, policies and settings.
    Configure,
    /// Users, other people's tokens, environments and connectors.
    Administer,
    /// Hand in what sensors, connectors and pipelines saw.
    Ingest,
    /// Hand in events of API servers' audit logs, and nothing else.
    IngestAudit,
    /// Read the server's own numbers.
    Metrics,
}

impl Permission {
    pub const ALL: [Self; 9] = [
        Self::View,
        Self::Triage,
        Self::Exempt,
        Self::Scan,
        Self::Configure,
        Self::Administer,
        Self::Ingest,
        Self::IngestAudit,
        Self::Metrics,
    ];

    /// As the wire, the record and the configuration write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Triage => "triage",
            Self::Exempt => "exempt",
            Self::Scan => "scan",
            Self::Configure => "configure",
            Self::Administer => "administer",
            Self::Ingest => "ingest",
            Self::IngestAudit => "ingest_audit",
            Self::Metrics => "metrics",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    /// The roles that carry it.
    pub fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL
            .into_iter()
            .filter(move |role| role.permissions().contains(self))
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u16);

impl Permissions {
    pub const NONE: Self = Self(0);

    pub fn all() -> Self {
        Permission::ALL.into_iter().collect()
    }

    pub fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .into_iter()
            .filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(
            permissions
                .into_iter()
                .fold(0, |bits, permission| bits | permission.bit()),
        )
    }
}

/// A bundle of permissions people are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Works on findings: triages, exempts, scans, configures.
    SecurityAdmin,
    /// Sees everything security admins see and changes nothing.
    SecurityReader,
    /// Runs the installation: users, connectors, environments; sees
    /// no finding.
    PlatformAdmin,
}

impl Role {
    pub const ALL: [Self; 3] = [
        Self::SecurityAdmin,
        Self::SecurityReader,
        Self::PlatformAdmin,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecurityAdmin => "security_admin",
            Self::SecurityReader => "security_reader",
            Self::PlatformAdmin => "platform_admin",
        }
    }

    /// For a sentence: "security admin".
    pub fn title(self) -> &'static str {
        match self {
            Self::SecurityAdmin => "security admin",
            Self::SecurityReader => "security reader",
            Self::PlatformAdmin => "platform admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    pub fn permissions(self) -> Permissions {
        use Permission::{
            Administer, Configure, Exempt, Ingest, IngestAudit, Metrics, Scan, Triage, View,
        };
        let list: &[Permission] = match self {
            Self::SecurityAdmin => &[View, Triage, Exempt, Scan, Configure],
            Self::SecurityReader => &[View],
            Self::PlatformAdmin => &[Administer, Ingest, IngestAudit, Metrics],
        };
        list.iter().copied().collect()
    }
}

/// How somebody is known to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// Whoever holds the link the server printed: no account, every
    /// right.
    Owner,
    /// Somebody with an account.
    User,
    /// A program with an API token.
    Token,
    /// The server itself.
    System,
}

impl ActorKind {
    pub const ALL: [Self; 4] = [Self::Owner, Self::User, Self::Token, Self::System];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::User => "user",
            Self::Token => "token",
            Self::System => "system",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// Which environments, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every one there is and will be.
    Everywhere,
    /// These; none is a valid answer and reaches nothing.
    Only(BTreeSet<String>),
}

impl Reach {
    /// Stands for [`Self::Everywhere`] in lists of names.
    pub const EVERYWHERE: &'static str = "*";

    /// A list of names, where `*` stands for all.
    pub fn from_names<I: IntoIterator<Item = String>>(names: I) -> Self {
        let names: BTreeSet<String> = names.into_iter().collect();
        if names.contains(Self::EVERYWHERE) {
            Self::Everywhere
        } else {
            Self::Only(names)
        }
    }

    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Everywhere => vec![Self::EVERYWHERE.to_owned()],
            Self::Only(names) => names.iter().cloned().collect(),
        }
    }

    pub fn contains(&self, environment: &str) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Only(names) => names.contains(environment),
        }
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Only(names) if names.is_empty())
    }
}

/// A role and where it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub role: Role,
    pub reach: Reach,
}

/// What somebody may do, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    everywhere: Permissions,
    /// On top of `everywhere`.
    named: BTreeMap<String, Permissions>,
}

impl Rights {
    /// Everything, everywhere.
    pub fn all() -> Self {
        Self {
            everywhere: Permissions::all(),
            named: BTreeMap::new(),
        }
    }

    pub fn of_bindings<'a, I: IntoIterator<Item = &'a Binding>>(bindings: I) -> Self {
        bindings.into_iter().fold(Self::default(), |rights, held| {
            rights.with(held.role.permissions(), &held.reach)
        })
    }

    /// These rights and `permissions` in `reach`.
    #[must_use]
    pub fn with(mut self, permissions: Permissions, reach: &Reach) -> Self {
        match reach {
            Reach::Everywhere => self.everywhere = self.everywhere.union(permissions),
            Reach::Only(names) => {
                for name in names {
                    let held = self.named.entry(name.clone()).or_default();
                    *held = held.union(permissions);
                }
            }
        }
        self
    }

    /// What both allow.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let names: BTreeSet<&String> = self.named.keys().chain(other.named.keys()).collect();
        Self {
            everywhere: self.everywhere.intersection(other.everywhere),
            named: names
                .into_iter()
                .map(|name| {
                    (
                        name.clone(),
                        self.within(name).intersection(other.within(name)),
                    )
                })
                .collect(),
        }
    }

    /// What is allowed in one environment.
    pub fn within(&self, environment: &str) -> Permissions {
        let named = self.named.get(environment).copied().unwrap_or_default();
        self.everywhere.union(named)
    }

    /// What is allowed in every environment, and in what belongs to none.
    pub fn everywhere(&self) -> Permissions {
        self.everywhere
    }

    pub fn may(&self, permission: Permission, environment: &str) -> bool {
        self.within(environment).contains(permission)
    }

    pub fn may_everywhere(&self, permission: Permission) -> bool {
        self.everywhere.contains(permission)
    }

    pub fn may_somewhere(&self, permission: Permission) -> bool {
        !self.reach(permission).is_empty()
    }

    /// Where `permission` holds.
    pub fn reach(&self, permission: Permission) -> Reach {
        if self.everywhere.contains(permission) {
            return Reach::Everywhere;
        }
        Reach::Only(
            self.named
                .iter()
                .filter(|(_, held)| held.contains(permission))
                .map(|(name, _)| name.clone())
                .collect(),
        )
    }

    /// Where anything at all is allowed.
    pub fn any_reach(&self) -> Reach {
        if !self.everywhere.is_empty() {
            return Reach::Everywhere;
        }
        Reach::Only(
            self.named
                .iter()
                .filter(|(_, held)| !held.is_empty())
                .map(|(name, _)| name.clone())
                .collect(),
        )
    }

    /// Whether everything `other` allows is allowed here too.
    pub fn covers(&self, other: &Self) -> bool {
        other.everywhere.intersection(self.everywhere) == other.everywhere
            && other
                .named
                .iter()
                .all(|(name, wanted)| wanted.intersection(self.within(name)) == *wanted)
    }

    /// The environments that allow more than [`Self::everywhere`] does.
    pub fn named(&self) -> impl Iterator<Item = (&str, Permissions)> {
        self.named
            .keys()
            .map(|name| (name.as_str(), self.within(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(role: Role, names: &[&str]) -> Binding {
        Binding {
            role,
            reach: Reach::from_names(names.iter().map(|name| (*name).to_owned())),
        }
    }

    #[test]
    fn words_read_back() {
        for permission in Permission::ALL {
            assert_eq!(Permission::parse(permission.as_str()), Some(permission));
            assert!(
                permission.roles().next().is_some(),
                "nobody may {permission:?}"
            );
        }
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Permission::parse("View"), None);
    }

    #[test]
    fn a_role_holds_where_it_is_bound_and_nowhere_else() {
        let rights = Rights::of_bindings(&[
            bound(Role::SecurityReader, &["*"]),
            bound(Role::SecurityAdmin, &["shop"]),
        ]);
        assert!(rights.may(Permission::View, "bank"));
        assert!(!rights.may(Permission::Triage, "bank"));
        assert!(rights.may(Permission::Triage, "shop"));
        assert!(!rights.may_everywhere(Permission::Triage));
        assert!(rights.may_somewhere(Permission::Triage));
        assert!(!rights.may_somewhere(Permission::Administer));
        assert_eq!(rights.reach(Permission::View), Reach::Everywhere);
        let only_shop = Reach::from_names(["shop".to_owned()]);
        assert_eq!(rights.reach(Permission::Exempt), only_shop);
    }

    #[test]
    fn platform_admins_see_no_finding() {
        let rights = Rights::of_bindings(&[bound(Role::PlatformAdmin, &["*"])]);
        assert!(rights.may_everywhere(Permission::Administer));
        assert!(!rights.may_somewhere(Permission::View));
    }

    #[test]
    fn a_token_never_exceeds_its_maker() {
        let maker = Rights::of_bindings(&[bound(Role::SecurityAdmin, &["shop"])]);
        let everything = Rights::all().intersection(&maker);
        assert_eq!(everything, maker);
        let elsewhere =
            Rights::default().with(Permissions::all(), &Reach::from_names(["bank".to_owned()]));
        let both = elsewhere.intersection(&maker);
        for permission in Permission::ALL {
            assert!(!both.may_somewhere(permission), "{permission:?}");
        }
        assert!(maker.covers(&both) && !maker.covers(&elsewhere));
        assert!(Rights::all().covers(&maker) && !maker.covers(&Rights::all()));
    }
}
