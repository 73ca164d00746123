//! Descriptions: read the few facts of an offer or answer, write one from such facts.
//!
//! Attack stopped: a hostile description. Nothing of a peer's text is passed on: the facts are
//! read with limits, and whatever the WebRTC stack or the peer gets to see is written here anew.
//! Candidates of an offer are never even stored, so an offer cannot make the relay send a packet
//! anywhere (they are the classic way to have a server probe its own network).

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::direct::{is_password, is_ufrag};
use super::errors::SdpError;
use super::limits::{ADDRS_MAX, MESSAGE_BYTES_MAX, OFFER_BYTES_MAX};

/// Without the attribute a peer takes 64 KiB (RFC 8841, 6).
const MESSAGE_BYTES_DEFAULT: u32 = 64 * 1024;
const SCTP_PORT: u16 = 5000;
const MID_CHARS_MAX: usize = 16;

/// `a=setup`: who opens the DTLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    ActPass,
    Active,
    Passive,
}

impl Setup {
    fn name(self) -> &'static str {
        match self {
            Self::ActPass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

/// All that two peers need to know of each other for one data channel section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) ufrag: String,
    pub(super) password: String,
    pub(super) fingerprint: [u8; 32],
    pub(super) mid: String,
    pub(super) setup: Setup,
    pub(super) sctp_port: u16,
    pub(super) message_bytes_max: u32,
    pub(super) candidates: Vec<SocketAddr>,
}

impl Description {
    /// A description of our own with the usual section name and ports.
    pub(super) fn new(ufrag: String, password: String, fingerprint: [u8; 32], setup: Setup) -> Self {
        Self {
            ufrag,
            password,
            fingerprint,
            mid: "0".to_owned(),
            setup,
            sctp_port: SCTP_PORT,
            message_bytes_max: MESSAGE_BYTES_MAX,
            candidates: Vec::new(),
        }
    }

    /// Reads an offer to us. Its candidates are dropped; it must let us be the DTLS server.
    pub(super) fn parse_offer(text: &str) -> Result<Self, SdpError> {
        let offer = parse(text, false)?;
        match offer.setup {
            Setup::ActPass | Setup::Active => Ok(offer),
            Setup::Passive => Err(SdpError::Invalid("a=setup")),
        }
    }

    /// Reads an answer to our offer; the answerer must be the DTLS server.
    pub(super) fn parse_answer(text: &str) -> Result<Self, SdpError> {
        let answer = parse(text, true)?;
        if answer.setup != Setup::Passive {
            return Err(SdpError::Invalid("a=setup"));
        }
        if answer.candidates.is_empty() {
            return Err(SdpError::Missing("a=candidate"));
        }
        Ok(answer)
    }

    /// The text. Never with `a=ice-lite`: browsers then nominate a round trip later.
    pub(super) fn to_sdp(&self) -> String {
        let mut out = String::with_capacity(1024);
        let host = self.candidates.first();
        let (family, ip, port) = match host {
            Some(addr) if addr.is_ipv6() => ("IP6", addr.ip().to_string(), addr.port()),
            Some(addr) => ("IP4", addr.ip().to_string(), addr.port()),
            None => ("IP4", "0.0.0.0".to_owned(), 9),
        };
        for line in [
            "v=0",
            "o=- 1 1 IN IP4 0.0.0.0",
            "s=-",
            "t=0 0",
            &format!("a=group:BUNDLE {}", self.mid),
            &format!("m=application {port} UDP/DTLS/SCTP webrtc-datachannel"),
            &format!("c=IN {family} {ip}"),
            &format!("a=mid:{}", self.mid),
            &format!("a=ice-ufrag:{}", self.ufrag),
            &format!("a=ice-pwd:{}", self.password),
            &format!("a=fingerprint:sha-256 {}", fingerprint_text(&self.fingerprint)),
            &format!("a=setup:{}", self.setup.name()),
            &format!("a=sctp-port:{}", self.sctp_port),
            &format!("a=max-message-size:{}", self.message_bytes_max),
        ] {
            out.push_str(line);
            out.push_str("\r\n");
        }
        for (at, addr) in self.candidates.iter().enumerate() {
            push_candidate(&mut out, at, *addr);
        }
        if host.is_some() {
            out.push_str("a=end-of-candidates\r\n");
        }
        out
    }
}

/// One host candidate, earlier ones preferred (RFC 8445, 5.1.2.1).
fn push_candidate(out: &mut String, at: usize, addr: SocketAddr) {
    let preference = 65_535 - at.min(65_535);
    let priority = (126 << 24) | (preference << 8) | 255;
    let (ip, port, foundation) = (addr.ip(), addr.port(), at + 1);
    write!(out, "a=candidate:{foundation} 1 udp {priority} {ip} {port} typ host\r\n")
        .expect("writing to a String cannot fail");
}

#[derive(Default)]
struct Facts<'a> {
    sections: usize,
    ufrag: Option<&'a str>,
    password: Option<&'a str>,
    fingerprint: Option<&'a str>,
    mid: Option<&'a str>,
    setup: Option<&'a str>,
    sctp_port: Option<&'a str>,
    message_bytes_max: Option<&'a str>,
    candidates: Vec<SocketAddr>,
}

