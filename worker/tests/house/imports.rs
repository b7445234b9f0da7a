//! What each file of a crate takes from the others.
//!
//! A name that a module only hands on counts for the module that defines it. Macros are looked into as
//! far as their words go: a path in them counts like any other.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, Item, ItemUse, Path, UseTree, Visibility};

use super::sources::{Crate, is_for_tests, join};

/// A file that takes a name from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    /// The module that takes it.
    pub(crate) from: String,
    /// The module that defines it.
    pub(crate) to: String,
    /// What it takes.
    pub(crate) name: String,
}

/// All of them.
pub(crate) fn arrows(krate: &Crate) -> BTreeSet<Arrow> {
    let scopes: BTreeMap<&str, Scope> =
        krate.0.iter().map(|(module, file)| (module.as_str(), Scope::of(&file.items))).collect();
    let house = House(scopes);
    let mut arrows = BTreeSet::new();
    for (module, file) in &krate.0 {
        let mut words = Words::default();
        words.visit_file(file);
        let scope = &house.0[module.as_str()];
        let imported = scope.imports.iter().filter(|import| {
            // What is only handed on is nothing that this file needs.
            !import.is_public || words.alone.contains(&import.name)
        });
        let named = imported.map(|import| &import.path).chain(&scope.globs).chain(&words.paths);
        for path in named {
            if let Some((to, name)) = house.find(module, path)
                && to != *module
            {
                arrows.insert(Arrow { from: module.clone(), to, name });
            }
        }
    }
    arrows
}

/// What names stand for in a module.
#[derive(Default)]
struct Scope {
    items: BTreeSet<String>,
    imports: Vec<Import>,
    globs: Vec<Vec<String>>,
}

struct Import {
    name: String,
    path: Vec<String>,
    is_public: bool,
}

impl Scope {
    fn of(items: &[Item]) -> Self {
        let mut scope = Self::default();
        for item in items {
            match item {
                Item::Use(item) if !is_for_tests(&item.attrs) => {
                    let is_public = !matches!(item.vis, Visibility::Inherited);
                    scope.take(&item.tree, &mut Vec::new(), is_public);
                }
                Item::Const(item) => scope.define(&item.ident),
                Item::Enum(item) => scope.define(&item.ident),
                Item::Fn(item) => scope.define(&item.sig.ident),
                Item::Static(item) => scope.define(&item.ident),
                Item::Struct(item) => scope.define(&item.ident),
                Item::Trait(item) => scope.define(&item.ident),
                Item::Type(item) => scope.define(&item.ident),
                Item::Macro(item) => {
                    item.ident.iter().for_each(|name| scope.define(name));
                    // A macro of our own that makes an item names it after `enum` or `struct`.
                    scope.items.extend(made(&item.mac.tokens));
                }
                _ => {}
            }
        }
        scope
    }

    fn define(&mut self, name: &Ident) {
        self.items.insert(name.to_string());
    }

    fn take(&mut self, tree: &UseTree, path: &mut Vec<String>, is_public: bool) {
        match tree {
            UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.take(&part.tree, path, is_public);
                path.pop();
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.take(tree, path, is_public));
            }
            UseTree::Glob(_) => self.globs.push(path.clone()),
            UseTree::Name(name) => self.import(&name.ident, &name.ident, path, is_public),
            UseTree::Rename(name) => self.import(&name.ident, &name.rename, path, is_public),
        }
    }

    fn import(&mut self, taken: &Ident, name: &Ident, path: &[String], is_public: bool) {
        let (taken, mut path) = (taken.to_string(), path.to_vec());
        let name = if taken == "self" { path.last().cloned() } else { Some(name.to_string()) };
        if taken != "self" {
            path.push(taken);
        }
        let Some(name) = name else { return };
        self.imports.push(Import { name, path, is_public });
    }
}

