//! What Google's library takes for granted in a model.
//!
//! Where one of these rules does not hold, the library reads beyond its arrays, recurses until the stack is full, or throws
//! a C++ exception, which ends the process; or else it says no more than "internal error".

use std::collections::HashSet;

use super::charsmap;
use super::proto::{ModelProto, ModelType, Piece, PieceType, TrainerSpec};

/// Bytes of the longest piece: the library builds its tries by recursion. `spm_train` makes pieces of 512 characters
/// at most.
const LONGEST_PIECE: usize = 4096;
/// User-defined symbols that may fit at one place of a text: `kResultSize` of its `PrefixMatcher`.
const SYMBOLS_AT_ONE_PLACE: usize = 64;
/// Pieces that stand for bytes, where there are any.
const BYTES: usize = 256;

/// Makes sure that the library can load the model and segment any text with it.
///
/// # Errors
/// What is wrong with it.
pub(super) fn validate(proto: &ModelProto) -> Result<(), String> {
    if proto.pieces.is_empty() {
        return Err("it holds no pieces".to_owned());
    }
    // They come last: without this, a BPE model that is cut off would be taken for a unigram model.
    let trainer = proto
        .trainer_spec
        .as_ref()
        .ok_or("its `trainer_spec` is missing")?;
    let normalizer = proto.normalizer_spec.as_ref();
    let normalizer = normalizer.ok_or("its `normalizer_spec` is missing")?;

    let mut pieces = HashSet::with_capacity(proto.pieces.len());
    for (id, entry) in proto.pieces.iter().enumerate() {
        let wrong = |problem: String| format!("the piece with id {id}, {:?}, {problem}", entry.piece());
        check_piece(entry).map_err(wrong)?;
        if !pieces.insert(entry.piece()) {
            return Err(wrong("is not the only one of that name".to_owned()));
        }
    }
    check_kinds(&proto.pieces, trainer)?;
    check_symbols(&proto.pieces)?;
    match normalizer.precompiled_charsmap() {
        [] => Ok(()),
        charsmap => charsmap::validate(charsmap),
    }
}

