//! The server, spoken to as its users do.

#![cfg(test)]

mod alerts;
mod authorization;
mod clusters;
mod compliance;
mod connectors;
mod contents;
mod contract;
mod dashboard;
mod demonstration;
mod events;
mod findings;
mod guards;
mod hosts;
mod impact;
mod incidents;
mod interruptions;
mod oidc;
mod people;
mod policies;
mod posture;
mod query;
mod refusals;
mod registries;
mod running;
mod sboms;
mod scans;
mod sensors;
mod session;
mod sinks;
mod telemetry;
mod test_server;
mod tls;
mod trust;
mod views;
