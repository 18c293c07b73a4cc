//! Pickles of protocol 2, which every Python since 2.3 reads.

use super::opcode::*;

/// A Python value to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// `None`
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Str(String),
    /// A list.
    List(Vec<Object>),
    /// A tuple.
    Tuple(Vec<Object>),
    /// A dictionary.
    Dict(Vec<(Object, Object)>),
    /// A class, by module and name.
    Global(&'static str, &'static str),
    /// What a function or class gives for these arguments.
    Call(&'static str, &'static str, Vec<Object>),
    /// A `collections.OrderedDict`.
    OrderedDict(Vec<(Object, Object)>),
    /// An `argparse.Namespace` with these attributes.
    Namespace(Vec<(Object, Object)>),
    /// A description of something outside of the pickle.
    Persistent(Box<Object>),
}

impl Object {
    /// A dictionary whose keys are text.
    pub fn dict<'a>(entries: impl IntoIterator<Item = (&'a str, Object)>) -> Self {
        Self::Dict(
            entries
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        )
    }
}

impl From<&str> for Object {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<bool> for Object {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Object {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<usize> for Object {
    fn from(value: usize) -> Self {
        Self::Int(i64::try_from(value).expect("sizes and counts fit 63 bits"))
    }
}

impl From<f64> for Object {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl<T: Into<Object>> From<Option<T>> for Object {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

impl From<serde_json::Value> for Object {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::None,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => match number.as_i64() {
                Some(number) => Self::Int(number),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Self::Str(text),
            Value::Array(items) => Self::List(items.into_iter().map(Into::into).collect()),
            Value::Object(entries) => Self::Dict(
                entries
                    .into_iter()
                    .map(|(key, value)| (Self::Str(key), value.into()))
                    .collect(),
            ),
        }
    }
}

/// The pickle of a value.
pub fn write(object: &Object) -> Vec<u8> {
    let mut out = vec![PROTO, 2];
    put(&mut out, object);
    out.push(STOP);
    out
}

fn put(out: &mut Vec<u8>, object: &Object) {
    match object {
        Object::None => out.push(NONE),
        Object::Bool(true) => out.push(NEWTRUE),
        Object::Bool(false) => out.push(NEWFALSE),
        Object::Int(value) => int(out, *value),
        Object::Float(value) => {
            out.push(BINFLOAT);
            out.extend(value.to_be_bytes());
        }
        Object::Str(text) => {
            out.push(BINUNICODE);
            let length = u32::try_from(text.len()).expect("texts in checkpoints are short");
            out.extend(length.to_le_bytes());
            out.extend(text.as_bytes());
        }
        Object::List(items) => {
            out.push(EMPTY_LIST);
            marked(out, items, APPENDS);
        }
        Object::Tuple(items) => match items.len() {
            0 => out.push(EMPTY_TUPLE),
            length @ 1..=3 => {
                items.iter().for_each(|item| put(out, item));
                out.push(TUPLE1 + length as u8 - 1);
            }
            _ => marked(out, items, TUPLE),
        },
        Object::Dict(entries) => {
            out.push(EMPTY_DICT);
            set_items(out, entries);
        }
        Object::Global(module, name) => global(out, module, name),
        Object::Call(module, name, args) => {
            global(out, module, name);
            put(out, &Object::Tuple(args.clone()));
            out.push(REDUCE);
        }
        Object::OrderedDict(entries) => {
            global(out, "collections", "OrderedDict");
            out.extend([EMPTY_TUPLE, REDUCE]);
            set_items(out, entries);
        }
        Object::Namespace(attributes) => {
            global(out, "argparse", "Namespace");
            out.extend([EMPTY_TUPLE, NEWOBJ, EMPTY_DICT]);
            set_items(out, attributes);
            out.push(BUILD);
        }
        Object::Persistent(description) => {
            put(out, description);
            out.push(BINPERSID);
        }
    }
}

fn int(out: &mut Vec<u8>, value: i64) {
    if let Ok(byte) = u8::try_from(value) {
        out.extend([BININT1, byte]);
    } else if let Ok(short) = i32::try_from(value) {
        out.push(BININT);
        out.extend(short.to_le_bytes());
    } else {
        out.extend([LONG1, 8]);
        out.extend(value.to_le_bytes());
    }
}

fn global(out: &mut Vec<u8>, module: &str, name: &str) {
    out.push(GLOBAL);
    out.extend(format!("{module}\n{name}\n").into_bytes());
}

fn marked(out: &mut Vec<u8>, items: &[Object], opcode: u8) {
    if items.is_empty() {
        return;
    }
    out.push(MARK);
    items.iter().for_each(|item| put(out, item));
    out.push(opcode);
}

fn set_items(out: &mut Vec<u8>, entries: &[(Object, Object)]) {
    if entries.is_empty() {
        return;
    }
    out.push(MARK);
    for (key, value) in entries {
        put(out, key);
        put(out, value);
    }
    out.push(SETITEMS);
}

#[cfg(test)]
mod tests {
    use super::super::{Node, read};
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let object = Object::dict([
            (
                "numbers",
                Object::List([0, 255, 256, -1, i64::MAX, i64::MIN].map(Object::Int).to_vec()),
            ),
            ("x", Object::Float(-0.1)),
            ("empty", Object::List(Vec::new())),
            ("tuple", Object::Tuple((0..5).map(Object::Int).collect())),
            ("none", Object::None),
            (
                "args",
                Object::Namespace(vec![("arch".into(), "transformer".into())]),
            ),
            ("ordered", Object::OrderedDict(vec![("k".into(), true.into())])),
        ]);
        let graph = read(&write(&object)).unwrap();
        let root = graph.root();
        let numbers: Vec<_> = root
            .get("numbers")
            .unwrap()
            .items()
            .unwrap()
            .map(|n| n.node().clone())
            .collect();
        let expected = [0, 255, 256, -1, i64::MAX, i64::MIN].map(|n| Node::Int(n.into()));
        assert_eq!(numbers, expected);
        assert_eq!(root.get("x").unwrap().as_f64(), Some(-0.1));
        assert_eq!(root.get("empty").unwrap().items().unwrap().len(), 0);
        assert_eq!(root.get("tuple").unwrap().items().unwrap().len(), 5);
        let (class, args, state) = root.get("args").unwrap().instance().unwrap();
        assert_eq!((class, args.len()), ("argparse.Namespace", 0));
        assert_eq!(state.unwrap().get("arch").unwrap().as_str(), Some("transformer"));
        assert_eq!(
            *root.get("ordered").unwrap().get("k").unwrap().node(),
            Node::Bool(true)
        );
    }

    #[test]
    fn the_bytes_are_those_of_python() {
        // pickletools.optimize(pickle.dumps({'a': [1, None]}, protocol=2)) of Python 3.11, but for a list's mark.
        let bytes = write(&Object::dict([(
            "a",
            Object::List(vec![Object::Int(1), Object::None]),
        )]));
        assert_eq!(bytes, b"\x80\x02}(X\x01\x00\x00\x00a](K\x01Neu.");
    }
}
