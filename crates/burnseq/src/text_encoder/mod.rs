//! Text to vectors and to the words that fit a gap, by an encoder in a folder of transformers.

mod batches;
mod fill_mask;
mod pooling;

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Int, Tensor, TensorData};
use burnseq_interchange::hugging_face::Folder;
use burnseq_kernels::{Compute, Stepping};
use burnseq_model::{Dropout, Encoder, EncoderInput, EncoderModel, OfConfig};
use burnseq_text::hugging_face::{EncodeOptions, HfEncoding, HfTokenizer, Truncation};
use rayon::prelude::*;

use crate::convert::HuggingFaceModel;
use crate::error::{Error, Result};
pub use batches::{Padding, batches_by_length};
pub use fill_mask::{Filled, Gap};
pub use pooling::{Pooling, cosine};

/// An encoder and its tokenizer.
#[derive(Debug, Clone)]
pub struct TextEncoder {
    model: EncoderModel,
    tokenizer: HfTokenizer,
    device: Device,
    layers: usize,
    max_len: usize,
    path: PathBuf,
}

/// Which vectors are wanted of texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureOptions {
    /// How the vectors of tokens become one.
    pub pooling: Pooling,
    /// Whose output is taken: 0 is the input of the first layer; none: the last one's.
    pub layer: Option<usize>,
    /// Scale vectors to length 1.
    pub normalize: bool,
    /// Most tokens of a batch, padding included.
    pub max_tokens: usize,
}

impl Default for FeatureOptions {
    fn default() -> Self {
        Self {
            pooling: Pooling::Mean,
            layer: None,
            normalize: false,
            max_tokens: 4096,
        }
    }
}

/// Vectors of one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// One for the text, or one for each token, after each other.
    pub values: Vec<f32>,
    /// Numbers of a vector.
    pub width: usize,
}

impl Features {
    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// What texts had to give for their vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Texts that were longer than the model takes, and were cut.
    pub cut: usize,
    /// What was computed.
    pub padding: Padding,
}

