//! What a line of `families!` writes: the enums of configurations, models and decoding states, each method one `match`.

/// Writes [`ModelConfig`](super::ModelConfig) for all families, and the models of each role.
///
/// A line is `Family = module::{Config, Model};`: `module::Config` is a [`FamilyConfig`](crate::FamilyConfig), and
/// `module::Model` its model, which plays the role. The name of the family in files is `Family` in snake case.
macro_rules! families {
    (
        encoder_decoders { $($encoder_decoders:tt)+ } decoders { $($decoders:tt)+ } encoders { $($encoders:tt)+ }
    ) => {
        configs! { $($encoder_decoders)+ $($decoders)+ $($encoders)+ }
        models! {
            /// A model that plays the role of an encoder-decoder.
            Model, "an encoder-decoder, which reads one text and writes another";
            $($encoder_decoders)+
        }
        stepwise! {
            /// The decoding state of a [`Model`].
            Model, ModelState;
            $($encoder_decoders)+
        }
        encoder_decoders! { $($encoder_decoders)+ }
        models! {
            /// A model that plays the role of a language model.
            LanguageModel, "a language model";
            $($decoders)+
        }
        stepwise! {
            /// The decoding state of a [`LanguageModel`].
            LanguageModel, LanguageModelState;
            $($decoders)+
        }
        decoders! { $($decoders)+ }
        models! {
            /// A model that plays the role of an encoder.
            EncoderModel, "an encoder, which gives vectors of a text";
            $($encoders)+
        }
        encoders! { $($encoders)+ }
    };
}

