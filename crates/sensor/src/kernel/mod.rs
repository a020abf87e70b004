//! The kernel: programs loaded, rings read, what it allows and what was
//! lost.
