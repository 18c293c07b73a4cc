//! References of a corpus: one or several per segment.

use crate::error::{Error, Result};
use crate::signature::ReferenceCount;

/// The references of each segment, borrowed from the caller. Every segment has at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct References<'a> {
    segments: Vec<Vec<&'a str>>,
}

impl<'a> References<'a> {
    /// References as sacreBLEU takes them: `streams[r][i]` is reference `r` of segment `i`.
    ///
    /// # Errors
    /// No stream, empty streams, or streams of different lengths.
    pub fn from_streams<T, S>(streams: &'a [T]) -> Result<Self>
    where
        T: AsRef<[S]>,
        S: AsRef<str> + 'a,
    {
        Self::collect(
            streams
                .iter()
                .map(|stream| stream.as_ref().iter().map(|line| Some(line.as_ref()))),
        )
    }

    /// As [`References::from_streams`], where `None` marks a reference that a segment does not have.
    ///
    /// # Errors
    /// No stream, empty streams, streams of different lengths, or a segment without any reference.
    pub fn from_optional_streams<T, S>(streams: &'a [T]) -> Result<Self>
    where
        T: AsRef<[Option<S>]>,
        S: AsRef<str> + 'a,
    {
        let line = |line: &'a Option<S>| line.as_ref().map(AsRef::as_ref);
        Self::collect(streams.iter().map(move |stream| stream.as_ref().iter().map(line)))
    }

    fn collect(
        streams: impl Iterator<Item = impl ExactSizeIterator<Item = Option<&'a str>>>,
    ) -> Result<Self> {
        let mut segments: Option<Vec<Vec<&'a str>>> = None;
        for (set, stream) in streams.enumerate() {
            let segments = segments.get_or_insert_with(|| vec![Vec::new(); stream.len()]);
            if stream.len() != segments.len() {
                return Err(Error::UnequalLines {
                    hypotheses: segments.len(),
                    references: stream.len(),
                    set: set + 1,
                });
            }
            for (segment, line) in segments.iter_mut().zip(stream) {
                segment.extend(line);
            }
        }
        let segments = segments.ok_or(Error::NoReferences)?;
        if segments.is_empty() {
            return Err(Error::EmptyCorpus);
        }
        match segments.iter().position(Vec::is_empty) {
            Some(index) => Err(Error::NoReference { line: index + 1 }),
            None => Ok(Self { segments }),
        }
    }

    /// The references of each segment.
    pub fn segments(&self) -> &[Vec<&'a str>] {
        &self.segments
    }

    /// How many references the segments have.
    pub fn count(&self) -> ReferenceCount {
        let first = self.segments[0].len();
        if self.segments.iter().all(|segment| segment.len() == first) {
            ReferenceCount::Fixed(first)
        } else {
            ReferenceCount::Variable
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_turned_into_segments() {
        let streams = [[Some("a"), Some("b")], [None, Some("c")]];
        let references = References::from_optional_streams(&streams).expect("aligned");
        assert_eq!(references.segments(), [vec!["a"], vec!["b", "c"]]);
        assert_eq!(references.count(), ReferenceCount::Variable);
    }

    #[test]
    fn misaligned_absent_and_empty_references_are_errors() {
        let uneven = [vec!["a", "b"], vec!["c"]];
        assert_eq!(
            References::from_streams(&uneven),
            Err(Error::UnequalLines {
                hypotheses: 2,
                references: 1,
                set: 2
            })
        );
        let absent = [vec![Some("a"), None]];
        assert_eq!(
            References::from_optional_streams(&absent),
            Err(Error::NoReference { line: 2 })
        );
        assert_eq!(
            References::from_streams::<Vec<&str>, _>(&[]),
            Err(Error::NoReferences)
        );
        assert_eq!(
            References::from_streams::<Vec<&str>, _>(&[vec![]]),
            Err(Error::EmptyCorpus)
        );
    }
}
