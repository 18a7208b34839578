//! Mail, cards and calendars written for the purpose.

use std::path::Path;

const SAMPLES: &[(&str, &[u8])] = &[
    ("archive.mbox", include_bytes!("../../samples/archive.mbox")),
    ("calendar.ics", include_bytes!("../../samples/calendar.ics")),
    ("contacts.vcf", include_bytes!("../../samples/contacts.vcf")),
    ("delivery-late.eml", include_bytes!("../../samples/delivery-late.eml")),
    ("offer-1-request.eml", include_bytes!("../../samples/offer-1-request.eml")),
    ("offer-2-question.eml", include_bytes!("../../samples/offer-2-question.eml")),
    ("offer-3-answer.eml", include_bytes!("../../samples/offer-3-answer.eml")),
    ("offer-4-offer.eml", include_bytes!("../../samples/offer-4-offer.eml")),
];

/// Writes the samples into a new folder.
pub(super) fn write(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    SAMPLES.iter().try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes))
}