fn check_piece(entry: &Piece) -> Result<(), String> {
    let piece = entry.piece();
    if piece.is_empty() {
        return Err("is empty".to_owned());
    }
    if piece.contains('\0') {
        return Err("holds a NUL character".to_owned());
    }
    if piece.len() > LONGEST_PIECE {
        return Err(format!("is longer than {LONGEST_PIECE} bytes"));
    }
    if !entry.score().is_finite() {
        return Err(format!(
            "has the score {}, which is not a finite number",
            entry.score()
        ));
    }
    match entry.r#type.map(PieceType::try_from) {
        Some(Err(_)) => Err(format!("is of an unknown kind, {}", entry.r#type.unwrap_or(0))),
        Some(Ok(PieceType::Byte)) if !is_byte(piece) => Err("does not stand for a byte".to_owned()),
        _ => Ok(()),
    }
}

/// Whether a piece is spelt as `<0x0A>`.
fn is_byte(piece: &str) -> bool {
    super::byte_of(piece).is_some_and(|byte| piece == format!("<0x{byte:02X}>"))
}

/// The kinds of pieces that a model of this type needs, and may have.
fn check_kinds(pieces: &[Piece], trainer: &TrainerSpec) -> Result<(), String> {
    if let Some(kind) = trainer
        .model_type
        .filter(|&kind| ModelType::try_from(kind).is_err())
    {
        return Err(format!("it is of an unknown kind, {kind}"));
    }
    let count = |kind| pieces.iter().filter(|entry| entry.r#type() == kind).count();
    match count(PieceType::Unknown) {
        1 => {}
        0 => return Err("it has no piece for what is unknown".to_owned()),
        several => return Err(format!("it has {several} pieces for what is unknown")),
    }
    let bytes = count(PieceType::Byte);
    let expected = if trainer.byte_fallback() { BYTES } else { 0 };
    if bytes != expected {
        return Err(format!(
            "it has {bytes} pieces for bytes, but its `byte_fallback` asks for {expected}"
        ));
    }
    let ordinary = [PieceType::Normal, PieceType::UserDefined, PieceType::Unused];
    if trainer.model_type() == ModelType::Unigram && ordinary.into_iter().all(|kind| count(kind) == 0) {
        return Err("it holds special pieces only".to_owned());
    }
    Ok(())
}

/// Not too many user-defined symbols begin alike.
fn check_symbols(pieces: &[Piece]) -> Result<(), String> {
    let symbols = pieces
        .iter()
        .filter(|entry| entry.r#type() == PieceType::UserDefined);
    let mut symbols: Vec<&str> = symbols.map(Piece::piece).collect();
    symbols.sort_unstable();
    // The symbols that the one at hand begins with; sorting puts them right before it.
    let mut prefixes: Vec<&str> = Vec::new();
    for symbol in symbols {
        while prefixes.last().is_some_and(|prefix| !symbol.starts_with(prefix)) {
            prefixes.pop();
        }
        prefixes.push(symbol);
        if prefixes.len() > SYMBOLS_AT_ONE_PLACE {
            return Err(format!(
                "{} of its user-defined symbols fit at one place, more than {SYMBOLS_AT_ONE_PLACE}",
                prefixes.len()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::proto::NormalizerSpec;
    use super::*;

    fn piece(text: &str, kind: PieceType) -> Piece {
        Piece {
            piece: Some(text.to_owned()),
            score: Some(-1.0),
            r#type: Some(kind.into()),
        }
    }

    /// `<unk>` and `a`, with a change.
    fn model(change: impl FnOnce(&mut ModelProto)) -> Result<(), String> {
        let mut proto = ModelProto {
            pieces: vec![piece("<unk>", PieceType::Unknown), piece("a", PieceType::Normal)],
            trainer_spec: Some(TrainerSpec::default()),
            normalizer_spec: Some(NormalizerSpec::default()),
            ..ModelProto::default()
        };
        change(&mut proto);
        validate(&proto)
    }

    #[track_caller]
    fn assert_refused(expected: &str, change: impl FnOnce(&mut ModelProto)) {
        let problem = model(change).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }

    #[test]
    fn parts_must_be_there() {
        model(|_| {}).unwrap();
        assert_refused("no pieces", |proto| proto.pieces.clear());
        assert_refused("`trainer_spec` is missing", |proto| proto.trainer_spec = None);
        assert_refused("`normalizer_spec` is missing", |proto| {
            proto.normalizer_spec = None;
        });
        assert_refused("no piece for what is unknown", |proto| {
            proto.pieces.remove(0);
        });
        assert_refused("special pieces only", |proto| proto.pieces.truncate(1));
    }

    #[test]
    fn pieces_are_texts_of_their_own() {
        let add = |text: &str, kind| {
            let piece = piece(text, kind);
            move |proto: &mut ModelProto| proto.pieces.push(piece)
        };
        assert_refused("id 2, \"\", is empty", add("", PieceType::Normal));
        assert_refused("NUL", add("b\0", PieceType::Normal));
        assert_refused("is not the only one", add("a", PieceType::Control));
        assert_refused("2 pieces for what is unknown", add("?", PieceType::Unknown));
        assert_refused("longer than 4096", add(&"b".repeat(4097), PieceType::Unused));
        model(add(&"b".repeat(4096), PieceType::Unused)).unwrap();
        for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_refused("not a finite number", |proto| proto.pieces[1].score = Some(score));
        }
    }

    #[test]
    fn kinds_must_be_known() {
        assert_refused("unknown kind, 7", |proto| proto.pieces[1].r#type = Some(7));
        assert_refused("it is of an unknown kind, 5", |proto| {
            proto.trainer_spec = Some(TrainerSpec {
                model_type: Some(5),
                ..TrainerSpec::default()
            });
        });
    }

    #[test]
    fn bytes_are_all_there_or_none() {
        let with = |fallback: bool, bytes: usize, spelling: fn(usize) -> String| {
            move |proto: &mut ModelProto| {
                proto.trainer_spec.as_mut().unwrap().byte_fallback = Some(fallback);
                let bytes = (0..bytes).map(|byte| piece(&spelling(byte), PieceType::Byte));
                proto.pieces.extend(bytes);
            }
        };
        let upper = |byte| format!("<0x{byte:02X}>");
        model(with(true, 256, upper)).unwrap();
        assert_refused("255 pieces for bytes", with(true, 255, upper));
        assert_refused("asks for 0", with(false, 256, upper));
        assert_refused(
            "does not stand for a byte",
            with(true, 256, |byte| format!("<0x{byte:02x}>")),
        );
    }

    #[test]
    fn symbols_that_begin_alike_are_counted() {
        let with = |symbols: usize| {
            move |proto: &mut ModelProto| {
                for length in 1..=symbols {
                    let text = "s".repeat(length);
                    proto.pieces.push(piece(&text, PieceType::UserDefined));
                    proto.pieces.push(piece(&(text + "t"), PieceType::UserDefined));
                }
            }
        };
        // `s`, `ss`, ..., and one of them with `t`.
        model(with(63)).unwrap();
        assert_refused("65 of its user-defined symbols", with(64));
    }
}
