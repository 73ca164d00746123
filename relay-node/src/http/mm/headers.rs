//! What answers with bytes of strangers say of them.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Nothing in it runs, loads or reaches this origin.
const CONTENT_SECURITY_POLICY: &str = "sandbox; default-src 'none'";
/// What pages of other origins may read of an answer.
const EXPOSED: &str = "content-length, content-range, content-disposition, accept-ranges, etag";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Sets what every answer carries, refusals too. It is public data, asked for without cookies.
pub(super) async fn always(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (RESOURCE_POLICY, "cross-origin"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lets pages of other origins ask for parts and for changes only.
pub(super) async fn preflight() -> Response {
    let allow = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "range, if-none-match, if-range"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, allow).into_response()
}

/// How a file is shown or saved, and under which name (RFC 6266, RFC 8187).
pub(super) fn disposition(is_shown: bool, name: &str) -> String {
    let how = if is_shown { "inline" } else { "attachment" };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    if ascii == name {
        return format!("{how}; filename=\"{ascii}\"");
    }
    let encoded: String = name.bytes().map(encode).collect();
    format!("{how}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

/// One byte of a value as RFC 8187 writes it.
fn encode(b: u8) -> String {
    match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
        _ => format!("%{b:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_said_once() {
        assert_eq!(disposition(true, "My file-1.txt"), "inline; filename=\"My file-1.txt\"");
        assert_eq!(disposition(false, "a.html"), "attachment; filename=\"a.html\"");
    }

    #[test]
    fn a_name_cannot_leave_its_quotes_or_its_line() {
        let evil = "a\"; filename=b.exe\r\nSet-Cookie: x\\%41";
        let value = disposition(false, evil);
        assert!(HeaderValue::from_str(&value).is_ok());
        let expected = "attachment; filename=\"a__ filename_b.exe__Set-Cookie_ x__41\"; \
             filename*=UTF-8''a%22%3B%20filename%3Db.exe%0D%0ASet-Cookie%3A%20x%5C%2541";
        assert_eq!(value, expected);
    }

    #[test]
    fn other_scripts_survive() {
        assert_eq!(disposition(true, "ä€.txt"), "inline; filename=\"__.txt\"; filename*=UTF-8''%C3%A4%E2%82%AC.txt");
    }
}