fn parse(text: &str, with_candidates: bool) -> Result<Description, SdpError> {
    if text.len() > OFFER_BYTES_MAX {
        return Err(SdpError::TooLong { bytes: text.len(), bytes_max: OFFER_BYTES_MAX });
    }
    let mut facts = Facts::default();
    for line in text.lines() {
        read_line(&mut facts, line, with_candidates)?;
    }
    match facts.sections {
        0 => return Err(SdpError::Missing("m=application")),
        1 => {}
        _ => return Err(SdpError::SeveralSections),
    }
    describe(facts)
}

fn read_line<'a>(facts: &mut Facts<'a>, line: &'a str, with_candidates: bool) -> Result<(), SdpError> {
    if let Some(media) = line.strip_prefix("m=") {
        facts.sections += 1;
        return check_media(media);
    }
    let Some(attribute) = line.strip_prefix("a=") else {
        return Ok(());
    };
    let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
    match name {
        "ice-ufrag" => facts.ufrag = Some(value),
        "ice-pwd" => facts.password = Some(value),
        "fingerprint" => facts.fingerprint = Some(value),
        "mid" => facts.mid = Some(value),
        "setup" => facts.setup = Some(value),
        "sctp-port" => facts.sctp_port = Some(value),
        "max-message-size" => facts.message_bytes_max = Some(value),
        "candidate" if with_candidates && facts.candidates.len() < ADDRS_MAX => {
            facts.candidates.extend(parse_candidate(value));
        }
        _ => {}
    }
    Ok(())
}

fn check_media(media: &str) -> Result<(), SdpError> {
    let mut words = media.split(' ');
    let kind = words.next();
    let proto = words.nth(1);
    let format = words.next();
    let fits = kind == Some("application") && proto == Some("UDP/DTLS/SCTP") && format == Some("webrtc-datachannel");
    if fits { Ok(()) } else { Err(SdpError::Invalid("m=")) }
}

fn describe(facts: Facts<'_>) -> Result<Description, SdpError> {
    let ufrag = facts.ufrag.ok_or(SdpError::Missing("a=ice-ufrag"))?;
    let password = facts.password.ok_or(SdpError::Missing("a=ice-pwd"))?;
    let fingerprint = facts.fingerprint.ok_or(SdpError::Missing("a=fingerprint"))?;
    let mid = facts.mid.ok_or(SdpError::Missing("a=mid"))?;
    let setup = facts.setup.ok_or(SdpError::Missing("a=setup"))?;
    if !is_ufrag(ufrag) {
        return Err(SdpError::Invalid("a=ice-ufrag"));
    }
    if !is_password(password) {
        return Err(SdpError::Invalid("a=ice-pwd"));
    }
    if !is_mid(mid) {
        return Err(SdpError::Invalid("a=mid"));
    }
    Ok(Description {
        ufrag: ufrag.to_owned(),
        password: password.to_owned(),
        fingerprint: parse_fingerprint(fingerprint).ok_or(SdpError::Invalid("a=fingerprint"))?,
        mid: mid.to_owned(),
        setup: parse_setup(setup)?,
        sctp_port: parse_number(facts.sctp_port, SCTP_PORT, "a=sctp-port")?,
        message_bytes_max: parse_message_bytes_max(facts.message_bytes_max)?,
        candidates: facts.candidates,
    })
}

