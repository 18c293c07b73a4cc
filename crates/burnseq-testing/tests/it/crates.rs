//! What `ARCHITECTURE.md` says of the crates, beside what they depend on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The crates of the table, in its order, and whether they use Burn.
fn table() -> Vec<(String, bool)> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
        let burn = match *cells.get(3)? {
            "yes" => true,
            "no" => false,
            _ => return None,
        };
        Some((name.to_owned(), burn))
    };
    read("ARCHITECTURE.md").lines().filter_map(row).collect()
}

/// Names of the packages that each package of the lock file depends on, in builds and in tests, with any features.
fn locked() -> BTreeMap<String, Vec<String>> {
    let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in read("Cargo.lock").split("[[package]]").skip(1) {
        let name = package
            .lines()
            .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
            .expect("a package has a name");
        // ` "name",` or ` "name version",`
        let dependencies = package
            .lines()
            .filter_map(|line| line.strip_prefix(" \"")?.split([' ', '"']).next());
        packages
            .entry(name.to_owned())
            .or_default()
            .extend(dependencies.map(str::to_owned));
    }
    packages
}

/// All that `name` depends on, however far away.
fn all_dependencies<'a>(name: &'a str, packages: &'a BTreeMap<String, Vec<String>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        for dependency in packages.get(name).into_iter().flatten() {
            if found.insert(dependency.as_str()) {
                open.push(dependency);
            }
        }
    }
    found
}

/// The crates of this workspace among the dependencies of `name`, without those of its tests.
fn own_dependencies(name: &str) -> Vec<String> {
    read(format!("crates/{name}/Cargo.toml"))
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| line.starts_with("burnseq"))
        .map(|line| line.split(['.', ' ']).next().unwrap_or_default().to_owned())
        .collect()
}

/// Whether a crate is a workspace of its own, which the table names for what it is.
fn is_workspace(name: &str) -> bool {
    let is_heading = |line: &str| line == "[workspace]";
    let is_one = read(format!("crates/{name}/Cargo.toml")).lines().any(is_heading);
    assert!(!is_one || read("ARCHITECTURE.md").contains(&format!("| `{name}` | a workspace of its own")));
    is_one
}

#[test]
fn every_crate_is_in_the_table() {
    let named: BTreeSet<String> = table().into_iter().map(|(name, _)| name).collect();
    let folders = fs::read_dir(root().join("crates")).unwrap();
    let members: BTreeSet<String> = folders
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("burnseq") && !is_workspace(name))
        .collect();
    assert_eq!(named, members);
}

#[test]
fn crates_without_burn_build_and_test_without_it() {
    let packages = locked();
    for (name, burn) in table() {
        let found: Vec<&str> = all_dependencies(&name, &packages)
            .into_iter()
            .filter(|name| {
                let of_burn = name.starts_with("burn") && !name.starts_with("burnseq");
                of_burn || name.starts_with("cubecl") || name.starts_with("cubek")
            })
            .collect();
        assert_eq!(!found.is_empty(), burn, "{name}: {found:?}");
    }
}

#[test]
fn crates_use_those_before_them_only() {
    let table = table();
    for (place, (name, _)) in table.iter().enumerate() {
        for dependency in own_dependencies(name) {
            let before = table[..place].iter().any(|(name, _)| *name == dependency);
            assert!(
                before,
                "{name} depends on {dependency}, which the table has after it"
            );
        }
    }
}

#[test]
fn each_crate_has_a_profile_of_its_own() {
    // Those of dependencies leave out assertions.
    let manifest = read("Cargo.toml");
    for (name, _) in table().iter().filter(|(name, _)| name.starts_with("burnseq")) {
        let heading = format!("[profile.dev.package.{name}]");
        assert!(
            manifest.lines().any(|line| line == heading),
            "Cargo.toml has no {heading}"
        );
    }
}

#[test]
fn the_python_package_shares_builds_with_the_workspace() {
    // With other versions or other settings, Burn would be built twice.
    let blocks = |path: &str| -> BTreeSet<String> {
        let blocks = read(path)
            .split("\n\n")
            .map(|block| block.trim().to_owned())
            .collect::<Vec<_>>();
        let is_shared = |block: &String| block.contains("[profile.dev");
        blocks.into_iter().filter(is_shared).collect()
    };
    let (ours, theirs) = (blocks("Cargo.toml"), blocks("crates/burnseq-python/Cargo.toml"));
    assert!(
        theirs.len() > 5 && theirs.is_subset(&ours),
        "{:?}",
        theirs.difference(&ours)
    );

    let versions = |path: &str| -> BTreeMap<String, BTreeSet<String>> {
        let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for package in read(path).split("[[package]]").skip(1) {
            let mut lines = package.lines().skip(1);
            let (name, version) = (lines.next().unwrap(), lines.next().unwrap());
            versions
                .entry(name.to_owned())
                .or_default()
                .insert(version.to_owned());
        }
        versions
    };
    let (ours, theirs) = (
        versions("Cargo.lock"),
        versions("crates/burnseq-python/Cargo.lock"),
    );
    // A num-complex of numpy's own, so that it adds no features to that of Burn.
    let others = theirs
        .iter()
        .filter(|(name, _)| ours.contains_key(*name) && !name.contains("\"num-complex\""));
    for (name, versions) in others {
        assert!(
            versions.is_subset(&ours[name]),
            "{name}: {versions:?}, {:?} in Cargo.lock",
            ours[name]
        );
    }
}

#[test]
fn no_manifest_names_an_address() {
    let folders = fs::read_dir(root().join("crates")).unwrap();
    let manifests = folders.map(|entry| entry.unwrap().path().join("Cargo.toml"));
    let mut looked_at = 0;
    for path in manifests.chain([root().join("Cargo.toml")]) {
        let manifest =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for key in ["repository", "homepage", "documentation"] {
            // There is no public one yet, and a link that leads nowhere is worse than none.
            let names = |line: &str| line.split(['.', ' ', '=']).next() == Some(key);
            assert!(!manifest.lines().any(names), "{} names its {key}", path.display());
        }
        looked_at += 1;
    }
    assert!(looked_at > 15, "{looked_at}");
}
