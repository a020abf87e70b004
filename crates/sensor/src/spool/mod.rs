//! What is still to be sent, on disk.
