//! A pickle of any content: an error, or objects that can be walked through.

#![no_main]

use burnseq_interchange::pickle::{self, View};
use libfuzzer_sys::fuzz_target;

/// Objects may contain themselves and each other, so only so many levels and objects are looked at.
const LEVELS: usize = 6;
const OBJECTS: usize = 1000;

fuzz_target!(|input: &[u8]| {
    if let Ok(graph) = pickle::read(input) {
        walk(graph.root(), LEVELS, &mut 0);
    }
});

fn walk(view: View<'_>, levels: usize, seen: &mut usize) {
    *seen += 1;
    assert!(!view.kind().is_empty());
    let (_, _, _, _) = (view.as_str(), view.as_usize(), view.as_f64(), view.persistent());
    if levels == 0 || *seen > OBJECTS {
        return;
    }
    for item in view.items().into_iter().flatten().take(8) {
        walk(item, levels - 1, seen);
    }
    for (key, value) in view.entries().into_iter().flatten().take(8) {
        walk(key, levels - 1, seen);
        walk(value, levels - 1, seen);
    }
}
