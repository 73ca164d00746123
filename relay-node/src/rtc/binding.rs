//! From options to open sockets and the addresses to announce.
//!
//! Attack stopped: an endpoint that silently listens or announces less than its owner asked for.
//! Whatever cannot be done as configured is an error that names the option.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use ::rtc::shared::ifaces::ifaces;

use super::challenge::Challenge;
use super::errors::RtcBindError;
use super::hub::{Hub, HubContext};
use super::limits::{ADDRS_MAX, MESSAGE_BYTES_MAX, RtcOptions};
use super::routes::Routes;

/// Refuses options that could not work.
pub(super) fn check(options: &RtcOptions) -> Result<(), RtcBindError> {
    let limits = &options.limits;
    let counts = [
        ("limits.peers_max", limits.peers_max),
        ("limits.pending_max", limits.pending_max),
        ("limits.peers_per_address_max", limits.peers_per_address_max),
        ("limits.pending_per_address_max", limits.pending_per_address_max),
        ("limits.stash_max", limits.stash_max),
        ("limits.accepted_max", limits.accepted_max),
        ("limits.unread_bytes_max", limits.unread_bytes_max),
        ("send_buffer_bytes_max", options.send_buffer_bytes_max as usize),
        ("message_bytes_max", options.message_bytes_max as usize),
    ];
    if let Some((name, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
        return Err(RtcBindError::Option(name));
    }
    if options.message_bytes_max > MESSAGE_BYTES_MAX {
        return Err(RtcBindError::Option("message_bytes_max"));
    }
    let unusable = |addr: &SocketAddr| addr.ip().is_unspecified() || addr.port() == 0;
    if options.announce.len() > ADDRS_MAX || options.announce.iter().any(unusable) {
        return Err(RtcBindError::Option("announce"));
    }
    let ipv4 = options.bind.iter().filter(|addr| addr.is_ipv4()).count();
    let ipv6 = options.bind.len() - ipv4;
    if options.bind.is_empty() || ipv4 > 1 || ipv6 > 1 {
        return Err(RtcBindError::Addresses);
    }
    Ok(())
}

/// Opens one hub for each address, all with the same challenge secret, which lives as long as
/// they do.
pub(super) fn bind_hubs(options: &RtcOptions, context: &HubContext) -> Result<Vec<Arc<Hub>>, RtcBindError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|_| RtcBindError::Random)?;
    let bind = |addr: &SocketAddr| {
        let (password, challenge) = (context.server_password.clone(), Challenge::new(&secret));
        let routes = Routes::new(Instant::now(), password, challenge, options.limits.stash_max);
        Hub::bind(*addr, routes, context.clone()).map_err(|error| RtcBindError::Socket { addr: *addr, error })
    };
    options.bind.iter().map(bind).collect()
}

/// As configured, or the addresses of the hubs with wildcards spelled out, loopback last.
pub(super) fn announced(options: &RtcOptions, hubs: &[Arc<Hub>]) -> Result<Vec<SocketAddr>, RtcBindError> {
    if !options.announce.is_empty() {
        return Ok(options.announce.clone());
    }
    let mut addrs = Vec::new();
    for local in hubs.iter().map(|hub| hub.local()) {
        if local.ip().is_unspecified() {
            let interfaces = ifaces().map_err(RtcBindError::Interfaces)?;
            let ips = interfaces.into_iter().filter_map(|interface| Some(interface.addr?.ip()));
            let family = ips.filter(|ip| ip.is_ipv4() == local.is_ipv4() && !is_link_local(*ip));
            addrs.extend(family.map(|ip| SocketAddr::new(ip, local.port())));
        } else {
            addrs.push(local);
        }
    }
    addrs.sort_by_key(|addr| addr.ip().is_loopback());
    addrs.dedup();
    addrs.truncate(ADDRS_MAX);
    Ok(addrs)
}

/// Such an address means nothing without its interface, which a candidate cannot say.
fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}
