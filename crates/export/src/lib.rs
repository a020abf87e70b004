//! How other systems are told: formats and transports.
