//! The pickle machine, without the part that calls functions.

use std::collections::HashMap;

use super::PickleError;
use super::graph::{Graph, Node, NodeId};
use super::opcode::*;

/// Longest pickle that is read, in bytes; that of a checkpoint has tens of kilobytes.
pub const MAX_BYTES: usize = 1 << 26;

/// Most values of a pickle, arguments of calls counted; that of a checkpoint has some ten thousand.
pub const MAX_NODES: usize = 1 << 20;

pub(super) type Result<T> = std::result::Result<T, PickleError>;

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

/// The machine: values made so far, those on the stack and those stored for later.
pub(super) struct Machine<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    /// Where the instruction at hand begins.
    pub(super) instruction: usize,
    pub(super) nodes: Vec<Node>,
    /// Arguments and elements that calls have copied, which a short pickle could repeat without end.
    pub(super) copied: usize,
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

    pub(super) fn node(&mut self, node: Node) -> Result<NodeId> {
        self.check_size()?;
        self.nodes.push(node);
        Ok(NodeId(self.nodes.len() as u32 - 1))
    }

    pub(super) fn check_size(&self) -> Result<()> {
        if self.nodes.len() + self.copied < MAX_NODES {
            return Ok(());
        }
        Err(PickleError::TooLarge {
            limit: MAX_NODES,
            what: "values",
        })
    }

    pub(super) fn push(&mut self, node: Node) -> Result<()> {
        let id = self.node(node)?;
        self.stack.push(id);
        Ok(())
    }

    /// The bottom that the innermost mark allows to go to.
    fn bottom(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn pop(&mut self) -> Result<NodeId> {
        Ok(self.pop_many(1)?[0])
    }

    /// The topmost values, lowest first.
    pub(super) fn pop_many(&mut self, count: usize) -> Result<Vec<NodeId>> {
        if self.stack.len() < self.bottom() + count {
            return Err(self.broken("a value is missing on the stack"));
        }
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    /// The values above the innermost mark, lowest first; takes the mark off.
    pub(super) fn pop_mark(&mut self) -> Result<Vec<NodeId>> {
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

    pub(super) fn top_node(&mut self) -> Result<&mut Node> {
        let top = self.top()?;
        Ok(&mut self.nodes[top.0 as usize])
    }

    fn pairs(&self, items: &[NodeId]) -> Result<Vec<(NodeId, NodeId)>> {
        if !items.len().is_multiple_of(2) {
            return Err(self.broken("a key has no value"));
        }
        Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }

    pub(super) fn broken(&self, problem: &'static str) -> PickleError {
        PickleError::Broken {
            problem,
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
