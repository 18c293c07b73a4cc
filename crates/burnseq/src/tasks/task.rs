//! What training and validation ask of a task.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use burnseq_data::Dataset;
use burnseq_kernels::Compute;
use burnseq_model::{ModelConfig, OfConfig};
use burnseq_text::Vocab;
use burnseq_train::{
    Checkpoint, CriterionConfig, DatasetConfig, DeviceMemory, Event, Interrupt, Objective, Observer,
    StopReason, TrainConfig, TrainContext, TrainData, Trainer, TrainingRecord, ValidSet,
};

use crate::error::Result;

/// A task on an opened data folder: which data, model and criterion belong together.
pub trait Task {
    /// Models of the role that the task trains.
    type Model: OfConfig;

    /// Examples that they learn from.
    type Dataset: Dataset;

    /// One line about what is learned, and from which dictionaries.
    fn description(&self) -> String;

    /// Sizes and special ids of the dictionaries.
    fn vocab(&self) -> Vocab;

    /// Names of the metrics that validation gives beside those of the criterion.
    fn metrics(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Adds to the settings of a run what follows from those of the task.
    fn complete(&self, train: &mut TrainConfig);

    /// Makes sure that the task can train a model of this configuration.
    ///
    /// # Errors
    /// A model of another role; a value out of range.
    fn check_model(&self, model: &ModelConfig) -> Result<()>;

    /// Opens the sets to learn from and to validate on; `device` says how their batches are padded.
    ///
    /// # Errors
    /// When a split is missing, damaged or empty.
    fn data(
        &self,
        config: &TrainConfig,
        model: &ModelConfig,
        device: &Device,
    ) -> Result<TrainData<Self::Dataset>>;

    /// Opens the sets to validate on, by name.
    ///
    /// # Errors
    /// As [`data`](Self::data).
    fn valid_data(
        &self,
        dataset: &DatasetConfig,
        model: &ModelConfig,
        device: &Device,
    ) -> Result<Vec<(String, Arc<Self::Dataset>)>>;

    /// What a model is trained for and judged by.
    ///
    /// # Errors
    /// A loss or a metric whose options are out of range; text settings that cannot be read.
    fn objective(
        &self,
        criterion: &CriterionConfig,
        sentence_avg: bool,
        device: &Device,
    ) -> Result<Objective<Self::Model, Self::Dataset>>;

    /// What a checkpoint needs so that its model can be used without the data.
    ///
    /// # Errors
    /// When a file of the data folder cannot be read.
    fn context(&self, model: &ModelConfig) -> Result<TrainContext>;

    /// A model with fresh weights.
    ///
    /// # Errors
    /// A model of another role; files of initial weights that cannot be used.
    #[expect(unused_variables, reason = "most tasks have nothing to say of fresh weights")]
    fn init(
        &self,
        model: &ModelConfig,
        seed: u64,
        compute: &Compute,
        observe: Observer<'_>,
    ) -> Result<Self::Model> {
        Ok(Self::Model::init(model, &self.vocab(), seed, compute)?)
    }

    /// What the user should know of the data before the run begins.
    ///
    /// # Errors
    /// Data that cannot be read.
    #[expect(unused_variables, reason = "most tasks have nothing to say")]
    fn notes(&self, data: &Self::Dataset) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// An error of training with the remedy that only the task knows.
    fn explained(&self, error: burnseq_train::Error) -> burnseq_train::Error {
        error
    }

    /// The model of a checkpoint, off autodiff, for validation on the data of this task.
    ///
    /// # Errors
    /// A checkpoint that cannot be read, or belongs to another task or other dictionaries.
    fn trained_model(&self, path: &Path, compute: &Compute, observe: Observer<'_>) -> Result<Self::Model>;

    /// Trains a model on this task until a stop rule applies, taking up the checkpoint that the configuration names;
    /// `replicas` are the devices beside the first, where [`TrainConfig::distributed_world_size`] asks for some.
    ///
    /// # Errors
    /// Settings that make no sense, before any work; data or checkpoints that cannot be used; a run that diverges.
    fn train(
        &self,
        mut config: TrainConfig,
        model: &ModelConfig,
        compute: &Compute,
        replicas: &[Device],
        interrupt: Interrupt,
        observe: Observer<'_>,
    ) -> Result<StopReason> {
        self.complete(&mut config);
        config.validate(&self.metrics())?;
        self.check_model(model)?;
        let data = self.data(&config, model, &compute.device)?;
        for note in self.notes(&data.train)? {
            observe(Event::Note(&note));
        }
        let context = self.context(model)?;
        let sentence_avg = config.optimization.sentence_avg;
        let objective = self.objective(&config.criterion, sentence_avg, &compute.device)?;
        let model = self.init(model, u64::from(config.seed), compute, observe)?;
        let mut trainer = Trainer::new(
            config,
            context,
            model,
            data,
            objective,
            &compute.device,
            interrupt,
        )
        .map_err(|error| self.explained(error))?
        .with_replicas(replicas.to_vec());
        Ok(trainer.run(observe)?)
    }

    /// Computes loss, perplexity and the metrics of the task on the validation sets, of a saved model; the loss is that
    /// which the model was trained with, plain cross entropy where the checkpoint does not say.
    ///
    /// # Errors
    /// A checkpoint that cannot be read; data that it does not fit, or examples that are too long for it.
    fn validate(
        &self,
        path: &Path,
        dataset: &DatasetConfig,
        max_steps: Option<usize>,
        compute: &Compute,
        observe: Observer<'_>,
    ) -> Result<()> {
        let checkpoint = Checkpoint::open(path)?;
        let train_state = checkpoint.meta().train_state.clone();
        let (mut config, mut state) = (None, None);
        if let Ok(record) = serde_json::from_value::<TrainingRecord>(train_state) {
            (config, state) = (Some(record.config), Some(record.state));
        }
        let criterion = config.as_ref().map(|config| config.criterion.clone());
        let criterion = criterion.unwrap_or_else(|| {
            observe(Event::Note(
                "the checkpoint does not say what loss it was trained with; the loss shown is cross entropy, without label \
                 smoothing",
            ));
            CriterionConfig::default()
        });
        let sentence_avg = config.is_some_and(|config| config.optimization.sentence_avg);
        let model_config = &checkpoint.meta().model_config;
        let device = &compute.device;
        let model = self.trained_model(path, compute, observe)?;
        let mut objective = self.objective(&criterion, sentence_avg, device)?;
        let position = state.map_or((0, 0), |state| (state.data.epoch, state.num_updates));
        let limits = model_config.max_positions();
        for (split, examples) in self.valid_data(dataset, model_config, device)? {
            let set = ValidSet::new(split, examples, dataset, max_steps, limits)?;
            let mut memory = DeviceMemory::new(device.clone(), &set.name);
            let record = objective.validate(&model, &set, &mut memory, position, observe)?;
            observe(Event::Valid(&record));
        }
        Ok(())
    }
}
