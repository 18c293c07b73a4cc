//! Relative clauses: a clause around a gap that a noun fills.

use super::Sampler;
use crate::clause::{Object, Order, Slot};
use crate::german;
use crate::lexicon::kind::{ANIMAL, PERSON};
use crate::lexicon::verbs::Frame;
use crate::lexicon::{Agreement, Case, Gender, Kinds, Number};
use crate::noun_phrase::{Determiner, Group, NounPhrase, Phrase};

/// Which relation the relative pronoun has in its clause.
#[derive(Debug, Clone, Copy)]
enum Gap {
    Subject,
    Accusative,
    Dative,
}

/// Who can see and be seen.
const BEINGS: Kinds = PERSON | ANIMAL;

impl Sampler {
    /// `, der das Auto repariert,`: a clause around a gap that the noun fills.
    pub(crate) fn relative(&mut self, head: &Group) -> Phrase {
        let noun = head.name.noun;
        let is_person = noun.kinds & PERSON != 0;
        let gap = match self.rng.below(10) {
            0..5 if is_person => Gap::Subject,
            5..7 if is_person => Gap::Dative,
            _ => Gap::Accusative,
        };
        let is_simple = |frame: Frame| {
            matches!(
                frame,
                Frame::Intransitive | Frame::Accusative | Frame::Direction | Frame::Position
            )
        };
        // `die Frau, die das Kind sieht`: who sees whom must show in a case, in the number of the verb or in the sense.
        let is_alive = noun.kinds & BEINGS != 0;
        let shows_case = noun.gender == Gender::Masculine && head.number == Number::Singular;
        let verb = self.verb(|verb| match gap {
            Gap::Subject => {
                let object_could_act = verb.frame == Frame::Accusative && verb.objects & BEINGS != 0;
                verb.subjects & PERSON != 0 && is_simple(verb.frame) && (shows_case || !object_could_act)
            }
            Gap::Dative => verb.frame == Frame::Dative,
            Gap::Accusative => verb.frame == Frame::Accusative && verb.objects & noun.kinds != 0,
        });
        let case = match gap {
            Gap::Subject => Case::Nominative,
            Gap::Accusative => Case::Accusative,
            Gap::Dative => Case::Dative,
        };
        let english = if is_person { "who" } else { "that" };
        let pronoun = Phrase::new(german::relative(case, noun.gender, head.number), english);
        let itself = NounPhrase::Group(Box::new(Group {
            tail: None,
            ..head.clone()
        }));
        let subject = match gap {
            Gap::Subject => itself,
            Gap::Dative => self.short_subject(verb.subjects),
            Gap::Accusative => loop {
                let subject = self.short_subject(verb.subjects);
                let differs = subject.agreement() != Agreement::third(head.number);
                if !is_alive || shows_case || differs || is_visibly_nominative(&subject) {
                    break subject;
                }
            },
        };
        let tense = self.tense(verb, &subject);
        let mut clause = self.fill(verb, &subject, tense, false);
        match gap {
            Gap::Subject => clause.subject = pronoun,
            Gap::Accusative => {
                clause.accusative = Some(Object {
                    phrase: pronoun,
                    pronoun: false,
                });
                clause.front = Slot::Accusative;
            }
            Gap::Dative => {
                clause.dative = Some(Object {
                    phrase: pronoun,
                    pronoun: false,
                });
                clause.front = Slot::Dative;
            }
        }
        clause.extracted = true;
        Phrase::new(
            format!(", {} ,", clause.german(Order::Last)),
            clause.english(false),
        )
    }
}

/// Could not be an object as well: `er`, `der Mann`, `Herr Weber`; not `sie`, `die Frau`, `Anna`.
fn is_visibly_nominative(subject: &NounPhrase) -> bool {
    match subject {
        NounPhrase::Pronoun(pronoun) => pronoun.de[0] != "sie",
        NounPhrase::Titled(_, gender) => *gender == Gender::Masculine,
        NounPhrase::Group(group) => {
            let names_owner = matches!(group.determiner, Determiner::Of(NounPhrase::First(..)));
            subject.gender() == Some(Gender::Masculine) && (!names_owner || group.adjective.is_some())
        }
        NounPhrase::First(..) | NounPhrase::Both(..) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::nouns::{NOUNS, Name};
    use crate::rng::Rng;

    #[test]
    fn only_masculines_and_clear_pronouns_show_their_case() {
        let group = |noun: &str, determiner| {
            let noun = NOUNS.iter().find(|entry| entry.de == noun).expect("a known noun");
            let name = Name { modifier: None, noun };
            let number = Number::Singular;
            NounPhrase::Group(Box::new(Group {
                determiner,
                numeral: None,
                adjective: None,
                name,
                number,
                tail: None,
            }))
        };
        assert!(is_visibly_nominative(&group("Arzt", Determiner::Definite)));
        assert!(!is_visibly_nominative(&group("Frau", Determiner::Definite)));
        let anna = NounPhrase::First("Anna", Gender::Feminine);
        assert!(!is_visibly_nominative(&anna));
        assert!(!is_visibly_nominative(&group("Bruder", Determiner::Of(anna)))); // `Annas Bruder` in both cases
        assert!(is_visibly_nominative(&NounPhrase::Titled(
            "Weber",
            Gender::Masculine
        )));
    }

    #[test]
    fn a_woman_in_a_relative_clause_is_told_from_another() {
        let noun = NOUNS
            .iter()
            .find(|entry| entry.de == "Frau")
            .expect("a known noun");
        let head = Group::definite(noun);
        let mut sampler = Sampler {
            rng: Rng::new(3),
            held_out: false,
        };
        for _ in 0..2000 {
            let phrase = sampler.relative(&head);
            let verb_sees = [" sieht ,", " fragt ,", " kennt ,", " besucht ,"]
                .iter()
                .any(|end| phrase.de.ends_with(end));
            assert!(!(verb_sees && phrase.de.starts_with(", die die ")), "{phrase:?}");
        }
    }
}
