//! Moments as people read and write them, in UTC. Days are counted as in "chrono-Compatible Low-Level Date
//! Algorithms" by H. Hinnant: eras of 400 years that begin in March.

use mimei_core::credit::DAY_MS;
use mimei_core::time::Millis;

use crate::amounts::{self, AmountError};

/// Days from the beginning of the first era to 1970-01-01.
const EPOCH_DAYS: u64 = 719_468;
const ERA_DAYS: u64 = 146_097;

/// A moment to the minute.
pub fn time(at: Millis) -> String {
    let minutes = at.0 / 60_000;
    let days = minutes / 1440 + EPOCH_DAYS;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60 % 24, minutes % 60)
}

/// An end: `2027-01-31` with all of that day, `90d` or `12w` from now; none for `never`.
///
/// # Errors
/// If it is something else.
pub fn until(text: &str, now: Millis) -> Result<Option<Millis>, AmountError> {
    match day(text.trim()) {
        Some(day) => Ok(Some(day + DAY_MS)),
        None => Ok(amounts::days(text)?.map(|days| now + days * DAY_MS)),
    }
}

/// The first moment of a day since 1970.
fn day(text: &str) -> Option<Millis> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let number = |text: &str, digits: usize| text.parse::<u64>().ok().filter(|_| text.len() == digits);
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let month_from_march = (month + 9) % 12;
    let year = year.checked_sub(u64::from(month <= 2))?;
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let at = Millis((era * ERA_DAYS + day_of_era).checked_sub(EPOCH_DAYS)? * DAY_MS);
    // A day that the calendar does not have comes back as another.
    time(at).starts_with(text).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_by_the_calendar() {
        let cases = [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399_999, "2000-02-28 23:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00 UTC"),
            (1_709_251_200_000, "2024-03-01 00:00 UTC"),
            (1_798_761_540_000, "2026-12-31 23:59 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00 UTC"),
        ];
        for (at, text) in cases {
            assert_eq!(time(Millis(at)), text);
        }
        // A signer's clock may say anything.
        assert!(time(Millis(u64::MAX)).ends_with("UTC"));
    }

    #[test]
    fn an_end_is_a_day_with_all_its_hours_or_so_many_days_from_now() {
        let now = Millis(1_000);
        assert_eq!(until("2000-02-28", now), Ok(Some(Millis(951_782_400_000))));
        assert_eq!(until("2024-02-29", now), Ok(Some(Millis(1_709_251_200_000))));
        assert_eq!(until("90d", now), Ok(Some(Millis(1_000 + 90 * DAY_MS))));
        assert_eq!(until("never", now), Ok(None));
        for wrong in ["2023-02-29", "2027-13-01", "2027-00-10", "2027-01-00", "1969-12-31", "27-01-31", "2027-1-31"] {
            assert!(until(wrong, now).is_err(), "{wrong}");
        }
    }
}
