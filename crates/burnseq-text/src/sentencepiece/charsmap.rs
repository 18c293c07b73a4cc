//! The rules by which a model normalises text: SentencePiece's `precompiled_charsmap`.
//!
//! It holds the size of a trie in bytes (32 bits, little-endian), the trie, and the replacements, each of which ends
//! with a NUL. The trie is a double array of darts-clone, whose `darts.h` describes the bits of a unit. Google's
//! library follows it without a look at its end, and keeps at most [`RULES_AT_ONE_PLACE`] rules on its stack.

use std::collections::HashMap;

/// Rules that may fit at one place of a text: `Normalizer::kMaxTrieResultsSize`.
const RULES_AT_ONE_PLACE: usize = 32;
/// Bytes of text that a rule replaces at most; those that come with SentencePiece replace up to 18.
const LONGEST_RULE: usize = 512;
/// The library wants whole blocks of 256 units of four bytes.
const BLOCK_BYTES: usize = 1024;

/// Makes sure that normalising any text stays inside of the rules and gives text.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn validate(charsmap: &[u8]) -> Result<(), String> {
    let (size, content) = charsmap
        .split_first_chunk()
        .ok_or("its normalisation rules are cut off")?;
    let size = u32::from_le_bytes(*size) as usize;
    if size == 0 || !size.is_multiple_of(BLOCK_BYTES) {
        return Err(format!(
            "the trie of its normalisation rules has {size} bytes, which is no multiple of {BLOCK_BYTES}"
        ));
    }
    let (trie, replacements) = content.split_at_checked(size).ok_or_else(|| {
        let there = content.len();
        format!("the trie of its normalisation rules should have {size} bytes, but {there} are there")
    })?;
    let replacements = std::str::from_utf8(replacements)
        .ok()
        .filter(|replacements| replacements.ends_with('\0'))
        .ok_or("the replacements of its normalisation rules are not text that ends with a NUL")?;
    let units = trie.chunks_exact(4);
    let mut trie = Trie {
        units: units
            .map(|unit| u32::from_le_bytes(unit.try_into().expect("chunks have 4 bytes")))
            .collect(),
        replacements,
        known: HashMap::new(),
    };
    let rules = trie.longest_chain(0, Utf8::Boundary, 0)?;
    if rules > RULES_AT_ONE_PLACE {
        return Err(format!(
            "{rules} of its normalisation rules fit at one place, more than {RULES_AT_ONE_PLACE}"
        ));
    }
    Ok(())
}

/// Rules by the text they replace. Tails that several rules share are stored once.
struct Trie<'a> {
    units: Vec<u32>,
    replacements: &'a str,
    /// What [`Self::longest_chain`] found for units.
    known: HashMap<(usize, Utf8), usize>,
}

impl Trie<'_> {
    /// How many rules, each of which begins as the one before, lie behind the unit `at` at most, `depth` bytes into the
    /// text. Only units that text can lead to are looked at.
    fn longest_chain(&mut self, at: usize, state: Utf8, depth: usize) -> Result<usize, String> {
        if let Some(&known) = self.known.get(&(at, state)) {
            return Ok(known);
        }
        if depth > LONGEST_RULE {
            return Err(format!(
                "a normalisation rule replaces more than {LONGEST_RULE} bytes"
            ));
        }
        let base = self.base(at)?;
        let mut longest = 0;
        for byte in 0..=u8::MAX {
            // The base is inside of a block of 256 units, and this stays in it.
            let child = base ^ usize::from(byte);
            // Bit 31 marks units that hold a value.
            if self.units[child] & (1 << 31 | 0xff) != u32::from(byte) {
                continue;
            }
            if let Some(state) = state.after(byte) {
                let rule = usize::from(self.ends_rule(child, state)?);
                longest = longest.max(rule + self.longest_chain(child, state, depth + 1)?);
            }
        }
        self.known.insert((at, state), longest);
        Ok(longest)
    }

    /// Where the units behind the unit `at` are, but for their labels.
    fn base(&self, at: usize) -> Result<usize, String> {
        let unit = self.units[at];
        let offset = (unit >> 10) << ((unit & 1 << 9) >> 6);
        let base = at ^ offset as usize;
        if base < self.units.len() {
            return Ok(base);
        }
        Err(format!(
            "the trie of its normalisation rules leads to unit {base} of {}",
            self.units.len()
        ))
    }

    /// Whether the bytes that lead to the unit `at` are replaced.
    fn ends_rule(&self, at: usize, state: Utf8) -> Result<bool, String> {
        if self.units[at] & 1 << 8 == 0 {
            return Ok(false);
        }
        let replacement = (self.units[self.base(at)?] & !(1 << 31)) as usize;
        if replacement >= self.replacements.len() || !self.replacements.is_char_boundary(replacement) {
            return Err(format!(
                "the replacement of a normalisation rule begins at byte {replacement}, which is no place for it"
            ));
        }
        if state != Utf8::Boundary {
            return Err("a normalisation rule replaces a part of a character".to_owned());
        }
        Ok(true)
    }
}

