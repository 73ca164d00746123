//! Hostile bytes for what arrives before anybody has proved anything: STUN and descriptions.

use std::time::Duration;

use ::tests::fuzz::{self, Form, Target};

use super::sdp::{Description, Setup};
use super::stun;

const INPUTS: u64 = 20_000;
const TIME: Duration = Duration::from_millis(1500);
const PASSWORD: &[u8] = b"a password of the usual length";

fn requests() -> Vec<Vec<u8>> {
    let username = (stun::ATTR_USERNAME, &b"local:remote"[..]);
    let more = [username, (stun::ATTR_PRIORITY, &[1; 4][..]), (stun::ATTR_USE_CANDIDATE, &[][..])];
    let request = |attributes: &[(u16, &[u8])]| stun::build(stun::BINDING_REQUEST, &[7; 12], attributes, PASSWORD);
    vec![request(&[username]), request(&more), stun::build(stun::BINDING_SUCCESS, &[7; 12], &[], PASSWORD)]
}

/// A signature covers all that is read: what is signed says what the genuine requests say.
fn request(input: &[u8]) -> Result<Vec<u8>, String> {
    let request = stun::Request::parse(input).ok_or_else(|| format!("{:?}", stun::kind(input)))?;
    if request.is_signed_with(PASSWORD) {
        assert_eq!((request.local, request.remote), ("local", "remote"));
    }
    Ok(input.to_vec())
}

static STUN: Target = Target { name: "stun", corpus: requests, read: request, form: Form::One };

fn descriptions() -> Vec<Vec<u8>> {
    let describe = |setup| {
        let (ufrag, password) = ("abcdefgh".repeat(2), "0123456789abcdef".repeat(2));
        let mut description = Description::new(ufrag, password, [5; 32], setup);
        description.candidates = vec!["192.0.2.1:6464".parse().unwrap(), "[2001:db8::7]:1".parse().unwrap()];
        description.to_sdp().into_bytes()
    };
    [Setup::ActPass, Setup::Active, Setup::Passive].map(describe).to_vec()
}

fn offer(input: &[u8]) -> Result<Vec<u8>, String> {
    let text = str::from_utf8(input).map_err(|_| "not UTF-8")?;
    let offer = Description::parse_offer(text).map_err(|error| format!("{error:?}"))?;
    assert!(offer.candidates.is_empty(), "an offer makes us send nowhere");
    Ok(offer.to_sdp().into_bytes())
}

fn answer(input: &[u8]) -> Result<Vec<u8>, String> {
    let text = str::from_utf8(input).map_err(|_| "not UTF-8")?;
    let answer = Description::parse_answer(text).map_err(|error| format!("{error:?}"))?;
    Ok(answer.to_sdp().into_bytes())
}

static OFFER: Target = Target { name: "offer", corpus: descriptions, read: offer, form: Form::Settles };
static ANSWER: Target = Target { name: "answer", corpus: descriptions, read: answer, form: Form::Settles };

fn fuzz(target: &'static Target) {
    let report = fuzz::run(target, ::tests::seeds::only_seed().unwrap_or(0), INPUTS, TIME);
    assert!(report.read > 0 && report.outcomes > 2, "{}: {report:?}", target.name);
}

#[test]
fn stun_packets() {
    fuzz(&STUN);
}

#[test]
fn offers() {
    fuzz(&OFFER);
}

#[test]
fn answers() {
    fuzz(&ANSWER);
}
