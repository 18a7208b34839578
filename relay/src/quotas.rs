use regard_core::limits;

/// What a relay lets its workspaces and devices use. The defaults are those of [`regard_core::limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// For all devices of a workspace together.
    pub workspace: Quota,
    /// For one device.
    pub device: Quota,
}

/// What one of them may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of changes that are stored, before compression. What goes beyond is refused.
    pub bytes: u64,
    /// Records that are stored. What goes beyond is refused.
    pub documents: u64,
    /// Changes a second, on the average of [`Quota::BURST_SECONDS`]. What goes beyond waits. Zero counts as one.
    pub changes_per_second: u32,
}

impl Quota {
    /// How long a device that was quiet may send as fast as it can.
    pub const BURST_SECONDS: u32 = 10;
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            workspace: Quota {
                bytes: limits::WORKSPACE_BYTES_MAX,
                documents: limits::WORKSPACE_DOCUMENTS_MAX,
                changes_per_second: limits::WORKSPACE_CHANGES_PER_SECOND_MAX,
            },
            device: Quota {
                bytes: limits::DEVICE_BYTES_MAX,
                documents: limits::DEVICE_DOCUMENTS_MAX,
                changes_per_second: limits::DEVICE_CHANGES_PER_SECOND_MAX,
            },
        }
    }
}
