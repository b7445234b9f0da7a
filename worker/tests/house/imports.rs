//! What each file of a crate takes from the others: by `use`, and by paths in expressions, types and
//! macros.
//!
//! A name that a module only hands on counts for the module that defines it.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{Crate, Tree, join};

/// Words before the name of an item.
const ITEMS: [&str; 8] = ["const", "enum", "fn", "static", "struct", "trait", "type", "union"];

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
    let scopes = krate.0.iter().map(|(module, trees)| (module.as_str(), Scope::of(trees)));
    let house = House(scopes.collect());
    let mut arrows = BTreeSet::new();
    for (module, scope) in &house.0 {
        let imported = scope.imports.iter().filter(|import| {
            // What is only handed on is nothing that this file needs.
            !import.is_public || scope.alone.contains(&import.name)
        });
        let named = imported.map(|import| &import.path).chain(&scope.globs).chain(&scope.paths);
        for path in named {
            if let Some((to, name)) = house.find(module, path)
                && to != *module
            {
                arrows.insert(Arrow { from: (*module).to_owned(), to, name });
            }
        }
    }
    arrows
}

/// What names stand for in a module, and which it uses.
#[derive(Default)]
struct Scope {
    items: BTreeSet<String>,
    imports: Vec<Import>,
    globs: Vec<Vec<String>>,
    /// Words that stand alone or first, which imports can have brought.
    alone: BTreeSet<String>,
    /// Paths of several words.
    paths: Vec<Vec<String>>,
}

struct Import {
    name: String,
    path: Vec<String>,
    is_public: bool,
}

impl Scope {
    fn of(trees: &[Tree]) -> Self {
        let mut scope = Self::default();
        scope.define(trees);
        scope.walk(trees);
        scope
    }

    /// Notes the items that the file itself has, those in a macro that makes some too.
    fn define(&mut self, trees: &[Tree]) {
        for (at, tree) in trees.iter().enumerate() {
            match (tree, trees.get(at + 1), trees.get(at + 2)) {
                (Tree::Word(kind), Some(Tree::Word(name)), _) if ITEMS.contains(&kind.as_str()) => {
                    self.items.insert(name.clone());
                }
                (Tree::Word(kind), Some(Tree::Point('!')), Some(Tree::Word(name)))
                    if kind == "macro_rules" =>
                {
                    self.items.insert(name.clone());
                }
                (Tree::Word(_), Some(Tree::Point('!')), Some(Tree::Group('{', made))) => {
                    self.define(made);
                }
                _ => {}
            }
        }
    }

    fn walk(&mut self, trees: &[Tree]) {
        let mut at = 0;
        while let Some(tree) = trees.get(at) {
            let rest = &trees[at + 1..];
            match tree {
                Tree::Word(word) if word == "use" => {
                    let end = rest.iter().position(|tree| tree.is_point(';')).unwrap_or(rest.len());
                    let is_public = at > 0 && is_visible(&trees[..at]);
                    self.import(&rest[..end], &[], is_public);
                    at += end;
                }
                // `pub(in crate::console)` takes nothing from there.
                Tree::Word(word) if word == "pub" && matches!(rest, [Tree::Group('(', _), ..]) => {
                    at += 1
                }
                Tree::Word(_) => {
                    let path = path(&trees[at..]);
                    // A field or a method has an owner; a name before a colon is one that is given here.
                    let is_owned = at > 0 && trees[at - 1].is_point('.');
                    at += (path.len() - 1) * 3;
                    let is_given =
                        path.len() == 1 && trees.get(at + 1).is_some_and(|tree| tree.is_point(':'));
                    if !is_owned && !is_given {
                        self.alone.extend(path.first().cloned());
                        if path.len() > 1 {
                            self.paths.push(path);
                        }
                    }
                }
                Tree::Group(_, inner) => self.walk(inner),
                Tree::Point(_) => {}
            }
            at += 1;
        }
    }

    /// `a::b::{self, c as d, e::*}`, under `before`.
    fn import(&mut self, trees: &[Tree], before: &[String], is_public: bool) {
        for part in trees.split(|tree| tree.is_point(',')) {
            let mut path = before.to_vec();
            let mut renamed = None;
            let mut is_whole = true;
            for (at, tree) in part.iter().enumerate() {
                match tree {
                    Tree::Word(word) if word == "as" => {
                        renamed = part.get(at + 1).and_then(Tree::word);
                        break;
                    }
                    Tree::Word(word) => path.push(word.clone()),
                    Tree::Point('*') => {
                        self.globs.push(path.clone());
                        is_whole = false;
                    }
                    Tree::Group('{', inner) => {
                        self.import(inner, &path, is_public);
                        is_whole = false;
                    }
                    _ => {}
                }
            }
            if is_whole && path.len() > before.len() {
                path.pop_if(|last| last == "self");
                if let Some(name) = renamed.map(str::to_owned).or_else(|| path.last().cloned()) {
                    self.imports.push(Import { name, path, is_public });
                }
            }
        }
    }
}

/// Whether what follows is `pub`, to whomever.
fn is_visible(before: &[Tree]) -> bool {
    match before {
        [.., last] if last.is_word("pub") => true,
        [.., word, Tree::Group('(', _)] => word.is_word("pub"),
        _ => false,
    }
}

/// The words at the beginning that have `::` between them.
fn path(trees: &[Tree]) -> Vec<String> {
    let mut path: Vec<String> = trees[0].word().map(str::to_owned).into_iter().collect();
    let mut rest = &trees[1..];
    while let [Tree::Point(':'), Tree::Point(':'), Tree::Word(word), after @ ..] = rest {
        path.push(word.clone());
        rest = after;
    }
    path
}

/// Every module's scope.
struct House<'a>(BTreeMap<&'a str, Scope>);

impl House<'_> {
    /// The module that defines what `path` means in `module`, and its name; nothing, if that is another
    /// crate's.
    fn find(&self, module: &str, path: &[String]) -> Option<(String, String)> {
        let (to, name) = self.resolve(module, path, 0)?;
        Some((to, name.unwrap_or_else(|| "itself".to_owned())))
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
        // What a glob is of is named without one: else they would be looked through for each other.
        let globs = if depth == 0 { scope.globs.as_slice() } else { &[] };
        globs.iter().find_map(|glob| {
            let (to, item) = self.resolve(module, glob, depth + 1)?;
            let is_module = item.is_none() && to != module;
            is_module.then(|| self.within(&to, name, depth + 1)).flatten()
        })
    }
}

fn parent(module: &str) -> String {
    module.rsplit_once("::").map_or_else(String::new, |(parent, _)| parent.to_owned())
}
