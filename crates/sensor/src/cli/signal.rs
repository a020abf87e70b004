//! Ctrl-C and a polite `kill`: the first asks the work to stop, the second
//! does not ask.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use signal_hook::consts::{SIGINT, SIGTERM};

/// A flag that is set when the process is asked to stop.
pub(crate) fn stop() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds the flag set, and ends us.
        signal_hook::flag::register_conditional_shutdown(signal, 3, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}
