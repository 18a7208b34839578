//! The parts of a line that differ from run to run.

/// What a part that varies is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// An id, a key, a token, a fingerprint: at least eight hexadecimal digits.
    Id,
    /// `21:52:53`, also with its day, or an exact time.
    Time,
    /// An invitation link, up to its end.
    Link,
    /// A port behind an IP address.
    Port,
}

/// A line with each part that varies as one character that stands in no text.
#[derive(Debug)]
pub(crate) struct Masked {
    pub(crate) text: Vec<char>,
    pub(crate) varied: Vec<(Class, String)>,
}

impl Masked {
    /// Several spaces count as one: columns are as wide as what stands in them.
    pub(crate) fn of(line: &str) -> Self {
        let mut masked = Self { text: Vec::new(), varied: Vec::new() };
        let mut rest = line.trim_end();
        while let Some(first) = rest.chars().next() {
            if let Some((class, length)) = varied(rest, line.len() - rest.len(), line) {
                masked.text.push(stand_in(class));
                masked.varied.push((class, rest[..length].to_owned()));
                rest = &rest[length..];
                continue;
            }
            let length = if is_of_word(first) { word_length(rest) } else { first.len_utf8() };
            let is_repeated = first == ' ' && masked.text.last().is_none_or(|last| *last == ' ');
            masked.text.extend(rest[..length].chars().filter(|_| !is_repeated));
            rest = &rest[length..];
        }
        masked
    }

    /// Which of the parts that vary stands at this place.
    pub(crate) fn varied_at(&self, at: usize) -> Option<usize> {
        let is_varied = |c: &&char| [Class::Id, Class::Time, Class::Link, Class::Port].map(stand_in).contains(c);
        self.text.get(at).filter(is_varied)?;
        Some(self.text[..at].iter().filter(is_varied).count())
    }
}

/// All of a text, piece by piece: links, ports, words, and what stands between them; with what varies.
pub(crate) fn words(text: &str) -> impl Iterator<Item = (Option<Class>, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let first = rest.chars().next()?;
        let (class, length) = match varied(rest, at, text) {
            Some((class, length)) => (Some(class), length),
            None if is_of_word(first) => (None, word_length(rest)),
            None => (None, first.len_utf8()),
        };
        at += length;
        Some((class, &rest[..length]))
    })
}

/// Private characters of Unicode.
fn stand_in(class: Class) -> char {
    match class {
        Class::Id => '\u{e000}',
        Class::Time => '\u{e001}',
        Class::Link => '\u{e002}',
        Class::Port => '\u{e003}',
    }
}

/// What varies at the beginning of `rest`, which stands at `at` of the whole line, and how long it is.
fn varied(rest: &str, at: usize, line: &str) -> Option<(Class, usize)> {
    if let Some(length) = link_length(rest) {
        return Some((Class::Link, length));
    }
    if line[..at].ends_with(is_of_word) {
        return None;
    }
    let before = line[..at].strip_suffix(':').unwrap_or_default();
    let host = before.rsplit(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap_or_default();
    if host.split('.').count() == 4 {
        return digits(rest, 1..=5).map(|length| (Class::Port, length));
    }
    let time = time_length(rest).map(|length| (Class::Time, length));
    time.or_else(|| grouped_length(rest).or_else(|| id_length(rest)).map(|length| (Class::Id, length)))
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '…')
}

fn word_length(rest: &str) -> usize {
    rest.find(|c| !is_of_word(c)).unwrap_or(rest.len())
}

fn link_length(rest: &str) -> Option<usize> {
    let is_address = rest.starts_with("http://") || rest.starts_with("https://");
    let length = rest.find([' ', '\'', '"', ')']).unwrap_or(rest.len());
    (is_address && rest[..length].contains("/join/")).then_some(length)
}

/// So many digits that nothing of a word follows.
fn digits(rest: &str, count: std::ops::RangeInclusive<usize>) -> Option<usize> {
    let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (count.contains(&length) && !rest[length..].starts_with(is_of_word)).then_some(length)
}

/// `f1f3 a27d 9502 18f4`: how fingerprints are shown.
fn grouped_length(rest: &str) -> Option<usize> {
    const LENGTH: usize = 19;
    let groups: Vec<_> = rest.get(..LENGTH)?.split(' ').collect();
    let is_group = |group: &&str| group.len() == 4 && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    (groups.len() == 4 && groups.iter().all(is_group)).then_some(LENGTH)
}

/// At least eight hexadecimal digits, also with hyphens, or cut off with `…`.
fn id_length(rest: &str) -> Option<usize> {
    let word = &rest[..word_length(rest)];
    let bare = word.trim_end_matches('…');
    let count = bare.chars().filter(char::is_ascii_hexdigit).count();
    let is_date = bare.len() == 10 && bare.matches('-').count() == 2;
    let is_hex = count + bare.matches('-').count() == bare.len();
    (is_hex && (count >= 8 || count > 0 && bare != word && count >= 4) && !is_date).then_some(word.len())
}

/// A clock with the day that stands before it.
fn time_length(rest: &str) -> Option<usize> {
    let day = day_length(rest).unwrap_or(0);
    let mut length = day + clock_length(rest.get(day..)?)?;
    if let Some(fraction) = rest[length..].strip_prefix('.') {
        let digits = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        length += if digits > 0 { 1 + digits } else { 0 };
    }
    length += usize::from(rest[length..].starts_with('Z'));
    Some(length)
}

fn clock_length(rest: &str) -> Option<usize> {
    const SHAPE: &str = "00:00:00";
    let clock = rest.as_bytes().get(..SHAPE.len())?;
    let fits = |(byte, shape): (&u8, u8)| if shape == b'0' { byte.is_ascii_digit() } else { *byte == shape };
    clock.iter().zip(SHAPE.bytes()).all(fits).then_some(SHAPE.len())
}

/// `2026-11-22T`, `yesterday `, `Tuesday `, `3 November `, `3 November 2026 `.
fn day_length(rest: &str) -> Option<usize> {
    const DAYS: [&str; 8] = ["yesterday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    if rest.as_bytes().get(10) == Some(&b'T') && rest.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(11);
    }
    let mut words = rest.split(' ');
    let (first, second, third) = (words.next()?, words.next()?, words.next().unwrap_or_default());
    if DAYS.contains(&first) {
        return Some(first.len() + 1);
    }
    let is_date = digits(first, 1..=2) == Some(first.len()) && MONTHS.contains(&second);
    let year = if digits(third, 4..=4) == Some(third.len()) { third.len() + 1 } else { 0 };
    is_date.then_some(first.len() + 1 + second.len() + 1 + year)
}
