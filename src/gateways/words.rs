//! Words of outer systems that people will read: made harmless where they come in, since nobody checks them again.

/// Most characters that are kept.
const LONGEST: usize = 500;

/// One line of plain text: no control and no invisible characters, no bracket that could begin markup, single blanks, at
/// most [`LONGEST`] characters and then an ellipsis.
pub(super) fn plain(text: &str) -> String {
    // What lies behind would not be kept, however long the text is.
    let shown: String = text.chars().take(4 * LONGEST).map(shown).collect();
    let mut line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

const fn shown(sign: char) -> char {
    match sign {
        '<' => '‹',
        '>' => '›',
        // Blanks and joiners without width, and marks that turn the direction of writing.
        '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => ' ',
        // C0, DEL, C1.
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => ' ',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read_is_one_line_without_markup_or_hidden_signs() {
        for (text, expected) in [
            ("Отказ: ФН № 9999 «занят», сумма > 5", "Отказ: ФН № 9999 «занят», сумма › 5"),
            (" a\r\nb\tc\u{0}d\u{1b}[31m ", "a b c d [31m"),
            ("<script>alert(1)</script>", "‹script›alert(1)‹/script›"),
            ("ab\u{202e}cd\u{feff}\u{85}e", "ab cd e"),
            ("", ""),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_people_read_has_an_end() {
        assert_eq!(plain(&"ж".repeat(LONGEST)).chars().count(), LONGEST);
        let cut = plain(&"ж ".repeat(1_000_000));
        assert!(cut.chars().count() == LONGEST + 1 && cut.ends_with('…'), "{}", cut.len());
    }
}
