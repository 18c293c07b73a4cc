//! The weights of a folder by name: one file or several, of safetensors or of `torch.save`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burnseq_text::ByteMeter;
use serde_json::Value;

use super::Config;
use super::names::{is_buffer, mended};
use super::safetensors_file::SafetensorsFile;
use crate::error::{Error, Result};
use crate::torch_file::{Tensor, TensorInfo, TorchFile};

/// Tensors by today's names, in the order of their files; each is read when it is asked for, as `f32`.
#[derive(Debug)]
pub struct Weights {
    folder: PathBuf,
    files: Vec<WeightFile>,
    entries: Vec<Entry>,
    /// Place in `entries` by name.
    places: HashMap<String, usize>,
    meter: ByteMeter,
}

#[derive(Debug)]
enum WeightFile {
    Safetensors(SafetensorsFile),
    Torch(TorchFile),
}

#[derive(Debug)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    /// Number of the file.
    file: usize,
    /// Its name there.
    stored: String,
    /// Where it is in a file of `torch.save`.
    info: Option<TensorInfo>,
}

/// Files that hold weights, the first that is there counts.
const SINGLE: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// Name of the list of files that weights are spread over.
fn index_of(file: &str) -> String {
    format!("{file}.index.json")
}

impl Weights {
    /// Opens the weights of a folder: `model.safetensors`, the files that `model.safetensors.index.json` lists, or the same of
    /// `pytorch_model.bin`.
    ///
    /// # Errors
    /// None of them; a listed file that is not there; a file that is damaged or of another kind.
    pub fn open(folder: &Path) -> Result<Self> {
        for name in SINGLE {
            let (file, index) = (folder.join(name), folder.join(index_of(name)));
            if file.is_file() {
                return Self::of_files(folder, &[file]);
            }
            if index.is_file() {
                return Self::of_index(folder, &index);
            }
        }
        let others = ["tf_model.h5", "flax_model.msgpack", "model.onnx", "rust_model.ot"];
        let hint = match others.iter().find(|name| folder.join(name).is_file()) {
            Some(other) => format!(
                "hint: {other} is of another framework; save the model with PyTorch, as model.safetensors"
            ),
            None => "hint: download the model's weights, too".to_owned(),
        };
        Err(Error::File {
            path: folder.to_owned(),
            problem: format!("holds no weights: neither {}\n{hint}", SINGLE.join(" nor ")),
        })
    }

    /// Weights spread over several files.
    fn of_index(folder: &Path, index: &Path) -> Result<Self> {
        let config = Config::read(index)?;
        let map = config.get("weight_map").and_then(Value::as_object);
        let map = map
            .ok_or_else(|| config.error("weight_map", "expected an object of names of tensors and files"))?;
        let wrong = |entry: &str, problem: String| Error::Entry {
            path: index.to_owned(),
            entry: entry.to_owned(),
            problem,
        };
        let mut files: Vec<PathBuf> = Vec::new();
        for (tensor, file) in map {
            let name = file.as_str().filter(|name| is_plain_name(name));
            let name = name.ok_or_else(|| {
                wrong(
                    tensor,
                    format!("is in {file}, expected the name of a file in the same folder"),
                )
            })?;
            let path = folder.join(name);
            if files.contains(&path) {
                continue;
            }
            if !path.is_file() {
                return Err(wrong(
                    name,
                    "is not in the folder\nhint: download all parts of the model".to_owned(),
                ));
            }
            files.push(path);
        }
        files.sort();
        let weights = Self::of_files(folder, &files)?;
        for (tensor, file) in map {
            if !is_buffer(tensor) && !weights.contains(&mended(tensor)) {
                return Err(wrong(tensor, format!("is not in {file}, where it should be")));
            }
        }
        Ok(weights)
    }

    /// Opens files whose names say their kind.
    fn of_files(folder: &Path, paths: &[PathBuf]) -> Result<Self> {
        let mut weights = Self {
            folder: folder.to_owned(),
            files: Vec::with_capacity(paths.len()),
            entries: Vec::new(),
            places: HashMap::new(),
            meter: ByteMeter::default(),
        };
        for path in paths {
            let is_safetensors = path
                .extension()
                .is_some_and(|extension| extension == "safetensors");
            let (file, found) = if is_safetensors {
                let file = SafetensorsFile::open(path)?;
                let tensors = file.tensors().map(|(name, shape)| (name, shape, None)).collect();
                (WeightFile::Safetensors(file), tensors)
            } else {
                let file = TorchFile::open(path)?;
                let tensors = tensors_of(&file)?;
                (WeightFile::Torch(file), tensors)
            };
            let number = weights.files.len();
            for (stored, shape, info) in found {
                if is_buffer(&stored) {
                    continue;
                }
                weights.add(
                    Entry {
                        name: mended(&stored),
                        shape,
                        file: number,
                        stored,
                        info,
                    },
                    path,
                )?;
            }
            weights.files.push(file);
        }
        Ok(weights)
    }

