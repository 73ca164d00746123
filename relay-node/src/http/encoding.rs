//! Which compressed form of a file whoever asks can read.

use axum::http::{HeaderMap, header};

/// A form in which the site's files lie beside themselves, compressed when the site was built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    /// As HTTP calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// What follows the file's name.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
        }
    }

    /// Those that are accepted, the smallest first. A name counts if it is not weighed with 0; `*` is not read.
    pub(super) fn accepted(headers: &HeaderMap) -> impl Iterator<Item = Self> {
        let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
        let named: Vec<&str> = lists.flat_map(|list| list.split(',')).filter_map(wanted).collect();
        [Self::Brotli, Self::Gzip]
            .into_iter()
            .filter(move |encoding| named.iter().any(|name| name.eq_ignore_ascii_case(encoding.name())))
    }
}

/// The name in one part of such a list, unless it is refused.
fn wanted(part: &str) -> Option<&str> {
    let mut parts = part.split(';').map(str::trim);
    let name = parts.next()?;
    let weight = parts.find_map(|part| part.strip_prefix("q="));
    let is_refused = weight.is_some_and(|weight| weight.parse() == Ok(0.0));
    (!is_refused).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_form_that_is_not_refused_comes_first() {
        use Encoding::{Brotli, Gzip};
        for (accepted, encodings) in [
            ("gzip, deflate, br, zstd", &[Brotli, Gzip][..]),
            ("gzip", &[Gzip]),
            ("br;q=0, gzip;q=0.5", &[Gzip]),
            ("BR ; q=0.000,identity", &[]),
            ("deflate", &[]),
            ("", &[]),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, accepted.parse().unwrap())]);
            assert_eq!(Encoding::accepted(&headers).collect::<Vec<_>>(), encodings, "{accepted}");
        }
        assert_eq!(Encoding::accepted(&HeaderMap::new()).next(), None);
    }
}
