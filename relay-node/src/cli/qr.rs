use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::Failure;

/// A text as a QR code for a terminal: dark on light, whatever the terminal's colours are.
///
/// # Errors
/// If the text is longer than a code can hold.
pub fn qr_code(text: &str) -> Result<String, Failure> {
    let code = QrCode::new(text).map_err(|error| format!("the link does not fit into a QR code: {error}"))?;
    Ok(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}
