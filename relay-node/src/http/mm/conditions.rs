//! Which part of a file a request wants, and whether it has it already (RFC 9110).

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What a request wants of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// A part that is there.
    Part(Range<u64>),
    /// A part that is not there.
    Beyond,
}

/// Whether the asker has this very thing.
pub(in crate::http) fn has_it(headers: &HeaderMap, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/") == etag;
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists.into_iter().any(|list| list.trim() == "*" || list.split(',').any(opaque))
}

/// What is wanted of `length` bytes. Several ranges, other units and what is not understood mean
/// all of it, as the standard allows.
pub(super) fn wanted(headers: &HeaderMap, etag: &str, length: u64) -> Wanted {
    // The part that somebody lacks of another state is of no use.
    if headers.get(header::IF_RANGE).is_some_and(|tag| tag.as_bytes() != etag.as_bytes()) {
        return Wanted::Whole;
    }
    let mut ranges = headers.get_all(header::RANGE).iter();
    match (ranges.next().and_then(|range| range.to_str().ok()), ranges.next()) {
        (Some(range), None) => parse(range, length).unwrap_or(Wanted::Whole),
        _ => Wanted::Whole,
    }
}

fn parse(range: &str, length: u64) -> Option<Wanted> {
    let (unit, spec) = range.split_once('=')?;
    let (first, last) = spec.trim().split_once('-').filter(|_| unit.trim().eq_ignore_ascii_case("bytes"))?;
    let part = match (number(first)?, number(last)?) {
        (None, None) => return None,
        (None, Some(count)) => length.saturating_sub(count)..length,
        (Some(first), None) => first..length,
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(_), Some(_)) => return None,
    };
    Some(if part.start < part.end { Wanted::Part(part) } else { Wanted::Beyond })
}

/// Digits, or nothing at all; numbers that are too large mean the largest.
fn number(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn of_ten(range: &'static str) -> Wanted {
        wanted(&headers(&[(header::RANGE, range)]), "\"e\"", 10)
    }

    #[test]
    fn one_range_is_a_part() {
        assert_eq!(of_ten("bytes=0-0"), Wanted::Part(0..1));
        assert_eq!(of_ten("bytes=2-5"), Wanted::Part(2..6));
        assert_eq!(of_ten("bytes=8-"), Wanted::Part(8..10));
        assert_eq!(of_ten("bytes=8-99999999999999999999999"), Wanted::Part(8..10));
        assert_eq!(of_ten("bytes=-3"), Wanted::Part(7..10));
        assert_eq!(of_ten("bytes=-30"), Wanted::Part(0..10));
    }

    #[test]
    fn a_range_outside_is_beyond() {
        assert_eq!(of_ten("bytes=10-"), Wanted::Beyond);
        assert_eq!(of_ten("bytes=10-12"), Wanted::Beyond);
        assert_eq!(of_ten("bytes=-0"), Wanted::Beyond);
        assert_eq!(wanted(&headers(&[(header::RANGE, "bytes=0-")]), "\"e\"", 0), Wanted::Beyond);
    }

    #[test]
    fn what_is_not_one_range_of_bytes_is_all_of_it() {
        for range in ["bytes=0-1,3-4", "lines=1-2", "bytes=5-2", "bytes=-", "bytes=a-b", "bytes=+1-2", "bytes", ""] {
            assert_eq!(of_ten(range), Wanted::Whole, "{range}");
        }
        assert_eq!(wanted(&HeaderMap::new(), "\"e\"", 10), Wanted::Whole);
        let mut twice = headers(&[(header::RANGE, "bytes=0-1")]);
        twice.append(header::RANGE, "bytes=3-4".parse().unwrap());
        assert_eq!(wanted(&twice, "\"e\"", 10), Wanted::Whole);
    }

    #[test]
    fn a_range_of_another_state_is_all_of_it() {
        let of = |tag| headers(&[(header::RANGE, "bytes=0-1"), (header::IF_RANGE, tag)]);
        assert_eq!(wanted(&of("\"e\""), "\"e\"", 10), Wanted::Part(0..2));
        assert_eq!(wanted(&of("\"f\""), "\"e\"", 10), Wanted::Whole);
        assert_eq!(wanted(&of("W/\"e\""), "\"e\"", 10), Wanted::Whole, "weak tags do not join parts");
    }

    #[test]
    fn a_known_tag_is_found_in_a_list() {
        for list in ["\"e\"", "\"a\", \"e\"", "W/\"e\"", "*", " * "] {
            assert!(has_it(&headers(&[(header::IF_NONE_MATCH, list)]), "\"e\""), "{list}");
        }
        for list in ["\"f\"", "e", "\"ee\"", ""] {
            assert!(!has_it(&headers(&[(header::IF_NONE_MATCH, list)]), "\"e\""), "{list}");
        }
        assert!(!has_it(&HeaderMap::new(), "\"e\""));
    }
}
