//! Reads which paths a source file names, without understanding Rust: tokens, groups of `use`, and modules in braces.

/// A path as the source names it, `crate`, `self` and `super` resolved to the place in the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The line, from 1.
    pub(crate) line: usize,
    /// Its segments; the first is `crate` or the name of another package.
    pub(crate) path: Vec<String>,
    /// Whether a `!` follows: a macro is called.
    pub(crate) is_macro: bool,
}

/// All paths that `source` names. `module` is where the file stands in its package: `["gate", "chunk"]`.
pub(crate) fn named(module: &[String], source: &str) -> Vec<Named> {
    let tokens = tokens(&blank(source));
    let mut scan = Scan { tokens: &tokens, at: 0, module: module.to_vec(), braces: Vec::new(), found: Vec::new() };
    scan.run();
    scan.found
}

/// Where a file stands in its package.
pub(crate) fn module_of(path_below_src: &str) -> Vec<String> {
    let path = path_below_src.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if matches!(path, "lib" | "main" | "mod") { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

struct Scan<'a> {
    tokens: &'a [(usize, String)],
    at: usize,
    module: Vec<String>,
    /// One entry for every open brace: whether it opened a module.
    braces: Vec<bool>,
    found: Vec<Named>,
}

impl Scan<'_> {
    fn run(&mut self) {
        while let Some(token) = self.peek(0).map(str::to_owned) {
            match token.as_str() {
                "{" => self.open(false),
                "}" => self.close(),
                "mod" if self.peek(2) == Some("{") => {
                    self.module.push(self.peek(1).unwrap_or_default().to_owned());
                    self.at += 2;
                    self.open(true);
                }
                "use" | "crate" if token == "use" || self.is_extern() => {
                    self.at += 1;
                    self.path(&[], true);
                }
                "::" => {
                    self.at += 1;
                    self.path(&[], false);
                }
                // A field or a method is no path.
                "." => self.at += if self.peek(1).is_some_and(is_word) { 2 } else { 1 },
                word if is_word(word) => self.path(&[], false),
                _ => self.at += 1,
            }
        }
    }

    fn is_extern(&self) -> bool {
        self.at > 0 && self.tokens[self.at - 1].1 == "extern"
    }

    fn open(&mut self, is_module: bool) {
        self.braces.push(is_module);
        self.at += 1;
    }

    fn close(&mut self) {
        if self.braces.pop() == Some(true) {
            self.module.pop();
        }
        self.at += 1;
    }

    /// One path, or in a `use` a group of them. A single word is a path only in a `use` or as a macro.
    fn path(&mut self, prefix: &[String], in_use: bool) {
        let mut path = prefix.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.0);
        loop {
            match self.peek(0) {
                Some("{") if in_use => return self.group(&path),
                Some("::") if in_use => self.at += 1,
                Some("*") if in_use => {
                    self.at += 1;
                    break;
                }
                Some(word) if is_word(word) => {
                    path.push(word.to_owned());
                    self.at += 1;
                    let goes_on = self.peek(0) == Some("::")
                        && self.peek(1).is_some_and(|next| is_word(next) || (in_use && matches!(next, "{" | "*")));
                    if !goes_on {
                        break;
                    }
                    self.at += 1;
                }
                _ => break,
            }
        }
        let is_macro = self.peek(0) == Some("!") && self.peek(1) != Some("=");
        if in_use && self.peek(0) == Some("as") {
            self.at += 2;
        }
        if in_use || is_macro || path.len() > 1 {
            self.found.push(Named { line, path: self.resolved(path), is_macro });
        }
    }

    fn group(&mut self, prefix: &[String]) {
        self.at += 1;
        loop {
            match self.peek(0) {
                Some("}") => {
                    self.at += 1;
                    return;
                }
                Some(",") => self.at += 1,
                Some(word) if is_word(word) || matches!(word, "{" | "::" | "*") => self.path(prefix, true),
                _ => return,
            }
        }
    }

    fn resolved(&self, mut path: Vec<String>) -> Vec<String> {
        let mut module = self.module.clone();
        match path.first().map(String::as_str) {
            Some("self") => drop(path.remove(0)),
            Some("super") => {
                while path.first().is_some_and(|first| first == "super") {
                    path.remove(0);
                    module.pop();
                }
            }
            _ => return path,
        }
        let crate_ = std::iter::once("crate".to_owned());
        crate_.chain(module).chain(path).collect()
    }

    fn peek(&self, ahead: usize) -> Option<&str> {
        self.tokens.get(self.at + ahead).map(|token| token.1.as_str())
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(source: &str) -> Vec<(usize, String)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = source.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\n' {
            line += 1;
        } else if c.is_alphanumeric() || c == '_' {
            let mut word = String::from(c);
            while let Some(next) = rest.next_if(|next| next.is_alphanumeric() || *next == '_') {
                word.push(next);
            }
            // `r#type` is the word `type`.
            if !(word == "r" && rest.next_if_eq(&'#').is_some()) {
                tokens.push((line, word));
            }
        } else if c == ':' && rest.next_if_eq(&':').is_some() {
            tokens.push((line, "::".into()));
        } else if !c.is_whitespace() {
            tokens.push((line, c.into()));
        }
    }
    tokens
}

