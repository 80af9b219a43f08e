//! The list of operators in the book is the one of the code.

use nascent_compiler::infer::ops;

/// To write the list anew: `NASCENT_BLESS=1 cargo test -p nascent-compiler --test infer operators`
#[test]
fn the_book_lists_the_operators() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../book/src/operators.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once("<!-- operators -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let wanted = format!(
        "{before}<!-- operators -->\n{}<!-- end -->{after}",
        ops::table()
    );
    if std::env::var_os("NASCENT_BLESS").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), wanted);
}
