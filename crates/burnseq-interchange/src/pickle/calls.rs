//! Instructions that name and call classes: what they would make is noted, nothing is called.

use super::PickleError;
use super::classes::{self, Kind};
use super::graph::{Node, NodeId};
use super::opcode::*;
use super::reader::{Machine, Result};

/// Longest name of a class.
const MAX_NAME: usize = 256;

impl Machine<'_> {
    /// Instructions about classes and instances.
    pub(super) fn object(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            GLOBAL => {
                let module = self.line()?.to_owned();
                let name = self.line()?.to_owned();
                let global = self.global(&module, &name)?;
                self.push(global)
            }
            STACK_GLOBAL => {
                let ids = self.pop_many(2)?;
                let text = |id: NodeId| match &self.nodes[id.0 as usize] {
                    Node::Str(text) => Ok(text.clone()),
                    _ => Err(self.broken("the name of a class is not text")),
                };
                let (module, name) = (text(ids[0])?, text(ids[1])?);
                let global = self.global(&module, &name)?;
                self.push(global)
            }
            INST => {
                let module = self.line()?.to_owned();
                let name = self.line()?.to_owned();
                let args = self.pop_mark()?;
                let global = self.global(&module, &name)?;
                let class = self.node(global)?;
                self.call(class, args)
            }
            OBJ => {
                let mut args = self.pop_mark()?;
                if args.is_empty() {
                    return Err(self.broken("an instance has no class"));
                }
                let class = args.remove(0);
                self.call(class, args)
            }
            REDUCE | NEWOBJ => {
                let ids = self.pop_many(2)?;
                let Node::Tuple(args) = self.nodes[ids[1].0 as usize].clone() else {
                    return Err(self.broken("the arguments of a call are not a tuple"));
                };
                self.call(ids[0], args)
            }
            NEWOBJ_EX => {
                let ids = self.pop_many(3)?;
                let (Node::Tuple(args), Node::Dict(named)) = (
                    self.nodes[ids[1].0 as usize].clone(),
                    &self.nodes[ids[2].0 as usize],
                ) else {
                    return Err(self.broken("the arguments of a call are not a tuple and a dictionary"));
                };
                if !named.is_empty() {
                    return Err(self.broken("an instance is made with named arguments"));
                }
                self.call(ids[0], args)
            }
            _ => {
                let new_state = self.pop()?;
                match self.top_node()? {
                    Node::Instance { state, .. } => *state = Some(new_state),
                    // Attributes of a dictionary, such as `_metadata` of PyTorch's state dicts: versions of modules.
                    Node::Dict(_) => {}
                    _ => return Err(self.broken("a state is given to what is not an instance")),
                }
                Ok(())
            }
        }
    }

    fn global(&self, module: &str, name: &str) -> Result<Node> {
        if module.len() + name.len() > MAX_NAME {
            return Err(self.broken("the name of a class is too long"));
        }
        match classes::kind(module, name) {
            Some(_) => Ok(Node::Global(format!(
                "{}.{name}",
                classes::canonical_module(module)
            ))),
            None => Err(PickleError::Class {
                module: module.to_owned(),
                name: name.to_owned(),
            }),
        }
    }

    /// Notes what calling `class` would make.
    fn call(&mut self, class: NodeId, mut args: Vec<NodeId>) -> Result<()> {
        let copied = |id: &NodeId| match &self.nodes[id.0 as usize] {
            Node::List(items) | Node::Tuple(items) | Node::Set(items) => items.len(),
            Node::Dict(entries) => entries.len(),
            _ => 0,
        };
        self.copied += args.len() + args.first().map_or(0, copied);
        self.check_size()?;
        let Node::Global(name) = self.nodes[class.0 as usize].clone() else {
            return Err(self.refused_call("a value that is not a class".to_owned()));
        };
        let (module, short) = name.rsplit_once('.').expect("globals are `module.name`");
        let first = args.first().map(|id| &self.nodes[id.0 as usize]);
        let elements = || match first {
            None | Some(Node::Global(_)) => Ok(Vec::new()), // `defaultdict(list)` is empty
            Some(Node::List(items) | Node::Tuple(items) | Node::Set(items)) => Ok(items.clone()),
            Some(_) => Err(self.broken("a collection is made of what is not one")),
        };
        let node = match classes::kind(module, short) {
            // `copyreg._reconstructor(class, object, None)` is how protocols below 2 make an instance.
            Some(Kind::Instance) if name == "copyreg._reconstructor" => {
                if args.len() != 3 {
                    return Err(self.broken("copyreg._reconstructor has three arguments"));
                }
                let inner = args.swap_remove(0);
                if matches!(&self.nodes[inner.0 as usize], Node::Global(inner) if *inner == name) {
                    return Err(self.refused_call(name));
                }
                return self.call(inner, Vec::new());
            }
            Some(Kind::Instance) => Node::Instance {
                class: name,
                args,
                state: None,
            },
            Some(Kind::List) => Node::List(elements()?),
            Some(Kind::Tuple) => Node::Tuple(elements()?),
            Some(Kind::Set) => Node::Set(elements()?),
            Some(Kind::Dict) => match first {
                Some(Node::Dict(entries)) => Node::Dict(entries.clone()),
                _ => {
                    let mut entries = Vec::new();
                    for pair in elements()? {
                        match &self.nodes[pair.0 as usize] {
                            Node::List(pair) | Node::Tuple(pair) if pair.len() == 2 => {
                                entries.push((pair[0], pair[1]));
                            }
                            _ => return Err(self.broken("a dictionary is made of what are not pairs")),
                        }
                    }
                    Node::Dict(entries)
                }
            },
            Some(Kind::Name) | None => return Err(self.refused_call(name)),
        };
        self.push(node)
    }

    fn refused_call(&self, name: String) -> PickleError {
        PickleError::Call {
            name,
            offset: self.instruction,
        }
    }
}
