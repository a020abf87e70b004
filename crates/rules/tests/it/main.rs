//! The rule language from outside: whole files in, resolved rules out.

mod stock;
