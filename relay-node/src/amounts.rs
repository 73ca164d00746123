//! Sizes and terms as people write them.

use mimei_core::credit::Renewal;

/// Why a text is no amount.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AmountError(String);

impl std::fmt::Display for AmountError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AmountError {}

/// Bytes: `500`, `20k`, `5M`, `1.5G`, `1TB`. Powers of 1,000.
///
/// # Errors
/// If it is something else.
pub fn bytes(text: &str) -> Result<u64, AmountError> {
    let wrong = || AmountError(format!("`{text}` is no size; write it like 500k, 20M, 5G or 1.5T"));
    let digits = text.trim().trim_end_matches(['b', 'B']);
    let (number, power) = match digits.char_indices().last().ok_or_else(wrong)? {
        (at, 'k' | 'K') => (&digits[..at], 3),
        (at, 'm' | 'M') => (&digits[..at], 6),
        (at, 'g' | 'G') => (&digits[..at], 9),
        (at, 't' | 'T') => (&digits[..at], 12),
        _ => (digits, 0),
    };
    let (whole, part) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
    let is_number = !whole.is_empty() && whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit());
    if !is_number || part.len() > power {
        return Err(wrong());
    }
    let padded = format!("{whole}{part:0<power$}");
    padded.parse().map_err(|_| AmountError(format!("`{text}` is larger than any disk")))
}

/// Traffic: `50G/month` is settled by itself every 30 days, `50G` is not.
///
/// # Errors
/// If it is something else.
pub fn traffic(text: &str) -> Result<(u64, Option<Renewal>), AmountError> {
    let Some((amount, period)) = text.split_once('/') else { return Ok((bytes(text)?, None)) };
    let days = match period.trim() {
        "day" | "d" => 1,
        "week" | "w" => 7,
        "month" | "m" => 30,
        "year" | "y" => 365,
        other => return Err(AmountError(format!("`{other}` is no period; write /day, /week, /month or /year"))),
    };
    let amount = bytes(amount)?;
    Ok((amount, Some(Renewal { days, amount })))
}

/// Days: `30d`, `12w`, `90`; none for `never`.
///
/// # Errors
/// If it is something else.
pub fn days(text: &str) -> Result<Option<u64>, AmountError> {
    let wrong = || AmountError(format!("`{text}` is no time; write it like 2027-01-31, 90d, 12w or never"));
    let text = text.trim();
    if text == "never" {
        return Ok(None);
    }
    let (number, each) = match text.strip_suffix('w') {
        Some(weeks) => (weeks, 7),
        None => (text.strip_suffix('d').unwrap_or(text), 1),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(each).filter(|days| *days <= 36_500).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let cases =
            [("500", 500), ("20k", 20_000), ("5M", 5_000_000), ("1.5G", 1_500_000_000), ("2TB", 2_000_000_000_000)];
        for (text, expected) in cases {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for wrong in ["", "G", "-5", "5X", "1.2345k", "1.5", "five", "99999999T", "5 0G"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn traffic_may_renew() {
        assert_eq!(traffic("50G"), Ok((50_000_000_000, None)));
        let renews = Some(Renewal { days: 30, amount: 50_000_000_000 });
        assert_eq!(traffic("50G/month"), Ok((50_000_000_000, renews)));
        assert!(traffic("50G/moon").is_err());
    }

    #[test]
    fn times_are_days_or_never() {
        assert_eq!(
            (days("90d"), days("2w"), days("7"), days("never")),
            (Ok(Some(90)), Ok(Some(14)), Ok(Some(7)), Ok(None))
        );
        assert!(days("soon").is_err() && days("99999999999d").is_err());
    }
}
