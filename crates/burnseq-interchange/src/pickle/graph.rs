//! What a pickle holds: values that refer to each other, possibly in circles.

/// Number of a [`Node`] in its [`Graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(pub(super) u32);

/// A value; what is inside of it is given by number, because pickles share values and may be circular.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `None`
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number; PyTorch's magic number needs 80 bits.
    Int(i128),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<NodeId>),
    /// A tuple.
    Tuple(Vec<NodeId>),
    /// A set, frozen or not.
    Set(Vec<NodeId>),
    /// A dictionary in insertion order; `OrderedDict` too.
    Dict(Vec<(NodeId, NodeId)>),
    /// A class or function, not called: `module.name`.
    Global(String),
    /// What calling `class` would make, with what it would be filled with afterwards.
    Instance {
        /// `module.name` of the class or function.
        class: String,
        /// Arguments of the call.
        args: Vec<NodeId>,
        /// Argument of `__setstate__`.
        state: Option<NodeId>,
    },
    /// Something outside of the pickle, by its description; PyTorch's storages.
    Persistent(NodeId),
}

/// All values of a pickle.
#[derive(Debug, Clone)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

impl Graph {
    /// The value that the pickle stands for.
    pub fn root(&self) -> View<'_> {
        self.view(self.root)
    }

    /// Descriptions of everything outside of the pickle, in the order in which it is named.
    pub fn persistent(&self) -> impl Iterator<Item = View<'_>> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Persistent(id) => Some(self.view(*id)),
            _ => None,
        })
    }

    fn view(&self, id: NodeId) -> View<'_> {
        View { graph: self, id }
    }
}

/// A value in its graph.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    graph: &'a Graph,
    id: NodeId,
}

impl<'a> View<'a> {
    /// The value itself.
    pub fn node(self) -> &'a Node {
        &self.graph.nodes[self.id.0 as usize]
    }

    /// Text.
    pub fn as_str(self) -> Option<&'a str> {
        match self.node() {
            Node::Str(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub fn as_usize(self) -> Option<usize> {
        match self.node() {
            Node::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// A number, whole or not.
    pub fn as_f64(self) -> Option<f64> {
        match self.node() {
            Node::Int(value) => Some(*value as f64),
            Node::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether it is `None`.
    pub fn is_none(self) -> bool {
        matches!(self.node(), Node::None)
    }

    /// Elements of a list, tuple or set.
    pub fn items(self) -> Option<impl ExactSizeIterator<Item = View<'a>>> {
        match self.node() {
            Node::List(items) | Node::Tuple(items) | Node::Set(items) => {
                Some(items.iter().map(move |id| self.graph.view(*id)))
            }
            _ => None,
        }
    }

    /// Keys and values of a dictionary, in order.
    pub fn entries(self) -> Option<impl ExactSizeIterator<Item = (View<'a>, View<'a>)>> {
        match self.node() {
            Node::Dict(entries) => Some(
                entries
                    .iter()
                    .map(move |(key, value)| (self.graph.view(*key), self.graph.view(*value))),
            ),
            _ => None,
        }
    }

    /// The value of a key of a dictionary; of a repeated key, the last, as in Python.
    pub fn get(self, key: &str) -> Option<View<'a>> {
        let matching = self.entries()?.filter(|(name, _)| name.as_str() == Some(key));
        matching.last().map(|(_, value)| value)
    }

    /// An instance: its class, arguments and state.
    pub fn instance(self) -> Option<(&'a str, Vec<View<'a>>, Option<View<'a>>)> {
        match self.node() {
            Node::Instance { class, args, state } => Some((
                class,
                args.iter().map(|id| self.graph.view(*id)).collect(),
                state.map(|id| self.graph.view(id)),
            )),
            _ => None,
        }
    }

    /// The description of something outside of the pickle.
    pub fn persistent(self) -> Option<View<'a>> {
        match self.node() {
            Node::Persistent(id) => Some(self.graph.view(*id)),
            _ => None,
        }
    }

    /// The kind of value, for messages.
    pub fn kind(self) -> String {
        match self.node() {
            Node::None => "None".to_owned(),
            Node::Bool(_) => "a truth value".to_owned(),
            Node::Int(_) => "an integer".to_owned(),
            Node::Float(_) => "a number".to_owned(),
            Node::Str(_) => "text".to_owned(),
            Node::Bytes(_) => "bytes".to_owned(),
            Node::List(_) => "a list".to_owned(),
            Node::Tuple(_) => "a tuple".to_owned(),
            Node::Set(_) => "a set".to_owned(),
            Node::Dict(_) => "a dictionary".to_owned(),
            Node::Global(name) => format!("the class {name}"),
            Node::Instance { class, .. } => format!("a {class}"),
            Node::Persistent(_) => "a storage".to_owned(),
        }
    }
}
