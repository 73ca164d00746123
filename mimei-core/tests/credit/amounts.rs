//! Amounts as people read them, and prices.

use std::num::NonZeroU64;

use mimei_core::cbor::Cbor;
use mimei_core::credit::{Amount, Ratio, Reason, Unit};
use proptest::prelude::*;

use crate::fixed;

fn ratio(per: u64, units: u64) -> Ratio {
    Ratio { per: NonZeroU64::new(per).unwrap(), units }
}

/// What a text of [`Amount`] stands for, as the least and the first that is more.
fn range_of(text: &str) -> (u128, u128) {
    let (number, unit) = text.split_once(' ').unwrap();
    let scale = match unit {
        "byte" | "bytes" => 1,
        "kB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "PB" => 1_000_000_000_000_000,
        "EB" => 1_000_000_000_000_000_000,
        _ => panic!("{text}"),
    };
    let (whole, tenth) = number.split_once('.').map_or((number, None), |(whole, tenth)| (whole, Some(tenth)));
    assert!(tenth.is_none_or(|tenth| tenth.len() == 1 && tenth != "0"), "{text}");
    let whole: u128 = whole.parse().unwrap();
    let least = whole * scale + tenth.map_or(0, |tenth| tenth.parse::<u128>().unwrap()) * scale / 10;
    let step = if scale == 1 {
        1
    } else if whole >= 100 {
        scale
    } else {
        scale / 10
    };
    (least, least + step)
}

proptest! {
    #![proptest_config(fixed(500))]

    #[test]
    fn an_amount_reads_as_itself_rounded_down(bits in 0..64_u32, low in any::<u64>()) {
        let amount = (1_u64 << bits) | (low & ((1 << bits) - 1));
        let text = Amount(amount).to_string();
        let (least, more) = range_of(&text);
        prop_assert!(least <= u128::from(amount) && u128::from(amount) < more, "{} is {}", amount, text);
        prop_assert!(text.len() <= 9, "{}", text);
    }

    #[test]
    fn a_price_is_rounded_up_and_never_overflows(work in any::<u64>(), per in 1..=u64::MAX, units in any::<u64>()) {
        let cost = u128::from(ratio(per, units).of(work));
        let exact = u128::from(work) * u128::from(units);
        let is_least = cost * u128::from(per) >= exact && (cost == 0 || (cost - 1) * u128::from(per) < exact);
        let is_most = cost == u128::from(u64::MAX) && exact.div_ceil(u128::from(per)) > cost;
        prop_assert!(is_least || is_most);
    }
}

#[test]
fn amounts_at_the_edge_of_a_unit_stay_below_it() {
    let cases = [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1_049, "1 kB"),
        (1_099, "1 kB"),
        (1_100, "1.1 kB"),
        (99_999, "99.9 kB"),
        (100_000, "100 kB"),
        (999_999_999, "999 MB"),
        (1_000_000_000, "1 GB"),
        (18_000_000_000_000_000_000, "18 EB"),
    ];
    for (amount, text) in cases {
        assert_eq!(Amount(amount).to_string(), text);
    }
}

#[test]
fn prices_at_their_edges() {
    assert_eq!(Ratio::ONE.of(u64::MAX), u64::MAX);
    assert_eq!(ratio(1000, 1).of(0), 0);
    assert_eq!(ratio(1000, 1).of(1), 1);
    assert_eq!(ratio(1000, 1).of(1000), 1);
    assert_eq!(ratio(1000, 1).of(1001), 2);
    assert_eq!(ratio(1, 0).of(u64::MAX), 0);
    assert_eq!(ratio(1, 2).of(u64::MAX), u64::MAX, "it does not wrap");
    assert_eq!(ratio(u64::MAX, u64::MAX).of(u64::MAX), u64::MAX);
}

#[test]
fn a_ratio_for_no_work_is_not_read() {
    let good = ratio(7, 3).to_cbor();
    assert_eq!(Ratio::from_cbor(&good), Ok(ratio(7, 3)));
    let at = good.iter().position(|byte| *byte == 7).unwrap();
    let mut zero = good.clone();
    zero[at] = 0;
    assert!(Ratio::from_cbor(&zero).is_err());
}

#[test]
fn reasons_and_units_of_other_versions_are_not_read() {
    let text = |text: &str| [&[0x60 + text.len() as u8], text.as_bytes()].concat();
    for name in ["allowance", "service", "voucher", "exchange", "refund", "gift"] {
        assert_eq!(Reason::from_cbor(&text(name)).unwrap().as_str(), name);
    }
    assert!(Reason::from_cbor(&text("present")).is_err());
    assert_eq!(Unit::from_cbor(&text("byte")), Ok(Unit::Byte));
    assert!(Unit::from_cbor(&text("cent")).is_err());
}
