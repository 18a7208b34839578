//! Who is meant by what a person typed, and the bodies of requests that change rights.

use serde::{Deserialize, Serialize};

use crate::error::{Cause, Refusal};
use crate::wire::{Directory, KnownDevice, KnownMember, Role};

/// What an owner sends to `PATCH /v1/workspaces/{id}/members/{member}`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct RoleChange {
    /// What the member may do from now on.
    pub role: Role,
}

impl Directory {
    /// The member whose name or beginning of id this is, of those who have not been removed.
    ///
    /// # Errors
    /// [`Cause::Unknown`] where nobody is meant, [`Cause::Malformed`] where several are.
    pub fn find_member(&self, text: &str) -> Result<&KnownMember, Refusal> {
        let wanted = text.trim();
        let present = || self.members.iter().filter(|member| member.removed_at.is_none());
        let id = |member: &KnownMember| member.id.to_string();
        let found = the_one(present(), wanted, "member", id, |member| vec![member.name.clone()])?;
        found.ok_or_else(|| {
            let removed = self.members.iter().any(|m| m.removed_at.is_some() && is_meant(&m.name, &id(m), wanted));
            let detail = if removed {
                format!("“{wanted}” has been removed from the workspace already")
            } else {
                format!("the workspace has no member “{wanted}”")
            };
            Refusal::new(Cause::Unknown, detail)
        })
    }

    /// The device whose name, name with its person's (`Ana (laptop)`) or beginning of id this is, of those that have access.
    ///
    /// # Errors
    /// [`Cause::Unknown`] where none is meant, [`Cause::Malformed`] where several are.
    pub fn find_device(&self, text: &str) -> Result<&KnownDevice, Refusal> {
        let wanted = text.trim();
        let present = || self.devices.iter().filter(|device| device.revoked_at.is_none());
        let id = |device: &KnownDevice| device.id.to_string();
        let names = |device: &KnownDevice| {
            let member = self.member(device.member).map_or("", |member| member.name.as_str());
            vec![device.name.clone(), format!("{member} ({})", device.name)]
        };
        let found = the_one(present(), wanted, "device", id, names)?;
        found.ok_or_else(|| {
            let revoked = self.devices.iter().any(|device| {
                device.revoked_at.is_some() && names(device).iter().any(|name| is_meant(name, &id(device), wanted))
            });
            let detail = if revoked {
                format!("“{wanted}” has been shut out already")
            } else {
                format!("the workspace has no device “{wanted}”")
            };
            Refusal::new(Cause::Unknown, detail)
        })
    }
}

/// A whole id or name is meant before the beginning of an id.
fn the_one<'a, T>(
    all: impl Iterator<Item = &'a T>,
    wanted: &str,
    what: &str,
    id: impl Fn(&T) -> String,
    names: impl Fn(&T) -> Vec<String>,
) -> Result<Option<&'a T>, Refusal> {
    let all: Vec<&T> = all.collect();
    let exact = |one: &&&T| id(one) == wanted || names(one).iter().any(|name| is_same(name, wanted));
    let named: Vec<_> = all.iter().filter(exact).collect();
    let meant = match named.len() {
        0 => all.iter().filter(|one| is_prefix(&id(one), wanted)).collect(),
        _ => named,
    };
    if meant.len() < 2 {
        return Ok(meant.first().map(|one| **one));
    }
    let mut several: Vec<_> =
        meant.iter().map(|one| (names(one).pop().unwrap_or_default(), id(one)[..8].to_owned())).collect();
    several.sort();
    let several: Vec<_> = several.into_iter().map(|(name, id)| format!("{id} {name}")).collect();
    let detail = format!("“{wanted}” can be {}: give the beginning of the {what}'s id", several.join(" or "));
    Err(Refusal::new(Cause::Malformed, detail))
}

fn is_meant(name: &str, id: &str, wanted: &str) -> bool {
    is_same(name, wanted) || is_prefix(id, wanted)
}

fn is_same(name: &str, wanted: &str) -> bool {
    name.to_lowercase() == wanted.to_lowercase()
}

/// Whether `wanted` begins the id, with or without hyphens.
#[must_use]
pub fn is_prefix(id: &str, wanted: &str) -> bool {
    let digits = wanted.replace('-', "").to_lowercase();
    !digits.is_empty() && id.replace('-', "").starts_with(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{DeviceId, MemberId};
    use crate::time::Timestamp;

    fn directory() -> Directory {
        let member = |id: u8, name: &str, removed: bool| KnownMember {
            id: MemberId::from_bytes([id; 16]),
            name: name.into(),
            role: Role::Member,
            removed_at: removed.then_some(Timestamp(1)),
        };
        let device = |id: u8, of: u8, name: &str, revoked: bool| KnownDevice {
            id: DeviceId::from_bytes([id; 16]),
            member: MemberId::from_bytes([of; 16]),
            name: name.into(),
            public_key: vec![id; 32],
            joined_at: Timestamp(0),
            revoked_at: revoked.then_some(Timestamp(1)),
        };
        Directory {
            members: vec![
                member(0x11, "Ana", false),
                member(0x12, "Ben", false),
                member(0x13, "Ben", true),
                member(0x14, "Carla", true),
            ],
            devices: vec![
                device(0x21, 0x11, "laptop", false),
                device(0x22, 0x12, "laptop", false),
                device(0x23, 0x12, "phone", true),
            ],
            ..Directory::default()
        }
    }

    #[test]
    fn members_and_devices_are_found_by_name_and_by_the_beginning_of_an_id() {
        let directory = directory();
        for (text, expected) in [
            ("ana", Ok(0x11)),
            ("Ben", Ok(0x12)),
            ("12121212-1212-1212-1212-121212121212", Ok(0x12)),
            ("1212", Ok(0x12)),
            ("1", Err("“1” can be 11111111 Ana or 12121212 Ben: give the beginning of the member's id")),
            ("Carla", Err("“Carla” has been removed from the workspace already")),
            ("Dora", Err("the workspace has no member “Dora”")),
            ("", Err("the workspace has no member “”")),
        ] {
            let found = directory.find_member(text).map(|member| member.id.as_bytes()[0]);
            assert_eq!(found.map_err(|refusal| refusal.detail), expected.map_err(str::to_owned), "{text}");
        }
        for (text, expected) in [
            ("Ben (laptop)", Ok(0x22)),
            ("21", Ok(0x21)),
            (
                "laptop",
                Err("“laptop” can be 21212121 Ana (laptop) or 22222222 Ben (laptop): \
                     give the beginning of the device's id"),
            ),
            ("phone", Err("“phone” has been shut out already")),
            ("tablet", Err("the workspace has no device “tablet”")),
        ] {
            let found = directory.find_device(text).map(|device| device.id.as_bytes()[0]);
            assert_eq!(found.map_err(|refusal| refusal.detail), expected.map_err(str::to_owned), "{text}");
        }
    }
}
