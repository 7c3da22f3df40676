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
        // Blanks and joiners without width, marks that turn the direction of writing, letters that show nothing, marks that
        // choose how the letter before looks, and tags.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => ' ',
        // C0, DEL, C1.
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => ' ',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;

    #[test]
    fn what_people_read_is_one_line_without_markup_or_hidden_signs() {
        for (text, expected) in [
            ("Отказ: ФН № 9999 «занят», сумма > 5", "Отказ: ФН № 9999 «занят», сумма › 5"),
            (" a\r\nb\tc\u{0}d\u{1b}[31m ", "a b c d [31m"),
            ("<script>alert(1)</script>", "‹script›alert(1)‹/script›"),
            ("ab\u{202e}cd\u{feff}\u{85}e", "ab cd e"),
            ("a\u{e0041}b\u{180e}c\u{3164}d\u{115f}e\u{fe0f}f", "a b c d e f"),
            ("", ""),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    /// Default_Ignorable_Code_Point of Unicode 16, which shows nothing, but for what is never text.
    const IGNORABLE: [(u32, u32); 17] = [
        (0xad, 0xad),
        (0x34f, 0x34f),
        (0x61c, 0x61c),
        (0x115f, 0x1160),
        (0x17b4, 0x17b5),
        (0x180b, 0x180f),
        (0x200b, 0x200f),
        (0x202a, 0x202e),
        (0x2060, 0x206f),
        (0x3164, 0x3164),
        (0xfe00, 0xfe0f),
        (0xfeff, 0xfeff),
        (0xffa0, 0xffa0),
        (0xfff0, 0xfff8),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0000, 0xe0fff),
    ];

    proptest! {
        #[test]
        fn nothing_that_shows_nothing_is_left(texts in vec((".{0,20}", select(&IGNORABLE[..]), any::<Index>()), 0..20)) {
            let hidden = |(first, last): (u32, u32), at: Index| {
                char::from_u32(first + u32::try_from(at.index((last - first + 1) as usize)).unwrap()).unwrap()
            };
            let text: String = texts.iter().flat_map(|(text, range, at)| [text.clone(), hidden(*range, *at).into()]).collect();
            let line = plain(&text);
            let shows_nothing = |sign: char| {
                sign.is_control() || IGNORABLE.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(sign)))
            };
            prop_assert!(!line.contains(shows_nothing), "{line:?}");
            prop_assert!(!line.contains(['<', '>']) && !line.contains("  ") && line.trim() == line);
            prop_assert_eq!(plain(&line), line);
        }
    }

    #[test]
    fn what_people_read_has_an_end() {
        assert_eq!(plain(&"ж".repeat(LONGEST)).chars().count(), LONGEST);
        let cut = plain(&"ж ".repeat(1_000_000));
        assert!(cut.chars().count() == LONGEST + 1 && cut.ends_with('…'), "{}", cut.len());
    }
}
