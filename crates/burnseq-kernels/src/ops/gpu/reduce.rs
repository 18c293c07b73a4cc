//! What the units of a cube found, taken together in a fixed order.

use burn_cubecl::cubecl::{self, prelude::*};

/// The sum of `value` over the units of a cube, for each of them; `units`, a power of two, is their number and the length
/// of `scratch`, memory that they share.
#[cube]
pub(super) fn sum_of_units<N: Numeric>(value: N, scratch: &mut [N], #[comptime] units: usize) -> N {
    let unit = UNIT_POS as usize;
    scratch[unit] = value;
    sync_cube();
    let mut half = (units / 2).runtime();
    while half > 0 {
        if unit < half {
            scratch[unit] = scratch[unit] + scratch[unit + half];
        }
        sync_cube();
        half /= 2;
    }
    let sum = scratch[0];
    // The next use must not overwrite what others have yet to read.
    sync_cube();
    sum
}

/// The largest `value` of the units of a cube, for each of them; otherwise as [`sum_of_units`].
#[cube]
pub(super) fn most_of_units(value: f32, scratch: &mut [f32], #[comptime] units: usize) -> f32 {
    let unit = UNIT_POS as usize;
    scratch[unit] = value;
    sync_cube();
    let mut half = (units / 2).runtime();
    while half > 0 {
        if unit < half {
            scratch[unit] = max(scratch[unit], scratch[unit + half]);
        }
        sync_cube();
        half /= 2;
    }
    let most = scratch[0];
    sync_cube();
    most
}
