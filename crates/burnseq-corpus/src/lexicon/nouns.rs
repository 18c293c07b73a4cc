//! Nouns, and the first parts of compounds.

use super::kind::*;
use super::{Gender, Kinds};
use Gender::{Feminine as F, Masculine as M, Neuter as N};

/// A noun with the forms that cannot be derived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Noun {
    /// Nominative singular.
    pub(crate) de: &'static str,
    pub(crate) gender: Gender,
    /// Genitive singular; a masculine one in `-n` marks the weak declension (`den Jungen`).
    pub(crate) genitive: &'static str,
    /// Nominative plural, empty for mass nouns.
    pub(crate) plural: &'static str,
    /// English singular, or `singular/plural` where the plural is irregular.
    pub(crate) en: &'static str,
    pub(crate) kinds: Kinds,
}

const fn noun(
    de: &'static str,
    gender: Gender,
    genitive: &'static str,
    plural: &'static str,
    en: &'static str,
    kinds: Kinds,
) -> Noun {
    Noun {
        de,
        gender,
        genitive,
        plural,
        en,
        kinds,
    }
}

/// All nouns.
#[rustfmt::skip]
pub(crate) const NOUNS: &[Noun] = &[
    // People.
    noun("Mann", M, "Mannes", "Männer", "man/men", PERSON),
    noun("Frau", F, "Frau", "Frauen", "woman/women", PERSON),
    noun("Kind", N, "Kindes", "Kinder", "child/children", PERSON),
    noun("Junge", M, "Jungen", "Jungen", "boy", PERSON),
    noun("Mädchen", N, "Mädchens", "Mädchen", "girl", PERSON),
    noun("Lehrer", M, "Lehrers", "Lehrer", "teacher", PERSON),
    noun("Lehrerin", F, "Lehrerin", "Lehrerinnen", "teacher", PERSON),
    noun("Arzt", M, "Arztes", "Ärzte", "doctor", PERSON),
    noun("Ärztin", F, "Ärztin", "Ärztinnen", "doctor", PERSON),
    noun("Nachbar", M, "Nachbarn", "Nachbarn", "neighbour", PERSON),
    noun("Nachbarin", F, "Nachbarin", "Nachbarinnen", "neighbour", PERSON),
    noun("Student", M, "Studenten", "Studenten", "student", PERSON),
    noun("Studentin", F, "Studentin", "Studentinnen", "student", PERSON),
    noun("Freund", M, "Freundes", "Freunde", "friend", PERSON),
    noun("Freundin", F, "Freundin", "Freundinnen", "friend", PERSON),
    noun("Bäcker", M, "Bäckers", "Bäcker", "baker", PERSON),
    noun("Koch", M, "Kochs", "Köche", "cook", PERSON),
    noun("Maler", M, "Malers", "Maler", "painter", PERSON),
    noun("Bauer", M, "Bauern", "Bauern", "farmer", PERSON),
    noun("Polizist", M, "Polizisten", "Polizisten", "policeman/policemen", PERSON),
    noun("Kellner", M, "Kellners", "Kellner", "waiter", PERSON),
    noun("Kellnerin", F, "Kellnerin", "Kellnerinnen", "waitress", PERSON),
    noun("Gast", M, "Gastes", "Gäste", "guest", PERSON),
    noun("Sängerin", F, "Sängerin", "Sängerinnen", "singer", PERSON),
    noun("Tourist", M, "Touristen", "Touristen", "tourist", PERSON),
    noun("Köchin", F, "Köchin", "Köchinnen", "cook", PERSON),
    noun("Bruder", M, "Bruders", "Brüder", "brother", PERSON | KIN),
    noun("Schwester", F, "Schwester", "Schwestern", "sister", PERSON | KIN),
    noun("Vater", M, "Vaters", "Väter", "father", PERSON | KIN | PARENT),
    noun("Mutter", F, "Mutter", "Mütter", "mother", PERSON | KIN | PARENT),
    noun("Sohn", M, "Sohnes", "Söhne", "son", PERSON | KIN),
    noun("Tochter", F, "Tochter", "Töchter", "daughter", PERSON | KIN),
    noun("Onkel", M, "Onkels", "Onkel", "uncle", PERSON | KIN),
    noun("Tante", F, "Tante", "Tanten", "aunt", PERSON | KIN),
    noun("Großvater", M, "Großvaters", "Großväter", "grandfather", PERSON | KIN),
    noun("Großmutter", F, "Großmutter", "Großmütter", "grandmother", PERSON | KIN),
    // Animals.
    noun("Hund", M, "Hundes", "Hunde", "dog", ANIMAL),
    noun("Katze", F, "Katze", "Katzen", "cat", ANIMAL),
    noun("Pferd", N, "Pferdes", "Pferde", "horse", ANIMAL),
    noun("Vogel", M, "Vogels", "Vögel", "bird", ANIMAL),
    noun("Kuh", F, "Kuh", "Kühe", "cow", ANIMAL),
    noun("Maus", F, "Maus", "Mäuse", "mouse/mice", ANIMAL),
    noun("Schaf", N, "Schafes", "Schafe", "sheep/sheep", ANIMAL),
    noun("Hase", M, "Hasen", "Hasen", "hare", ANIMAL),
    noun("Ente", F, "Ente", "Enten", "duck", ANIMAL),
    noun("Affe", M, "Affen", "Affen", "monkey", ANIMAL),
    noun("Bär", M, "Bären", "Bären", "bear", ANIMAL),
    // Food and drink.
    noun("Apfel", M, "Apfels", "Äpfel", "apple", FOOD),
    noun("Birne", F, "Birne", "Birnen", "pear", FOOD),
    noun("Kuchen", M, "Kuchens", "Kuchen", "cake", FOOD),
    noun("Suppe", F, "Suppe", "Suppen", "soup", FOOD),
    noun("Kartoffel", F, "Kartoffel", "Kartoffeln", "potato", FOOD),
    noun("Ei", N, "Eies", "Eier", "egg", FOOD),
    noun("Brötchen", N, "Brötchens", "Brötchen", "roll", FOOD),
    noun("Tomate", F, "Tomate", "Tomaten", "tomato", FOOD),
    noun("Fisch", M, "Fisches", "Fische", "fish/fish", FOOD),
    noun("Brot", N, "Brotes", "", "bread", FOOD | MASS),
    noun("Käse", M, "Käses", "", "cheese", FOOD | MASS),
    noun("Reis", M, "Reises", "", "rice", FOOD | MASS),
    noun("Fleisch", N, "Fleisches", "", "meat", FOOD | MASS),
    noun("Wasser", N, "Wassers", "", "water", DRINK | MASS),
    noun("Milch", F, "Milch", "", "milk", DRINK | MASS),
    noun("Kaffee", M, "Kaffees", "", "coffee", DRINK | MASS),
    noun("Tee", M, "Tees", "", "tea", DRINK | MASS),
    noun("Saft", M, "Saftes", "", "juice", DRINK | MASS),
    // What one reads.
    noun("Buch", N, "Buches", "Bücher", "book", TEXT),
    noun("Brief", M, "Briefes", "Briefe", "letter", TEXT),
    noun("Zeitung", F, "Zeitung", "Zeitungen", "newspaper", TEXT),
    noun("Gedicht", N, "Gedichtes", "Gedichte", "poem", TEXT),
    noun("Bericht", M, "Berichtes", "Berichte", "report", TEXT),
    noun("Nachricht", F, "Nachricht", "Nachrichten", "message", TEXT),
    noun("Geschichte", F, "Geschichte", "Geschichten", "story", TEXT | TALE),
    noun("Märchen", N, "Märchens", "Märchen", "fairy tale", TEXT | TALE),
    // Things.
    noun("Schlüssel", M, "Schlüssels", "Schlüssel", "key", THING | OF_PLACE),
    noun("Tasche", F, "Tasche", "Taschen", "bag", THING | OF_CLOTH),
    noun("Uhr", F, "Uhr", "Uhren", "clock", THING | OF_PLACE),
    noun("Ball", M, "Balles", "Bälle", "ball", THING),
    noun("Messer", N, "Messers", "Messer", "knife/knives", THING | OF_MATERIAL),
    noun("Löffel", M, "Löffels", "Löffel", "spoon", THING | OF_MATERIAL),
    noun("Teller", M, "Tellers", "Teller", "plate", THING | OF_MATERIAL),
    noun("Flasche", F, "Flasche", "Flaschen", "bottle", THING | OPENABLE | OF_MATERIAL),
    noun("Tasse", F, "Tasse", "Tassen", "cup", THING),
    noun("Regenschirm", M, "Regenschirms", "Regenschirme", "umbrella", THING),
    noun("Bild", N, "Bildes", "Bilder", "picture", THING),
    noun("Geschenk", N, "Geschenks", "Geschenke", "gift", THING | OPENABLE),
    noun("Blume", F, "Blume", "Blumen", "flower", THING),
    noun("Koffer", M, "Koffers", "Koffer", "suitcase", THING | OPENABLE),
    noun("Korb", M, "Korbes", "Körbe", "basket", THING),
    noun("Kamera", F, "Kamera", "Kameras", "camera", THING),
    noun("Kiste", F, "Kiste", "Kisten", "box", THING | OPENABLE | OF_MATERIAL),
    noun("Kerze", F, "Kerze", "Kerzen", "candle", THING),
    noun("Spiegel", M, "Spiegels", "Spiegel", "mirror", THING | OF_PLACE),
    noun("Geld", N, "Geldes", "", "money", THING | MASS),
    // Clothes.
    noun("Mantel", M, "Mantels", "Mäntel", "coat", CLOTHES | OF_CLOTH),
    noun("Hut", M, "Hutes", "Hüte", "hat", CLOTHES | OF_CLOTH),
    noun("Hemd", N, "Hemdes", "Hemden", "shirt", CLOTHES | OF_CLOTH),
    noun("Kleid", N, "Kleides", "Kleider", "dress", CLOTHES | OF_CLOTH),
    noun("Jacke", F, "Jacke", "Jacken", "jacket", CLOTHES | OF_CLOTH),
    noun("Rock", M, "Rockes", "Röcke", "skirt", CLOTHES | OF_CLOTH),
    // Furniture and devices.
    noun("Tisch", M, "Tisches", "Tische", "table", FURNITURE | SURFACE | OF_PLACE | OF_MATERIAL),
    noun("Stuhl", M, "Stuhles", "Stühle", "chair", FURNITURE | SURFACE | OF_PLACE | OF_MATERIAL),
    noun("Bett", N, "Bettes", "Betten", "bed", FURNITURE | SURFACE),
    noun("Schrank", M, "Schrankes", "Schränke", "cupboard", FURNITURE | SURFACE | OPENABLE | OF_PLACE | OF_MATERIAL),
    noun("Sofa", N, "Sofas", "Sofas", "sofa", FURNITURE | SURFACE),
    noun("Regal", N, "Regals", "Regale", "shelf/shelves", FURNITURE | SURFACE | OF_PLACE | OF_MATERIAL),
    noun("Lampe", F, "Lampe", "Lampen", "lamp", DEVICE | OF_PLACE),
    noun("Radio", N, "Radios", "Radios", "radio/radios", DEVICE),
    noun("Computer", M, "Computers", "Computer", "computer", DEVICE),
    noun("Fernseher", M, "Fernsehers", "Fernseher", "television", DEVICE),
    noun("Maschine", F, "Maschine", "Maschinen", "machine", DEVICE),
    noun("Tür", F, "Tür", "Türen", "door", OPENABLE | OF_PLACE | OF_MATERIAL),
    noun("Fenster", N, "Fensters", "Fenster", "window", OPENABLE | OF_PLACE),
    // Vehicles.
    noun("Auto", N, "Autos", "Autos", "car", VEHICLE | TRANSPORT),
    noun("Fahrrad", N, "Fahrrads", "Fahrräder", "bicycle", VEHICLE | TRANSPORT),
    noun("Zug", M, "Zuges", "Züge", "train", VEHICLE | TRANSPORT),
    noun("Bus", M, "Busses", "Busse", "bus", VEHICLE | TRANSPORT),
    noun("Schiff", N, "Schiffes", "Schiffe", "ship", VEHICLE | TRANSPORT),
    noun("Boot", N, "Bootes", "Boote", "boat", VEHICLE | OF_MATERIAL),
    // Places.
    noun("Haus", N, "Hauses", "Häuser", "house", BUILDING | IN_IT | OF_STONE),
    noun("Schule", F, "Schule", "Schulen", "school", BUILDING | IN_IT),
    noun("Kirche", F, "Kirche", "Kirchen", "church", BUILDING | IN_IT),
    noun("Krankenhaus", N, "Krankenhauses", "Krankenhäuser", "hospital", BUILDING | IN_IT),
    noun("Museum", N, "Museums", "Museen", "museum", BUILDING | IN_IT),
    noun("Restaurant", N, "Restaurants", "Restaurants", "restaurant", BUILDING | IN_IT),
    noun("Hotel", N, "Hotels", "Hotels", "hotel", BUILDING | IN_IT),
    noun("Fabrik", F, "Fabrik", "Fabriken", "factory", BUILDING | IN_IT),
    noun("Schloss", N, "Schlosses", "Schlösser", "castle", BUILDING | IN_IT),
    noun("Bibliothek", F, "Bibliothek", "Bibliotheken", "library", BUILDING | IN_IT),
    noun("Laden", M, "Ladens", "Läden", "shop", BUILDING | IN_IT),
    noun("Bahnhof", M, "Bahnhofs", "Bahnhöfe", "station", BUILDING | AT_IT),
    noun("Brücke", F, "Brücke", "Brücken", "bridge", BUILDING | ON_IT | OF_STONE),
    noun("Küche", F, "Küche", "Küchen", "kitchen", ROOM | IN_IT),
    noun("Zimmer", N, "Zimmers", "Zimmer", "room", ROOM | IN_IT),
    noun("Büro", N, "Büros", "Büros", "office", ROOM | IN_IT),
    noun("Keller", M, "Kellers", "Keller", "cellar", ROOM | IN_IT),
    noun("Wohnung", F, "Wohnung", "Wohnungen", "apartment", ROOM | IN_IT),
    noun("Garten", M, "Gartens", "Gärten", "garden", ROOM | IN_IT),
    noun("Stadt", F, "Stadt", "Städte", "city", OUTDOORS | IN_IT),
    noun("Dorf", N, "Dorfes", "Dörfer", "village", OUTDOORS | IN_IT),
    noun("Park", M, "Parks", "Parks", "park", OUTDOORS | IN_IT),
    noun("Wald", M, "Waldes", "Wälder", "forest", OUTDOORS | IN_IT),
    noun("Strand", M, "Strandes", "Strände", "beach", OUTDOORS | AT_IT),
    noun("See", M, "Sees", "Seen", "lake", OUTDOORS | AT_IT),
    noun("Fluss", M, "Flusses", "Flüsse", "river", OUTDOORS | AT_IT),
    noun("Straße", F, "Straße", "Straßen", "street", OUTDOORS | ON_IT),
    noun("Insel", F, "Insel", "Inseln", "island", OUTDOORS | ON_IT),
    noun("Platz", M, "Platzes", "Plätze", "square", OUTDOORS | ON_IT),
];

