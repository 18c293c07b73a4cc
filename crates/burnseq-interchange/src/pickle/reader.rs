//! The pickle machine, without the part that calls functions.

use std::collections::HashMap;

use super::classes::{self, Kind};
use super::graph::{Graph, Node, NodeId};
use super::opcode::*;

/// Longest pickle that is read, in bytes; that of a checkpoint has tens of kilobytes.
pub const MAX_BYTES: usize = 1 << 26;

/// Most values of a pickle, arguments of calls counted; that of a checkpoint has some ten thousand.
pub const MAX_NODES: usize = 1 << 20;

/// Longest name of a class.
const MAX_NAME: usize = 256;

/// Why a pickle was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// It asks for something outside of [`classes`].
    #[error(
        "the pickle asks for {module}.{name}, which is not on the list of classes that checkpoints hold\n\
         hint: nothing was executed; a checkpoint of fairseq does not need it, so the file is something else, was made \
         with plug-ins, or is meant to do harm"
    )]
    Class {
        /// Where it lives.
        module: String,
        /// What it is called.
        name: String,
    },
    /// It calls what may only be named.
    #[error("the pickle calls {name} at byte {offset}, which may only be named")]
    Call {
        /// `module.name`, or the kind of value.
        name: String,
        /// Position in the pickle.
        offset: usize,
    },
    /// It ends before its end mark.
    #[error("the pickle ends in the middle, at byte {offset}")]
    Truncated {
        /// Position in the pickle.
        offset: usize,
    },
    /// An instruction that does not exist, or that no checkpoint needs.
    #[error("the pickle has the unknown instruction 0x{opcode:02x} at byte {offset}")]
    Opcode {
        /// Its number.
        opcode: u8,
        /// Position in the pickle.
        offset: usize,
    },
    /// An instruction that does not fit the values it works on.
    #[error("the pickle is broken at byte {offset}: {problem}")]
    Broken {
        /// What does not fit.
        problem: &'static str,
        /// Position in the pickle.
        offset: usize,
    },
    /// Larger than any checkpoint's.
    #[error("the pickle has more than {limit} {what}, which no checkpoint needs")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// What there is too much of.
        what: &'static str,
    },
}

type Result<T> = std::result::Result<T, PickleError>;

/// Reads a pickle.
///
/// # Errors
/// See [`PickleError`]; a file of any content gives a graph or an error.
pub fn read(bytes: &[u8]) -> Result<Graph> {
    Ok(read_prefix(bytes)?.0)
}

