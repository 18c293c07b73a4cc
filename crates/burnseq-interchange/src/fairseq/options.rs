//! The options a model was trained with: `args`, a flat namespace, until 0.9; `cfg`, by section, since 0.10.

use serde_json::{Map, Number, Value};

use crate::pickle::{Node, View};

/// Deepest nesting of options that is read.
const MAX_DEPTH: usize = 16;
/// Most values of the options.
const MAX_VALUES: usize = 100_000;

/// Options by name, as JSON; what is not plain data is the name of its class.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    root: Map<String, Value>,
    by_section: bool,
}

impl Options {
    /// Options without sections, as in `args`.
    pub fn flat(options: Map<String, Value>) -> Self {
        Self {
            root: options,
            by_section: false,
        }
    }

    /// Options by section, as in `cfg`; a text of the form `${section.name}` stands for that option.
    pub fn by_section(sections: Map<String, Value>) -> Self {
        let whole = Value::Object(sections);
        let mut resolved = whole.clone();
        resolve(&mut resolved, &whole, MAX_DEPTH);
        let Value::Object(root) = resolved else {
            unreachable!("an object with other values is an object");
        };
        Self {
            root,
            by_section: true,
        }
    }

    /// From the value of `args`.
    pub(super) fn from_args(view: View<'_>) -> Option<Self> {
        object(view).map(Self::flat)
    }

    /// From the value of `cfg`.
    pub(super) fn from_cfg(view: View<'_>) -> Option<Self> {
        object(view).map(Self::by_section)
    }

    /// Options of a section, such as `model`, `task` or `optimization`; all of them where there are no sections.
    pub fn section(&self, name: &str) -> Option<&Map<String, Value>> {
        if self.by_section {
            self.root.get(name)?.as_object()
        } else {
            Some(&self.root)
        }
    }

    /// An option of a section; `None` where it is missing or null.
    pub fn get(&self, section: &str, name: &str) -> Option<&Value> {
        self.section(section)?.get(name).filter(|value| !value.is_null())
    }

    /// What was chosen of a kind: `criterion`, `optimizer`, `lr_scheduler`, `task`, and `arch` for `model`.
    pub fn choice(&self, kind: &str) -> Option<&str> {
        let name = if self.by_section {
            let section = self.section(kind)?;
            section
                .get("_name")
                .filter(|name| !name.is_null())
                .or_else(|| section.get("arch"))
        } else if kind == "model" {
            self.root.get("arch")
        } else {
            self.root.get(kind)
        };
        name?.as_str()
    }
}

/// A namespace or dictionary as a JSON object; nothing for other values.
fn object(view: View<'_>) -> Option<Map<String, Value>> {
    match plain(view, MAX_DEPTH, &mut { MAX_VALUES })? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// A value as JSON, containers of OmegaConf unwrapped; nothing when it is nested too deeply or too large.
fn plain(view: View<'_>, depth: usize, left: &mut usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    *left = left.checked_sub(1)?;
    Some(match view.node() {
        Node::None => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Int(value) => match i64::try_from(*value) {
            Ok(value) => value.into(),
            Err(_) => number(*value as f64),
        },
        Node::Float(value) => number(*value),
        Node::Str(text) => text.as_str().into(),
        Node::List(_) | Node::Tuple(_) | Node::Set(_) => {
            let items = view.items()?;
            items
                .map(|item| plain(item, depth, left))
                .collect::<Option<Vec<Value>>>()?
                .into()
        }
        Node::Dict(_) => {
            let mut object = Map::new();
            for (key, value) in view.entries()? {
                let key = match plain(key, depth, left)? {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                object.insert(key, plain(value, depth, left)?);
            }
            Value::Object(object)
        }
        Node::Instance { .. } => {
            let (class, args, state) = view.instance()?;
            let inside = if class == "argparse.Namespace" {
                state
            } else if class.starts_with("omegaconf.") {
                let state = state?;
                state.get("_content").or_else(|| state.get("_val"))
            } else if class.starts_with("fairseq.dataclass.constants.") || class == "pathlib.PosixPath" {
                args.last().copied()
            } else {
                None
            };
            match inside {
                Some(inside) => plain(inside, depth, left)?,
                None => class.into(),
            }
        }
        Node::Global(name) => name.as_str().into(),
        Node::Bytes(_) | Node::Persistent(_) => view.kind().into(),
    })
}

/// JSON has no number for infinity and NaN; as text they are refused where a number is needed.
fn number(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
}

/// Replaces texts of the form `${section.name}` by what they refer to.
fn resolve(value: &mut Value, root: &Value, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    match value {
        Value::String(text) => {
            let path = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            let target = path.and_then(|path| path.split('.').try_fold(root, |at, key| at.get(key)));
            if let Some(target) = target
                && !target.is_object()
                && !target.is_array()
            {
                *value = target.clone();
                resolve(value, root, depth);
            } else if let Some(Value::Array(items)) = target {
                *value = Value::Array(items.clone());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, root, depth)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| resolve(entry, root, depth)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::{Object, read, write};

    fn options(object: &Object, by_section: bool) -> Options {
        let graph = read(&write(object)).unwrap();
        let found = match by_section {
            true => Options::from_cfg(graph.root()),
            false => Options::from_args(graph.root()),
        };
        found.unwrap()
    }

    #[test]
    fn flat_options_and_sections_are_asked_alike() {
        let flat = Object::Namespace(vec![
            ("arch".into(), "transformer".into()),
            ("criterion".into(), "cross_entropy".into()),
            ("lr".into(), Object::List(vec![5e-4.into()])),
            ("patience".into(), Object::None),
        ]);
        let sections = Object::dict([
            (
                "model",
                Object::Namespace(vec![("arch".into(), "transformer".into())]),
            ),
            ("criterion", Object::dict([("_name", "cross_entropy".into())])),
            (
                "optimization",
                Object::dict([("lr", Object::List(vec![5e-4.into()]))]),
            ),
        ]);
        for options in [options(&flat, false), options(&sections, true)] {
            assert_eq!(options.choice("model"), Some("transformer"));
            assert_eq!(options.choice("criterion"), Some("cross_entropy"));
            assert_eq!(
                options.get("optimization", "lr"),
                Some(&serde_json::json!([5e-4]))
            );
            assert_eq!(options.get("optimization", "patience"), None);
        }
    }

    #[test]
    fn references_between_sections_are_followed() {
        let object = Object::dict([
            (
                "optimization",
                Object::dict([
                    ("lr", Object::List(vec![5e-4.into()])),
                    ("self", "${optimization.self}".into()),
                ]),
            ),
            (
                "optimizer",
                Object::dict([("lr", "${optimization.lr}".into()), ("x", "${no.where}".into())]),
            ),
        ]);
        let options = options(&object, true);
        assert_eq!(options.get("optimizer", "lr"), Some(&serde_json::json!([5e-4])));
        assert_eq!(
            options.get("optimizer", "x"),
            Some(&serde_json::json!("${no.where}"))
        );
    }

    #[test]
    fn circles_end() {
        // x = {}; x['x'] = x
        let graph = read(b"\x80\x02}q\x00X\x01\x00\x00\x00xh\x00s.").unwrap();
        assert_eq!(Options::from_cfg(graph.root()), None);
    }
}
