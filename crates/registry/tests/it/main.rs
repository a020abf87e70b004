//! Registries, real and hostile ones.
