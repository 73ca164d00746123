//! Deadlines that a driver's clock does not keep exactly.

use mimei_core::identity::IdentityLog;
use mimei_core::peer::{CreditPolicy, Event, Expect, Input, Output, Peer, PeerConfig};
use mimei_core::secret::create_identity;
use mimei_core::time::Millis;
use mimei_core::vault::Vault;
use mimei_core::wire::noise::{Binding, Role, Transport};

fn outputs(peer: &mut Peer) -> Vec<Output> {
    std::iter::from_fn(|| peer.poll_output()).collect()
}

fn timer_of(outputs: &[Output]) -> Option<Millis> {
    outputs.iter().rev().find_map(|output| match output {
        Output::Timer(at) => Some(*at),
        _ => None,
    })
}

#[test]
fn a_tick_that_comes_too_early_does_not_lose_the_deadline() {
    let new = create_identity(&[1; 32], Millis(0));
    let log = IdentityLog::new(new.first).expect("a first entry just signed");
    let mut peer = Peer::new(PeerConfig {
        device: new.device.keys().sign,
        vault: Vault::new(log.user(), &new.root.data()),
        log,
        credit: CreditPolicy::default(),
    });
    let listen = Input::Connected {
        connection: 1,
        role: Role::Listener,
        binding: Binding { transport: Transport::WebSocket, fingerprints: None },
        expect: Expect::Anyone,
        seed: [2; 32],
    };
    peer.handle(Millis(1000), listen);
    let deadline = timer_of(&outputs(&mut peer)).expect("a handshake has a deadline");
    peer.handle(Millis(deadline.0 - 1), Input::Tick);
    assert_eq!(timer_of(&outputs(&mut peer)), Some(deadline), "the driver's timer is used up, so it is told again");
    peer.handle(deadline, Input::Tick);
    let ended = |output: &Output| matches!(output, Output::Event(Event::SessionClosed { code, .. }) if *code == "handshake.timeout");
    assert!(outputs(&mut peer).iter().any(ended));
}
