//! The simulated world.
pub mod clock;
pub mod device;
pub mod disk;
pub mod oracle;
pub mod power;
pub mod saving;
pub mod token;
