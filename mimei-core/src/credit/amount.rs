use core::fmt;

/// Bytes as a person reads them: `999 bytes`, `1.5 MB`, `50 GB`. Powers of 1,000, rounded down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amount(pub u64);

const NAMES: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" });
        }
        let mut tenths = self.0 / 100;
        let mut names = NAMES.iter();
        let mut name = names.next();
        while tenths >= 10_000 {
            tenths /= 1000;
            name = names.next();
        }
        let (whole, tenth, name) = (tenths / 10, tenths % 10, name.copied().unwrap_or_default());
        if tenth == 0 || whole >= 100 { write!(f, "{whole} {name}") } else { write!(f, "{whole}.{tenth} {name}") }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::Amount;

    #[test]
    fn amounts_read_as_people_write_them() {
        let cases = [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1 kB"),
            (1_590, "1.5 kB"),
            (999_999, "999 kB"),
            (50_000_000_000, "50 GB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (amount, text) in cases {
            assert_eq!(Amount(amount).to_string(), text);
        }
    }
}