/// The source with comments, strings and characters blanked out, lines kept.
pub(crate) fn blank(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    let mut is_after_word = false;
    while at < source.len() {
        let rest = &source[at..];
        let length = match literal_or_comment(rest, is_after_word) {
            Some(length) => {
                out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
                is_after_word = false;
                length
            }
            None => {
                let c = rest.chars().next().unwrap_or(' ');
                is_after_word = c.is_alphanumeric() || c == '_';
                out.push(c);
                c.len_utf8()
            }
        };
        at += length;
    }
    out
}

/// The length of the comment, string or character with which `rest` begins.
fn literal_or_comment(rest: &str, is_after_word: bool) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    let prefix = if is_after_word { 0 } else { rest.find(|c| !matches!(c, 'b' | 'c' | 'r')).filter(|n| *n <= 2)? };
    let after = &rest[prefix..];
    if rest[..prefix].contains('r') {
        let hashes = after.len() - after.trim_start_matches('#').len();
        let body = after[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(rest.len() - body.len() + body.find(&end).map_or(body.len(), |found| found + end.len()));
    }
    after.starts_with('"').then(|| prefix + string(after))
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let step = match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => {
                depth += 1;
                2
            }
            Some(b"*/") => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character, not a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut inside = rest.char_indices().skip(1);
    let (_, first) = inside.next()?;
    if first == '\\' {
        inside.next()?;
        return rest[2..].char_indices().skip(1).find(|(_, c)| *c == '\'').map(|(at, _)| at + 3);
    }
    let (at, second) = inside.next()?;
    (second == '\'').then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(module: &str, source: &str, expected: &[&str]) {
        let module: Vec<_> = module.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let found: Vec<_> = named(&module, source)
            .into_iter()
            .map(|named| format!("{} {}{}", named.line, named.path.join("::"), if named.is_macro { "!" } else { "" }))
            .collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn groups_aliases_and_globs_are_read() {
        check("", "use a::{b, c::{self, d as e}, *};\nuse f;", &["1 a::b", "1 a::c::self", "1 a::c::d", "1 a", "2 f"]);
        check("", "extern crate a;\npub(crate) use ::b::c;", &["1 a", "2 b::c"]);
        check("", "use {a::b,\n c};", &["1 a::b", "2 c"]);
    }

    #[test]
    fn paths_in_code_and_macros_are_read_and_fields_are_not() {
        check("", "fn f(a: a::B) { x.redb.y(); c::d!(e) }", &["1 a::B", "1 c::d!"]);
        check("", "println!(\"a::b\"); if a != b {}", &["1 println!"]);
        check("", "Vec::<a::B>::new()", &["1 a::B"]);
        check("", "#[tokio::main] fn main() {}", &["1 tokio::main"]);
    }

    #[test]
    fn relative_paths_are_resolved_in_modules_of_files_and_of_braces() {
        check(
            "gate::chunk",
            "use super::header;\nuse super::super::id::X;",
            &["1 crate::gate::header", "2 crate::id::X"],
        );
        check("gate", "mod tests { use super::*; } use super::id;", &["1 crate::gate", "1 crate::id"]);
        check("gate", "self::columns::count()", &["1 crate::gate::columns::count"]);
    }

    #[test]
    fn comments_strings_and_characters_name_nothing() {
        check("", "// a::b\n/* a::b /* c::d */ e::f */ g::h", &["2 g::h"]);
        check("", "\"a::\\\"b\" br#\"c::\"d\"# 'x' '\\'' '\\u{1}' b'x' y::z", &["1 y::z"]);
        check("", "fn f<'a>(x: &'a a::B) {} \"x\ny\" c::d", &["1 a::B", "2 c::d"]);
        check("", "r#type::b", &["1 type::b"]);
    }

    #[test]
    fn a_file_stands_where_its_path_says() {
        assert_eq!(module_of("lib.rs"), Vec::<String>::new());
        assert_eq!(module_of("gate/mod.rs"), ["gate"]);
        assert_eq!(module_of("gate/chunk.rs"), ["gate", "chunk"]);
    }
}
