//! Adjectives, with what they can be said of.

use super::Kinds;
use super::kind::*;

/// An adjective; German stem changes (`teuer`, `teure`) are in `german.rs`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Adjective {
    pub(crate) de: &'static str,
    pub(crate) en: &'static str,
    /// German and English comparative, both empty if it is not compared here.
    pub(crate) comparative: (&'static str, &'static str),
    pub(crate) kinds: Kinds,
}

const fn adjective(
    de: &'static str,
    en: &'static str,
    comparative: (&'static str, &'static str),
    kinds: Kinds,
) -> Adjective {
    Adjective {
        de,
        en,
        comparative,
        kinds,
    }
}

const OBJECTS: Kinds = THING | CLOTHES | FURNITURE | VEHICLE | DEVICE | OPENABLE;
const NOT_COMPARED: (&str, &str) = ("", "");

/// All adjectives.
#[rustfmt::skip]
pub(crate) const ADJECTIVES: &[Adjective] = &[
    adjective("alt", "old", ("älter", "older"), PERSON | ANIMAL | TEXT | OBJECTS | BUILDING),
    adjective("jung", "young", ("jünger", "younger"), PERSON | ANIMAL),
    adjective("müde", "tired", NOT_COMPARED, PERSON | ANIMAL),
    adjective("glücklich", "happy", ("glücklicher", "happier"), PERSON),
    adjective("freundlich", "friendly", ("freundlicher", "friendlier"), PERSON | ANIMAL),
    adjective("klug", "clever", ("klüger", "cleverer"), PERSON | ANIMAL),
    adjective("krank", "sick", NOT_COMPARED, PERSON | ANIMAL),
    adjective("stark", "strong", ("stärker", "stronger"), PERSON | ANIMAL),
    adjective("berühmt", "famous", ("berühmter", "more famous"), PERSON | BUILDING),
    adjective("reich", "rich", ("reicher", "richer"), PERSON),
    adjective("arm", "poor", ("ärmer", "poorer"), PERSON),
    adjective("traurig", "sad", ("trauriger", "sadder"), PERSON),
    adjective("nett", "nice", ("netter", "nicer"), PERSON),
    adjective("hungrig", "hungry", ("hungriger", "hungrier"), PERSON | ANIMAL),
    adjective("groß", "big", ("größer", "bigger"), ANIMAL | OBJECTS | SITE | FOOD),
    adjective("klein", "small", ("kleiner", "smaller"), ANIMAL | OBJECTS | SITE | FOOD),
    adjective("neu", "new", ("neuer", "newer"), TEXT | OBJECTS | BUILDING),
    adjective("teuer", "expensive", ("teurer", "more expensive"), OBJECTS),
    adjective("billig", "cheap", ("billiger", "cheaper"), OBJECTS),
    adjective("schön", "beautiful", ("schöner", "more beautiful"), OBJECTS | SITE | TEXT),
    adjective("schwer", "heavy", ("schwerer", "heavier"), THING | FURNITURE | DEVICE),
    adjective("rot", "red", NOT_COMPARED, OBJECTS),
    adjective("blau", "blue", NOT_COMPARED, OBJECTS),
    adjective("grün", "green", NOT_COMPARED, OBJECTS),
    adjective("schwarz", "black", NOT_COMPARED, CLOTHES | THING | ANIMAL),
    adjective("weiß", "white", NOT_COMPARED, CLOTHES | THING | ANIMAL),
    adjective("sauber", "clean", ("sauberer", "cleaner"), OBJECTS | ROOM),
    adjective("schmutzig", "dirty", ("schmutziger", "dirtier"), OBJECTS | ROOM),
    adjective("kaputt", "broken", NOT_COMPARED, DEVICE | VEHICLE | FURNITURE | OPENABLE),
    adjective("lang", "long", ("länger", "longer"), TEXT | CLOTHES),
    adjective("kurz", "short", ("kürzer", "shorter"), TEXT | CLOTHES),
    adjective("interessant", "interesting", ("interessanter", "more interesting"), TEXT | BUILDING),
    adjective("wichtig", "important", ("wichtiger", "more important"), TEXT),
    adjective("langweilig", "boring", ("langweiliger", "more boring"), TEXT),
    adjective("warm", "warm", ("wärmer", "warmer"), FOOD | DRINK | CLOTHES),
    adjective("kalt", "cold", ("kälter", "colder"), FOOD | DRINK),
    adjective("frisch", "fresh", ("frischer", "fresher"), FOOD),
    adjective("süß", "sweet", ("süßer", "sweeter"), FOOD | DRINK),
    adjective("bequem", "comfortable", ("bequemer", "more comfortable"), FURNITURE | CLOTHES),
    adjective("schnell", "fast", ("schneller", "faster"), VEHICLE | ANIMAL),
    adjective("langsam", "slow", ("langsamer", "slower"), VEHICLE | ANIMAL),
    adjective("dunkel", "dark", ("dunkler", "darker"), SITE),
    adjective("ruhig", "quiet", ("ruhiger", "quieter"), PERSON | SITE),
    adjective("leer", "empty", NOT_COMPARED, ROOM | BUILDING),
];
