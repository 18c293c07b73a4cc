//! Chooses words that go together and builds clauses from them.

use crate::clause::{Clause, Object, Order, Slot, Tense};
use crate::german;
use crate::lexicon::adjectives::{ADJECTIVES, Adjective};
use crate::lexicon::kind::*;
use crate::lexicon::nouns::{MODIFIERS, NOUNS, Name, Noun, is_held_out};
use crate::lexicon::verbs::{Frame, HAVE, VERBS, Verb};
use crate::lexicon::words::*;
use crate::lexicon::{Case, Gender, Kinds, Number, numbers};
use crate::noun_phrase::{Determiner, Group, NounPhrase, Phrase};
use crate::rng::Rng;

/// Source of random sentence parts.
#[derive(Debug, Clone)]
pub(crate) struct Sampler {
    pub(crate) rng: Rng,
    /// Compounds kept from training are allowed.
    pub(crate) held_out: bool,
}

/// Which relation the relative pronoun has in its clause.
#[derive(Debug, Clone, Copy)]
enum Gap {
    Subject,
    Accusative,
    Dative,
}

impl Sampler {
    // ---- noun phrases ----

    fn noun(&mut self, kinds: Kinds) -> &'static Noun {
        let nouns: Vec<&'static Noun> = NOUNS.iter().filter(|noun| noun.kinds & kinds != 0).collect();
        self.rng.one_of(&nouns)
    }

    /// A noun of one of the kinds, sometimes as head of a compound.
    fn name(&mut self, kinds: Kinds) -> Name {
        let noun = self.noun(kinds);
        let modifiers: Vec<_> = MODIFIERS
            .iter()
            .filter(|modifier| modifier.heads & noun.kinds != 0)
            .filter(|modifier| self.held_out || !is_held_out(modifier, noun))
            .collect();
        let modifier = (!modifiers.is_empty() && self.rng.chance(40)).then(|| *self.rng.pick(&modifiers));
        Name { modifier, noun }
    }

    fn adjective(&mut self, noun: &Noun) -> Option<&'static Adjective> {
        let fitting: Vec<_> = ADJECTIVES
            .iter()
            .filter(|adjective| adjective.kinds & noun.kinds != 0)
            .collect();
        (!fitting.is_empty()).then(|| self.rng.one_of(&fitting))
    }

    /// `mein`, `dein`, `sein`, `unser`, `euer`; never `ihr`, which English could render as her or their.
    fn free_possessive(&mut self) -> Determiner {
        let (stem, en) = PRONOUNS[self.rng.weighted(&[(4, 0), (3, 1), (2, 2), (3, 4), (1, 5)])].possessive;
        Determiner::Possessive(stem, en)
    }

    /// The subject's own: `der Mann ... seinen Hut`, `die Frau ... ihren Hut`.
    fn own(subject: &NounPhrase) -> Option<Determiner> {
        let pronoun = match (subject, subject.agreement().number, subject.gender()) {
            (NounPhrase::Pronoun(pronoun), ..) => pronoun,
            (_, Number::Plural, _) => &PRONOUNS[6],
            (_, _, Some(Gender::Masculine)) => &PRONOUNS[2],
            (_, _, Some(Gender::Feminine)) => &PRONOUNS[3],
            _ => return None,
        };
        Some(Determiner::Possessive(pronoun.possessive.0, pronoun.possessive.1))
    }

    fn first_name(&mut self) -> NounPhrase {
        let &(name, gender) = self.rng.pick(FIRST_NAMES);
        NounPhrase::First(name, gender)
    }

    fn any_name(&mut self) -> NounPhrase {
        match self.rng.below(10) {
            0..6 => self.first_name(),
            6..8 => {
                let first = self.rng.below(FIRST_NAMES.len());
                let other = (first + 1 + self.rng.below(FIRST_NAMES.len() - 1)) % FIRST_NAMES.len();
                NounPhrase::Both(FIRST_NAMES[first].0, FIRST_NAMES[other].0)
            }
            _ => {
                let gender = if self.rng.chance(50) {
                    Gender::Masculine
                } else {
                    Gender::Feminine
                };
                NounPhrase::Titled(self.rng.one_of(FAMILY_NAMES), gender)
            }
        }
    }

    /// A noun with article and perhaps an adjective. `owner` is the subject, for `sein` and `ihr`.
    pub(crate) fn group(&mut self, kinds: Kinds, owner: Option<&NounPhrase>) -> Group {
        let name = self.name(kinds);
        let is_mass = name.noun.kinds & MASS != 0;
        let plural = name.noun.kinds & (MASS | PARENT) == 0 && self.rng.chance(25);
        let number = if plural { Number::Plural } else { Number::Singular };
        let mut numeral = None;
        // `Peter sucht Peters Hut` would be odd.
        let named =
            owner.is_some_and(|owner| !matches!(owner, NounPhrase::Pronoun(_) | NounPhrase::Group(_)));
        let determiner = match (self.rng.below(100), name.noun.kinds) {
            (0..75, kinds) if kinds & KIN != 0 => self.possessive(owner),
            (75..90, kinds) if kinds & KIN != 0 && !named => Determiner::Of(self.first_name()),
            (0..50, _) if is_mass => Determiner::Bare,
            (0..15, _) if plural => {
                numeral = Some(self.count());
                Determiner::Bare
            }
            (15..22, _) if plural => Determiner::Bare,
            (22..30, _) if plural => Determiner::Many,
            (30..35, _) if plural && owner.is_none() => Determiner::All,
            (0..25, _) if !plural => Determiner::Indefinite,
            (25..29, _) if !plural && owner.is_none() => Determiner::Every,
            (66..73, _) => Determiner::This,
            (73..87, kinds) if kinds & (BUILDING | OUTDOORS) == 0 => self.possessive(owner),
            (87..90, kinds) if kinds & (THING | CLOTHES | VEHICLE | ROOM) != 0 && !named => {
                Determiner::Of(self.first_name())
            }
            (90..95, kinds) if kinds & (THING | CLOTHES | VEHICLE | ROOM | TEXT) != 0 => {
                let noun = self.noun(PERSON);
                let owner = Group {
                    determiner: Determiner::Definite,
                    numeral: None,
                    adjective: None,
                    name: Name { modifier: None, noun },
                    number: Number::Singular,
                    tail: None,
                };
                Determiner::Of(NounPhrase::Group(Box::new(owner)))
            }
            _ => Determiner::Definite,
        };
        let adjective = if self.rng.chance(30) {
            self.adjective(name.noun)
        } else {
            None
        };
        Group {
            determiner,
            numeral,
            adjective,
            name,
            number,
            tail: None,
        }
    }

    fn possessive(&mut self, owner: Option<&NounPhrase>) -> Determiner {
        match owner.and_then(Self::own) {
            Some(own) if self.rng.chance(60) => own,
            _ => self.free_possessive(),
        }
    }

    /// Mostly small, up to 99.
    pub(crate) fn count(&mut self) -> usize {
        if self.rng.chance(60) {
            2 + self.rng.below(11)
        } else {
            13 + self.rng.below(87)
        }
    }

    /// Somebody or something that acts.
    pub(crate) fn subject(&mut self, kinds: Kinds) -> NounPhrase {
        if kinds & PERSON != 0 {
            match self.rng.below(100) {
                0..36 => return NounPhrase::Pronoun(self.rng.pick(PRONOUNS)),
                36..48 => return self.any_name(),
                _ => {}
            }
        }
        let mut group = self.group(kinds, None);
        if matches!(group.determiner, Determiner::Indefinite) && self.rng.chance(15) {
            group.determiner = Determiner::No;
        }
        if matches!(group.determiner, Determiner::Definite) && group.name.noun.kinds & MASS == 0 {
            match self.rng.below(100) {
                0..6 => group.tail = Some(self.place()),
                6..12 => group.tail = Some(self.relative(&group)),
                _ => {}
            }
        }
        NounPhrase::Group(Box::new(group))
    }

    /// What the verb does something to.
    fn object(&mut self, kinds: Kinds, case: Case, subject: &NounPhrase) -> NounPhrase {
        if kinds & PERSON != 0 {
            match self.rng.below(100) {
                0..22 => {
                    let fitting: Vec<&'static Pronoun> = PRONOUNS
                        .iter()
                        .filter(|it| !it.de[case as usize].is_empty())
                        .filter(|it| {
                            it.agreement.person != subject.agreement().person || it.agreement.person == 3
                        })
                        .collect();
                    return NounPhrase::Pronoun(self.rng.one_of(&fitting));
                }
                22..32 => return self.any_name(),
                _ => {}
            }
        }
        NounPhrase::Group(Box::new(self.group(kinds, Some(subject))))
    }

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
        let verb = self.verb(|verb| match gap {
            Gap::Subject => verb.subjects & PERSON != 0 && is_simple(verb.frame),
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
            Gap::Accusative | Gap::Dative => self.short_subject(verb.subjects),
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

    /// A subject without anything that makes clauses nest.
    pub(crate) fn short_subject(&mut self, kinds: Kinds) -> NounPhrase {
        let mut subject = self.subject(kinds);
        if let NounPhrase::Group(group) = &mut subject {
            group.tail = None;
        }
        subject
    }

    // ---- places and times ----

    fn site(&mut self, noun: &'static Noun, preposition: &str, case: Case) -> Phrase {
        let determiner = if noun.kinds & ROOM != 0 && self.rng.chance(20) {
            self.free_possessive()
        } else {
            Determiner::Definite
        };
        let adjective = if self.rng.chance(15) {
            self.adjective(noun)
        } else {
            None
        };
        let name = Name { modifier: None, noun };
        let group = Group {
            determiner,
            numeral: None,
            adjective,
            name,
            number: Number::Singular,
            tail: None,
        };
        let phrase = NounPhrase::Group(Box::new(group)).phrase(case);
        Phrase::new(
            german::contract(&format!("{preposition} {}", phrase.de)),
            phrase.en,
        )
    }

    /// Where something is: dative.
    pub(crate) fn place(&mut self) -> Phrase {
        match self.rng.below(100) {
            0..12 => {
                let &(de, en) = self.rng.pick(CITIES);
                Phrase::new(format!("in {de}"), format!("in {en}"))
            }
            12..20 => Phrase::new("zu Hause", "at home"),
            20..45 => {
                let &(kinds, de, en) = self.rng.pick(&[
                    (FURNITURE, "neben", "next to"),
                    (BUILDING, "hinter", "behind"),
                    (BUILDING, "vor", "in front of"),
                    (SURFACE, "unter", "under"),
                ]);
                let noun = self.noun(kinds);
                let phrase = self.site(noun, de, Case::Dative);
                Phrase::new(phrase.de, format!("{en} {}", phrase.en))
            }
            _ => {
                let noun = self.noun(IN_IT | AT_IT | ON_IT);
                let (de, en) = match noun.kinds {
                    kinds if kinds & IN_IT != 0 => ("in", "in"),
                    kinds if kinds & AT_IT != 0 => ("an", "at"),
                    _ => ("auf", "on"),
                };
                let phrase = self.site(noun, de, Case::Dative);
                Phrase::new(phrase.de, format!("{en} {}", phrase.en))
            }
        }
    }

    /// Where someone goes: `in` with the accusative, `zu` with the dative, `nach` without article.
    fn direction(&mut self) -> Phrase {
        match self.rng.below(100) {
            0..20 => {
                let &(de, en) = self.rng.pick(CITIES);
                Phrase::new(format!("nach {de}"), format!("to {en}"))
            }
            20..35 => Phrase::new("nach Hause", "home"),
            _ => {
                let noun = self.noun(IN_IT | AT_IT | ON_IT);
                let inside = noun.kinds & IN_IT != 0 && noun.kinds & (ROOM | OUTDOORS) != 0;
                let (de, case, en) = if inside {
                    ("in", Case::Accusative, "into")
                } else {
                    ("zu", Case::Dative, "to")
                };
                let phrase = self.site(noun, de, case);
                Phrase::new(phrase.de, format!("{en} {}", phrase.en))
            }
        }
    }

    fn day(&mut self) -> Phrase {
        if self.rng.chance(65) {
            let &(de, en) = self.rng.pick(DAYS);
            Phrase::new(format!("am {de}"), format!("on {en}"))
        } else {
            let &(de, en) = self.rng.pick(SEASONS);
            Phrase::new(format!("im {de}"), format!("in {en}"))
        }
    }

    fn clock(&mut self) -> Phrase {
        let hour = 1 + self.rng.below(12);
        let de = if hour == 1 {
            "ein".to_owned()
        } else {
            numbers::german(hour)
        };
        Phrase::new(
            format!("um {de} Uhr"),
            format!("at {} o'clock", numbers::english(hour)),
        )
    }

    /// `vor`, `in` or `seit`, a number and a unit.
    fn span(&mut self, de: &str, en: (&str, &str)) -> Phrase {
        let count = 2 + self.rng.below(11);
        let &(unit_de, unit_en) = self.rng.pick(UNITS);
        let german = format!("{de} {} {unit_de}", numbers::german(count));
        let english = format!("{} {} {unit_en} {}", en.0, numbers::english(count), en.1);
        Phrase::new(german, english.trim())
    }

    /// When, fitting the tense.
    fn time(&mut self, tense: Tense) -> Phrase {
        match (tense, self.rng.below(10)) {
            (Tense::Since, _) => self.span("seit", ("for", "")),
            (Tense::Coming, 0..8) => Phrase::from(*self.rng.pick(TIMES_FUTURE)),
            (Tense::Coming, _) => self.span("in", ("in", "")),
            (Tense::Perfect | Tense::Past | Tense::Modal(_, true), 0..4) => {
                Phrase::from(*self.rng.pick(TIMES_PAST))
            }
            (Tense::Perfect | Tense::Past | Tense::Modal(_, true), 4..6) => self.span("vor", ("", "ago")),
            (Tense::Perfect | Tense::Past | Tense::Modal(_, true), 6) => {
                let year = 1990 + self.rng.below(30);
                Phrase::new(format!("im Jahr {year}"), format!("in {year}"))
            }
            (Tense::Present, 0..2) => Phrase::from(*self.rng.pick(TIMES_HABIT)),
            (Tense::Future | Tense::Modal(_, false), 0..3) => Phrase::from(*self.rng.pick(TIMES_FUTURE)),
            (_, 7) => self.clock(),
            (_, 8..) => self.day(),
            _ => Phrase::from(*self.rng.pick(TIMES_ANY)),
        }
    }

    // ---- verbs and clauses ----

    /// A verb that fits.
    pub(crate) fn verb(&mut self, fits: impl Fn(&Verb) -> bool) -> &'static Verb {
        let fitting: Vec<&'static Verb> = VERBS.iter().filter(|verb| fits(verb)).collect();
        self.rng.one_of(&fitting)
    }

    /// A tense that verb and subject allow.
    pub(crate) fn tense(&mut self, verb: &Verb, subject: &NounPhrase) -> Tense {
        let agreement = subject.agreement();
        if verb.infinitive() == HAVE.infinitive() {
            return self.rng.weighted(&[(7, Tense::Present), (3, Tense::Past)]);
        }
        let can_last = ["wohnen", "arbeiten", "warten"].contains(&verb.base());
        loop {
            let modal = self.rng.pick(MODALS);
            let tense = self.rng.weighted(&[
                (34, Tense::Present),
                (28, Tense::Perfect),
                (8, Tense::Past),
                (5, Tense::Future),
                (4, Tense::Coming),
                (5, Tense::Progressive),
                (4, Tense::Since),
                (12, Tense::Modal(modal, false)),
                (4, Tense::Modal(modal, true)),
            ]);
            let fits = match tense {
                // In the second person the past of full verbs is bookish.
                Tense::Past => agreement.person != 2,
                Tense::Progressive => !verb.is_involuntary() && verb.frame != Frame::Position,
                Tense::Since => can_last,
                Tense::Modal(modal, past) => {
                    let acts = !verb.is_involuntary() && verb.subjects & PERSON != 0;
                    (acts || modal.en == ModalEnglish::Can) && !(past && modal.past.is_empty())
                }
                _ => true,
            };
            if fits {
                return tense;
            }
        }
    }

    /// A clause with what the verb takes; `negated` is a wish that not every object allows.
    pub(crate) fn fill(
        &mut self,
        verb: &'static Verb,
        subject: &NounPhrase,
        tense: Tense,
        negated: bool,
    ) -> Clause {
        let phrase = Phrase::new(subject.german(Case::Nominative), subject.english(true));
        let mut clause = Clause::new(phrase, subject.agreement(), verb, tense);
        let mut negated = negated && allows_negation(subject, tense);
        match verb.frame {
            Frame::Intransitive => {}
            Frame::Reflexive => clause.reflexive = reflexive(subject),
            Frame::Accusative | Frame::DativeAccusative | Frame::Put => {
                if verb.frame == Frame::DativeAccusative {
                    clause.dative = Some(self.receiver(subject));
                }
                let mut object = self.object(verb.objects, Case::Accusative, subject);
                if let NounPhrase::Group(group) = &mut object {
                    let countless = group.numeral.is_some() || matches!(group.determiner, Determiner::Many);
                    let kein = matches!(group.determiner, Determiner::Indefinite | Determiner::Bare);
                    if negated && kein && !countless {
                        group.determiner = Determiner::NotAny;
                        clause.negative_object = true;
                    }
                    negated &= !kein && !countless;
                    if matches!(group.determiner, Determiner::Definite) && self.rng.chance(7) {
                        let simple = group.name.noun.kinds & MASS == 0 && verb.frame == Frame::Accusative;
                        group.tail = simple.then(|| self.relative(group));
                    }
                }
                clause.accusative = Some(as_object(&object, Case::Accusative));
                if verb.frame == Frame::Put {
                    let surface = self.noun(SURFACE);
                    let surface = self.site(surface, "auf", Case::Accusative);
                    clause.direction = Some(Phrase::new(surface.de, format!("on {}", surface.en)));
                }
            }
            Frame::Dative => clause.dative = Some(self.dative_object(verb.objects, subject)),
            Frame::Prepositional(preposition, case) => {
                let object = self.object(verb.objects, case, subject).phrase(case);
                let german = german::contract(&format!("{preposition} {}", object.de));
                clause.prepositional = Some(Phrase::new(german, object.en));
            }
            Frame::Direction => clause.direction = Some(self.direction()),
            Frame::Position => clause.place = Some(self.place()),
        }
        clause.negated = negated;
        if tense == Tense::Since || tense == Tense::Coming {
            clause.time = Some(self.time(tense));
        }
        clause
    }

    fn receiver(&mut self, subject: &NounPhrase) -> Object {
        self.dative_object(PERSON, subject)
    }

    fn dative_object(&mut self, kinds: Kinds, subject: &NounPhrase) -> Object {
        as_object(&self.object(kinds, Case::Dative, subject), Case::Dative)
    }

    /// Adds up to two of time, place, manner and frequency.
    pub(crate) fn decorate(&mut self, clause: &mut Clause) {
        let verb = clause.verb;
        let acts = !verb.is_involuntary() && verb.subjects & PERSON != 0;
        let negated = clause.negated || clause.negative_object;
        let mut room = 2;
        if verb.base() == "fahren" && verb.frame == Frame::Direction && self.rng.chance(45) {
            let vehicle = self.noun(TRANSPORT);
            let article = german::definite(Case::Dative, vehicle.gender, Number::Singular);
            clause.manner = Some(Phrase::new(
                format!("mit {article} {}", vehicle.de),
                format!("by {}", vehicle.en),
            ));
            room -= 1;
        }
        if clause.time.is_none() && self.rng.chance(40) && clause.tense != Tense::Progressive {
            clause.time = Some(self.time(clause.tense));
            room -= 1;
        }
        let is_habit = matches!(clause.tense, Tense::Present | Tense::Perfect | Tense::Past);
        if room > 0 && is_habit && !negated && clause.time.is_none() && self.rng.chance(16) {
            clause.frequency = Some(Phrase::from(*self.rng.pick(FREQUENCIES)));
            room -= 1;
        } else if clause.tense == Tense::Present
            && acts
            && self.rng.chance(8)
            && clause.verb.base() != "haben"
        {
            clause.gladly = true;
            room -= 1;
        }
        let can_be_somewhere = clause.place.is_none()
            && clause.direction.is_none()
            && !["verlieren", "vergessen", "kennen", "brauchen", "lieben", "haben"].contains(&verb.base());
        if room > 0 && can_be_somewhere && self.rng.chance(26) {
            clause.place = Some(self.place());
            room -= 1;
        }
        let has_manner = matches!(
            verb.frame,
            Frame::Intransitive | Frame::Accusative | Frame::Direction
        ) && acts;
        if room > 0 && has_manner && clause.manner.is_none() && self.rng.chance(14) {
            let acts = verb.frame != Frame::Intransitive && self.rng.chance(60);
            clause.manner = Some(Phrase::from(*self.rng.pick(if acts {
                MANNERS_OF_ACTION
            } else {
                MANNERS
            })));
        }
    }

    /// A whole clause around a given or any subject, the finite verb still movable.
    pub(crate) fn clause(&mut self, subject: Option<&NounPhrase>) -> Clause {
        let verb = if subject.is_none_or(|it| it.agreement().person == 3) && self.rng.chance(4) {
            &HAVE
        } else {
            self.verb(|verb| subject.is_none() || verb.subjects & PERSON != 0)
        };
        let subject = match subject {
            Some(subject) => subject.clone(),
            None => self.subject(verb.subjects),
        };
        let tense = self.tense(verb, &subject);
        let negated = self.rng.chance(14);
        let mut clause = self.fill(verb, &subject, tense, negated);
        self.decorate(&mut clause);
        clause
    }

    /// A clause in one of the tenses, with little besides what the verb takes.
    pub(crate) fn short_clause(&mut self, subject: &NounPhrase, tenses: &[Tense]) -> Clause {
        let second = subject.agreement().person == 2;
        let verb = self.verb(|verb| verb.subjects & PERSON != 0);
        let tense = loop {
            let tense = *self.rng.pick(tenses);
            if !(second && tense == Tense::Past) {
                break tense;
            }
        };
        let negated = self.rng.chance(10);
        let mut clause = self.fill(verb, subject, tense, negated);
        if clause.place.is_none() && clause.direction.is_none() && self.rng.chance(15) {
            clause.place = Some(self.place());
        }
        clause
    }
}

/// `mich`, `sich` and so on.
fn reflexive(subject: &NounPhrase) -> &'static str {
    match subject {
        NounPhrase::Pronoun(pronoun) => pronoun.reflexive,
        _ => "sich",
    }
}

fn as_object(phrase: &NounPhrase, case: Case) -> Object {
    Object {
        phrase: phrase.phrase(case),
        pronoun: phrase.is_pronoun(),
    }
}

/// `every`, `all` and `no` change their meaning under negation; two tenses do not take it.
fn allows_negation(subject: &NounPhrase, tense: Tense) -> bool {
    let quantified = match subject {
        NounPhrase::Group(group) => matches!(
            group.determiner,
            Determiner::Every | Determiner::All | Determiner::No
        ),
        _ => false,
    };
    !quantified && !matches!(tense, Tense::Progressive | Tense::Since)
}
