//! Translations of a part of the dataset, and attention maps.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use burnseq::decode::{TargetText, TranslationModel};
use burnseq_data::{BatchLimits, LanguagePairDataset, PairOptions};
use burnseq_generate::{AttentionMaps, attention_maps};
use burnseq_kernels::Compute;
use burnseq_report::plot::{AttentionGrid, AttentionMap};
use burnseq_report::stats::{
    Hypothesis, Translated, WordCounts, corpus_scores, f1_by_frequency, score_by_length,
};
use burnseq_report::{Absent, AttentionPart, Quality};
use burnseq_search::{Attention, Source};
use burnseq_text::Dictionary;

use super::args::ReportArgs;
use super::data::{Opened, one_line};
use super::runs::Loaded;
use crate::decoding::format::thousands;
use crate::exit::{coded, usage};
use crate::terminal;

/// Training sentences whose words are counted: frequencies of more change no bucket.
const MOST_COUNTED: usize = 200_000;
/// Longest sentence, in tokens, whose attention is shown unless it is asked for.
const SHORT: usize = 14;
/// Sentences whose attention is shown unless others are asked for.
const ATTENDED: usize = 3;
/// How an unknown word of a reference is written, so that it equals no `<unk>` of a translation.
const UNK_IN_REFERENCE: &str = "\u{2047}";

/// What translating a run gave.
#[derive(Default)]
pub(super) struct Translations {
    /// Translations and scores.
    pub quality: Option<Quality>,
    /// Attention maps.
    pub attention: Vec<AttentionPart>,
}

/// Translates for a run, the run number `number` of the report. `attended` are sentences whose attention is shown: those
/// that are given, or those that an earlier run chose. What is not possible goes to `absent`.
///
/// # Errors
/// Sentences, layers or heads that there are not.
pub(super) fn translate(
    args: &ReportArgs,
    (number, loaded): (usize, &Loaded),
    opened: &Opened,
    compute: &Compute,
    attended: &mut Option<Vec<usize>>,
    absent: &mut Vec<Absent>,
) -> Result<Translations> {
    let Some(checkpoint) = &loaded.translator else {
        return Ok(Translations::default());
    };
    let name = &loaded.run.name;
    let subset = args.gen_subset.as_ref().or(opened.valid.first());
    let mut missing = |part: &str, why: String| {
        absent.push(Absent {
            part: format!("{part} of {name}"),
            why,
        });
    };
    let Some(subset) = subset else {
        missing(
            "Translations",
            "the run does not validate; choose a part of the dataset with --gen-subset".to_owned(),
        );
        return Ok(Translations::default());
    };
    let model = TranslationModel::load(checkpoint.path(), compute)
        .and_then(|model| model.check_dictionaries(&opened.dir).map(|()| model));
    let model = match model {
        Ok(model) => model,
        Err(error) => {
            missing("Translations", one_line(&error.into()));
            return Ok(Translations::default());
        }
    };
    let pairs = match opened.dir.load(subset, false, PairOptions::default()) {
        Ok(pairs) => pairs,
        // A split that was asked for must be there.
        Err(error) if args.gen_subset.is_some() => return Err(coded(error)),
        Err(error) => {
            missing("Translations", one_line(&error.into()));
            return Ok(Translations::default());
        }
    };
    if let Some(wrong) = attended.iter().flatten().find(|&&id| id >= pairs.src().len()) {
        return Err(usage(anyhow!(
            "--attention {wrong}: {subset} has {} sentences, counted from 0",
            pairs.src().len()
        )));
    }
    let job = Job {
        args,
        model: &model,
        pairs: &pairs,
        source_text: TargetText::new(
            Arc::clone(&model.src_dict),
            model.src_text.clone(),
            args.marks.post_process(),
        ),
        target_text: TargetText::new(
            Arc::clone(&model.tgt_dict),
            model.tgt_text.clone(),
            args.marks.post_process(),
        ),
    };
    let spaced = job.spaced();
    let chosen = job.with_attended(&spaced, attended.as_deref().unwrap_or_default());
    if chosen.is_empty() {
        missing(
            "Translations",
            format!("no sentence of {subset} is asked for, or fits the model"),
        );
        return Ok(Translations::default());
    }
    let decoded = job.decode(&chosen)?;
    let mut found = Translations::default();
    if attended.is_none() {
        *attended = Some(job.short(&decoded));
    }
    found.attention = job.attention(
        number,
        name,
        &decoded,
        attended.as_deref().unwrap_or_default(),
        absent,
    )?;

    let scored: Vec<_> = decoded.iter().filter(|(id, _)| spaced.contains(id)).collect();
    if scored.is_empty() {
        return Ok(found);
    }
    if pairs.tgt().is_none() {
        absent.push(Absent {
            part: format!("Scores of {name}"),
            why: format!("{subset} has no {} side to compare with", opened.dir.tgt_lang()),
        });
        return Ok(found);
    }
    let translated: Vec<Translated> = scored
        .iter()
        .map(|(id, hypotheses)| job.translated(*id, hypotheses))
        .collect();
    let (counts, frequencies_of) = job.word_counts(opened, &translated);
    let all: Vec<&Translated> = translated.iter().collect();
    found.quality = Some(Quality {
        run: number,
        checkpoint: checkpoint
            .path()
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        what: format!(
            "{} of {} sentences of {subset}, beam {}",
            thousands(translated.len()),
            thousands(pairs.src().len()),
            args.beam
        ),
        scores: corpus_scores(&all)?,
        by_length: score_by_length(&translated)?,
        by_frequency: f1_by_frequency(&translated, &counts),
        frequencies_of,
        translated,
    });
    Ok(found)
}

