//! What the language and the encoding of the text ask for.

use anyhow::{Result, bail};
use burnseq_metrics::Tokenizer;

use super::args::ScoreArgs;

impl ScoreArgs {
    /// # Errors
    /// Another encoding than UTF-8.
    pub(super) fn check_encoding(&self) -> Result<()> {
        match &self.encoding {
            Some(name) if !matches!(&*name.to_ascii_lowercase(), "utf-8" | "utf8") => {
                bail!(
                    "--encoding {name} is not supported; all files are UTF-8\nhint: convert them first: `iconv -f {name} -t UTF-8 \
                 FILE`"
                )
            }
            _ => Ok(()),
        }
    }

    /// How lines become the tokens of BLEU.
    ///
    /// # Errors
    /// An unknown tokenizer, or a language whose tokenizer is not here.
    pub(super) fn tokenizer(&self) -> Result<Tokenizer> {
        let target = match self.language_pair.as_deref().map(|pair| pair.split_once('-')) {
            Some(None) => bail!("--language-pair takes two languages, such as `en-de`"),
            Some(Some((_, target))) => Some(target),
            None => None,
        };
        Ok(match (&self.tokenize, target) {
            (Some(name), _) => name.parse()?,
            (None, Some("zh")) => Tokenizer::Zh,
            (None, Some(target @ ("ja" | "ko"))) => bail!(
                "BLEU of `{target}` takes MeCab, which is not here\nhint: --tokenize char scores characters; --tokenize none \
                 scores the words of text that MeCab has split"
            ),
            (None, _) => Tokenizer::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::{args, problem};
    use super::super::request::{AnyMetric, Request};
    use super::*;

    #[test]
    fn the_language_chooses_the_tokenizer_of_bleu() {
        let tokenizer = |flags: &str| match args(flags).request().unwrap() {
            Request::Sacrebleu(request) => match &request.metrics[0] {
                AnyMetric::Bleu(bleu) => bleu.config().tokenizer,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        assert_eq!(tokenizer("ref -i a -l en-zh"), Tokenizer::Zh);
        assert_eq!(tokenizer("ref -i a -l en-zh -tok none"), Tokenizer::None);
        assert_eq!(tokenizer("ref -i a -l zh-en"), Tokenizer::default());
        assert_eq!(tokenizer("-l en-de ref -e UTF-8 -q"), Tokenizer::default());
        for (flags, expected) in [
            (
                "ref -i a -l en-ja",
                "BLEU of `ja` takes MeCab, which is not here\nhint: --tokenize char",
            ),
            ("ref -i a -l de", "--language-pair takes two languages"),
            (
                "-s a -r b -l en-de",
                "--language-pair goes with sacreBLEU's metrics",
            ),
            (
                "ref -i a -e latin1",
                "hint: convert them first: `iconv -f latin1 -t UTF-8 FILE`",
            ),
            ("ref1 ref2 -i a -nr 2", "hint: leave it out"),
            ("ref -i a -nr 0", "--num-refs must be at least 1"),
        ] {
            assert!(problem(flags).contains(expected), "{flags}: {}", problem(flags));
        }
        // A metric without words asks for none.
        args("ref -i a -l en-ja -m chrf").request().unwrap();
    }
}
