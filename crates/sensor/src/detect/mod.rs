//! Does it mean harm? Rules and analytics over events, and the alerts they
//! make.
