//! A chain as a picture: SVG, without scripts, fonts or anything from elsewhere.

use super::story::{Nature, Step, Story};
use crate::words::wrap;
use nascent_verifier::text::one_line;
use std::fmt::Write;

const WIDTH: usize = 940;
/// Boxes stand on the left, what a step shows on the right.
const BOX: usize = 210;
const TEXT: usize = 250;
const LINE: usize = 18;
const GAP: usize = 30;
/// Letters of a line of text.
const LETTERS: usize = 92;

impl Nature {
    /// Fill and edge, readable on white and on black.
    fn colours(self) -> [&'static str; 2] {
        match self {
            Self::Fixed => ["#4a5563", "#7d8896"],
            Self::Public => ["#8a5a00", "#c98a1a"],
            Self::Proved => ["#1f5fa8", "#4f93e0"],
            Self::Partly => ["#5b4a86", "#9a86cf"],
            Self::Declared => ["#7a2f2f", "#c96a6a"],
        }
    }
}

/// A line of text beside a box.
struct Line {
    /// What stands before the first line of a statement.
    sign: &'static str,
    colour: &'static str,
    text: String,
}

/// Draws a chain that was verified.
pub fn svg(story: &Story) -> String {
    let rows: Vec<(&Step, Vec<Line>)> =
        story.steps.iter().map(|step| (step, lines(step))).collect();
    let height_of = |lines: &[Line]| (lines.len() * LINE + 16).max(58);
    let note = wrap(&notes(story), LETTERS + 30);
    let steps: usize = rows.iter().map(|(_, lines)| height_of(lines) + GAP).sum();
    let height = steps + note.len() * LINE + 10;
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title desc" font-family="system-ui, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif">
<title id="title">From plan and beacon to answers</title>
<desc id="desc">{}</desc>
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z" fill="{GREY}"/></marker></defs>
"#,
        escape(&description(story))
    );
    let mut y = 2;
    for (position, (step, lines)) in rows.iter().enumerate() {
        let height = height_of(lines);
        draw_box(&mut out, step, y, height);
        for (row, line) in lines.iter().enumerate() {
            draw_line(&mut out, line, y + 20 + row * LINE);
        }
        if let Some((next, _)) = rows.get(position + 1) {
            draw_arrow(&mut out, next, y + height);
        }
        y += height + GAP;
    }
    for (row, text) in note.iter().enumerate() {
        let y = y + row * LINE;
        let _ = writeln!(
            out,
            r#"<text x="2" y="{y}" font-size="12.5" fill="{GREY}">{}</text>"#,
            escape(text)
        );
    }
    out.push_str("</svg>\n");
    out
}

const GREY: &str = "#7d8896";
const GREEN: &str = "#3c9a5f";

fn lines(step: &Step) -> Vec<Line> {
    let shown = step.shown.iter().map(|text| ("✓", GREEN, text.clone()));
    let open = step.open.iter();
    let open = open.map(|text| ("·", GREY, format!("not shown: {text}")));
    let statements = shown.chain(open).flat_map(|(sign, colour, text)| {
        let signs = std::iter::once(sign).chain(std::iter::repeat(""));
        let lines = signs.zip(wrap(&text, LETTERS));
        lines.map(move |(sign, text)| Line { sign, colour, text })
    });
    statements.collect()
}

fn draw_box(out: &mut String, step: &Step, y: usize, height: usize) {
    let [fill, edge] = step.nature.colours();
    let dashes = if matches!(step.nature, Nature::Declared | Nature::Partly) {
        r#" stroke-dasharray="6 4""#
    } else {
        ""
    };
    let middle = y + height / 2;
    let centre = BOX / 2 + 2;
    let _ = writeln!(
        out,
        r##"<rect x="2" y="{y}" width="{BOX}" height="{height}" rx="8" fill="{fill}" stroke="{edge}" stroke-width="2"{dashes}/>
<text x="{centre}" y="{}" text-anchor="middle" font-size="16" font-weight="600" fill="#fff">{}</text>"##,
        middle - 3,
        escape(&shortened(&step.name, 24)),
    );
    if let Some(text) = identity(step) {
        let text = escape(&shortened(&text, 26));
        let _ = writeln!(
            out,
            r##"<text x="{centre}" y="{}" text-anchor="middle" font-size="12" fill="#fff">{text}</text>"##,
            middle + 16
        );
    }
}

/// What names a step: its first fact, digests by their first letters.
fn identity(step: &Step) -> Option<String> {
    let named = |wanted: &str| step.facts.iter().find(|(name, _)| *name == wanted);
    let (name, text) = ["commitment", "plan", "source", "outputs", "weights"]
        .iter()
        .find_map(|wanted| named(wanted))?;
    let digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(match *name {
        "source" => text.clone(),
        "outputs" => format!("outputs: {text}"),
        "weights" => format!("{text} numbers"),
        "plan" | "commitment" if digest => format!("{}..", &text[..12]),
        name => format!("{name} {text}"),
    })
}

fn draw_line(out: &mut String, line: &Line, y: usize) {
    let Line { sign, colour, text } = line;
    let _ = writeln!(
        out,
        r#"<text x="{}" y="{y}" font-size="13" fill="{colour}"><tspan font-weight="700">{sign}</tspan></text><text x="{TEXT}" y="{y}" font-size="13" fill="{colour}">{}</text>"#,
        TEXT - 18,
        escape(text)
    );
}

fn draw_arrow(out: &mut String, next: &Step, y: usize) {
    let x = BOX / 2 + 2;
    let dashes = if next.nature == Nature::Declared {
        r#" stroke-dasharray="5 4""#
    } else {
        ""
    };
    let _ = writeln!(
        out,
        r#"<path d="M{x} {y}V{}" stroke="{GREY}" stroke-width="2" fill="none" marker-end="url(#tip)"{dashes}/>"#,
        y + GAP - 2
    );
}

/// The chain in one sentence, for those who do not see it.
fn description(story: &Story) -> String {
    let names: Vec<&str> = story.steps.iter().map(|step| step.name.as_str()).collect();
    names.join(", then ")
}

fn notes(story: &Story) -> String {
    let open: Vec<&str> = story.open.iter().map(String::as_str).collect();
    format!("Nowhere shown: {}.", open.join("; "))
}

fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let start: String = text.chars().take(letters - 2).collect();
    format!("{start}..")
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(nature: Nature, name: &str) -> Step {
        Step {
            nature,
            name: name.to_owned(),
            title: String::new(),
            facts: vec![("commitment", "ab".repeat(32))],
            shown: vec!["a ".repeat(120)],
            open: vec!["b".to_owned()],
        }
    }

    #[test]
    fn names_from_files_stay_text() {
        let story = Story {
            whole: Vec::new(),
            steps: vec![
                step(Nature::Proved, "<script>alert(\"&\")</script>"),
                step(Nature::Declared, "tuned"),
            ],
            open: vec!["x".to_owned()],
        };
        let svg = svg(&story);
        assert!(!svg.contains("<script"), "{svg}");
        assert!(svg.contains("&lt;script&gt;"), "{svg}");
        assert!(svg.contains("abababababab.."));
        assert_eq!(svg.matches("stroke-dasharray").count(), 2);
        // Three lines, with one sign, and one that is open, for each step.
        assert_eq!(svg.matches(">✓<").count(), 2);
        assert_eq!(svg.matches(GREEN).count(), 2 * 2 * 3);
        assert_eq!(svg.matches("not shown: b").count(), 2);
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shortened("abcdef", 5), "abc..");
    }
}