macro_rules! configs {
    ($( $(#[$doc:meta])* $family:ident = $module:ident::{$config:ident, $model:ident}; )+) => {
        /// The complete configuration of a model, as a checkpoint stores it.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant, reason = "a program holds few of them")]
        pub enum ModelConfig {
            $( $(#[$doc])* $family($module::$config), )+
        }

        $(
            impl From<$module::$config> for ModelConfig {
                fn from(config: $module::$config) -> Self {
                    Self::$family(config)
                }
            }
        )+

        impl ModelConfig {
            /// All families, in the order in which they are listed.
            pub fn families() -> Vec<Family> {
                vec![$( Family::of::<$module::$config>(), )+]
            }

            /// The family of this model.
            pub fn family(&self) -> Family {
                match self {
                    $( Self::$family(_) => Family::of::<$module::$config>(), )+
                }
            }

            /// See [`FamilyConfig::PHRASE`].
            pub fn phrase(&self) -> &'static str {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::PHRASE, )+
                }
            }

            /// Checks ranges and combinations.
            ///
            /// # Errors
            /// The first field that no model can be built from.
            pub fn validate(&self, vocab: &Vocab) -> Result<(), ModelError> {
                match self {
                    $( Self::$family(config) => config.validate(vocab), )+
                }
            }

            /// Longest source and target in tokens.
            pub fn max_positions(&self) -> (usize, usize) {
                match self {
                    $( Self::$family(config) => config.max_positions(), )+
                }
            }

            /// Numbers that are learned; saturates where no memory would hold them.
            pub fn num_params(&self, vocab: &Vocab) -> u128 {
                match self {
                    $( Self::$family(config) => config.num_params(vocab), )+
                }
            }

            /// Bytes of a model in float32, tables that are not learned included; saturates.
            pub fn num_bytes(&self, vocab: &Vocab) -> u128 {
                match self {
                    $( Self::$family(config) => config.num_bytes(vocab), )+
                }
            }

            /// See [`FamilyConfig::training_flops`].
            pub fn training_flops(&self, vocab: &Vocab, shape: [usize; 3]) -> Option<f64> {
                match self {
                    $( Self::$family(config) => config.training_flops(vocab, shape), )+
                }
            }

            /// See [`FamilyConfig::shares_all_embeddings`].
            pub fn shares_all_embeddings(&self) -> bool {
                match self {
                    $( Self::$family(config) => config.shares_all_embeddings(), )+
                }
            }

            /// See [`FamilyConfig::cut_into_bands_by`].
            pub fn cut_into_bands_by(&self) -> Option<&'static str> {
                match self {
                    $( Self::$family(config) => config.cut_into_bands_by(), )+
                }
            }

            /// See [`FamilyConfig::FREE_FIELDS`].
            pub fn free_fields(&self) -> &'static [&'static str] {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::FREE_FIELDS, )+
                }
            }

            /// See [`FamilyConfig::DICTIONARY_TABLES`].
            pub fn dictionary_tables(&self) -> [&'static [&'static str]; 2] {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::DICTIONARY_TABLES, )+
                }
            }

            /// The model as fairseq describes and stores it; none where there is no such model.
            pub fn in_fairseq(&self) -> Option<InFairseq> {
                let resolved = self.resolved();
                match &resolved {
                    $(
                        Self::$family(config) => {
                            let fairseq = <$module::$config as FamilyConfig>::FAIRSEQ?;
                            (fairseq.has)(config).then(|| fairseq.describe(config, resolved.fields()))
                        }
                    )+
                }
            }

            /// The model as transformers describes and stores it, where it is the model of an entry of
            /// [`FamilyConfig::HUGGING_FACE`].
            pub fn in_hugging_face(&self, vocab: &Vocab) -> Option<InHuggingFace> {
                match self {
                    $(
                        Self::$family(config) => {
                            let mut entries = <$module::$config as FamilyConfig>::HUGGING_FACE.iter();
                            entries.find_map(|entry| entry.describe(config, vocab))
                        }
                    )+
                }
            }

            /// What reads the `config.json` of each `model_type`.
            fn hugging_face_readers() -> Vec<hugging_face::Reader> {
                let mut readers = Vec::new();
                $(
                    let entries = <$module::$config as FamilyConfig>::HUGGING_FACE.iter();
                    readers.extend(entries.map(|entry| hugging_face::Reader {
                        model_type: entry.model_type,
                        architectures: entry.architectures,
                        read: Box::new(|fields| Ok(Self::$family((entry.read)(fields)?))),
                    }));
                )+
                readers
            }

            /// See [`FamilyConfig::resolved`].
            #[must_use]
            pub fn resolved(&self) -> Self {
                match self {
                    $( Self::$family(config) => Self::$family(config.resolved()), )+
                }
            }

            /// See [`Fairseq::check`].
            ///
            /// # Errors
            /// An option that there is no support for.
            pub fn check_fairseq(&self, options: &Map<String, Value>) -> Result<(), String> {
                match self {
                    $(
                        Self::$family(config) => match <$module::$config as FamilyConfig>::FAIRSEQ {
                            Some(fairseq) => (fairseq.check)(config, options),
                            None => Ok(()),
                        },
                    )+
                }
            }

            /// See [`Fairseq::settled`].
            fn settled_from_fairseq(self) -> Self {
                match self {
                    $(
                        Self::$family(config) => Self::$family(match <$module::$config as FamilyConfig>::FAIRSEQ {
                            Some(fairseq) => (fairseq.settled)(config),
                            None => config,
                        }),
                    )+
                }
            }

            /// See [`FamilyConfig::settle`].
            fn settle(&mut self, given: &Map<String, Value>) {
                match self {
                    $( Self::$family(config) => config.settle(given), )+
                }
            }

            /// See [`FamilyConfig::followers`].
            pub fn followers(&self, arch: &str) -> &'static [(&'static str, &'static str)] {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::followers(arch), )+
                }
            }

            /// What this family can do beyond its role.
            fn features(&self) -> &'static [Feature] {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::FEATURES, )+
                }
            }
        }
    };
}

