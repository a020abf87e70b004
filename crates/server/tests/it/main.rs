//! The server, spoken to as its users do.

mod contract;
