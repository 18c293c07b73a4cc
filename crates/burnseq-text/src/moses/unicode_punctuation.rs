//! Full-width and other punctuation as ASCII, as Moses' `replace-unicode-punctuation.perl`.

/// The line with ASCII in the place of Chinese and typographic punctuation and full-width digits; one blank follows a
/// full stop.
///
/// ```
/// # use burnseq_text::moses::replace_unicode_punctuation;
/// assert_eq!(replace_unicode_punctuation("他说：“好。”（１）"), "他说:\"好. \"(1)");
/// ```
pub fn replace_unicode_punctuation(line: &str) -> String {
    let mut replaced = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '，' | '、' => replaced.push(','),
            '。' | '．' => {
                while chars.next_if_eq(&' ').is_some() {}
                replaced.push_str(". ");
            }
            '”' | '“' | '《' | '》' | '」' | '「' => replaced.push('"'),
            '’' => replaced.push('\''),
            '∶' | '：' => replaced.push(':'),
            '；' => replaced.push(';'),
            '？' => replaced.push('?'),
            '！' => replaced.push('!'),
            '（' => replaced.push('('),
            '）' => replaced.push(')'),
            '〈' => replaced.push('<'),
            '〉' => replaced.push('>'),
            '【' => replaced.push('['),
            '】' => replaced.push(']'),
            '…' => replaced.push_str("..."),
            '━' => replaced.push('-'),
            '～' => replaced.push('~'),
            '％' => replaced.push('%'),
            '０'..='９' => replaced.extend(char::from_u32(c as u32 - '０' as u32 + '0' as u32)),
            c => replaced.push(c),
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_have_the_ascii_form_that_moses_gives_them() {
        for (line, expected) in [
            ("", ""),
            ("ein Hund.", "ein Hund."),
            ("，、；？！％～━…", ",,;?!%~-..."),
            ("《a》「b」“c”’〈d〉【e】（f）", "\"a\"\"b\"\"c\"'<d>[e](f)"),
            ("０１２３４５６７８９∶：", "0123456789::"),
            ("a。b。   c． ．d", "a. b. c. . d"),
            // Left as they are, as in Moses.
            ("‘ „ – — 『』 Ａ", "‘ „ – — 『』 Ａ"),
        ] {
            assert_eq!(replace_unicode_punctuation(line), expected, "{line}");
        }
    }
}
