//! Seeds of fairseq's random examples.

/// The seed that fairseq gives numpy's generators for numbers such as (seed, epoch, index): `hash(tuple) % 1e6` of
/// CPython, a variant of xxHash. The hash becomes a double before the remainder is taken.
pub fn numpy_seed(numbers: &[u64]) -> u32 {
    const PRIME_1: u64 = 11_400_714_785_074_694_791;
    const PRIME_2: u64 = 14_029_467_366_897_019_727;
    const PRIME_5: u64 = 2_870_177_450_012_600_261;
    /// What CPython has in place of -1, which means an error.
    const NOT_AN_ERROR: u64 = 1_546_275_796;
    let mixed = numbers.iter().fold(PRIME_5, |hash, &number| {
        let hash = hash.wrapping_add(int_hash(number).wrapping_mul(PRIME_2));
        hash.rotate_left(31).wrapping_mul(PRIME_1)
    });
    let hash = mixed.wrapping_add(numbers.len() as u64 ^ (PRIME_5 ^ 3_527_539));
    let hash = if hash == u64::MAX { NOT_AN_ERROR } else { hash };
    (hash.cast_signed() as f64).rem_euclid(1e6) as u32
}

/// CPython's hash of an integer: its remainder of division by 2^61 - 1.
fn int_hash(number: u64) -> u64 {
    number % ((1 << 61) - 1)
}

#[cfg(test)]
mod tests {
    use burnseq_testing::{golden, read};
    use serde_json::Value;

    use super::*;

    #[test]
    fn seeds_are_those_of_python() {
        // `int(hash((1, 1, 0)) % 1e6)`; the remainder of the integer is another one.
        assert_eq!(numpy_seed(&[1, 1, 0]), 810_752);
        let Some(path) = golden("families/fairseq/masking/rng.json") else {
            return;
        };
        let recorded: Value = serde_json::from_str(&read(&path)).unwrap();
        for case in recorded["tuple_hash"].as_array().unwrap() {
            let numbers = case["tuple"].as_array().unwrap();
            let numbers: Option<Vec<u64>> = numbers.iter().map(Value::as_u64).collect();
            let Some(numbers) = numbers else { continue };
            let expected = case["hash_as_f64_mod_1e6"].as_u64().unwrap();
            assert_eq!(u64::from(numpy_seed(&numbers)), expected, "{numbers:?}");
        }
    }
}
