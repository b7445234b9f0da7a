//! A crate's files as syntax, by the module each holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use syn::{Attribute, File, Item};

/// The modules of one crate that have a file, by path: `records::jobs`; the root is empty.
pub(crate) struct Crate(pub(crate) BTreeMap<String, File>);

impl Crate {
    /// Reads `lib.rs` in `folder` and every module from there on that is not for tests alone.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut modules = BTreeMap::new();
        read(folder, "", &folder.join("lib.rs"), &mut modules);
        assert!(modules.len() > 10, "only {} modules in {}", modules.len(), folder.display());
        Self(modules)
    }

    /// A crate that is given as text.
    pub(crate) fn of<const N: usize>(modules: [(&str, &str); N]) -> Self {
        let parsed = modules.map(|(name, text)| (name.to_owned(), syn::parse_file(text).unwrap()));
        Self(parsed.into())
    }
}

fn read(folder: &Path, module: &str, path: &Path, modules: &mut BTreeMap<String, File>) {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = syn::parse_file(&text).unwrap();
    let own = path.with_extension("");
    let own = if module.is_empty() { folder } else { &own };
    for item in &file.items {
        if let Item::Mod(child) = item
            && child.content.is_none()
            && !is_for_tests(&child.attrs)
        {
            let name = child.ident.to_string();
            read(folder, &join(module, &name), &own.join(format!("{name}.rs")), modules);
        }
    }
    modules.insert(module.to_owned(), file);
}

/// `records` and `jobs` as `records::jobs`.
pub(crate) fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// Whether an item is there only when tests are built.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}
