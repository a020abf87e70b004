//! Tests that talk to the kernel they run on.

mod kernel;
mod machine;