/// The first part of a compound, and which heads it joins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Modifier {
    /// With its linking sound: `Museums`, `Küchen`.
    pub(crate) de: &'static str,
    pub(crate) en: &'static str,
    pub(crate) heads: Kinds,
}

const fn modifier(de: &'static str, en: &'static str, heads: Kinds) -> Modifier {
    Modifier { de, en, heads }
}

/// All first parts of compounds.
pub(crate) const MODIFIERS: &[Modifier] = &[
    modifier("Küchen", "kitchen", OF_PLACE),
    modifier("Garten", "garden", OF_PLACE),
    modifier("Keller", "cellar", OF_PLACE),
    modifier("Schul", "school", OF_PLACE),
    modifier("Büro", "office", OF_PLACE),
    modifier("Hotel", "hotel", OF_PLACE),
    modifier("Kirchen", "church", OF_PLACE),
    modifier("Museums", "museum", OF_PLACE),
    modifier("Schlafzimmer", "bedroom", OF_PLACE),
    modifier("Winter", "winter", OF_CLOTH),
    modifier("Sommer", "summer", OF_CLOTH),
    modifier("Leder", "leather", OF_CLOTH),
    modifier("Seiden", "silk", OF_CLOTH),
    modifier("Woll", "woollen", OF_CLOTH),
    modifier("Arbeits", "work", OF_CLOTH),
    modifier("Holz", "wooden", OF_MATERIAL | OF_STONE),
    modifier("Metall", "metal", OF_MATERIAL),
    modifier("Stein", "stone", OF_MATERIAL | OF_STONE),
    modifier("Plastik", "plastic", OF_MATERIAL),
    modifier("Silber", "silver", OF_MATERIAL),
];

