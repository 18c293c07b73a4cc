//! Verbs, with the forms that cannot be derived, what they take and who can do them.

use super::kind::*;
use super::{Case, Kinds};
use Case::{Accusative, Dative};

/// What a verb takes beside its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Nothing: `schlafen`.
    Intransitive,
    /// Nothing, but a reflexive pronoun in German: `sich ausruhen`.
    Reflexive,
    /// An object in the accusative: `kaufen`.
    Accusative,
    /// An object in the dative: `helfen`.
    Dative,
    /// A receiver in the dative and a thing in the accusative: `geben`.
    DativeAccusative,
    /// A prepositional object: `warten auf`.
    Prepositional(&'static str, Case),
    /// Somewhere to go: `fahren`.
    Direction,
    /// Somewhere to be: `wohnen`.
    Position,
    /// A thing and a surface in the accusative: `legen`.
    Put,
}

/// A verb.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verb {
    /// Infinitive, a separable prefix set off by a bar: `auf|stehen`.
    infinitive: &'static str,
    /// `er` form of the present, without prefix.
    pub(crate) present: &'static str,
    /// `er` form of the past, without prefix.
    pub(crate) past: &'static str,
    /// Past participle, without prefix.
    participle: &'static str,
    /// Perfect with `sein`.
    pub(crate) moves: bool,
    /// English: base form, then past and participle if irregular, then `-particle` or `+preposition`.
    en: &'static str,
    pub(crate) frame: Frame,
    pub(crate) subjects: Kinds,
    /// What the object (not the receiver) can be.
    pub(crate) objects: Kinds,
}

impl Verb {
    /// `auf` of `aufstehen`, otherwise empty.
    pub(crate) fn prefix(&self) -> &'static str {
        self.infinitive.split_once('|').map_or("", |(prefix, _)| prefix)
    }

    /// Infinitive without the separable prefix.
    pub(crate) fn base(&self) -> &'static str {
        self.infinitive
            .split_once('|')
            .map_or(self.infinitive, |(_, base)| base)
    }

    /// Infinitive in one word.
    pub(crate) fn infinitive(&self) -> String {
        format!("{}{}", self.prefix(), self.base())
    }

    /// Infinitive with `zu`, which separable verbs take inside.
    pub(crate) fn zu_infinitive(&self) -> String {
        match self.prefix() {
            "" => format!("zu {}", self.base()),
            prefix => format!("{prefix}zu{}", self.base()),
        }
    }

    /// Past participle in one word.
    pub(crate) fn participle(&self) -> String {
        format!("{}{}", self.prefix(), self.participle)
    }

    fn english_words(&self) -> impl Iterator<Item = &'static str> {
        self.en.split(' ').filter(|word| !word.starts_with(['-', '+']))
    }

    /// English base form.
    pub(crate) fn en_base(&self) -> &'static str {
        self.english_words()
            .next()
            .expect("every entry starts with the base form")
    }

    /// English past form, if irregular.
    pub(crate) fn en_past(&self) -> Option<&'static str> {
        self.english_words().nth(1)
    }

    /// English past participle, if irregular.
    pub(crate) fn en_participle(&self) -> Option<&'static str> {
        self.english_words().nth(2)
    }

    /// `up` of `pick up`: before the object, but after a pronoun.
    pub(crate) fn en_particle(&self) -> &'static str {
        self.english_mark('-')
    }

    /// `for` of `look for`: always before the object.
    pub(crate) fn en_preposition(&self) -> &'static str {
        self.english_mark('+')
    }

    fn english_mark(&self, mark: char) -> &'static str {
        self.en
            .split(' ')
            .find_map(|word| word.strip_prefix(mark))
            .unwrap_or("")
    }

    /// Verbs of knowing and owning have no English progressive form and no imperative.
    pub(crate) fn is_stative(&self) -> bool {
        const STATIVE: &[&str] = &[
            "brauchen", "kennen", "lieben", "sehen", "hören", "gehören", "haben", "wissen", "hoffen",
        ];
        STATIVE.contains(&self.infinitive)
    }

    /// Things that happen to one rather than being done: no imperative, no `gern`, no `vorsichtig`.
    pub(crate) fn is_involuntary(&self) -> bool {
        const INVOLUNTARY: &[&str] = &[
            "verlieren",
            "vergessen",
            "finden",
            "an|kommen",
            "ab|fahren",
            "ein|schlafen",
            "auf|wachen",
            "treffen",
        ];
        self.is_stative() || INVOLUNTARY.contains(&self.infinitive)
    }
}

