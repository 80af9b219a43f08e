//! Text from files is data: names, words, declarations.
//!
//! Whoever writes a file chooses its text, and could choose one that looks like a line of the
//! reader's program. Formats therefore hold [plain](is_plain) text only, and whoever prints a text
//! prints it [`Quoted`]: in quotes that it cannot close, on one line, bounded.

use alloc::string::String;
use core::fmt::{self, Write};

/// Most columns of a text that are printed: no line of a terminal is broken inside of one, so that
/// none begins with what a file says.
const MOST: usize = 60;

/// Whether a text has only characters that show themselves and stand where they are written.
///
/// No controls (so no line breaks and no escapes of terminals), nothing that turns the direction of
/// writing, no separators of lines and paragraphs, nothing that takes no place. The list is fixed,
/// so that a file is valid for every version of this program or for none.
pub fn is_plain(text: &str) -> bool {
    text.chars().all(is_plain_char)
}

fn is_plain_char(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            // Separators of lines and paragraphs, embeddings, overrides.
            '\u{2028}'..='\u{202e}'
            // Unicode's `Default_Ignorable_Code_Point`: joiners, marks of direction, isolates, fillers,
            // variation selectors, tags.
            | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A text as one line: every character that is not plain stands as its escape.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain_char(c) {
            line.push(c);
        } else {
            // Not `escape_debug`, which leaves some of these as they are.
            line.extend(c.escape_default());
        }
    }
    line
}

/// Prints a text from elsewhere: in single quotes, which it cannot close; what is not printable as
/// an escape; at most 60 columns, and behind the closing quote how many characters more there are.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        let (mut columns, mut blank) = (0, false);
        let mut rest = self.0.chars();
        loop {
            let before = rest.clone();
            let Some(c) = rest.next() else {
                return f.write_char('\'');
            };
            // Blanks in a row could place what follows.
            let escaped = blank && c == ' ';
            blank = c == ' ';
            let text = shown(c, escaped);
            let widths = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 });
            columns += widths.sum::<usize>();
            if columns > MOST {
                return write!(f, "' and {} characters more", before.count());
            }
            f.write_str(&text)?;
        }
    }
}

/// A character inside of quotes; by its number if it must be or is asked for.
fn shown(c: char, by_number: bool) -> String {
    match c {
        '"' => String::from('"'),
        c if is_plain_char(c) && !by_number => c.escape_debug().collect(),
        // Unassigned for this compiler's Unicode or not: never as it is.
        c => c.escape_unicode().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Controls, directions, separators and what takes no place.
    const HOSTILE: [char; 20] = [
        '\0',
        '\n',
        '\r',
        '\t',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{9b}',
        '\u{ad}',
        '\u{61c}',
        '\u{200b}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202e}',
        '\u{2066}',
        '\u{2069}',
        '\u{feff}',
        '\u{fe0f}',
        '\u{e0041}',
    ];

    #[test]
    fn plain_text_is_what_it_looks_like() {
        for text in ["", "fc.weight", "layer/0:1 'x' \"y\" \\", "Größe", "重み"] {
            assert!(is_plain(text), "{text}");
            assert_eq!(one_line(text), text);
        }
        for c in HOSTILE {
            let text = String::from_iter(['a', c, 'b']);
            assert!(!is_plain(&text), "{c:?}");
            for shown in [one_line(&text), Quoted(&text).to_string()] {
                assert!(is_plain(&shown), "{c:?}: {shown:?}");
                assert!(shown.contains('\\'), "{c:?}: {shown}");
            }
        }
    }

    #[test]
    fn a_text_cannot_close_its_quotes() {
        assert_eq!(Quoted("a").to_string(), "'a'");
        assert_eq!(Quoted("a' b").to_string(), r"'a\' b'");
        assert_eq!(Quoted(r"a\").to_string(), r"'a\\'");
        assert_eq!(Quoted(r"a\' b").to_string(), r"'a\\\' b'");
        assert_eq!(Quoted("say \"x\"").to_string(), "'say \"x\"'");
        assert_eq!(Quoted("a\u{202e}\n").to_string(), r"'a\u{202e}\u{a}'");
        assert_eq!(Quoted("a b  c").to_string(), r"'a b \u{20}c'");
    }

    #[test]
    fn a_long_text_is_cut() {
        let text = "x".repeat(MOST);
        assert_eq!(Quoted(&text).to_string().len(), MOST + 2);
        let shown = Quoted(&(text + "yz")).to_string();
        assert!(shown.ends_with("x' and 2 characters more"), "{shown}");
        // Two columns each, and escapes.
        for c in ['重', '\'', '\n', '\u{202e}'] {
            let shown = Quoted(&String::from_iter([c; 100])).to_string();
            let columns = shown.chars().map(|c| if c.is_ascii() { 1 } else { 2 });
            assert!(columns.sum::<usize>() < MOST + 30, "{shown}");
            assert!(shown.contains("more"), "{shown}");
        }
    }
}
