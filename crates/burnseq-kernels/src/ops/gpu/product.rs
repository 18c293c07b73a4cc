//! Matrix products: for every kind of size, the fastest of a few kernels of CubeCL's library that are worth trying.
//!
//! Burn's own choice tries some twenty. In half precision its scalar ones take minutes each to compile and cannot win, and
//! of those that load by tensor maps one asks for a box that the device refuses, which spoils its buffers. In `f32` it
//! takes tensor cores, whose products have the 11 bits of TF32.

use std::sync::{Arc, Mutex, PoisonError};

use burn::{
    backend::{cubecl::dtype_to_storage_type, ops::FloatTensorOps, tensor::FloatTensor},
    tensor::{DType, Shape},
};
use burn_cubecl::{
    CubeTuneId,
    cubecl::{
        client::Client,
        tune::{LocalTuner, Tunable, TunableSet, local_tuner},
    },
};
use cubek::matmul::{
    definition::{MatmulElems, MatmulGlobalElems},
    launch::launch_ref,
    multi_level::{
        Strategy,
        components::tile::TileMatmulKind,
        definition::adjust_dtypes,
        routines::{
            TileSizeSelection,
            batch::{
                double_buffering::DoubleBufferingArgs, double_unit::DoubleUnitSelectionArgs,
                simple::SimpleArgs, simple_unit::SimpleUnitSelectionArgs,
            },
        },
    },
    routine::BlueprintStrategy,
    tune_key::MatmulAutotuneKey,
};
use cubek::std::InputBinding;

use super::{CubeTensor, Gpu, Kernels, empty};
use crate::ops::node::Operation;

type Tuner = LocalTuner<MatmulAutotuneKey, CubeTuneId>;
type Inputs = (CubeTensor, CubeTensor, CubeTensor);
type Tunables = TunableSet<MatmulAutotuneKey, Inputs, ()>;

static ON_TENSOR_CORES: Tuner = local_tuner!("tensor-cores");
static EXACT: Tuner = local_tuner!("exact");

/// The product of two tensors as a node of its own, exact in `f32`.
#[derive(Debug, Clone)]
pub(in super::super) struct Product;

impl Operation<Gpu, 2> for Product {
    type Saved = [FloatTensor<Gpu>; 2];

    fn forward(&self, [a, b]: [FloatTensor<Gpu>; 2]) -> (FloatTensor<Gpu>, Self::Saved) {
        (Gpu::product(a.clone(), b.clone(), true, false), [a, b])
    }

    fn backward(
        &self,
        [a, b]: Self::Saved,
        grad: FloatTensor<Gpu>,
        needed: [bool; 2],
    ) -> [Option<FloatTensor<Gpu>>; 2] {
        let of_a = needed[0].then(|| Gpu::product(grad.clone(), Gpu::float_transpose(b), true, false));
        let of_b = needed[1].then(|| Gpu::product(Gpu::float_transpose(a), grad, true, false));
        [of_a, of_b]
    }
}

/// The shape of the product of `[.., m, k]` and `[.., k, n]`.
pub(super) fn shape(a: &Shape, b: &Shape) -> Shape {
    let mut shape = a.clone();
    let last = shape.num_dims() - 1;
    shape[last] = b[last];
    shape
}

/// See [`super::Kernels::product`].
pub(super) fn launch(a: CubeTensor, b: CubeTensor, exact: bool, wide: bool) -> CubeTensor {
    let dtype = if wide { DType::F32 } else { a.dtype };
    let out = empty(&a, shape(a.meta.shape(), b.meta.shape()), dtype);
    if [&a, &b]
        .iter()
        .any(|tensor| tensor.meta.shape().iter().any(|&size| size == 0))
    {
        return out;
    }
    let client = a.client.clone();
    // What runs without CUDA is for tests, and takes minutes for what a choice would try.
    if !cfg!(feature = "cuda") {
        run(&Strategy::SimpleUnit(Default::default()), (a, b, out.clone())).expect("it runs everywhere");
        return out;
    }
    let id = CubeTuneId::new(&client, &a.device);
    let on_tensor_cores = !(exact && a.dtype == DType::F32) && has_tensor_cores(&client, &id, a.dtype);
    let (tuner, tunables): (_, Arc<Tunables>) = if on_tensor_cores {
        (&ON_TENSOR_CORES, ON_TENSOR_CORES.init(&id, tensor_core_kernels))
    } else {
        (&EXACT, EXACT.init(&id, unit_kernels))
    };
    tuner.execute(&id, &client, tunables, (a, b, out.clone()));
    out
}