/// A noun, alone or as head of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) modifier: Option<&'static Modifier>,
    pub(crate) noun: &'static Noun,
}

/// Compounds that only validation and test may use: about one in six, spread over heads and first parts, so that
/// a model meets words there whose parts alone it knows.
pub(crate) fn is_held_out(modifier: &Modifier, head: &Noun) -> bool {
    let position = |found: Option<usize>| found.expect("modifier and head come from the tables");
    let first = position(MODIFIERS.iter().position(|entry| entry == modifier));
    let second = position(NOUNS.iter().position(|entry| entry == head));
    (first * 5 + second * 7) % 6 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compound_part_stays_in_training() {
        for modifier in MODIFIERS {
            let heads: Vec<_> = NOUNS
                .iter()
                .filter(|noun| noun.kinds & modifier.heads != 0)
                .collect();
            assert!(heads.len() >= 6, "{} has few heads", modifier.de);
            let held_out = heads.iter().filter(|head| is_held_out(modifier, head)).count();
            assert!(
                held_out * 2 < heads.len(),
                "{} is held out too often",
                modifier.de
            );
        }
        let pairs = MODIFIERS.iter().flat_map(|modifier| {
            NOUNS
                .iter()
                .filter(|noun| noun.kinds & modifier.heads != 0)
                .map(move |noun| is_held_out(modifier, noun))
        });
        let (held_out, all) = pairs.fold((0, 0), |(held_out, all), it| {
            (held_out + usize::from(it), all + 1)
        });
        assert!(held_out * 10 > all && held_out * 4 < all, "{held_out} of {all}");
    }

    #[test]
    fn lemmas_are_distinct() {
        for (position, noun) in NOUNS.iter().enumerate() {
            assert!(
                NOUNS[..position].iter().all(|other| other.de != noun.de),
                "{} twice",
                noun.de
            );
        }
    }
}
