//! Container hosts: a real Docker Engine over TLS and without, and
//! servers that are something else.

mod engine;
mod hostile;
