//! The rule language from outside: whole files in, resolved rules out.

mod content;
mod falco_cases;
mod stock;
