//! Tests that talk to the kernel they run on.

mod enforce;
mod kernel;
mod machine;
