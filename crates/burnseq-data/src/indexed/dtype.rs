//! The number type that tokens are stored in.

/// Number type of the tokens in a `.bin`, with fairseq's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// Code 1.
    U8,
    /// Code 2.
    I8,
    /// Code 3.
    I16,
    /// Code 4; what fairseq wrote up to 0.10.
    I32,
    /// Code 5.
    I64,
    /// Code 8; vocabularies below 65,500 types.
    U16,
    /// Code 9; larger vocabularies.
    U32,
    /// Code 10.
    U64,
}

impl Dtype {
    /// The smallest type that fairseq uses for a vocabulary of `types` types.
    pub fn for_vocab(types: usize) -> Self {
        // Not 65,536: fairseq leaves room for symbols added later.
        if types < 65_500 { Self::U16 } else { Self::U32 }
    }

    /// The type with this code; floating point (6 and 7) and unknown codes give `None`.
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::U8,
            2 => Self::I8,
            3 => Self::I16,
            4 => Self::I32,
            5 => Self::I64,
            8 => Self::U16,
            9 => Self::U32,
            10 => Self::U64,
            _ => return None,
        })
    }

    /// The code that the `.idx` holds.
    pub fn code(self) -> u8 {
        match self {
            Self::U8 => 1,
            Self::I8 => 2,
            Self::I16 => 3,
            Self::I32 => 4,
            Self::I64 => 5,
            Self::U16 => 8,
            Self::U32 => 9,
            Self::U64 => 10,
        }
    }

    /// Bytes of one token.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 => 4,
            Self::I64 | Self::U64 => 8,
        }
    }

    /// The token in `bytes`, which has [`Dtype::size`] bytes.
    ///
    /// Negative numbers and numbers over 32 bits become `u32::MAX`, which no dictionary has.
    pub(crate) fn decode(self, bytes: &[u8]) -> u32 {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        let unsigned = u64::from_le_bytes(wide);
        let negative = match self {
            Self::I8 | Self::I16 | Self::I32 | Self::I64 => unsigned >> (8 * bytes.len() - 1) & 1 == 1,
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => false,
        };
        if negative {
            u32::MAX
        } else {
            u32::try_from(unsigned).unwrap_or(u32::MAX)
        }
    }

    /// Appends `token` as this type; `false` when it does not fit.
    #[must_use]
    pub(crate) fn encode(self, token: u32, bytes: &mut Vec<u8>) -> bool {
        let max = match self {
            Self::U8 => u32::from(u8::MAX),
            Self::I8 => i8::MAX as u32,
            Self::I16 => i16::MAX as u32,
            Self::U16 => u32::from(u16::MAX),
            Self::I32 => i32::MAX as u32,
            Self::I64 | Self::U32 | Self::U64 => u32::MAX,
        };
        let wide = u64::from(token).to_le_bytes();
        bytes.extend_from_slice(&wide[..self.size()]);
        token <= max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Dtype; 8] = [
        Dtype::U8,
        Dtype::I8,
        Dtype::I16,
        Dtype::I32,
        Dtype::I64,
        Dtype::U16,
        Dtype::U32,
        Dtype::U64,
    ];

    #[test]
    fn codes_and_tokens_survive_a_round_trip() {
        for dtype in ALL {
            assert_eq!(Dtype::from_code(dtype.code()), Some(dtype));
            let mut bytes = Vec::new();
            assert!(dtype.encode(100, &mut bytes));
            assert_eq!(bytes.len(), dtype.size());
            assert_eq!(dtype.decode(&bytes), 100);
        }
    }

    #[test]
    fn floating_point_is_refused() {
        assert_eq!(Dtype::from_code(6), None);
        assert_eq!(Dtype::from_code(7), None);
        assert_eq!(Dtype::from_code(0), None);
    }

    #[test]
    fn the_type_follows_the_vocabulary() {
        assert_eq!(Dtype::for_vocab(65_499), Dtype::U16);
        assert_eq!(Dtype::for_vocab(65_500), Dtype::U32);
    }

    #[test]
    fn numbers_that_are_no_token_become_the_largest_id() {
        assert_eq!(Dtype::I16.decode(&(-1_i16).to_le_bytes()), u32::MAX);
        assert_eq!(Dtype::U64.decode(&(1_u64 << 40).to_le_bytes()), u32::MAX);
        assert_eq!(Dtype::I8.decode(&[0x80]), u32::MAX);
        assert!(!Dtype::U16.encode(70_000, &mut Vec::new()));
    }
}
