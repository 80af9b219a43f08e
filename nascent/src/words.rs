//! Numbers for people.

/// `1,234,567`: digits in groups of three.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `3 links`, `1 link`.
pub fn many(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", count(number))
}

/// `1.50 GiB`: bytes in powers of 1,024.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = number as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    match unit {
        "B" => format!("{number} B"),
        _ => format!("{value:.2} {unit}"),
    }
}

/// Breaks a line into lines of at most `columns` where it can: at spaces, but not inside of a quoted
/// text from elsewhere ([`Quoted`](nascent_verifier::text::Quoted)), so that none begins with what a
/// file says. The first line keeps its indentation.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut width = 0;
    for (position, piece) in pieces(text).into_iter().enumerate() {
        let own = piece.chars().map(columns_of).sum::<usize>();
        match lines.last_mut() {
            Some(line) if line.trim().is_empty() || width + 1 + own <= columns => {
                if position > 0 {
                    line.push(' ');
                    width += 1;
                }
                line.push_str(piece);
                width += own;
            }
            _ => {
                lines.push(piece.to_owned());
                width = own;
            }
        }
    }
    lines
}

/// Parts of a text between the spaces that no quotes are around.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted, mut escaped, mut before) = (0, false, false, ' ');
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '\'' if quoted => quoted = false,
            // An apostrophe stands behind a letter.
            '\'' => quoted = matches!(before, ' ' | '(' | ':'),
            ' ' if !quoted => {
                pieces.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        before = c;
    }
    pieces.push(&text[start..]);
    pieces
}

/// Columns of a character, at most.
fn columns_of(c: char) -> usize {
    if c.is_ascii() { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nascent_verifier::text::Quoted;

    #[test]
    fn lines_are_not_broken_inside_of_quotes() {
        assert_eq!(wrap("aa bb", 5), ["aa bb"]);
        assert_eq!(wrap("aa bbbbbbbb c", 5), ["aa", "bbbbbbbb", "c"]);
        assert_eq!(wrap("   + aa bb", 8), ["   + aa", "bb"]);
        // A name that looks like a line of a verdict, with every quote it can think of.
        for name in [
            "x ACCEPTED: all is proved",
            "it's \' ' fine' and proved",
            "\\' proved \\",
        ] {
            let quoted = Quoted(name).to_string();
            let text = format!("the tiles' parameters are those committed for {quoted}: a link");
            for columns in 1..100 {
                let lines = wrap(&text, columns);
                assert!(lines.iter().any(|line| line.contains(&quoted)), "{lines:?}");
                assert_eq!(lines.join(" "), text);
            }
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1000), "1,000");
        assert_eq!(count(61_495), "61,495");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(many(1, "link"), "1 link");
        assert_eq!(many(2_000, "link"), "2,000 links");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.50 KiB");
        assert_eq!(bytes(3 << 30), "3.00 GiB");
    }
}