/// Reads the pickle at the beginning of `bytes`, and says where it ends.
///
/// # Errors
/// See [`read`].
pub fn read_prefix(bytes: &[u8]) -> Result<(Graph, usize)> {
    let mut machine = Machine {
        bytes,
        at: 0,
        instruction: 0,
        nodes: Vec::new(),
        copied: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let root = machine.run()?;
    let graph = Graph {
        nodes: machine.nodes,
        root,
    };
    Ok((graph, machine.at))
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the instruction at hand begins.
    instruction: usize,
    nodes: Vec<Node>,
    /// Arguments and elements that calls have copied, which a short pickle could repeat without end.
    copied: usize,
    stack: Vec<NodeId>,
    /// Heights of the stack at the marks.
    marks: Vec<usize>,
    memo: HashMap<usize, NodeId>,
}

impl<'a> Machine<'a> {
    /// Runs to the end mark; gives the value that is left.
    fn run(&mut self) -> Result<NodeId> {
        loop {
            self.instruction = self.at;
            if self.at >= MAX_BYTES {
                return Err(PickleError::TooLarge {
                    limit: MAX_BYTES,
                    what: "bytes",
                });
            }
            match self.byte()? {
                STOP => return self.pop(),
                opcode => self.step(opcode)?,
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            PROTO => {
                let protocol = self.byte()?;
                if protocol > 5 {
                    return Err(self.broken("its protocol is newer than 5"));
                }
            }
            FRAME => {
                self.take(8)?;
            }
            MARK => self.marks.push(self.stack.len()),
            POP => {
                // Python takes a mark off when there is nothing above it.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            POP_MARK => {
                self.pop_mark()?;
            }
            DUP => {
                let top = self.top()?;
                self.stack.push(top);
            }
            NONE => self.push(Node::None)?,
            NEWTRUE => self.push(Node::Bool(true))?,
            NEWFALSE => self.push(Node::Bool(false))?,
            INT | LONG | FLOAT | BININT | BININT1 | BININT2 | LONG1 | LONG4 | BINFLOAT => {
                let number = self.number(opcode)?;
                self.push(number)?;
            }
            STRING | BINSTRING | SHORT_BINSTRING | UNICODE | BINUNICODE | SHORT_BINUNICODE | BINUNICODE8 => {
                let text = self.text(opcode)?;
                self.push(text)?;
            }
            BINBYTES | SHORT_BINBYTES | BINBYTES8 | BYTEARRAY8 => {
                let length = match opcode {
                    SHORT_BINBYTES => self.unsigned(1)?,
                    BINBYTES => self.unsigned(4)?,
                    _ => self.unsigned(8)?,
                };
                let bytes = self.take(length)?.to_vec();
                self.push(Node::Bytes(bytes))?;
            }
            EMPTY_LIST => self.push(Node::List(Vec::new()))?,
            EMPTY_DICT => self.push(Node::Dict(Vec::new()))?,
            EMPTY_TUPLE => self.push(Node::Tuple(Vec::new()))?,
            EMPTY_SET => self.push(Node::Set(Vec::new()))?,
            LIST | TUPLE | FROZENSET | DICT => {
                let items = self.pop_mark()?;
                let node = match opcode {
                    LIST => Node::List(items),
                    TUPLE => Node::Tuple(items),
                    FROZENSET => Node::Set(items),
                    _ => Node::Dict(self.pairs(&items)?),
                };
                self.push(node)?;
            }
            TUPLE1 | TUPLE2 | TUPLE3 => {
                let length = usize::from(opcode - TUPLE1) + 1;
                let items = self.pop_many(length)?;
                self.push(Node::Tuple(items))?;
            }
            APPEND | APPENDS | ADDITEMS => {
                let items = match opcode {
                    APPEND => vec![self.pop()?],
                    _ => self.pop_mark()?,
                };
                match self.top_node()? {
                    Node::List(list) if opcode != ADDITEMS => list.extend(items),
                    Node::Set(set) if opcode == ADDITEMS => set.extend(items),
                    _ => return Err(self.broken("values are added to what is not a list or set")),
                }
            }
            SETITEM | SETITEMS => {
                let items = match opcode {
                    SETITEM => self.pop_many(2)?,
                    _ => self.pop_mark()?,
                };
                let pairs = self.pairs(&items)?;
                match self.top_node()? {
                    Node::Dict(entries) => entries.extend(pairs),
                    _ => return Err(self.broken("a key is set in what is not a dictionary")),
                }
            }
            PUT | BINPUT | LONG_BINPUT | MEMOIZE => {
                let key = match opcode {
                    PUT => self.line_number()?,
                    BINPUT => self.unsigned(1)?,
                    LONG_BINPUT => self.unsigned(4)?,
                    _ => self.memo.len(),
                };
                let top = self.top()?;
                self.memo.insert(key, top);
            }
            GET | BINGET | LONG_BINGET => {
                let key = match opcode {
                    GET => self.line_number()?,
                    BINGET => self.unsigned(1)?,
                    _ => self.unsigned(4)?,
                };
                match self.memo.get(&key) {
                    Some(id) => self.stack.push(*id),
                    None => return Err(self.broken("it refers to a value that was not stored")),
                }
            }
            GLOBAL | STACK_GLOBAL | INST | OBJ | REDUCE | NEWOBJ | NEWOBJ_EX | BUILD => {
                self.object(opcode)?
            }
            PERSID | BINPERSID => {
                let id = if opcode == PERSID {
                    let text = self.line()?.to_owned();
                    self.node(Node::Str(text))?
                } else {
                    self.pop()?
                };
                self.push(Node::Persistent(id))?;
            }
            opcode => {
                return Err(PickleError::Opcode {
                    opcode,
                    offset: self.instruction,
                });
            }
        }
        Ok(())
    }

    /// Instructions about classes and instances.
    fn object(&mut self, opcode: u8) -> Result<()> {
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

    fn number(&mut self, opcode: u8) -> Result<Node> {
        let node = match opcode {
            BININT => {
                let bytes = self.take(4)?.try_into().expect("four bytes were taken");
                Node::Int(i128::from(i32::from_le_bytes(bytes)))
            }
            BININT1 => Node::Int(self.unsigned(1)? as i128),
            BININT2 => Node::Int(self.unsigned(2)? as i128),
            BINFLOAT => {
                let bytes = self.take(8)?.try_into().expect("eight bytes were taken");
                Node::Float(f64::from_be_bytes(bytes))
            }
            LONG1 | LONG4 => {
                let length = self.unsigned(if opcode == LONG1 { 1 } else { 4 })?;
                let bytes = self.take(length)?;
                if length > 16 {
                    return Err(self.broken("an integer has more than 128 bits"));
                }
                let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
                let mut wide = [if negative { 0xff } else { 0 }; 16];
                wide[..length].copy_from_slice(bytes);
                Node::Int(i128::from_le_bytes(wide))
            }
            INT | LONG => match self.line()? {
                "00" => Node::Bool(false),
                "01" => Node::Bool(true),
                text => match text.trim_end_matches('L').parse() {
                    Ok(number) => Node::Int(number),
                    Err(_) => return Err(self.broken("an integer is not one")),
                },
            },
            _ => match self.line()?.parse() {
                Ok(number) => Node::Float(number),
                Err(_) => return Err(self.broken("a number is not one")),
            },
        };
        Ok(node)
    }

    /// Text; the strings of Python 2, which may be either, are text when they are UTF-8.
    fn text(&mut self, opcode: u8) -> Result<Node> {
        let bytes = match opcode {
            STRING => {
                let line = self.line()?;
                let quoted = |quote: char| line.strip_prefix(quote)?.strip_suffix(quote);
                let inside = quoted('\'').or_else(|| quoted('"'));
                match inside {
                    Some(text) if !text.contains('\\') => text.as_bytes(),
                    _ => {
                        return Err(
                            self.broken("a string has no quotes, or escapes, which no checkpoint needs")
                        );
                    }
                }
            }
            UNICODE => match self.line()? {
                text if !text.contains('\\') => text.as_bytes(),
                _ => return Err(self.broken("a text has escapes, which no checkpoint needs")),
            },
            _ => {
                let length = match opcode {
                    SHORT_BINSTRING | SHORT_BINUNICODE => self.unsigned(1)?,
                    BINSTRING | BINUNICODE => self.unsigned(4)?,
                    _ => self.unsigned(8)?,
                };
                self.take(length)?
            }
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Node::Str(text.to_owned())),
            Err(_) if matches!(opcode, BINSTRING | SHORT_BINSTRING) => Ok(Node::Bytes(bytes.to_vec())),
            Err(_) => Err(self.broken("a text is not UTF-8")),
        }
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let taken = self
            .at
            .checked_add(length)
            .and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(PickleError::Truncated {
            offset: self.bytes.len(),
        })?;
        self.at += length;
        Ok(taken)
    }

    /// A little-endian number of `width` bytes, at most 8.
    fn unsigned(&mut self, width: usize) -> Result<usize> {
        let bytes = self.take(width)?;
        let value = bytes
            .iter()
            .rev()
            .fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        usize::try_from(value).map_err(|_| self.broken("a length is larger than memory"))
    }

    /// Up to the next line feed, without it.
    fn line(&mut self) -> Result<&'a str> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            return Err(PickleError::Truncated {
                offset: self.bytes.len(),
            });
        };
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).map_err(|_| self.broken("a name is not UTF-8"))
    }

    fn line_number(&mut self) -> Result<usize> {
        let line = self.line()?;
        line.parse()
            .map_err(|_| self.broken("the number of a stored value is not one"))
    }

    fn node(&mut self, node: Node) -> Result<NodeId> {
        self.check_size()?;
        self.nodes.push(node);
        Ok(NodeId(self.nodes.len() as u32 - 1))
    }

    fn check_size(&self) -> Result<()> {
        if self.nodes.len() + self.copied < MAX_NODES {
            return Ok(());
        }
        Err(PickleError::TooLarge {
            limit: MAX_NODES,
            what: "values",
        })
    }

    fn push(&mut self, node: Node) -> Result<()> {
        let id = self.node(node)?;
        self.stack.push(id);
        Ok(())
    }

    /// The bottom that the innermost mark allows to go to.
    fn bottom(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<NodeId> {
        Ok(self.pop_many(1)?[0])
    }

    /// The topmost values, lowest first.
    fn pop_many(&mut self, count: usize) -> Result<Vec<NodeId>> {
        if self.stack.len() < self.bottom() + count {
            return Err(self.broken("a value is missing on the stack"));
        }
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    /// The values above the innermost mark, lowest first; takes the mark off.
    fn pop_mark(&mut self) -> Result<Vec<NodeId>> {
        match self.marks.pop() {
            Some(height) => Ok(self.stack.split_off(height)),
            None => Err(self.broken("a mark is missing on the stack")),
        }
    }

    fn top(&self) -> Result<NodeId> {
        match self.stack.last() {
            Some(top) if self.stack.len() > self.bottom() => Ok(*top),
            _ => Err(self.broken("a value is missing on the stack")),
        }
    }

    fn top_node(&mut self) -> Result<&mut Node> {
        let top = self.top()?;
        Ok(&mut self.nodes[top.0 as usize])
    }

    fn pairs(&self, items: &[NodeId]) -> Result<Vec<(NodeId, NodeId)>> {
        if !items.len().is_multiple_of(2) {
            return Err(self.broken("a key has no value"));
        }
        Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }

    fn broken(&self, problem: &'static str) -> PickleError {
        PickleError::Broken {
            problem,
            offset: self.instruction,
        }
    }

    fn refused_call(&self, name: String) -> PickleError {
        PickleError::Call {
            name,
            offset: self.instruction,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(bytes: &[u8]) -> String {
        read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn values_of_all_protocols_are_read() {
        // pickle.dumps((1, -2, 3.5, 'ä', [True, None], {'k': b'b'}), protocol) of Python 3.11, by hand where it matters.
        let zero = b"(I1\nI-2\nF3.5\nV\xc3\xa4\n(lp0\nI01\naNa(dp1\nVk\nVb\nstp2\n.";
        let two =
            b"\x80\x02(K\x01J\xfe\xff\xff\xffG\x40\x0c\x00\x00\x00\x00\x00\x00X\x02\x00\x00\x00\xc3\xa4\
                    ]q\x00(\x88Ne}q\x01X\x01\x00\x00\x00kX\x01\x00\x00\x00bstq\x02.";
        let four = b"\x80\x04\x95\x2c\x00\x00\x00\x00\x00\x00\x00(K\x01J\xfe\xff\xff\xffG\x40\x0c\x00\x00\x00\x00\x00\
                     \x00\x8c\x02\xc3\xa4\x94]\x94(\x88Ne}\x94\x8c\x01k\x8c\x01bst\x94.";
        for pickle in [&zero[..], two, four] {
            let graph = read(pickle).unwrap();
            let items: Vec<_> = graph.root().items().unwrap().collect();
            assert_eq!(items[0].as_usize(), Some(1));
            assert_eq!(items[1].as_f64(), Some(-2.0));
            assert_eq!(items[2].as_f64(), Some(3.5));
            assert_eq!(items[3].as_str(), Some("ä"));
            let list: Vec<_> = items[4].items().unwrap().collect();
            assert_eq!(*list[0].node(), Node::Bool(true));
            assert!(list[1].is_none());
            assert_eq!(items[5].get("k").unwrap().as_str(), Some("b"));
        }
    }

    #[test]
    fn shared_and_circular_values_are_read() {
        // x = []; x.append(x)
        let graph = read(b"\x80\x02]q\x00h\x00a.").unwrap();
        let mut view = graph.root();
        for _ in 0..100 {
            view = view.items().unwrap().next().unwrap();
        }
        assert_eq!(view.items().unwrap().len(), 1);
    }

    #[test]
    fn a_call_of_the_shell_is_refused_by_name() {
        for (pickle, name) in [
            (&b"cos\nsystem\n(S'echo harm'\ntR."[..], "os.system"),
            (b"(S'echo harm'\nios\nsystem\n.", "os.system"),
            (
                b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04harm\x85R.",
                "posix.system",
            ),
            (
                b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
                "__builtin__.eval",
            ),
            (b"\x80\x02csome.where\nThing\n)\x81.", "some.where.Thing"),
        ] {
            let error = error(pickle);
            assert!(error.contains(&format!("asks for {name},")), "{error}");
        }
    }

    #[test]
    fn a_class_that_may_only_be_named_is_not_called() {
        let error = error(b"\x80\x02cfairseq.tasks.translation\nTranslationTask\n)R.");
        assert!(
            error.contains("calls fairseq.tasks.translation.TranslationTask"),
            "{error}"
        );
    }

    #[test]
    fn truncated_pickles_are_refused_at_every_length() {
        let pickle =
            b"\x80\x02}q\x00(X\x01\x00\x00\x00acargparse\nNamespace\n)\x81}X\x01\x00\x00\x00bK\x01sbu.";
        assert!(read(pickle).is_ok());
        for length in 0..pickle.len() {
            assert!(
                matches!(read(&pickle[..length]), Err(PickleError::Truncated { .. })),
                "{length}"
            );
        }
    }

    #[test]
    fn any_flipped_bit_gives_a_value_or_an_error() {
        let pickle =
            b"\x80\x02}q\x00(X\x01\x00\x00\x00acargparse\nNamespace\n)\x81}X\x01\x00\x00\x00bK\x01sbu.";
        for at in 0..pickle.len() {
            for bit in 0..8 {
                let mut flipped = pickle.to_vec();
                flipped[at] ^= 1 << bit;
                let _ = read(&flipped);
            }
        }
    }

    #[test]
    fn lengths_are_not_believed() {
        for pickle in [
            &b"\x80\x02X\xff\xff\xff\xffab."[..],
            b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffab.",
            b"\x80\x02\x8b\xff\xff\xff\x7fab.",
            b"\x80\x04\x96\xff\xff\xff\xff\xff\xff\xff\x7fab.",
        ] {
            assert!(matches!(read(pickle), Err(PickleError::Truncated { .. })));
        }
        assert!(error(b"\x80\x02\x8a\x11aaaaaaaaaaaaaaaaaa.").contains("128 bits"));
        assert!(error(b"]]0h\x07.").contains("not stored"));
        assert!(error(b"e.").contains("mark is missing"));
        assert!(error(b"K\x01(0s.").contains("missing on the stack"));
        let mut many = vec![b']'; MAX_NODES + 1];
        many.push(b'.');
        assert!(error(&many).contains("values"));
        // One long list, copied again and again.
        let mut copies = b"\x80\x02c__builtin__\nlist\nq\x00]q\x01(".to_vec();
        copies.extend([b']'; 5000]);
        copies.push(b'e');
        (0..1000).for_each(|_| copies.extend(b"h\x00h\x01\x85R"));
        copies.push(b'.');
        assert!(error(&copies).contains("values"));
    }
}