const fn verb(
    de: [&'static str; 4],
    en: &'static str,
    frame: Frame,
    subjects: Kinds,
    objects: Kinds,
) -> Verb {
    let [infinitive, present, past, participle] = de;
    Verb {
        infinitive,
        present,
        past,
        participle,
        moves: false,
        en,
        frame,
        subjects,
        objects,
    }
}

/// A verb whose perfect takes `sein`.
const fn moving(de: [&'static str; 4], en: &'static str, frame: Frame, subjects: Kinds) -> Verb {
    Verb {
        moves: true,
        ..verb(de, en, frame, subjects, 0)
    }
}

const BEINGS: Kinds = PERSON | ANIMAL;

/// `haben` as a full verb.
pub(crate) const HAVE: Verb = verb(
    ["haben", "hat", "hatte", "gehabt"],
    "have had had",
    Frame::Accusative,
    PERSON,
    GOODS | ANIMAL | VEHICLE,
);
/// `sein`; its present is in `german.rs`.
pub(crate) const BE: Verb = Verb {
    moves: true,
    ..verb(
        ["sein", "ist", "war", "gewesen"],
        "be was been",
        Frame::Intransitive,
        BEINGS,
        0,
    )
};

/// All verbs that sentences choose from.
#[rustfmt::skip]
pub(crate) const VERBS: &[Verb] = &[
    // With an object in the accusative.
    verb(["kaufen", "kauft", "kaufte", "gekauft"], "buy bought bought", Frame::Accusative, PERSON, GOODS | VEHICLE),
    verb(["verkaufen", "verkauft", "verkaufte", "verkauft"], "sell sold sold", Frame::Accusative, PERSON, GOODS | VEHICLE),
    verb(["suchen", "sucht", "suchte", "gesucht"], "look +for", Frame::Accusative, BEINGS, PORTABLE | BEINGS | BUILDING),
    verb(["finden", "findet", "fand", "gefunden"], "find found found", Frame::Accusative, BEINGS, PORTABLE | BEINGS | BUILDING),
    verb(["sehen", "sieht", "sah", "gesehen"], "see saw seen", Frame::Accusative, BEINGS, BEINGS | BUILDING | VEHICLE | OUTDOORS),
    verb(["holen", "holt", "holte", "geholt"], "fetch", Frame::Accusative, PERSON, PORTABLE | FOOD | DRINK),
    verb(["brauchen", "braucht", "brauchte", "gebraucht"], "need", Frame::Accusative, PERSON, GOODS | VEHICLE),
    verb(["lesen", "liest", "las", "gelesen"], "read read read", Frame::Accusative, PERSON, TEXT),
    verb(["schreiben", "schreibt", "schrieb", "geschrieben"], "write wrote written", Frame::Accusative, PERSON, TEXT),
    verb(["übersetzen", "übersetzt", "übersetzte", "übersetzt"], "translate", Frame::Accusative, PERSON, TEXT),
    verb(["essen", "isst", "aß", "gegessen"], "eat ate eaten", Frame::Accusative, BEINGS, FOOD),
    verb(["trinken", "trinkt", "trank", "getrunken"], "drink drank drunk", Frame::Accusative, BEINGS, DRINK),
    verb(["tragen", "trägt", "trug", "getragen"], "wear wore worn", Frame::Accusative, PERSON, CLOTHES),
    verb(["waschen", "wäscht", "wusch", "gewaschen"], "wash", Frame::Accusative, PERSON, CLOTHES | VEHICLE),
    verb(["putzen", "putzt", "putzte", "geputzt"], "clean", Frame::Accusative, PERSON, ROOM | FURNITURE | VEHICLE),
    verb(["reparieren", "repariert", "reparierte", "repariert"], "repair", Frame::Accusative, PERSON, VEHICLE | DEVICE | FURNITURE),
    verb(["öffnen", "öffnet", "öffnete", "geöffnet"], "open", Frame::Accusative, PERSON, OPENABLE),
    verb(["schließen", "schließt", "schloss", "geschlossen"], "close", Frame::Accusative, PERSON, OPENABLE),
    verb(["bauen", "baut", "baute", "gebaut"], "build built built", Frame::Accusative, PERSON, BUILDING | VEHICLE | FURNITURE),
    verb(["malen", "malt", "malte", "gemalt"], "paint", Frame::Accusative, PERSON, BUILDING | ANIMAL | OUTDOORS),
    verb(["fotografieren", "fotografiert", "fotografierte", "fotografiert"], "photograph", Frame::Accusative, PERSON, BUILDING | BEINGS | OUTDOORS),
    verb(["verlieren", "verliert", "verlor", "verloren"], "lose lost lost", Frame::Accusative, PERSON, PORTABLE),
    verb(["vergessen", "vergisst", "vergaß", "vergessen"], "forget forgot forgotten", Frame::Accusative, PERSON, PORTABLE),
    verb(["kennen", "kennt", "kannte", "gekannt"], "know knew known", Frame::Accusative, PERSON, PERSON | TEXT | OUTDOORS),
    verb(["besuchen", "besucht", "besuchte", "besucht"], "visit", Frame::Accusative, PERSON, PERSON | BUILDING),
    verb(["treffen", "trifft", "traf", "getroffen"], "meet met met", Frame::Accusative, PERSON, PERSON),
    verb(["fragen", "fragt", "fragte", "gefragt"], "ask", Frame::Accusative, PERSON, PERSON),
    verb(["lieben", "liebt", "liebte", "geliebt"], "love", Frame::Accusative, PERSON, BEINGS | TEXT | OUTDOORS),
    verb(["hören", "hört", "hörte", "gehört"], "hear heard heard", Frame::Accusative, BEINGS, BEINGS | VEHICLE),
    verb(["füttern", "füttert", "fütterte", "gefüttert"], "feed fed fed", Frame::Accusative, PERSON, ANIMAL),
    verb(["fangen", "fängt", "fing", "gefangen"], "catch caught caught", Frame::Accusative, BEINGS, ANIMAL),
    verb(["bestellen", "bestellt", "bestellte", "bestellt"], "order", Frame::Accusative, PERSON, FOOD | DRINK),
    verb(["bezahlen", "bezahlt", "bezahlte", "bezahlt"], "pay paid paid +for", Frame::Accusative, PERSON, FOOD | CLOTHES | TEXT),
    verb(["kochen", "kocht", "kochte", "gekocht"], "cook", Frame::Accusative, PERSON, FOOD),
    verb(["zeichnen", "zeichnet", "zeichnete", "gezeichnet"], "draw drew drawn", Frame::Accusative, PERSON, BEINGS | BUILDING),
    // The same with a separable prefix.
    verb(["an|rufen", "ruft", "rief", "gerufen"], "call", Frame::Accusative, PERSON, PERSON),
    verb(["ein|laden", "lädt", "lud", "geladen"], "invite", Frame::Accusative, PERSON, PERSON),
    verb(["ab|holen", "holt", "holte", "geholt"], "pick -up", Frame::Accusative, PERSON, PERSON | PORTABLE),
    verb(["mit|bringen", "bringt", "brachte", "gebracht"], "bring brought brought -along", Frame::Accusative, PERSON, PORTABLE | FOOD | DRINK),
    verb(["ein|schalten", "schaltet", "schaltete", "geschaltet"], "turn -on", Frame::Accusative, PERSON, DEVICE),
    verb(["aus|schalten", "schaltet", "schaltete", "geschaltet"], "turn -off", Frame::Accusative, PERSON, DEVICE),
    verb(["an|ziehen", "zieht", "zog", "gezogen"], "put put put -on", Frame::Accusative, PERSON, CLOTHES),
    verb(["aus|ziehen", "zieht", "zog", "gezogen"], "take took taken -off", Frame::Accusative, PERSON, CLOTHES),
    verb(["auf|räumen", "räumt", "räumte", "geräumt"], "tidy -up", Frame::Accusative, PERSON, ROOM),
    verb(["weg|werfen", "wirft", "warf", "geworfen"], "throw threw thrown -away", Frame::Accusative, PERSON, PORTABLE),
    verb(["an|sehen", "sieht", "sah", "gesehen"], "watch", Frame::Accusative, BEINGS, BEINGS),
    verb(["vor|bereiten", "bereitet", "bereitete", "bereitet"], "prepare", Frame::Accusative, PERSON, FOOD | TEXT | ROOM),
    // Alone.
    verb(["schlafen", "schläft", "schlief", "geschlafen"], "sleep slept slept", Frame::Intransitive, BEINGS, 0),
    verb(["arbeiten", "arbeitet", "arbeitete", "gearbeitet"], "work", Frame::Intransitive, PERSON, 0),
    verb(["lachen", "lacht", "lachte", "gelacht"], "laugh", Frame::Intransitive, PERSON, 0),
    verb(["weinen", "weint", "weinte", "geweint"], "cry", Frame::Intransitive, PERSON, 0),
    verb(["tanzen", "tanzt", "tanzte", "getanzt"], "dance", Frame::Intransitive, PERSON, 0),
    verb(["singen", "singt", "sang", "gesungen"], "sing sang sung", Frame::Intransitive, PERSON, 0),
    verb(["spielen", "spielt", "spielte", "gespielt"], "play", Frame::Intransitive, BEINGS, 0),
    verb(["warten", "wartet", "wartete", "gewartet"], "wait", Frame::Intransitive, BEINGS, 0),
    moving(["auf|stehen", "steht", "stand", "gestanden"], "get got got -up", Frame::Intransitive, BEINGS),
    moving(["ein|schlafen", "schläft", "schlief", "geschlafen"], "fall fell fallen -asleep", Frame::Intransitive, BEINGS),
    moving(["auf|wachen", "wacht", "wachte", "gewacht"], "wake woke woken -up", Frame::Intransitive, BEINGS),
    moving(["an|kommen", "kommt", "kam", "gekommen"], "arrive", Frame::Intransitive, PERSON | TRANSPORT),
    moving(["ab|fahren", "fährt", "fuhr", "gefahren"], "depart", Frame::Intransitive, TRANSPORT),
    moving(["zurück|kommen", "kommt", "kam", "gekommen"], "come came come -back", Frame::Intransitive, PERSON),
    moving(["weg|laufen", "läuft", "lief", "gelaufen"], "run ran run -away", Frame::Intransitive, BEINGS),
    verb(["ein|kaufen", "kauft", "kaufte", "gekauft"], "shop", Frame::Intransitive, PERSON, 0),
    verb(["aus|ruhen", "ruht", "ruhte", "geruht"], "rest", Frame::Reflexive, BEINGS, 0),
    verb(["beeilen", "beeilt", "beeilte", "beeilt"], "hurry", Frame::Reflexive, PERSON, 0),
    verb(["verstecken", "versteckt", "versteckte", "versteckt"], "hide hid hidden", Frame::Reflexive, BEINGS, 0),
    // With an object in the dative.
    verb(["helfen", "hilft", "half", "geholfen"], "help", Frame::Dative, PERSON, PERSON),
    verb(["danken", "dankt", "dankte", "gedankt"], "thank", Frame::Dative, PERSON, PERSON),
    verb(["antworten", "antwortet", "antwortete", "geantwortet"], "answer", Frame::Dative, PERSON, PERSON),
    verb(["zu|hören", "hört", "hörte", "gehört"], "listen +to", Frame::Dative, PERSON, PERSON),
    Verb { objects: BEINGS, ..moving(["folgen", "folgt", "folgte", "gefolgt"], "follow", Frame::Dative, BEINGS) },
    // With a receiver.
    verb(["geben", "gibt", "gab", "gegeben"], "give gave given", Frame::DativeAccusative, PERSON, PORTABLE | FOOD | DRINK),
    verb(["zeigen", "zeigt", "zeigte", "gezeigt"], "show showed shown", Frame::DativeAccusative, PERSON, PORTABLE | BUILDING | ROOM),
    verb(["schicken", "schickt", "schickte", "geschickt"], "send sent sent", Frame::DativeAccusative, PERSON, TEXT | THING | CLOTHES),
    verb(["bringen", "bringt", "brachte", "gebracht"], "bring brought brought", Frame::DativeAccusative, PERSON, PORTABLE | FOOD | DRINK),
    verb(["leihen", "leiht", "lieh", "geliehen"], "lend lent lent", Frame::DativeAccusative, PERSON, PORTABLE | VEHICLE),
    verb(["erklären", "erklärt", "erklärte", "erklärt"], "explain", Frame::DativeAccusative, PERSON, TEXT | DEVICE),
    verb(["erzählen", "erzählt", "erzählte", "erzählt"], "tell told told", Frame::DativeAccusative, PERSON, TALE),
    verb(["empfehlen", "empfiehlt", "empfahl", "empfohlen"], "recommend", Frame::DativeAccusative, PERSON, TEXT | BUILDING | FOOD),
    verb(["an|bieten", "bietet", "bot", "geboten"], "offer", Frame::DativeAccusative, PERSON, FOOD | DRINK | THING),
    verb(["zurück|geben", "gibt", "gab", "gegeben"], "return", Frame::DativeAccusative, PERSON, PORTABLE),
    // With a preposition.
    verb(["warten", "wartet", "wartete", "gewartet"], "wait +for", Frame::Prepositional("auf", Accusative), PERSON, PERSON | TRANSPORT | TEXT),
    verb(["denken", "denkt", "dachte", "gedacht"], "think thought thought +of", Frame::Prepositional("an", Accusative), PERSON, BEINGS | OUTDOORS),
    verb(["sprechen", "spricht", "sprach", "gesprochen"], "speak spoke spoken +with", Frame::Prepositional("mit", Dative), PERSON, PERSON),
    verb(["spielen", "spielt", "spielte", "gespielt"], "play +with", Frame::Prepositional("mit", Dative), BEINGS, ANIMAL | PERSON),
    verb(["lachen", "lacht", "lachte", "gelacht"], "laugh +at", Frame::Prepositional("über", Accusative), PERSON, PERSON | TEXT),
    verb(["träumen", "träumt", "träumte", "geträumt"], "dream +of", Frame::Prepositional("von", Dative), PERSON, BEINGS | OUTDOORS | VEHICLE),
    // Motion, position, both.
    moving(["gehen", "geht", "ging", "gegangen"], "go went gone", Frame::Direction, PERSON),
    moving(["fahren", "fährt", "fuhr", "gefahren"], "travel", Frame::Direction, PERSON),
    moving(["laufen", "läuft", "lief", "gelaufen"], "walk", Frame::Direction, BEINGS),
    moving(["rennen", "rennt", "rannte", "gerannt"], "run ran run", Frame::Direction, BEINGS),
    moving(["kommen", "kommt", "kam", "gekommen"], "come came come", Frame::Direction, PERSON),
    verb(["wohnen", "wohnt", "wohnte", "gewohnt"], "live", Frame::Position, PERSON, 0),
    verb(["sitzen", "sitzt", "saß", "gesessen"], "sit sat sat", Frame::Position, BEINGS, 0),
    verb(["stehen", "steht", "stand", "gestanden"], "stand stood stood", Frame::Position, BEINGS | FURNITURE | VEHICLE, 0),
    verb(["liegen", "liegt", "lag", "gelegen"], "lie lay lain", Frame::Position, ANIMAL | PORTABLE, 0),
    moving(["bleiben", "bleibt", "blieb", "geblieben"], "stay", Frame::Position, PERSON),
    verb(["legen", "legt", "legte", "gelegt"], "lay laid laid", Frame::Put, PERSON, PORTABLE),
    verb(["stellen", "stellt", "stellte", "gestellt"], "put put put", Frame::Put, PERSON, THING | DEVICE),
];

/// Verbs that take a `dass` clause.
pub(crate) const SAYING: &[Verb] = &[
    verb(
        ["wissen", "weiß", "wusste", "gewusst"],
        "know knew known",
        Frame::Accusative,
        PERSON,
        0,
    ),
    verb(
        ["sagen", "sagt", "sagte", "gesagt"],
        "say said said",
        Frame::Accusative,
        PERSON,
        0,
    ),
    verb(
        ["glauben", "glaubt", "glaubte", "geglaubt"],
        "believe",
        Frame::Accusative,
        PERSON,
        0,
    ),
    verb(
        ["hoffen", "hofft", "hoffte", "gehofft"],
        "hope",
        Frame::Accusative,
        PERSON,
        0,
    ),
];

/// Verbs that take an infinitive with `zu`.
pub(crate) const TRYING: &[Verb] = &[
    verb(
        ["versuchen", "versucht", "versuchte", "versucht"],
        "try",
        Frame::Accusative,
        PERSON,
        0,
    ),
    verb(
        ["vergessen", "vergisst", "vergaß", "vergessen"],
        "forget forgot forgotten",
        Frame::Accusative,
        PERSON,
        0,
    ),
    verb(
        ["an|fangen", "fängt", "fing", "gefangen"],
        "begin began begun",
        Frame::Accusative,
        PERSON,
        0,
    ),
    verb(
        ["versprechen", "verspricht", "versprach", "versprochen"],
        "promise",
        Frame::Accusative,
        PERSON,
        0,
    ),
];
