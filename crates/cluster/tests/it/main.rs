//! Audit logs, read where real services keep them; admission, asked as
//! an API server asks; a cluster watched for a server.

#![cfg(test)]

mod admit;
mod admit_rights;
mod admit_told;
mod api_server;
mod cloudwatch;
mod external;
mod external_watch;
mod kafka;
mod provider;
mod watch;
