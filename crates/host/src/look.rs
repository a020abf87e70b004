//! One look at a host: all that can be known of it now.

use jiff::Timestamp;
use policy::HostFacts;

use crate::{Access, Address, ConnectError, Machine, daemon, probe};

/// What one look at a host showed.
#[derive(Debug, Default)]
pub struct Look {
    pub facts: HostFacts,
    /// What could not be asked, though the engine was reached.
    pub gaps: Vec<String>,
    /// Why the engine was not reached. The facts are then those of the
    /// connection alone.
    pub error: Option<ConnectError>,
}

/// Looks at the host called `name`, as of `now`; at its files, too, where
/// it is `machine`.
pub fn look(name: &str, access: &Access, machine: Option<&Machine>, now: Timestamp) -> Look {
    let probed = probe(access, now);
    let mut look = Look {
        facts: HostFacts {
            name: name.to_owned(),
            tls: probed.tls,
            ..HostFacts::default()
        },
        error: probed.error,
        ..Look::default()
    };
    let mut told = None;
    if look.error.is_none() {
        let asked = access
            .endpoint()
            .map_err(|error| ConnectError::Tls {
                address: access.name(),
                reason: model::error::chain(&error),
            })
            .and_then(|endpoint| daemon::ask(access, &endpoint));
        match asked {
            Ok(answer) => told = Some(answer),
            Err(error) => look.error = Some(error),
        }
    }
    let mut plain = probed.plain;
    let mut unverified = probed.unverified;
    // "None" is a claim that only an answer of the engine supports.
    let mut is_known = false;
    if let Some(told) = told {
        is_known = told.plain.is_some();
        for (known, more) in [(&mut plain, told.plain), (&mut unverified, told.unverified)] {
            for address in more.unwrap_or_default() {
                if !known.iter().any(|known| is_same(known, &address)) {
                    known.push(address);
                }
            }
        }
        look.facts.daemon = Some(told.daemon);
        look.gaps = told.gaps;
    }
    look.facts.plain = (is_known || !plain.is_empty()).then_some(plain);
    look.facts.unverified = (is_known || !unverified.is_empty()).then_some(unverified);
    if let (Some(machine), Address::Socket(socket)) = (machine, &access.address) {
        machine.tell(socket, &mut look.facts);
    }
    look
}

/// Whether both may be one: the engine says on which of its addresses it
/// listens, we say by which name it was reached.
fn is_same(reached: &str, told: &str) -> bool {
    let port = |address: &str| address.rsplit(':').next().map(str::to_owned);
    port(reached) == port(told)
}
