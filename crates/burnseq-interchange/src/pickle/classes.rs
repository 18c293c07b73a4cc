//! The classes and functions that a checkpoint may name.

/// What becomes of a class or function that a pickle calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Makes a dictionary of its first argument, pairs or nothing.
    Dict,
    /// Makes a list of its first argument.
    List,
    /// Makes a tuple of its first argument.
    Tuple,
    /// Makes a set of its first argument.
    Set,
    /// Class and arguments are noted.
    Instance,
    /// Only named, as the type of something; calling it is refused.
    Name,
}

/// Containers of Python's standard library, under the names of Python 2 and 3.
const CONTAINERS: &[(&str, &str, Kind)] = &[
    ("collections", "OrderedDict", Kind::Dict),
    ("collections", "defaultdict", Kind::Dict),
    ("collections", "Counter", Kind::Dict),
    ("builtins", "dict", Kind::Dict),
    ("builtins", "list", Kind::List),
    ("builtins", "tuple", Kind::Tuple),
    ("builtins", "set", Kind::Set),
    ("builtins", "frozenset", Kind::Set),
    ("torch", "Size", Kind::Tuple),
];

/// What is noted when it is called: class and module.
const INSTANCES: &[(&str, &[&str])] = &[
    ("argparse", &["Namespace"]),
    ("torch", &["device", "dtype"]),
    (
        "torch._utils",
        &["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"],
    ),
    ("omegaconf.dictconfig", &["DictConfig"]),
    ("omegaconf.listconfig", &["ListConfig"]),
    ("omegaconf.base", &["ContainerMetadata", "Metadata"]),
    (
        "omegaconf.nodes",
        &[
            "AnyNode",
            "BooleanNode",
            "BytesNode",
            "EnumNode",
            "FloatNode",
            "IntegerNode",
            "InterpolationResultNode",
            "PathNode",
            "StringNode",
            "ValueNode",
        ],
    ),
    ("pathlib", &["Path", "PosixPath", "PurePosixPath"]),
    ("numpy", &["dtype"]),
    ("numpy.core.multiarray", &["scalar"]),
    ("numpy._core.multiarray", &["scalar"]),
    ("_codecs", &["encode"]),
    ("_operator", &["getitem"]),
    ("copyreg", &["_reconstructor"]),
];

/// Modules whose classes hold numbers only: fairseq's running averages, and the enumerations of its options.
const INSTANCE_MODULES: &[&str] = &[
    "fairseq.meters",
    "fairseq.logging.meters",
    "fairseq.dataclass.constants",
];

/// Element types of tensors.
const DTYPES: &[&str] = &[
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
];

/// Storages of tensors by element type.
const STORAGES: &[&str] = &[
    "FloatStorage",
    "DoubleStorage",
    "HalfStorage",
    "BFloat16Storage",
    "LongStorage",
    "IntStorage",
    "ShortStorage",
    "CharStorage",
    "ByteStorage",
    "BoolStorage",
];

/// Plain types that configurations name.
const PLAIN_TYPES: &[&str] = &["bool", "int", "float", "complex", "str", "bytes", "object"];

/// What a pickle may do with `module.name`; nothing for what is not on the list.
pub fn kind(module: &str, name: &str) -> Option<Kind> {
    let module = canonical_module(module);
    if let Some((.., kind)) = CONTAINERS.iter().find(|(m, n, _)| (*m, *n) == (module, name)) {
        return Some(*kind);
    }
    let listed = |(m, names): &(&str, &[&str])| *m == module && names.contains(&name);
    if INSTANCES.iter().any(listed) || INSTANCE_MODULES.contains(&module) {
        return Some(Kind::Instance);
    }
    let named = match module {
        "builtins" => PLAIN_TYPES.contains(&canonical_type(name)),
        "torch" => DTYPES.contains(&name) || STORAGES.contains(&name),
        // Types in the annotations of a configuration: `Any`, `Optional`, `List`, ...
        "typing" => true,
        _ => module.split('.').next() == Some("fairseq"),
    };
    named.then_some(Kind::Name)
}

/// Names that Python 3 gives the modules of Python 2, which protocols up to 2 use.
pub(super) fn canonical_module(module: &str) -> &str {
    match module {
        "__builtin__" => "builtins",
        "copy_reg" => "copyreg",
        other => other,
    }
}

fn canonical_type(name: &str) -> &str {
    match name {
        "unicode" => "str",
        "long" => "int",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_executes_is_not_on_the_list() {
        for (module, name) in [
            ("os", "system"),
            ("posix", "system"),
            ("nt", "system"),
            ("subprocess", "Popen"),
            ("builtins", "eval"),
            ("__builtin__", "exec"),
            ("builtins", "getattr"),
            ("builtins", "__import__"),
            ("operator", "attrgetter"),
            ("torch", "load"),
            ("torch.hub", "load"),
            ("numpy.testing._private.utils", "runstring"),
            ("fairseq_plugin.tasks", "MyTask"),
            ("webbrowser", "open"),
        ] {
            assert_eq!(kind(module, name), None, "{module}.{name}");
        }
    }

    #[test]
    fn what_checkpoints_hold_is_on_it() {
        assert_eq!(kind("collections", "OrderedDict"), Some(Kind::Dict));
        assert_eq!(kind("__builtin__", "set"), Some(Kind::Set));
        assert_eq!(kind("argparse", "Namespace"), Some(Kind::Instance));
        assert_eq!(kind("torch", "FloatStorage"), Some(Kind::Name));
        assert_eq!(kind("__builtin__", "unicode"), Some(Kind::Name));
        assert_eq!(
            kind("fairseq.dataclass.configs", "CommonConfig"),
            Some(Kind::Name)
        );
        assert_eq!(kind("fairseq.meters", "AverageMeter"), Some(Kind::Instance));
    }
}