impl TextEncoder {
    /// Opens a folder of transformers with an encoder and its tokenizer.
    ///
    /// # Errors
    /// A folder that is no model, or one that is no encoder; files that are damaged or missing; what there is no support for,
    /// by field.
    pub fn open(path: &Path, compute: impl Into<Compute>) -> Result<Self> {
        let folder = Folder::open(path)?;
        let wrong = |path: &Path, problem: String| Error::Convert {
            path: path.to_owned(),
            problem,
        };
        let config = folder.config();
        let described = burnseq_model::ModelConfig::from_hugging_face(config.fields())
            .map_err(|problem| wrong(config.path(), problem))?;
        EncoderModel::check(&described.config).map_err(|error| {
            wrong(
                path,
                format!("{error}\nhint: give the folder of a model such as BERT or RoBERTa"),
            )
        })?;
        let tokenizer = HfTokenizer::open(path)?;
        let unk = tokenizer.special_ids().unk.map(|unk| unk as usize);
        let read = HuggingFaceModel::read(&folder, &folder.weights()?, unk, false)?;
        if tokenizer.len() > read.vocab.src {
            return Err(wrong(
                path,
                format!(
                    "its tokenizer has {} tokens, and the embeddings have {} rows\nhint: the files are of different models",
                    tokenizer.len(),
                    read.vocab.src
                ),
            ));
        }
        let compute = compute.into();
        let model = EncoderModel::load(&read.config, &read.vocab, &read.parameters, compute.clone());
        let model = model.map_err(|error| wrong(path, error.to_string()))?;
        let positions = Encoder::max_positions(&model);
        Ok(Self {
            max_len: tokenizer
                .model_max_length()
                .map_or(positions, |most| most.min(positions)),
            layers: read.config.fields()["encoder_layers"]
                .as_u64()
                .and_then(|layers| usize::try_from(layers).ok())
                .expect("an encoder has layers"),
            model,
            tokenizer,
            device: compute.device,
            path: path.to_owned(),
        })
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &HfTokenizer {
        &self.tokenizer
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Layers; the input of the first one is layer 0 in [`FeatureOptions::layer`].
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// Vectors of `texts`, in their order. The vectors of a text do not depend on the others.
    ///
    /// # Errors
    /// A layer that the model does not have; text that the tokenizer cannot take.
    pub fn features<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        options: &FeatureOptions,
    ) -> Result<(Vec<Features>, Counts)> {
        if let Some(layer) = options.layer
            && layer > self.layers
        {
            return Err(Error::Config(format!(
                "'layer' = {layer}: the model has {} layers; 0 is the input of the first one",
                self.layers
            )));
        }
        let (encoded, cut) = self.tokenize(texts)?;
        let mut counts = Counts {
            cut,
            padding: Padding::default(),
        };
        let batches = batches_by_length(encoded.len(), |text| encoded[text].len(), options.max_tokens);
        let computed: Vec<Vec<Features>> = match Stepping::on(&self.device) {
            // A processor computes as many batches at a time as it has cores: there is always work for each of them.
            Stepping::Processor => batches
                .par_iter()
                .map(|batch| self.batch_features(batch, &encoded, options))
                .collect(),
            Stepping::Device => batches
                .iter()
                .map(|batch| self.batch_features(batch, &encoded, options))
                .collect(),
        };
        let mut found: Vec<Option<Features>> = vec![None; texts.len()];
        for (batch, computed) in batches.iter().zip(computed) {
            counts.padding.add(batch.iter().map(|&text| encoded[text].len()));
            for (&text, features) in batch.iter().zip(computed) {
                found[text] = Some(features);
            }
        }
        let found = found
            .into_iter()
            .map(|found| found.expect("every text is in one batch"));
        Ok((found.collect(), counts))
    }

    /// Vectors of the texts of a batch, in its order.
    fn batch_features(
        &self,
        batch: &[usize],
        encoded: &[HfEncoding],
        options: &FeatureOptions,
    ) -> Vec<Features> {
        let rows: Vec<&HfEncoding> = batch.iter().map(|&text| &encoded[text]).collect();
        let x = self.encode(&rows, options.layer);
        let [_, len, width] = x.dims();
        let values: Vec<f32> = x.into_data().convert::<f32>().iter::<f32>().collect();
        let rows = rows.iter().zip(values.chunks_exact(len * width));
        rows.map(|(row, values)| {
            let mut values = options.pooling.pool(&values[..row.len() * width], width);
            if options.normalize {
                values.chunks_exact_mut(width).for_each(pooling::normalize);
            }
            Features { values, width }
        })
        .collect()
    }

    /// Texts with their special tokens, and how many of them were cut to what the model takes.
    fn tokenize<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<(Vec<HfEncoding>, usize)> {
        let options = EncodeOptions {
            truncation: Some(Truncation::new(self.max_len)),
            ..EncodeOptions::default()
        };
        let encoded = self.tokenizer.encode_batch(texts, &options)?;
        let cut = encoded.iter().filter(|text| !text.overflowing.is_empty()).count();
        Ok((encoded, cut))
    }

    /// Vectors of a batch of texts, `[batch, len, d_model]`.
    fn encode(&self, rows: &[&HfEncoding], layer: Option<usize>) -> Tensor<3> {
        let len = rows.iter().map(|row| row.len()).max().unwrap_or(0).max(1);
        let pad = self.model.vocab().pad() as i64;
        let table = |of: fn(&HfEncoding) -> &[u32], fill: i64| {
            let mut values = vec![fill; rows.len() * len];
            for (row, values) in rows.iter().zip(values.chunks_exact_mut(len)) {
                for (value, id) in values.iter_mut().zip(of(row)) {
                    *value = i64::from(*id);
                }
            }
            Tensor::<2, Int>::from_data(TensorData::new(values, [rows.len(), len]), &self.device)
        };
        let input = EncoderInput {
            tokens: table(|row| &row.ids, pad),
            segments: Some(table(|row| &row.type_ids, 0)),
        };
        match layer {
            Some(layer) if layer < self.layers => self.model.hidden_states(input).swap_remove(layer),
            _ => self.model.encode(input, &Dropout::off()),
        }
    }
}