fn made(tokens: &TokenStream) -> Vec<String> {
    let trees: Vec<_> = tokens.clone().into_iter().collect();
    let made = trees.windows(2).filter_map(|pair| match pair {
        [TokenTree::Ident(kind), TokenTree::Ident(name)] if kind == "enum" || kind == "struct" => {
            Some(name.to_string())
        }
        _ => None,
    });
    made.collect()
}

/// Every module's scope.
struct House<'a>(BTreeMap<&'a str, Scope>);

impl House<'_> {
    /// The module that defines what `path` means in `module`, and its name; nothing, if that is another
    /// crate's, or the module itself with nothing taken from it.
    fn find(&self, module: &str, path: &[String]) -> Option<(String, String)> {
        self.resolve(module, path, 0)
            .map(|(to, name)| (to, name.unwrap_or_else(|| "itself".to_owned())))
    }

    /// A module, or a name in one.
    fn resolve(
        &self,
        module: &str,
        path: &[String],
        depth: usize,
    ) -> Option<(String, Option<String>)> {
        if depth > 20 {
            return None;
        }
        let (first, mut rest) = path.split_first()?;
        let mut here = match first.as_str() {
            "crate" => String::new(),
            "self" => module.to_owned(),
            "super" => parent(module),
            name => match self.within(module, name, depth)? {
                (to, None) => to,
                item => return Some(item),
            },
        };
        while let Some((next, after)) = rest.split_first() {
            rest = after;
            if next == "super" {
                here = parent(&here);
                continue;
            }
            match self.within(&here, next, depth) {
                Some((to, None)) => here = to,
                Some(item) => return Some(item),
                // Made by a macro that is not seen through.
                None => return Some((here, Some(next.clone()))),
            }
        }
        Some((here, None))
    }

    /// What `name` is in `module`.
    fn within(&self, module: &str, name: &str, depth: usize) -> Option<(String, Option<String>)> {
        let scope = self.0.get(module)?;
        if scope.items.contains(name) {
            return Some((module.to_owned(), Some(name.to_owned())));
        }
        let child = join(module, name);
        if self.0.contains_key(child.as_str()) {
            return Some((child, None));
        }
        if let Some(import) = scope.imports.iter().find(|import| import.name == name) {
            // `use name;` of another crate names itself.
            let is_own = import.path.first().is_some_and(|first| first != name);
            return is_own.then(|| self.resolve(module, &import.path, depth + 1)).flatten();
        }
        scope.globs.iter().find_map(|glob| {
            let (to, item) = self.resolve(module, glob, depth + 1)?;
            let is_module = item.is_none() && to != module;
            is_module.then(|| self.within(&to, name, depth + 1)).flatten()
        })
    }
}

fn parent(module: &str) -> String {
    module.rsplit_once("::").map_or_else(String::new, |(parent, _)| parent.to_owned())
}

/// The words of a file outside its imports, what is for tests left out.
#[derive(Default)]
struct Words {
    /// Words that stand alone or first, which imports can have brought.
    alone: BTreeSet<String>,
    /// Paths of several words.
    paths: Vec<Vec<String>>,
}

impl Words {
    fn note(&mut self, path: Vec<String>) {
        self.alone.extend(path.first().cloned());
        if path.len() > 1 {
            self.paths.push(path);
        }
    }

    /// Words with `::` between them.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for tree in tokens {
            match tree {
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.note(std::mem::take(&mut path));
                    }
                    path.push(word.to_string());
                    colons = 0;
                }
                TokenTree::Punct(point) if point.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.note(std::mem::take(&mut path));
                    self.note_tokens(group.stream());
                }
                _ => {
                    self.note(std::mem::take(&mut path));
                    colons = 0;
                }
            }
        }
        self.note(path);
    }
}

impl<'ast> Visit<'ast> for Words {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, _: &'ast ItemUse) {}

    /// `pub(in crate::console)` takes nothing from there.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            self.note(path.segments.iter().map(|part| part.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.note_tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }
}