    fn add(&mut self, entry: Entry, path: &Path) -> Result<()> {
        if self
            .places
            .insert(entry.name.clone(), self.entries.len())
            .is_some()
        {
            return Err(Error::Entry {
                path: path.to_owned(),
                entry: entry.stored,
                problem: format!("is there twice, as `{}`", entry.name),
            });
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The same weights; `meter` is told what is read, four bytes for each element.
    #[must_use]
    pub fn metered(self, meter: ByteMeter) -> Self {
        Self { meter, ..self }
    }

    /// The same weights, whose names have lost `prefix` where they began with it, as `bert.`: models with a head have it
    /// before the names of their body, others do not.
    ///
    /// # Errors
    /// A tensor that is there with the prefix and without it.
    pub fn without_prefix(mut self, prefix: &str) -> Result<Self> {
        self.places.clear();
        for (place, entry) in self.entries.iter_mut().enumerate() {
            if let Some(rest) = entry.name.strip_prefix(prefix) {
                entry.name = rest.to_owned();
            }
            if self.places.insert(entry.name.clone(), place).is_some() {
                return Err(Error::Entry {
                    path: self.folder,
                    entry: entry.name.clone(),
                    problem: format!("is there with `{prefix}` before its name and without it"),
                });
            }
        }
        Ok(self)
    }

    /// The same weights without those that `is_left_out` names, such as buffers of a family.
    #[must_use]
    pub fn without(mut self, is_left_out: impl Fn(&str) -> bool) -> Self {
        self.entries.retain(|entry| !is_left_out(&entry.name));
        let places = self.entries.iter().enumerate();
        self.places = places.map(|(place, entry)| (entry.name.clone(), place)).collect();
        self
    }

    /// Names, in the order of the files.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The shape of a tensor; none where there is none of this name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        let place = self.places.get(name)?;
        Some(&self.entries[*place].shape)
    }

    /// Number of elements of all tensors.
    pub fn elements(&self) -> u128 {
        let sizes = self.entries.iter();
        sizes
            .map(|entry| entry.shape.iter().map(|size| *size as u128).product::<u128>())
            .sum()
    }

    /// The tensor of a name, as `f32`.
    ///
    /// # Errors
    /// No tensor of this name; one that is not of a floating-point type, or damaged.
    pub fn read(&self, name: &str) -> Result<Tensor> {
        let place = self.places.get(name);
        let place = place.ok_or_else(|| self.error(name, "is missing"))?;
        let entry = &self.entries[*place];
        let tensor = match (&self.files[entry.file], &entry.info) {
            (WeightFile::Safetensors(file), _) => file.read(&entry.stored)?,
            (WeightFile::Torch(file), Some(info)) => file.read(&entry.stored, info)?,
            (WeightFile::Torch(_), None) => unreachable!("tensors of torch.save are described"),
        };
        self.meter.count(4 * tensor.values.len() as u64);
        Ok(tensor)
    }

    /// An error about a tensor, which names its file, or the folder where it is missing.
    pub fn error(&self, name: &str, problem: impl Into<String>) -> Error {
        let path = match self
            .places
            .get(name)
            .map(|place| &self.files[self.entries[*place].file])
        {
            Some(WeightFile::Safetensors(file)) => file.path(),
            Some(WeightFile::Torch(file)) => file.path(),
            None => &self.folder,
        };
        Error::Entry {
            path: path.to_owned(),
            entry: name.to_owned(),
            problem: problem.into(),
        }
    }
}

type Found = Vec<(String, Vec<usize>, Option<TensorInfo>)>;

/// The tensors of a state dict.
fn tensors_of(file: &TorchFile) -> Result<Found> {
    let root = file.root();
    let entries = root.entries().ok_or_else(|| Error::File {
        path: file.path().to_owned(),
        problem: format!("holds {}, expected tensors by name", root.kind()),
    })?;
    let mut found = Vec::with_capacity(entries.len());
    let mut bytes = 0;
    for (key, value) in entries {
        let name = key
            .as_str()
            .ok_or_else(|| file.entry_error("a name", format!("is {}, expected text", key.kind())))?;
        let Some(info) = file.tensor(name, value)? else {
            return Err(file.entry_error(name, format!("is {}, expected a tensor", value.kind())));
        };
        bytes += info.len() * info.dtype.width();
        found.push((name.to_owned(), info.shape.clone(), Some(info)));
    }
    // Tied tensors share a storage; more than that is a small file that asks for much memory.
    if bytes > 4 * file.len() {
        return Err(Error::File {
            path: file.path().to_owned(),
            problem: "its tensors overlap".to_owned(),
        });
    }
    Ok(found)
}

/// Whether a text names a file, and no other folder.
fn is_plain_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(std::path::Component::Normal(part)), None) if part == name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_in_the_folder_itself() {
        for (name, is) in [
            ("model-00001-of-00002.safetensors", true),
            ("../x", false),
            ("/etc/passwd", false),
            ("a/b", false),
            ("", false),
            ("..", false),
        ] {
            assert_eq!(is_plain_name(name), is, "{name}");
        }
    }
}
