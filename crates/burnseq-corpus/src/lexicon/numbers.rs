//! Number words up to 99: German says `dreiundzwanzig`, three-and-twenty.

const ONES_DE: &str = "null eins zwei drei vier fünf sechs sieben acht neun zehn elf \
    zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn";
const TENS_DE: [&str; 10] = [
    "", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig",
];
const ONES_EN: &str = "zero one two three four five six seven eight nine ten eleven \
    twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen";
const TENS_EN: [&str; 10] = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// The word of `number` in a list.
fn word(words: &'static str, number: usize) -> &'static str {
    let mut words = words.split(' ');
    words.nth(number).expect("a number below 20")
}

/// The number in German, below 100.
pub(crate) fn german(number: usize) -> String {
    match (number / 10, number % 10) {
        _ if number < 20 => word(ONES_DE, number).to_owned(),
        (tens, 0) => TENS_DE[tens].to_owned(),
        (tens, 1) => format!("einund{}", TENS_DE[tens]),
        (tens, ones) => format!("{}und{}", word(ONES_DE, ones), TENS_DE[tens]),
    }
}

/// The number in English, below 100.
pub(crate) fn english(number: usize) -> String {
    match (number / 10, number % 10) {
        _ if number < 20 => word(ONES_EN, number).to_owned(),
        (tens, 0) => TENS_EN[tens].to_owned(),
        (tens, ones) => format!("{}-{}", TENS_EN[tens], word(ONES_EN, ones)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_come_before_tens_in_german() {
        let cases = [
            (2, "zwei", "two"),
            (17, "siebzehn", "seventeen"),
            (30, "dreißig", "thirty"),
        ];
        let compound = [
            (21, "einundzwanzig", "twenty-one"),
            (76, "sechsundsiebzig", "seventy-six"),
        ];
        for (number, de, en) in cases.into_iter().chain(compound) {
            assert_eq!((german(number).as_str(), english(number).as_str()), (de, en));
        }
    }
}