/// Writes the models of a role.
macro_rules! models {
    (
        $(#[$models_doc:meta])* $models:ident, $role:literal;
        $( $(#[$doc:meta])* $family:ident = $module:ident::{$config:ident, $model:ident}; )+
    ) => {
        $(#[$models_doc])*
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant, reason = "a program holds few of them")]
        pub enum $models {
            $( $(#[$doc])* $family($module::$model), )+
        }

        $(
            impl From<$module::$model> for $models {
                fn from(model: $module::$model) -> Self {
                    Self::$family(model)
                }
            }
        )+

        impl OfConfig for $models {
            fn init(
                config: &ModelConfig,
                vocab: &Vocab,
                seed: u64,
                compute: impl Into<Compute>,
            ) -> Result<Self, ModelError> {
                match config {
                    $( ModelConfig::$family(config) => Ok(Self::$family(config.init(vocab, seed, compute))), )+
                    other => Err(other.wrong_role($role)),
                }
            }

            fn load(
                config: &ModelConfig,
                vocab: &Vocab,
                tensors: &HashMap<String, TensorData>,
                compute: impl Into<Compute>,
            ) -> Result<Self, ModelError> {
                match config {
                    $( ModelConfig::$family(config) => Ok(Self::$family(config.load(vocab, tensors, compute)?)), )+
                    other => Err(other.wrong_role($role)),
                }
            }

            fn check(config: &ModelConfig) -> Result<(), ModelError> {
                match config {
                    $( ModelConfig::$family(_) => Ok(()), )+
                    other => Err(other.wrong_role($role)),
                }
            }
        }

        impl $models {
            /// See [`FamilyConfig::DROPOUT_MODULES`].
            pub fn dropout_modules(&self) -> &'static [DropoutModule] {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::DROPOUT_MODULES, )+
                }
            }
        }
    };
}

/// Writes the decoding state of the models of a role, and how they step.
macro_rules! stepwise {
    (
        $(#[$state_doc:meta])* $models:ident, $state:ident;
        $( $(#[$doc:meta])* $family:ident = $module:ident::{$config:ident, $model:ident}; )+
    ) => {
        $(#[$state_doc])*
        #[derive(Debug, Clone)]
        #[allow(clippy::large_enum_variant, reason = "a batch has one of them")]
        pub enum $state {
            $( $(#[$doc])* $family(<$module::$model as Stepwise>::State), )+
        }

        impl Stepwise for $models {
            type State = $state;

            fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut $state) -> Tensor<2> {
                match (self, state) {
                    $( (Self::$family(model), $state::$family(state)) => model.step(prev_output_tokens, state), )+
                    #[allow(unreachable_patterns, reason = "one family makes no other pair")]
                    _ => panic!("a state of another family"),
                }
            }

            fn reorder(&self, state: &mut $state, rows: &[usize], sentences: &[usize]) {
                match (self, state) {
                    $( (Self::$family(model), $state::$family(state)) => model.reorder(state, rows, sentences), )+
                    #[allow(unreachable_patterns, reason = "one family makes no other pair")]
                    _ => panic!("a state of another family"),
                }
            }

            fn reorder_rows(&self, state: &mut $state, rows: Tensor<1, Int>) {
                match (self, state) {
                    $( (Self::$family(model), $state::$family(state)) => model.reorder_rows(state, rows), )+
                    #[allow(unreachable_patterns, reason = "one family makes no other pair")]
                    _ => panic!("a state of another family"),
                }
            }

            fn laid_out_for_decoding(self) -> Self {
                match self {
                    $( Self::$family(model) => Self::$family(model.laid_out_for_decoding()), )+
                }
            }
        }
    };
}

macro_rules! encoder_decoders {
    ($( $(#[$doc:meta])* $family:ident = $module:ident::{$config:ident, $model:ident}; )+) => {
        impl EncoderDecoder for Model {
            fn forward(
                &self,
                src_tokens: Tokens,
                prev_output_tokens: Tokens,
                dropout: &Dropout,
            ) -> Tensor<3> {
                match self {
                    $( Self::$family(model) => model.forward(src_tokens, prev_output_tokens, dropout), )+
                }
            }

            fn backward_recomputing<T>(
                &self,
                src_tokens: Tokens,
                prev_output_tokens: Tokens,
                dropout: &Dropout,
                loss: impl FnOnce(Tensor<3>) -> (Tensor<1>, T),
                add: &mut dyn FnMut(GradientsParams),
            ) -> T {
                match self {
                    $(
                        Self::$family(model) => {
                            model.backward_recomputing(src_tokens, prev_output_tokens, dropout, loss, add)
                        }
                    )+
                }
            }

            fn forward_with_attention(&self, src: Tokens, prev: Tokens, dropout: &Dropout) -> (Tensor<3>, Tensor<3>) {
                match self {
                    $(
                        Self::$family(model) => {
                            model.forward_with_attention(src, prev, dropout)
                        }
                    )+
                }
            }

            fn attention_probabilities(&self, src: Tokens, prev: Tokens) -> AttentionProbabilities {
                match self {
                    $( Self::$family(model) => model.attention_probabilities(src, prev), )+
                }
            }

            fn start(&self, src_tokens: Tokens, dropout: Dropout, stepping: Stepping) -> ModelState {
                match self {
                    $(
                        Self::$family(model) => {
                            ModelState::$family(model.start(src_tokens, dropout, stepping))
                        }
                    )+
                }
            }

            fn vocab(&self) -> Vocab {
                match self {
                    $( Self::$family(model) => model.vocab(), )+
                }
            }

            fn max_positions(&self) -> (usize, usize) {
                match self {
                    $( Self::$family(model) => EncoderDecoder::max_positions(model), )+
                }
            }
        }
    };
}

macro_rules! decoders {
    ($( $(#[$doc:meta])* $family:ident = $module:ident::{$config:ident, $model:ident}; )+) => {
        impl DecoderOnly for LanguageModel {
            fn forward(&self, tokens: Tokens, dropout: &Dropout) -> Tensor<3> {
                match self {
                    $( Self::$family(model) => model.forward(tokens, dropout), )+
                }
            }

            fn start(&self, dropout: Dropout, stepping: Stepping) -> LanguageModelState {
                match self {
                    $( Self::$family(model) => LanguageModelState::$family(model.start(dropout, stepping)), )+
                }
            }

            fn prefills_unequal(&self, stepping: Stepping) -> bool {
                match self {
                    $( Self::$family(model) => model.prefills_unequal(stepping), )+
                }
            }

            fn prefill(&self, tokens: Tokens, rows: &[usize], lengths: &[usize], state: &mut LanguageModelState) {
                match (self, state) {
                    $(
                        (Self::$family(model), LanguageModelState::$family(state)) => {
                            model.prefill(tokens, rows, lengths, state);
                        }
                    )+
                    #[allow(unreachable_patterns, reason = "one family makes no other pair")]
                    _ => panic!("a state of another family"),
                }
            }

            fn vocab(&self) -> Vocab {
                match self {
                    $( Self::$family(model) => model.vocab(), )+
                }
            }

            fn max_positions(&self) -> usize {
                match self {
                    $( Self::$family(model) => DecoderOnly::max_positions(model), )+
                }
            }
        }
    };
}

macro_rules! encoders {
    ($( $(#[$doc:meta])* $family:ident = $module:ident::{$config:ident, $model:ident}; )+) => {
        impl Encoder for EncoderModel {
            fn encode(&self, input: EncoderInput, dropout: &Dropout) -> Tensor<3> {
                match self {
                    $( Self::$family(model) => model.encode(input, dropout), )+
                }
            }

            fn hidden_states(&self, input: EncoderInput) -> Vec<Tensor<3>> {
                match self {
                    $( Self::$family(model) => model.hidden_states(input), )+
                }
            }

            fn attention_probabilities(&self, input: EncoderInput) -> Vec<Tensor<4>> {
                match self {
                    $( Self::$family(model) => model.attention_probabilities(input), )+
                }
            }

            fn pool(&self, x: Tensor<3>) -> Option<Tensor<2>> {
                match self {
                    $( Self::$family(model) => model.pool(x), )+
                }
            }

            fn masked_lm(&self, x: Tensor<3>) -> Option<Tensor<3>> {
                match self {
                    $( Self::$family(model) => model.masked_lm(x), )+
                }
            }

            fn sentence_pair(&self, pooled: Tensor<2>, dropout: &Dropout) -> Option<Tensor<2>> {
                match self {
                    $( Self::$family(model) => model.sentence_pair(pooled, dropout), )+
                }
            }

            fn replaced_tokens(&self, x: Tensor<3>) -> Option<Tensor<2>> {
                match self {
                    $( Self::$family(model) => model.replaced_tokens(x), )+
                }
            }

            fn classify(&self, x: Tensor<3>, dropout: &Dropout) -> Option<Tensor<2>> {
                match self {
                    $( Self::$family(model) => model.classify(x, dropout), )+
                }
            }

            fn classify_tokens(&self, x: Tensor<3>, dropout: &Dropout) -> Option<Tensor<3>> {
                match self {
                    $( Self::$family(model) => model.classify_tokens(x, dropout), )+
                }
            }

            fn vocab(&self) -> Vocab {
                match self {
                    $( Self::$family(model) => model.vocab(), )+
                }
            }

            fn max_positions(&self) -> usize {
                match self {
                    $( Self::$family(model) => Encoder::max_positions(model), )+
                }
            }
        }
    };
}
