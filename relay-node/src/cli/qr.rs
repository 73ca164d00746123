//! Links as QR codes, two rows of modules in each line of a terminal.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::Failure;

/// Black on white, and back to what was before.
const PAPER: [&str; 2] = ["\x1b[30;107m", "\x1b[0m"];

/// A text as a QR code. On a terminal it brings its own colours: many cameras read no code of light on dark.
///
/// # Errors
/// If the text is longer than a code can hold.
pub fn qr_code(text: &str, is_terminal: bool) -> Result<String, Failure> {
    let code = QrCode::new(text).map_err(|error| format!("the link does not fit into a QR code: {error}"))?;
    let plain = code.render::<Dense1x2>().build();
    let [on, off] = if is_terminal { PAPER } else { ["", ""] };
    Ok(plain.lines().map(|line| format!("{on}{line}{off}\n")).collect())
}

#[cfg(test)]
mod tests {
    use qrcode::Color;

    use super::*;

    /// Modules that the characters of a line show above and below.
    fn rows(line: &str) -> [Vec<bool>; 2] {
        let halves = line.chars().map(|shown| match shown {
            '█' => (true, true),
            '▀' => (true, false),
            '▄' => (false, true),
            ' ' => (false, false),
            other => panic!("{other}"),
        });
        let (above, below) = halves.unzip();
        [above, below]
    }

    #[test]
    fn the_code_is_what_is_shown_with_room_around_it() {
        let text = "http://localhost:6464/#mimei:invite";
        let code = QrCode::new(text).unwrap();
        let shown: Vec<_> = qr_code(text, false).unwrap().lines().flat_map(rows).collect();
        let (width, quiet) = (code.width(), 4);
        let is_dark = |row: usize, column: usize| {
            let inside = |at: usize| at.checked_sub(quiet).filter(|at| *at < width);
            inside(row).zip(inside(column)).is_some_and(|(row, column)| code[(column, row)] == Color::Dark)
        };
        assert!(shown.len() >= width + 2 * quiet);
        for (row, modules) in shown.iter().enumerate() {
            assert_eq!(modules.len(), width + 2 * quiet);
            assert!(modules.iter().enumerate().all(|(column, dark)| *dark == is_dark(row, column)), "row {row}");
        }
    }

    #[test]
    fn on_a_terminal_it_is_dark_on_light_and_leaves_no_colour_behind() {
        let shown = qr_code("mimei", true).unwrap();
        assert!(shown.lines().all(|line| line.starts_with(PAPER[0]) && line.ends_with(PAPER[1])));
    }

    #[test]
    fn a_text_that_no_code_holds_is_refused() {
        assert!(qr_code(&"x".repeat(5_000), false).is_err());
    }
}
