/// Settings that cannot be gone by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSettings {
    /// What is wrong, and where; a sentence without a full stop.
    pub sentence: String,
    /// What to do next.
    pub hint: String,
}

impl BadSettings {
    pub(super) fn new(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into() }
    }
}

impl From<figment::Error> for BadSettings {
    /// Every value has been looked at when it was read, so that this tells of a setting whose table and field part.
    fn from(error: figment::Error) -> Self {
        let origin = error.metadata.as_ref().map_or("somewhere", |metadata| &metadata.name);
        let sentence = format!("the setting `{}` ({origin}) cannot be used: {}", error.path.join("."), error.kind);
        Self::new(sentence, "`regard config show --origin` shows all settings.")
    }
}