/// A model and the sentences for it.
struct Job<'a> {
    args: &'a ReportArgs,
    model: &'a TranslationModel,
    pairs: &'a LanguagePairDataset,
    source_text: TargetText,
    target_text: TargetText,
}

/// Sentences after which the bar moves.
const CHUNK_SENTENCES: usize = 100;

/// Sentences by their numbers, and their hypotheses.
type Decoded = Vec<(usize, Vec<burnseq_search::Hypothesis>)>;

impl Job<'_> {
    /// Whether the source is not too long for the model.
    fn fits(&self, id: usize) -> bool {
        let (longest, _) = self.model.max_positions();
        self.pairs.src().size(id) <= longest
    }

    /// Sentences at equal distances, none of them too long.
    fn spaced(&self) -> Vec<usize> {
        let fitting: Vec<usize> = (0..self.pairs.src().len()).filter(|&id| self.fits(id)).collect();
        let wanted = self.args.num_sentences.min(fitting.len());
        (0..wanted)
            .map(|place| fitting[place * fitting.len() / wanted])
            .collect()
    }

    /// The sentences `spaced` and those whose attention is shown, in order.
    fn with_attended(&self, spaced: &[usize], attended: &[usize]) -> Vec<usize> {
        let attended = attended.iter().copied().filter(|&id| self.fits(id));
        let mut all: Vec<usize> = spaced.iter().copied().chain(attended).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn decode(&self, chosen: &[usize]) -> Result<Decoded> {
        let sources: Vec<Source> = chosen
            .iter()
            .map(|&id| Source::new(id as u64, self.pairs.source(id)))
            .collect();
        let limits = BatchLimits {
            max_tokens: Some(12_000),
            max_sentences: Some(128),
            ..BatchLimits::default()
        };
        let generator = self.args.generator().map_err(usage)?;
        let bar = terminal::bar("translating", sources.len() as u64, "sentences");
        let mut decoded = Decoded::new();
        for (number, part) in sources.chunks(CHUNK_SENTENCES).enumerate() {
            let first = number * CHUNK_SENTENCES;
            let translated = self
                .model
                .translate_sources(part, &generator, &limits)
                .map_err(coded)?;
            let of_part = translated.into_iter();
            decoded.extend(of_part.map(|one| (chosen[first + one.id], one.hypotheses)));
            bar.inc(part.len() as u64);
        }
        bar.finish_and_clear();
        Ok(decoded)
    }

    fn translated(&self, id: usize, hypotheses: &[burnseq_search::Hypothesis]) -> Translated {
        let unk = |dict: &Dictionary| dict.symbol(dict.unk()).to_owned();
        let (src_unk, tgt_unk) = (unk(&self.model.src_dict), unk(&self.model.tgt_dict));
        let target = self.pairs.tgt().map_or_else(Vec::new, |tgt| tgt.sentence(id));
        Translated {
            id,
            source: self.source_text.text(&self.pairs.source(id), src_unk.as_str()),
            reference: self.target_text.text(&target, UNK_IN_REFERENCE),
            hypotheses: hypotheses
                .iter()
                .map(|hypothesis| Hypothesis {
                    text: self.target_text.text(&hypothesis.tokens, tgt_unk.as_str()),
                    score: f64::from(hypothesis.score),
                })
                .collect(),
        }
    }

    /// How often words are in the training data, else in the references; and which of these it is.
    fn word_counts(&self, opened: &Opened, translated: &[Translated]) -> (WordCounts, String) {
        let mut counts = WordCounts::default();
        let train = opened.dir.load_train(&opened.train, 1, PairOptions::default());
        if let Ok(train) = train
            && let Some(tgt) = train.tgt()
        {
            let counted = tgt.len().min(MOST_COUNTED);
            for id in 0..counted {
                counts.add_line(&self.target_text.text(&tgt.sentence(id), UNK_IN_REFERENCE));
            }
            let first = if counted < tgt.len() { "first " } else { "" };
            return (
                counts,
                format!("the {first}{} training sentences", thousands(counted)),
            );
        }
        for one in translated {
            counts.add_line(&one.reference);
        }
        (counts, "the references".to_owned())
    }

    /// The first short sentences, else the shortest.
    fn short(&self, decoded: &Decoded) -> Vec<usize> {
        let length = |(id, hypotheses): &(usize, Vec<burnseq_search::Hypothesis>)| {
            let target = hypotheses.first().map_or(0, |best| best.tokens.len());
            self.pairs.src().size(*id).max(target)
        };
        let short = decoded.iter().filter(|one| length(one) <= SHORT);
        let mut chosen: Vec<usize> = short.take(ATTENDED).map(|(id, _)| *id).collect();
        if chosen.is_empty() {
            let shortest = decoded.iter().min_by_key(|one| length(one));
            chosen.extend(shortest.map(|(id, _)| *id));
        }
        chosen
    }

    fn attention(
        &self,
        number: usize,
        name: &str,
        decoded: &Decoded,
        attended: &[usize],
        absent: &mut Vec<Absent>,
    ) -> Result<Vec<AttentionPart>> {
        let mut parts = Vec::new();
        for &id in attended {
            let Some((_, hypotheses)) = decoded.iter().find(|(known, _)| *known == id) else {
                absent.push(Absent {
                    part: format!("Attention of {name} for sentence {id}"),
                    why: "the sentence is longer than the model takes".to_owned(),
                });
                continue;
            };
            let source = Source::new(id as u64, self.pairs.source(id));
            let tokens = &hypotheses[0].tokens;
            let model = &self.model.models[0]; // one path, one model
            let maps = attention_maps(model, &source, tokens, &self.model.device)?;
            if maps.is_empty() {
                absent.push(Absent {
                    part: format!("Attention of {name}"),
                    why: "the model has no attention".to_owned(),
                });
                return Ok(Vec::new());
            }
            if parts.is_empty() && (maps.encoder.is_empty() || maps.decoder.is_empty()) {
                absent.push(Absent {
                    part: format!("Self-attention of {name}"),
                    why: "the model attends to the source only".to_owned(),
                });
            }
            let one = self.translated(id, hypotheses);
            parts.push(AttentionPart {
                run: number,
                sentence: id,
                source: one.source.clone(),
                translation: one.text().to_owned(),
                grids: self.grids(number, id, &source.tokens, tokens, &maps)?,
            });
        }
        Ok(parts)
    }

    fn grids(
        &self,
        run: usize,
        id: usize,
        source: &[u32],
        target: &[u32],
        maps: &AttentionMaps,
    ) -> Result<Vec<AttentionGrid>> {
        let symbols = |ids: &[u32], dict: &Dictionary| -> Vec<String> {
            ids.iter().map(|&id| dict.symbol(id).to_owned()).collect()
        };
        let source = symbols(source, &self.model.src_dict);
        let target = symbols(target, &self.model.tgt_dict);
        // The decoder begins with the end of sentence, and never reads the last token.
        let mut before = target.clone();
        before.rotate_right(1);
        let kinds = [
            (
                "cross",
                "Cross-attention",
                "Which tokens of the source each token of the translation was made from.",
                (&target, "translation"),
                (&source, "source"),
                &maps.cross,
            ),
            (
                "encoder",
                "Self-attention of the encoder",
                "Which tokens of the source each of them looks at.",
                (&source, "source"),
                (&source, "source"),
                &maps.encoder,
            ),
            (
                "decoder",
                "Self-attention of the decoder",
                "Which tokens before it each token of the translation was predicted from; </s> begins the sentence.",
                (&target, "translation"),
                (&before, "tokens before"),
                &maps.decoder,
            ),
        ];
        let mut grids = Vec::new();
        for (kind, title, caption, (queries, query_label), (keys, key_label), layers) in kinds {
            if layers.is_empty() {
                continue;
            }
            grids.push(AttentionGrid {
                name: format!("attention-{}-{id}-{kind}", run + 1),
                title: title.to_owned(),
                caption: caption.to_owned(),
                query_label: query_label.to_owned(),
                key_label: key_label.to_owned(),
                queries: queries.clone(),
                keys: keys.clone(),
                maps: self.selected(layers)?,
            });
        }
        Ok(grids)
    }

    /// The layers and heads that are asked for.
    fn selected(&self, layers: &[Vec<Attention>]) -> Result<Vec<AttentionMap>> {
        let check = |flag: &str, wanted: &[usize], there: usize| match wanted
            .iter()
            .find(|&&number| number > there)
        {
            Some(number) => Err(usage(anyhow!(
                "{flag} {number}: the model has {there}\nhint: they are counted from 1"
            ))),
            None => Ok(()),
        };
        let heads = layers.iter().map(Vec::len).max().unwrap_or(0);
        check("--attention-layers", &self.args.attention_layers, layers.len())?;
        check("--attention-heads", &self.args.attention_heads, heads)?;
        let is_wanted = |wanted: &[usize], place: usize| wanted.is_empty() || wanted.contains(&(place + 1));
        let mut maps = Vec::new();
        for (layer, heads) in layers
            .iter()
            .enumerate()
            .filter(|(layer, _)| is_wanted(&self.args.attention_layers, *layer))
        {
            for (head, attention) in heads
                .iter()
                .enumerate()
                .filter(|(head, _)| is_wanted(&self.args.attention_heads, *head))
            {
                maps.push(AttentionMap {
                    label: format!("layer {}, head {}", layer + 1, head + 1),
                    rows: attention.rows().map(<[f32]>::to_vec).collect(),
                });
            }
        }
        Ok(maps)
    }
}