/// What may follow the bytes so far (Unicode 17, table 3-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Utf8 {
    /// Any character.
    Boundary,
    /// One continuation byte.
    One,
    /// Two of them.
    Two,
    /// Three of them.
    Three,
    /// Two, the first of which is at least 0xA0.
    TwoFromA0,
    /// Two, the first of which is below 0xA0.
    TwoBelowA0,
    /// Three, the first of which is at least 0x90.
    ThreeFrom90,
    /// Three, the first of which is below 0x90.
    ThreeBelow90,
}

impl Utf8 {
    /// What may follow `byte`, if that may come here.
    fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Boundary, 0..=0x7f) | (Self::One, 0x80..=0xbf) => Self::Boundary,
            (Self::Boundary, 0xc2..=0xdf)
            | (Self::Two, 0x80..=0xbf)
            | (Self::TwoFromA0, 0xa0..=0xbf)
            | (Self::TwoBelowA0, 0x80..=0x9f) => Self::One,
            (Self::Boundary, 0xe1..=0xec | 0xee..=0xef)
            | (Self::Three, 0x80..=0xbf)
            | (Self::ThreeFrom90, 0x90..=0xbf)
            | (Self::ThreeBelow90, 0x80..=0x8f) => Self::Two,
            (Self::Boundary, 0xe0) => Self::TwoFromA0,
            (Self::Boundary, 0xed) => Self::TwoBelowA0,
            (Self::Boundary, 0xf1..=0xf3) => Self::Three,
            (Self::Boundary, 0xf0) => Self::ThreeFrom90,
            (Self::Boundary, 0xf4) => Self::ThreeBelow90,
            _ => return None,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A unit with a label, which leads to the units at `offset`; a value lies at the first of them where `rule`.
    fn unit(label: u8, offset: u32, rule: bool) -> u32 {
        u32::from(label) | u32::from(rule) << 8 | offset << 10
    }

    const VALUE: u32 = 1 << 31;

    /// Rules in 256 units; those not given have a label that does not fit.
    fn charsmap(units: &[(usize, u32)], replacements: &[u8]) -> Vec<u8> {
        let mut all = [VALUE; 256];
        for &(at, unit) in units {
            all[at] = unit;
        }
        let mut bytes = 1024u32.to_le_bytes().to_vec();
        bytes.extend(all.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend(replacements);
        bytes
    }

    /// Replaces `a` by `xy`: the root leads to 1 ^ b'a', that unit to a value at 3.
    pub(in crate::sentencepiece) fn a_becomes_xy() -> Vec<u8> {
        let a = usize::from(b'a');
        let to_value = (1 ^ a ^ 3) as u32;
        charsmap(
            &[
                (0, unit(0, 1, false)),
                (1 ^ a, unit(b'a', to_value, true)),
                (3, VALUE | 2),
            ],
            b"z\0xy\0",
        )
    }

    #[track_caller]
    fn assert_refused(charsmap: &[u8], expected: &str) {
        let problem = validate(charsmap).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }

    #[test]
    fn sound_rules_pass() {
        validate(&a_becomes_xy()).unwrap();
    }

    #[test]
    fn damaged_layouts_are_refused() {
        let sound = a_becomes_xy();
        for length in 0..sound.len() {
            assert!(validate(&sound[..length]).is_err(), "{length}");
        }
        let with_size = |size: u32| [&size.to_le_bytes(), &sound[4..]].concat();
        assert_refused(&with_size(0), "no multiple of 1024");
        assert_refused(&with_size(1025), "no multiple of 1024");
        assert_refused(&with_size(2048), "1029 are there");
        assert_refused(&with_size(u32::MAX - 1023), "1029 are there");
        assert_refused(&charsmap(&[], b"\xff\0"), "not text that ends with a NUL");
    }

    #[test]
    fn offsets_and_values_beyond_the_end_are_refused() {
        let a = usize::from(b'a');
        assert_refused(&charsmap(&[(0, unit(0, 256, false))], b"\0"), "unit 256 of 256");
        // Bit 9 shifts the offset by eight bits.
        assert_refused(&charsmap(&[(0, 1 << 10 | 1 << 9)], b"\0"), "unit 256 of 256");
        let beyond = [(0, unit(0, 1, false)), (1 ^ a, unit(b'a', 1 << 20, false))];
        assert_refused(&charsmap(&beyond, b"\0"), "of 256");
        let mut sound = a_becomes_xy();
        let value = 4 + 3 * 4;
        for (replacement, refused) in [(0, false), (4, false), (5, true), (0x7fff_ffff, true)] {
            sound[value..value + 4].copy_from_slice(&(VALUE | replacement).to_le_bytes());
            assert_eq!(validate(&sound).is_err(), refused, "{replacement}");
        }
    }

    #[test]
    fn parts_of_characters_are_not_replaced_and_do_not_replace() {
        let lead = 0xc3;
        let to_value = (1 ^ lead ^ 3) as u32;
        let units = [
            (0, unit(0, 1, false)),
            (1 ^ lead, unit(lead as u8, to_value, true)),
            (3, VALUE),
        ];
        assert_refused(&charsmap(&units, b"\0"), "a part of a character");
        let mut inside = a_becomes_xy();
        inside.truncate(4 + 1024);
        inside.extend("zä\0".as_bytes());
        assert_refused(&inside, "begins at byte 2");
    }

    #[test]
    fn endless_rules_and_too_many_at_one_place_are_refused() {
        let a = usize::from(b'a');
        // The unit of `a` leads to itself.
        let circle = [(0, unit(0, 1, false)), (1 ^ a, unit(b'a', a as u32, false))];
        assert_refused(&charsmap(&circle, b"\0"), "more than 512 bytes");

        // A rule for each of `a`, `aa`, `aaa`...: unit 2n leads to the units at 2n + 2, where the value is at
        // that place and the unit of the next `a` at (2n + 2) ^ 1, whose label is therefore 1.
        let chain = |rules: usize| {
            let mut units = vec![(0, unit(0, 2, false))];
            for n in 1..=rules {
                let (at, base) = ((2 * n) ^ 1, 2 * n + 2);
                units.push((at, unit(1, (at ^ base) as u32, true)));
                units.push((base, VALUE));
            }
            charsmap(&units, b"\0")
        };
        validate(&chain(32)).unwrap();
        assert_refused(&chain(33), "33 of its normalisation rules");
    }

    #[test]
    fn only_well_formed_text_is_followed() {
        let accepts = |bytes: &[u8]| {
            let end = bytes
                .iter()
                .try_fold(Utf8::Boundary, |state, &byte| state.after(byte));
            end == Some(Utf8::Boundary)
        };
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for rest in [&[][..], &[0x80], &[0x80, 0xbf]] {
                    let bytes = [&[first, second], rest].concat();
                    assert_eq!(accepts(&bytes), std::str::from_utf8(&bytes).is_ok(), "{bytes:x?}");
                }
            }
        }
    }
}