/// Whether the device has instructions for tiles of this type, or in `f32` of TF32; looked up once.
fn has_tensor_cores(client: &Client, id: &CubeTuneId, dtype: DType) -> bool {
    static KNOWN: Mutex<Vec<(CubeTuneId, DType, bool)>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known.iter().find(|(device, of, _)| device == id && *of == dtype);
    if let Some((_, _, has)) = found {
        return *has;
    }
    let has = offers_tiles(client, dtype);
    known.push((id.clone(), dtype, has));
    has
}

fn offers_tiles(client: &Client, dtype: DType) -> bool {
    [TileMatmulKind::Cmma, TileMatmulKind::Mma]
        .into_iter()
        .any(|tile| {
            let mut elems = elems(dtype, dtype);
            adjust_dtypes(client, &mut elems, tile.requires_accelerator());
            !tile
                .supported_sizes(client, elems.lhs_register, elems.rhs_register, elems.acc_register)
                .is_empty()
        })
}

/// Kernels of tensor cores, from the simplest on.
fn tensor_core_kernels() -> Tunables {
    let simple = |multi_rows, tile_matmul| {
        BlueprintStrategy::Inferred(SimpleArgs {
            multi_rows,
            tile_matmul,
        })
    };
    let double = |tile_matmul| {
        BlueprintStrategy::Inferred(DoubleBufferingArgs {
            specialized: false,
            tile_matmul,
        })
    };
    kernels([
        Strategy::SimpleCyclicCmma(simple(false, TileMatmulKind::Cmma)),
        Strategy::SimpleCyclicMma(simple(false, TileMatmulKind::Mma)),
        Strategy::SimpleCyclicMma(simple(true, TileMatmulKind::Mma)),
        Strategy::DoubleCyclicCmma(double(TileMatmulKind::Cmma)),
        Strategy::DoubleCyclicMma(double(TileMatmulKind::Mma)),
    ])
}

/// Kernels without tensor cores, whose products are exact in `f32`.
fn unit_kernels() -> Tunables {
    let simple = |tile_size| BlueprintStrategy::Inferred(SimpleUnitSelectionArgs { tile_size });
    let double = |tile_size| BlueprintStrategy::Inferred(DoubleUnitSelectionArgs { tile_size });
    kernels([
        Strategy::SimpleUnit(simple(TileSizeSelection::MaxTileSize)),
        Strategy::SimpleUnit(simple(TileSizeSelection::MinTileSize)),
        Strategy::DoubleUnit(double(TileSizeSelection::MaxTileSize)),
        Strategy::DoubleUnit(double(TileSizeSelection::MinTileSize)),
    ])
}

/// The strategies to choose from.
fn kernels<const N: usize>(strategies: [Strategy; N]) -> Tunables {
    // What is tried writes to a copy of the result.
    let set = TunableSet::new(key, |_: &MatmulAutotuneKey, (a, b, out): &Inputs| {
        (a.clone(), b.clone(), out.copy())
    });
    strategies
        .into_iter()
        .fold(set, |set, strategy| set.with(tunable(strategy)))
}

fn tunable(strategy: Strategy) -> Tunable<MatmulAutotuneKey, Inputs, ()> {
    Tunable::new(&strategy.to_string(), move |inputs: Inputs| {
        run(&strategy, inputs)
    })
}

/// Starts the product of the first two as the third.
fn run(strategy: &Strategy, (a, b, out): Inputs) -> Result<(), String> {
    let mut elems = elems(a.dtype, out.dtype);
    let client = out.client.clone();
    let [a, b] = [a, b].map(|tensor| {
        let elem = dtype_to_storage_type(tensor.dtype);
        InputBinding::new(tensor.binding(), elem)
    });
    let strategy = strategy.clone().into();
    launch_ref(&strategy, &client, a, b, out.binding(), &mut elems).map_err(|error| format!("{error:?}"))
}

fn elems(operands: DType, out: DType) -> MatmulElems {
    let [operands, out] = [operands, out].map(dtype_to_storage_type);
    MatmulElems::from_globals(&MatmulGlobalElems {
        lhs: operands,
        rhs: operands,
        out,
    })
}

fn key((a, b, out): &Inputs) -> MatmulAutotuneKey {
    MatmulAutotuneKey::generate(
        &a.client,
        a.meta.shape(),
        b.meta.shape(),
        a.meta.strides(),
        b.meta.strides(),
        a.meta.tiling,
        b.meta.tiling,
        dtype_to_storage_type(a.dtype),
        dtype_to_storage_type(b.dtype),
        dtype_to_storage_type(out.dtype),
        None,
        None,
    )
}
