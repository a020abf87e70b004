//! The command as a whole: what it prints, where, and how it ends.

#![cfg(test)]

mod audit;
mod db;
mod harness;
mod policy;
mod remote;
mod rules;
mod scan;
mod store;
mod surface;
