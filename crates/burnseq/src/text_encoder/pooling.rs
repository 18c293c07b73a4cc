//! Vectors of tokens to one vector of a text. Sums are made in double precision, in the order of the tokens.

/// How the vectors of tokens, those of special tokens included, become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pooling {
    /// The first one.
    Cls,
    /// Their mean.
    #[default]
    Mean,
    /// The largest number of each column.
    Max,
    /// They are kept as they are.
    None,
}

impl Pooling {
    /// The vectors `x`, of `width` numbers each, at least one.
    pub(super) fn pool(self, x: &[f32], width: usize) -> Vec<f32> {
        let rows = x.chunks_exact(width);
        match self {
            Self::None => x.to_vec(),
            Self::Cls => x[..width].to_vec(),
            Self::Mean => {
                let count = rows.len() as f64;
                let mut sums = vec![0.0; width];
                for row in rows {
                    for (sum, value) in sums.iter_mut().zip(row) {
                        *sum += f64::from(*value);
                    }
                }
                sums.into_iter().map(|sum| (sum / count) as f32).collect()
            }
            Self::Max => {
                let mut most = x[..width].to_vec();
                for row in rows.skip(1) {
                    for (most, value) in most.iter_mut().zip(row) {
                        *most = most.max(*value);
                    }
                }
                most
            }
        }
    }
}

fn norm(x: &[f32]) -> f64 {
    x.iter()
        .map(|value| f64::from(*value).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// Scales a vector to length 1; one of zeros stays.
pub(super) fn normalize(x: &mut [f32]) {
    let norm = norm(x);
    if norm > 0.0 {
        x.iter_mut()
            .for_each(|value| *value = (f64::from(*value) / norm) as f32);
    }
}

/// The cosine of the angle between two vectors; 0 where one is all zeros.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    match norm(a) * norm(b) {
        0.0 => 0.0,
        norms => product / norms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_pooled_by_hand() {
        let x = [1.0, -4.0, 3.0, 2.0, 2.0, 5.0];
        assert_eq!(Pooling::Cls.pool(&x, 2), [1.0, -4.0]);
        assert_eq!(Pooling::Mean.pool(&x, 2), [2.0, 1.0]);
        assert_eq!(Pooling::Max.pool(&x, 2), [3.0, 5.0]);
        assert_eq!(Pooling::None.pool(&x, 2), x);
        let mut three_four = [3.0, 4.0];
        normalize(&mut three_four);
        assert_eq!(three_four, [0.6, 0.8]);
        let mut zeros = [0.0, 0.0];
        normalize(&mut zeros);
        assert_eq!(zeros, [0.0, 0.0]);
        assert_eq!(cosine(&[3.0, 4.0], &[4.0, 3.0]), 24.0 / 25.0);
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 0.0]), 0.0);
    }
}
