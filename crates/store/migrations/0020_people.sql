-- People, programs and what they changed.
--
-- `user` is a word PostgreSQL keeps for itself, hence `account`. Roles
-- are JSON: they are read and written whole.
CREATE TABLE account (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    email TEXT,
    -- Who says so, where it is not us.
    issuer TEXT,
    subject TEXT,
    -- argon2id; none until the invitation is used.
    password TEXT,
    roles TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    created BIGINT NOT NULL,
    last_sign_in BIGINT,
    UNIQUE (issuer, subject)
);

-- Sessions of the time before accounts are signed out.
DROP TABLE session;

-- Only hashes: reading this table signs nobody in. No account: the
-- owner, by the link the server printed.
CREATE TABLE session (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    account_id TEXT REFERENCES account (id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    address TEXT,
    browser TEXT,
    created BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    -- If it is not used; and at the latest.
    expires BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    -- The identity provider's name for it, and what it wants to see at
    -- sign-out.
    provider_session TEXT,
    id_token TEXT
);

CREATE INDEX session_by_account ON session (account_id);

CREATE TABLE invitation (
    hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    expires BIGINT NOT NULL
);

-- Sign-ins that left for the identity provider and are not back.
CREATE TABLE oidc_attempt (
    state_hash TEXT PRIMARY KEY,
    browser_hash TEXT NOT NULL,
    nonce TEXT NOT NULL,
    verifier TEXT NOT NULL,
    onward TEXT NOT NULL,
    expires BIGINT NOT NULL
);

-- No account: made by the owner.
CREATE TABLE api_token (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    name TEXT NOT NULL,
    account_id TEXT REFERENCES account (id) ON DELETE CASCADE,
    -- The token it was made with: revoked together.
    parent TEXT,
    permissions TEXT NOT NULL,
    environments TEXT NOT NULL,
    addresses TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    last_used BIGINT,
    last_address TEXT,
    revoked BIGINT
);

CREATE INDEX api_token_by_account ON api_token (account_id);

-- Only ever added to. The chain is specified in docs/reference/audit.md.
CREATE TABLE audit (
    number BIGINT PRIMARY KEY,
    time BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    actor_name TEXT NOT NULL,
    address TEXT,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    environment TEXT,
    was TEXT,
    became TEXT,
    request TEXT,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);

-- The last entry, said twice: removing it must not go unseen.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY,
    number BIGINT NOT NULL,
    hash TEXT NOT NULL
);
