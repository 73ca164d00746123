//! Licence expressions as Cargo.toml has them: `(MIT OR Apache-2.0) AND Unicode-3.0`, with
//! `WITH` for exceptions and the old `/` for `OR`. `AND` binds closer than `OR`.

/// Deeper brackets than anyone writes.
const DEPTH_MAX: usize = 8;

/// Whether the allowed licences meet the expression; `None` if it is none.
pub(super) fn is_met(expression: &str, allows: &dyn Fn(&str) -> bool) -> Option<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allows, depth: 0 };
    let met = reader.any_of()?;
    reader.words.is_empty().then_some(met)
}

struct Reader<'a> {
    words: &'a [&'a str],
    allows: &'a dyn Fn(&str) -> bool,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn any_of(&mut self) -> Option<bool> {
        let mut met = self.all_of()?;
        while self.take("OR") {
            met |= self.all_of()?;
        }
        Some(met)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.take("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            self.depth += 1;
            let met = if self.depth <= DEPTH_MAX {
                self.any_of()?
            } else {
                return None;
            };
            self.depth -= 1;
            return self.take(")").then_some(met);
        }
        let id = self.name()?;
        if self.take("WITH") {
            let exception = self.name()?;
            // An exception only gives more rights, so the bare licence being allowed is enough.
            return Some((self.allows)(id) || (self.allows)(&format!("{id} WITH {exception}")));
        }
        Some((self.allows)(id))
    }

    fn name(&mut self) -> Option<&'a str> {
        let (word, rest) = self.words.split_first()?;
        let reserved = ["AND", "OR", "WITH", "(", ")"].contains(word);
        self.words = rest;
        (!reserved).then_some(word)
    }

    fn take(&mut self, wanted: &str) -> bool {
        match self.words.split_first() {
            Some((word, rest)) if *word == wanted => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(expression: &str) -> Option<bool> {
        is_met(expression, &|id| ["MIT", "ISC", "Zlib WITH X"].contains(&id))
    }

    #[test]
    fn one_side_of_or_is_enough_and_both_of_and_are_needed() {
        assert_eq!(met("GPL-3.0 OR MIT"), Some(true));
        assert_eq!(met("GPL-3.0/MIT"), Some(true));
        assert_eq!(met("MIT AND ISC"), Some(true));
        assert_eq!(met("MIT AND GPL-3.0"), Some(false));
    }

    #[test]
    fn and_binds_closer_than_or_and_brackets_win() {
        assert_eq!(met("MIT OR GPL-3.0 AND GPL-2.0"), Some(true));
        assert_eq!(met("(MIT OR GPL-3.0) AND GPL-2.0"), Some(false));
    }

    #[test]
    fn an_exception_can_be_allowed_with_its_licence_only() {
        assert_eq!(met("Zlib WITH X"), Some(true));
        assert_eq!(met("Zlib WITH Y"), Some(false));
        assert_eq!(met("MIT WITH Y"), Some(true));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for wrong in ["", "MIT OR", "(MIT", "MIT ISC", "AND MIT", "MIT)", &"(".repeat(100)] {
            assert_eq!(met(wrong), None, "{wrong}");
        }
    }
}
