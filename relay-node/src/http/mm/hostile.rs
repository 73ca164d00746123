//! Hostile headers and addresses for what everyone may read.

use std::time::Duration;

use ::tests::fuzz::{self, Form, Target};
use axum::http::{HeaderMap, HeaderValue, header};

use super::conditions::{self, Wanted};

const INPUTS: u64 = 20_000;
const TIME: Duration = Duration::from_millis(1500);

fn ranges() -> Vec<Vec<u8>> {
    ["bytes=0-0", "bytes=2-", "bytes=-3", "bytes=0-18446744073709551615", "bytes=0-1,4-5", "W/\"e\", \"f\"", "*"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}

/// Whatever is asked for, only what is there is answered.
fn range(input: &[u8]) -> Result<Vec<u8>, String> {
    let value = HeaderValue::from_bytes(input).map_err(|_| "no header")?;
    for name in [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH] {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=1-2"));
        headers.insert(name, value.clone());
        let _ = conditions::has_it(&headers, "\"e\"");
        for length in [0, 1, 10, u64::MAX] {
            if let Wanted::Part(part) = conditions::wanted(&headers, "\"e\"", length) {
                assert!(part.start < part.end && part.end <= length, "{part:?} of {length}");
            }
        }
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::RANGE, value);
    match conditions::wanted(&headers, "\"e\"", 10) {
        Wanted::Part(part) => Ok(format!("bytes={}-{}", part.start, part.end - 1).into_bytes()),
        other => Err(format!("{other:?}")),
    }
}

static RANGE: Target = Target { name: "range", corpus: ranges, read: range, form: Form::Settles };

fn addresses() -> Vec<Vec<u8>> {
    let id = mimei_core::cid::MimeiId::of(b"one").to_string();
    ["", "@1", "@last", "@release", "?r=x", "#y"].map(|end| format!("{id}{end}").into_bytes()).to_vec()
}

fn address(input: &[u8]) -> Result<Vec<u8>, String> {
    let text = str::from_utf8(input).map_err(|_| "not UTF-8")?;
    super::parse(text).map(|_| input.to_vec()).ok_or_else(|| format!("refused {}", input.len()))
}

static ADDRESS: Target = Target { name: "address", corpus: addresses, read: address, form: Form::Settles };

fn fuzz(target: &'static Target) {
    let report = fuzz::run(target, ::tests::seeds::only_seed().unwrap_or(0), INPUTS, TIME);
    assert!(report.read > 0 && report.outcomes > 2, "{}: {report:?}", target.name);
}

#[test]
fn range_headers() {
    fuzz(&RANGE);
}

#[test]
fn addresses_in_urls() {
    fuzz(&ADDRESS);
}
