use regard_core::id::Entropy;

/// Choices that look random and can be made again: the seed is printed, and taken from `REGARD_SEED` where that is set.
#[derive(Debug, Clone)]
pub struct Seed(u64);

impl Seed {
    /// A fresh seed for the test `name`.
    ///
    /// # Panics
    /// Where `REGARD_SEED` is no number.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let seed = std::env::var("REGARD_SEED").map_or_else(
            |_| {
                let mut bytes = [0; 8];
                regard_client::system::SystemEntropy.fill(&mut bytes);
                u64::from_be_bytes(bytes)
            },
            |seed| seed.parse().expect("REGARD_SEED is a number"),
        );
        eprintln!("{name}: REGARD_SEED={seed}");
        Self(seed)
    }

    /// The choices of this number.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Further choices, which do not depend on how many are made here afterwards.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.number())
    }

    /// A number below `bound`.
    ///
    /// # Panics
    /// Where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() % bound as u64).expect("a number below a usize")
    }

    /// True `times` in `of`.
    ///
    /// # Panics
    /// Where `of` is 0.
    pub fn chance(&mut self, times: usize, of: usize) -> bool {
        self.below(of) < times
    }

    /// A number that another seed can be made of.
    pub fn number(&mut self) -> u64 {
        // SplitMix64, by Sebastiano Vigna.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of several.
    ///
    /// # Panics
    /// Where there are none.
    pub fn one_of<'a, T>(&mut self, several: &'a [T]) -> &'a T {
        &several[self.below(several.len())]
    }
}

/// For ids and keys that are the same each time; never for secrets.
impl Entropy for Seed {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.number().to_be_bytes()[..chunk.len()]);
        }
    }
}