fn is_mid(mid: &str) -> bool {
    (1..=MID_CHARS_MAX).contains(&mid.len())
        && mid.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn parse_setup(value: &str) -> Result<Setup, SdpError> {
    [Setup::ActPass, Setup::Active, Setup::Passive]
        .into_iter()
        .find(|setup| setup.name() == value)
        .ok_or(SdpError::Invalid("a=setup"))
}

fn parse_number<N: std::str::FromStr>(value: Option<&str>, default: N, name: &'static str) -> Result<N, SdpError> {
    value.map_or(Ok(default), |text| text.parse().map_err(|_| SdpError::Invalid(name)))
}

/// 0 means any size (RFC 8841, 6); we never send more than our own maximum anyway.
fn parse_message_bytes_max(value: Option<&str>) -> Result<u32, SdpError> {
    let bytes: u64 = parse_number(value, MESSAGE_BYTES_DEFAULT.into(), "a=max-message-size")?;
    let bytes = u32::try_from(bytes).unwrap_or(MESSAGE_BYTES_MAX);
    Ok(if bytes == 0 { MESSAGE_BYTES_MAX } else { bytes.min(MESSAGE_BYTES_MAX) })
}

/// A UDP candidate with an address; names (`.local`), TCP and RTCP are passed over.
fn parse_candidate(value: &str) -> Option<SocketAddr> {
    let mut words = value.split(' ');
    let (_foundation, component, transport) = (words.next()?, words.next()?, words.next()?);
    let (_priority, ip, port) = (words.next()?, words.next()?, words.next()?);
    let ip: IpAddr = ip.parse().ok()?;
    let port: u16 = port.parse().ok()?;
    let usable = component == "1"
        && transport.eq_ignore_ascii_case("udp")
        && port != 0
        && !ip.is_unspecified()
        && !ip.is_multicast();
    usable.then_some(SocketAddr::new(ip, port))
}

/// `AA:BB:..`, as descriptions and the dialling rule write it.
pub(super) fn fingerprint_text(fingerprint: &[u8; 32]) -> String {
    let mut out = String::with_capacity(95);
    for (at, byte) in fingerprint.iter().enumerate() {
        let separator = if at == 0 { "" } else { ":" };
        write!(out, "{separator}{byte:02X}").expect("writing to a String cannot fail");
    }
    out
}

fn parse_fingerprint(value: &str) -> Option<[u8; 32]> {
    let (algorithm, text) = value.split_once(' ')?;
    if !algorithm.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let mut fingerprint = [0; 32];
    let mut bytes = text.split(':');
    for slot in &mut fingerprint {
        let digits = bytes.next().filter(|digits| digits.len() == 2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *slot = u8::from_str_radix(digits, 16).ok()?;
    }
    bytes.next().is_none().then_some(fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Description {
        let candidates = vec!["192.0.2.1:4433".parse().unwrap(), "[2001:db8::1]:4433".parse().unwrap()];
        let (ufrag, password) = ("abcd".to_owned(), "abcdefghijklmnopqrstuv".to_owned());
        Description { candidates, ..Description::new(ufrag, password, [0xAB; 32], Setup::Passive) }
    }

    /// What Chromium writes, shortened to one candidate of each kind.
    fn chromium_offer() -> String {
        format!(
            "v=0\r\no=- 4611 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
             a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n\
             m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n\
             a=candidate:1 1 udp 2113937151 3b1c.local 40000 typ host\r\n\
             a=candidate:2 1 udp 2113937151 169.254.169.254 80 typ host\r\n\
             a=ice-ufrag:Q2+/\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\n\
             a=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\n\
             a=max-message-size:262144\r\n",
            fingerprint_text(&[0x1F; 32])
        )
    }

    #[test]
    fn a_browser_offer_is_read_without_its_candidates() {
        let offer = Description::parse_offer(&chromium_offer()).unwrap();
        assert_eq!((offer.ufrag.as_str(), offer.mid.as_str()), ("Q2+/", "0"));
        assert_eq!((offer.fingerprint, offer.message_bytes_max), ([0x1F; 32], 262_144));
        assert!(offer.candidates.is_empty());
        assert!(!offer.to_sdp().contains("169.254"));
    }

    #[test]
    fn an_answer_is_read_back_as_written() {
        let text = ours().to_sdp();
        assert_eq!(Description::parse_answer(&text), Ok(ours()));
        assert!(!text.contains("ice-lite"));
        assert!(text.contains("a=candidate:1 1 udp 2130706431 192.0.2.1 4433 typ host\r\n"));
    }

    #[test]
    fn an_answer_without_candidates_or_from_a_dtls_client_is_refused() {
        let none = Description { candidates: vec![], ..ours() };
        let missing = Err(SdpError::Missing("a=candidate"));
        assert_eq!(Description::parse_answer(&none.to_sdp()), missing);
        let active = Description { setup: Setup::Active, ..ours() };
        let invalid = Err(SdpError::Invalid("a=setup"));
        assert_eq!(Description::parse_answer(&active.to_sdp()), invalid);
    }

    #[test]
    fn an_answer_names_a_bounded_number_of_addresses() {
        let many = (0..100).map(|port| SocketAddr::new([192, 0, 2, 1].into(), 4000 + port));
        let answer = Description { candidates: many.collect(), ..ours() };
        let read = Description::parse_answer(&answer.to_sdp()).unwrap();
        assert_eq!(read.candidates.len(), ADDRS_MAX);
    }

    #[test]
    fn each_missing_or_wrong_line_has_its_error() {
        let offer = chromium_offer();
        let cases = [
            ("a=ice-ufrag:Q2+/", "", SdpError::Missing("a=ice-ufrag")),
            ("a=ice-ufrag:Q2+/", "a=ice-ufrag:Q2+_", SdpError::Invalid("a=ice-ufrag")),
            ("abcdefghijklmnopqrstuvwx", "short", SdpError::Invalid("a=ice-pwd")),
            ("sha-256 1F", "sha-256 1G", SdpError::Invalid("a=fingerprint")),
            ("sha-256 1F", "sha-512 1F", SdpError::Invalid("a=fingerprint")),
            ("actpass", "passive", SdpError::Invalid("a=setup")),
            ("a=mid:0", "a=mid:0 x", SdpError::Invalid("a=mid")),
            ("a=sctp-port:5000", "a=sctp-port:70000", SdpError::Invalid("a=sctp-port")),
            ("m=application", "m=audio", SdpError::Invalid("m=")),
            ("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "", SdpError::Missing("m=application")),
        ];
        for (from, to, error) in cases {
            assert!(offer.contains(from), "{from}");
            assert_eq!(Description::parse_offer(&offer.replacen(from, to, 1)), Err(error), "{to}");
        }
        let media = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
        let two = format!("{offer}{media}");
        assert_eq!(Description::parse_offer(&two), Err(SdpError::SeveralSections));
        let long = " ".repeat(OFFER_BYTES_MAX + 1);
        assert!(matches!(Description::parse_offer(&long), Err(SdpError::TooLong { .. })));
    }

    #[test]
    fn the_size_limit_of_a_peer_is_never_taken_as_more_than_ours() {
        for (line, expected) in [("0", 262_144), ("1073741823", 262_144), ("99999999999", 262_144), ("1000", 1000)] {
            let offer = chromium_offer().replace("size:262144", &format!("size:{line}"));
            assert_eq!(Description::parse_offer(&offer).unwrap().message_bytes_max, expected);
        }
    }

    #[test]
    fn hostile_descriptions_never_panic() {
        let mut seed = 88_172_645_463_325_252_u64;
        let mut next = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed >> 33).unwrap()
        };
        let (offer, answer) = (chromium_offer(), ours().to_sdp());
        for _ in 0..20_000 {
            let mut bytes = if next() % 2 == 0 { offer.clone() } else { answer.clone() }.into_bytes();
            for _ in 0..=next() % 8 {
                let at = next() % bytes.len();
                bytes[at] = b"\r\n:= 09afAZ./\xC3\xA9\0"[next() % 16];
            }
            let text = String::from_utf8_lossy(&bytes);
            let _ = Description::parse_offer(&text);
            if let Ok(read) = Description::parse_answer(&text) {
                assert_eq!(Description::parse_answer(&read.to_sdp()), Ok(read));
            }
        }
    }
}
