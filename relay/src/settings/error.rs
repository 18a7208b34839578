use figment::error::Kind;

/// Settings that cannot be gone by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadSettings {
    /// What is wrong, and where; a sentence without a full stop.
    pub(crate) sentence: String,
    /// What to do next.
    pub(crate) hint: String,
}

impl BadSettings {
    pub(super) fn new(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into() }
    }
}

impl From<figment::Error> for BadSettings {
    fn from(error: figment::Error) -> Self {
        let origin = error.metadata.as_ref().map_or("somewhere", |metadata| &metadata.name);
        let reason = match &error.kind {
            Kind::InvalidType(found, expected) => format!("{found} is not {expected}"),
            Kind::InvalidValue(found, expected) => format!("{found} is not {expected}"),
            // Beside its words, the TOML library draws the line.
            other => {
                let text = other.to_string();
                let words = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains('|'));
                words.collect::<Vec<_>>().join(", ")
            }
        };
        if error.path.is_empty() {
            return Self::new(format!("the settings ({origin}) cannot be read: {reason}"), "mend them and try again");
        }
        let key = error.path.join(".");
        let hint = match key.as_str() {
            "listen" => "give an address with a port, such as 0.0.0.0:7171",
            _ => "docs/hosting.md has every setting",
        };
        Self::new(format!("the setting `{key}` ({origin}) cannot be used: {reason}"), hint)
    }
}
